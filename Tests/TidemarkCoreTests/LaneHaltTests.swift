import Testing

@testable import TidemarkCore

/// Tests what halts and pauses lanes, what lets them go on, and what is reported.
@Suite struct LaneHaltTests {
  private static func owning(haltAfter: Int = 2) -> LaneScheduler {
    var scheduler = LaneScheduler(limits: flowLimits(haltAfter: haltAfter))
    scheduler.acquire(.named("a"))
    return scheduler
  }

  /// Returns a scheduler with a lane that was halted by dead letters in a row.
  private static func haltedByDeadLetters() throws -> LaneScheduler {
    var scheduler = owning()
    scheduler.readOne([10, 10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 2), now: epoch)
    return scheduler
  }

  @Test func `dead letters in a row halt a lane, and the hint names every way on`() throws {
    var scheduler = try Self.haltedByDeadLetters()
    let halt = try #require(scheduler.lanes["a"]?.halt)
    #expect(halt.reason.hasPrefix("2 dead letters in a row"))
    for way in ["dead-letters list --lane a", "discarded or replayed", "lanes retry a", "SIGHUP", "takes a restart"] {
      #expect(halt.hint?.contains(way) == true, "\(way)")
    }
    #expect(scheduler.takeHaltEvents() == [.halted(lane: "a", reason: halt.reason, hint: halt.hint)])
  }

  @Test(arguments: [LaneScheduler.Revival.resolved(["a"]), .retried(["a"]), .all])
  func `a lane that dead letters halted goes on when one is resolved, when it is retried, and with a reload`(revival: LaneScheduler.Revival)
    throws
  {
    var scheduler = try Self.haltedByDeadLetters()
    _ = scheduler.takeHaltEvents()
    let others = scheduler.revive(.resolved(["b"]), now: epoch) + scheduler.revive(.retried(["b"]), now: epoch)
    #expect(others == [])
    #expect(scheduler.revive(revival, now: epoch) == ["a"])
    #expect(scheduler.takeHaltEvents() == [.resumed(lane: "a")])
    #expect(scheduler.nextRead(block: .zero) != nil)
  }

  @Test func `a lane that something else halted is not revived by a resolved dead letter`() {
    var scheduler = Self.owning()
    scheduler.halt("a", reason: "permission denied", hint: nil, until: nil)
    #expect(scheduler.revive(.resolved(["a"]), now: epoch) == [])
    #expect(scheduler.revive(.retried(["a"]), now: epoch) == ["a"])
  }

  @Test func `a repeated halt is reported once for each reason, and its end once`() throws {
    var scheduler = Self.owning()
    for (index, reason) in ["no table", "no table", "no column"].enumerated() {
      scheduler.halt("a", reason: reason, hint: nil, until: epoch)
      #expect(scheduler.takeHaltEvents() == (index == 1 ? [] : [.halted(lane: "a", reason: reason, hint: nil)]))
      #expect(scheduler.revive(now: epoch) == ["a"])
      #expect(scheduler.takeHaltEvents() == [])
    }
    scheduler.readOne([10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.takeHaltEvents() == [.resumed(lane: "a")])
  }

  @Test func `a lane whose key was refused goes on once its stream can be inspected`() throws {
    var scheduler = Self.owning()
    scheduler.halt("a", reason: "no stream", hint: nil, until: epoch, isOfReading: true)
    _ = scheduler.revive(now: epoch)
    _ = scheduler.takeHaltEvents()
    let check = try #require(scheduler.lanes["a"]?.check)
    _ = scheduler.checked(StreamComparison(check, ObservedStream(stream: nil, hasGroup: false, anchor: .gone)))
    #expect(scheduler.takeHaltEvents() == [.resumed(lane: "a")])
  }

  @Test func `a retry that comes during a commit is not forgotten`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.halt("a", reason: "no stream", hint: nil, until: nil, isOfReading: true)
    #expect(scheduler.revive(.retried(["a"]), now: epoch) == [])
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.revive(now: epoch) == ["a"])
  }

  @Test func `no more entries of a paused lane are read, and entries that were read are committed`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10])
    #expect(scheduler.pause(["a", "elsewhere"]) == ["a"])
    #expect(scheduler.lanes["a"]?.state == .paused)
    #expect(scheduler.nextRead(block: .zero) == nil)
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.nextRead(block: .zero) == nil)
    #expect(scheduler.pause([]) == ["a"])
    #expect(scheduler.nextRead(block: .zero)?.positions.first?.after == part.committed.cursor.position)
  }

  @Test func `entries of a read that was under way at a pause are read again after the resumption`() throws {
    var scheduler = Self.owning()
    let request = try wanted(scheduler.nextRead(block: .zero))
    scheduler.pause(["a"])
    scheduler.received(.sized([10], first: 1), for: request, now: epoch)
    #expect(scheduler.takeWork() == nil)
    scheduler.pause([])
    #expect(scheduler.nextRead(block: .zero)?.positions.first?.after == .zero)
  }

  @Test func `a lane that is acquired while it is paused stays paused, through a halt and on another server`() {
    var scheduler = LaneScheduler(limits: flowLimits())
    scheduler.pause(["a"])
    scheduler.acquire(.named("a"))
    #expect(scheduler.lanes["a"]?.state == .paused)
    scheduler.halt("a", reason: "no table", hint: nil, until: epoch)
    _ = scheduler.revive(now: epoch)
    scheduler.place("a", at: LaneServer("other"))
    #expect(scheduler.nextRead(block: .zero) == nil)
    if case .read = scheduler.nextRead(at: LaneServer("other"), block: .zero, now: epoch) { Issue.record("it is read") }
  }
}

@Suite struct LaneControlsTests {
  private func control(_ lane: String, paused: Bool = false, retries: Int64 = 0, resolutions: Int64 = 0) -> LaneControl {
    LaneControl(lane: lane, isPaused: paused, retries: retries, resolutions: resolutions)
  }

  @Test func `requests from before the first comparison apply to no lane, and later ones do`() {
    var controls = LaneControls()
    #expect(controls.seen([control("a", paused: true, retries: 3, resolutions: 4)]) == .init(paused: ["a"]))
    #expect(controls.seen([control("a", paused: true, retries: 3, resolutions: 4)]) == .init(paused: ["a"]))
    #expect(
      controls.seen([control("a", retries: 4, resolutions: 4), control("b", resolutions: 1)]) == .init(retried: ["a"], resolved: ["b"]))
  }
}
