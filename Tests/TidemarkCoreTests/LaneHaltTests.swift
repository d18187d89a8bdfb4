import Testing

@testable import TidemarkCore

/// What halts and pauses lanes, what lets them go on, and what is said of it.
@Suite struct LaneHaltTests {
  private static func owning(haltAfter: Int = 2) -> LaneTable {
    var table = LaneTable(limits: flowLimits(haltAfter: haltAfter))
    table.own(.named("a"))
    return table
  }

  /// A lane that dead letters in a row have halted.
  private static func haltedByDeadLetters() throws -> LaneTable {
    var table = owning()
    table.readOne([10, 10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.finish(part, .committed(part.committed, deadLettersInARow: 2), now: epoch)
    return table
  }

  @Test func `dead letters in a row halt a lane, and the hint names every way on`() throws {
    var table = try Self.haltedByDeadLetters()
    let halt = try #require(table.lanes["a"]?.halt)
    #expect(halt.reason.hasPrefix("2 dead letters in a row"))
    for way in ["dead-letters list --lane a", "discarded or replayed", "lanes retry a", "SIGHUP", "takes a restart"] {
      #expect(halt.hint?.contains(way) == true, "\(way)")
    }
    #expect(table.takeHaltEvents() == [.halted(lane: "a", reason: halt.reason, hint: halt.hint)])
  }

  @Test(arguments: [LaneTable.Revival.resolved(["a"]), .retried(["a"]), .all])
  func `a lane that dead letters halted goes on when one is resolved, when it is retried, and with a reload`(revival: LaneTable.Revival)
    throws
  {
    var table = try Self.haltedByDeadLetters()
    _ = table.takeHaltEvents()
    let others = table.revive(.resolved(["b"]), now: epoch) + table.revive(.retried(["b"]), now: epoch)
    #expect(others == [])
    #expect(table.revive(revival, now: epoch) == ["a"])
    #expect(table.takeHaltEvents() == [.resumed(lane: "a")])
    #expect(table.nextRead(block: .zero) != nil)
  }

  @Test func `a lane that something else halted is not revived by a resolved dead letter`() {
    var table = Self.owning()
    table.halt("a", reason: "permission denied", hint: nil, until: nil)
    #expect(table.revive(.resolved(["a"]), now: epoch) == [])
    #expect(table.revive(.retried(["a"]), now: epoch) == ["a"])
  }

  @Test func `a lane that is tried again and again is said once for each reason, and to go on when it does`() throws {
    var table = Self.owning()
    for (index, reason) in ["no table", "no table", "no column"].enumerated() {
      table.halt("a", reason: reason, hint: nil, until: epoch)
      #expect(table.takeHaltEvents() == (index == 1 ? [] : [.halted(lane: "a", reason: reason, hint: nil)]))
      #expect(table.revive(now: epoch) == ["a"])
      #expect(table.takeHaltEvents() == [])
    }
    table.readOne([10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.takeHaltEvents() == [.resumed(lane: "a")])
  }

  @Test func `a lane whose key was refused goes on once its stream can be looked at`() throws {
    var table = Self.owning()
    table.halt("a", reason: "no stream", hint: nil, until: epoch, isOfReading: true)
    _ = table.revive(now: epoch)
    _ = table.takeHaltEvents()
    let check = try #require(table.lanes["a"]?.check)
    _ = table.checked(LaneLook(check, LaneSnapshot(stream: nil, hasGroup: false, anchor: .gone)))
    #expect(table.takeHaltEvents() == [.resumed(lane: "a")])
  }

  @Test func `a retry that comes during a commit is not forgotten`() throws {
    var table = Self.owning()
    table.readOne([10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.halt("a", reason: "no stream", hint: nil, until: nil, isOfReading: true)
    #expect(table.revive(.retried(["a"]), now: epoch) == [])
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.revive(now: epoch) == ["a"])
  }

  @Test func `nothing more is read of a paused lane, and what was read is committed`() throws {
    var table = Self.owning()
    table.readOne([10])
    #expect(table.pause(["a", "elsewhere"]) == ["a"])
    #expect(table.lanes["a"]?.state == .paused)
    #expect(table.nextRead(block: .zero) == nil)
    let part = try wanted(table.takeWork()?.parts.first)
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.nextRead(block: .zero) == nil)
    #expect(table.pause([]) == ["a"])
    #expect(table.nextRead(block: .zero)?.positions.first?.after == part.committed.cursor.position)
  }

  @Test func `what a read brings that was under way when the lane was paused is read again when it is resumed`() throws {
    var table = Self.owning()
    let request = try wanted(table.nextRead(block: .zero))
    table.pause(["a"])
    table.received(.sized([10], first: 1), for: request, now: epoch)
    #expect(table.takeWork() == nil)
    table.pause([])
    #expect(table.nextRead(block: .zero)?.positions.first?.after == .zero)
  }

  @Test func `a lane that is taken up while it is paused stays paused, through a halt and another server`() {
    var table = LaneTable(limits: flowLimits())
    table.pause(["a"])
    table.own(.named("a"))
    #expect(table.lanes["a"]?.state == .paused)
    table.halt("a", reason: "no table", hint: nil, until: epoch)
    _ = table.revive(now: epoch)
    table.place("a", at: LaneServer("other"))
    #expect(table.nextRead(block: .zero) == nil)
    if case .read = table.nextRead(at: LaneServer("other"), block: .zero, now: epoch) { Issue.record("it is read") }
  }
}

@Suite struct LaneControlsTests {
  private func control(_ lane: String, paused: Bool = false, retries: Int64 = 0, resolutions: Int64 = 0) -> LaneControl {
    LaneControl(lane: lane, isPaused: paused, retries: retries, resolutions: resolutions)
  }

  @Test func `what was asked for before the first look concerns no lane, and what rises afterwards does`() {
    var controls = LaneControls()
    #expect(controls.seen([control("a", paused: true, retries: 3, resolutions: 4)]) == .init(paused: ["a"]))
    #expect(controls.seen([control("a", paused: true, retries: 3, resolutions: 4)]) == .init(paused: ["a"]))
    #expect(
      controls.seen([control("a", retries: 4, resolutions: 4), control("b", resolutions: 1)]) == .init(retried: ["a"], resolved: ["b"]))
  }
}
