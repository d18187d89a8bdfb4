import Testing

@testable import TidemarkCore

@Suite struct WorkerEffectsTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  @Test(arguments: 0..<8) func `a release wakes the tasks that acquire lanes and hand them over, whatever released the lane`(_ index: Int) {
    var state = WorkerState.owning(["a", "b"])
    let before = state.committed(["a"])
    _ = state.ledgerRead(LedgerReading(identity: .init(system: "1", timeline: "1"), connection: "1", lanes: [.owned("a")]), before)
    state.read([10])
    let work = state.takeWork()
    _ = state.takeEffects()
    let effects = state.effects { state in
      switch index {
      case 0: state.release(["a"])
      case 1: _ = state.hold(LeaseGrant())
      case 2: state.claimRefused(ClaimRefused("another installation's", hint: ""))
      case 3: _ = state.markRefused([.owned("a")])
      case 4: _ = state.compared(before, with: [.owned("a", upTo: 3)])
      case 5:
        _ = state.ledgerRead(LedgerReading(identity: .init(system: "2", timeline: "1"), connection: "2", lanes: []), before)
      case 6: if let part = work?.parts.first { state.finish(part, .lost, at: WorkerTime(now: epoch)) }
      default: state.apply(.serving(["c*"]), now: epoch)
      }
    }
    #expect(effects.signals.isSuperset(of: [.ownership, .advanced]))
    #expect(state.scheduler.lanes.count < 2)
    #expect(state.views.keys.allSatisfy { state.scheduler.lanes[$0] != nil })
  }

  @Test func `a released lane that may be served is expected to be acquired again, and has no turn any more`() {
    var state = WorkerState.owning(["a", "b"])
    _ = state.effects { $0.release(["a"]) }
    #expect(state.lanesToAcquire([], isComplete: false) == ["a"])
    #expect(state.lanesToCompare(10) == ["b"])
    #expect(state.lanesToTrim(10).map(\.record.name) == (state.scheduler.lanes["b"]?.profile.trimsStream == true ? ["b"] : []))
  }

  @Test func `nothing changes without an event, so no task is woken`() {
    var state = WorkerState.owning()
    #expect(state.takeEffects() == WorkerEffects())
    _ = state.nextRequest()
    _ = state.takeEffects()
    #expect(state.effects { _ = $0.nextWork(now: epoch) } == WorkerEffects())
  }

  @Test func `entries that were read wake one writer, which wakes the next while more is ready`() throws {
    var state = WorkerState.owning(settings: .serving(limits: flowLimits(maxEntries: 2)))
    var request = state.nextRequest()
    var effects = state.effects { state in
      if let request { state.received(.sized([10, 10], first: 6), for: request, now: epoch) }
    }
    #expect(effects.wakesOneWriter && !effects.signals.contains(.committable))
    effects = state.effects { _ = $0.takeWork() }
    #expect(!effects.wakesOneWriter)
    state = .owning(["a", "b"], settings: .serving(limits: flowLimits(maxEntries: 2)))
    request = state.nextRequest()
    for lane in 0..<2 {
      if let request { state.received(.sized([10, 10], first: 6, lane: lane), for: request, now: epoch) }
    }
    _ = state.takeEffects()
    effects = state.effects { _ = $0.takeWork() }
    #expect(effects.wakesOneWriter)
  }

  @Test func `a commit that gives credit back wakes a reader that waited for it`() throws {
    var state = WorkerState.owning(settings: .serving(limits: flowLimits(bufferBytes: 1_000)))
    state.read([900])
    #expect(state.readingWaits)
    let work = try wanted(state.takeWork())
    #expect(!state.effects { _ = $0.nextRequest() }.signals.contains(.readable))
    #expect(state.effects { $0.commit(work) }.signals.isSuperset(of: [.readable, .advanced]))
    #expect(!state.readingWaits)
  }

  @Test func `a change of a lane wakes readers, unless it is known already`() {
    var state = WorkerState.owning()
    _ = state.nextRequest()
    _ = state.takeEffects()
    #expect(state.effects { $0.noteChanges(.of(["a"]), on: .only) }.signals == .readable)
    #expect(state.effects { $0.noteChanges(.of(["a"]), on: .only) }.signals == [])
    #expect(state.effects { _ = $0.nextRequest() }.signals == [])
    #expect(state.effects { _ = $0.reconnected(to: .only) }.signals == .readable)
    _ = state.effects { _ = $0.nextRequest() }
    #expect(state.effects { _ = $0.lanesToAcquire([], isComplete: true) }.signals == .readable)
  }

  @Test func `a doorbell that is heard or lost wakes readers`() {
    var state = WorkerState.owning()
    _ = state.nextRequest()
    _ = state.takeEffects()
    #expect(state.effects { $0.noteChanges(.any, on: .only) }.signals == .readable)
    _ = state.effects { _ = $0.nextRequest() }
    #expect(state.effects { $0.doorbellLost(at: .only) }.signals == .readable)
    #expect(state.effects { $0.doorbellLost(at: .only) }.signals == [])
    #expect(state.effects { $0.doorbellLost(at: south) }.signals == [])
  }

  @Test func `other servers wake the tasks that exist for each server, and the readers of the old and new ones`() {
    var state = WorkerState.owning(["a", "b"], at: north)
    _ = state.effects { _ = $0.nextRequest(at: north) }
    #expect(state.effects { $0.place(["a"], at: [north]) }.signals == [])
    let effects = state.effects { $0.place(["a"], at: [south]) }
    #expect(effects.signals.isSuperset(of: [.population, .readable]))
    #expect(state.servers == [north, south])
    _ = state.effects { $0.place(["b"], at: [south]) }
    #expect(state.servers == [south])
  }

  @Test func `a drain, and other settings, wake every task that acts by them`() {
    var state = WorkerState.owning()
    let changed = state.effects { $0.apply(.serving(), now: epoch) }
    #expect(changed.signals.isSuperset(of: [.readable, .committable, .population, .ownership, .leases, .retention]))
    let drained = state.effects { $0.beginDrain(now: epoch) }
    #expect(drained.signals == [.drain, .readable, .committable, .population, .ownership, .leases, .postgres])
    #expect(state.effects { $0.beginDrain(now: epoch) } == WorkerEffects())
  }

  @Test func `Postgres that goes away or comes back wakes the commits that back off, and is reported once`() {
    var state = WorkerState.owning()
    var down = SinkError(.fault(.ambiguous), "down")
    #expect(state.effects { $0.postgresFailed(down, now: epoch) } == WorkerEffects())
    down.isUnreachable = true
    var effects = state.effects { $0.postgresFailed(down, now: epoch) }
    #expect(effects.signals == [.postgres, .eviction, .reconciliation] && effects.notices == [.postgresUnreachable(reason: "down")])
    #expect(state.changedLanes(now: epoch).keys.sorted() == ["a"])
    #expect(state.effects { $0.postgresFailed(down, now: epoch) } == WorkerEffects())
    effects = state.effects { $0.postgresAnswered() }
    #expect(effects.signals == [.postgres, .eviction, .reconciliation] && effects.notices == [.postgresReachable])
    #expect(state.effects { $0.postgresAnswered() } == WorkerEffects())
  }

  @Test func `a refused claim is reported once for each reason, and wakes the leases`() {
    var state = WorkerState.owning()
    let refusal = ClaimRefused("another installation's", hint: "adopt it")
    var effects = state.effects { $0.claimRefused(refusal) }
    #expect(effects.signals.contains(.leases) && state.ownsNothing && !state.canServe(now: epoch))
    #expect(effects.notices == [.claimRefused(reason: "another installation's", hint: "adopt it")])
    #expect(state.effects { $0.claimRefused(refusal) } == WorkerEffects())
    effects = state.effects { $0.claimConfirmed() }
    #expect(effects.signals == [.leases, .ownership] && effects.notices == [.claimConfirmed])
    #expect(state.effects { $0.claimConfirmed() } == WorkerEffects())
  }

  @Test func `marks of another installation halt their lanes and make the claim be compared`() {
    var state = WorkerState.owning(["a", "b"])
    let errors = ["a": SourceError(.otherInstallation("a"), "it bears another id"), "b": SourceError(.laneRefused("b"), "no stream")]
    var dropped: Set<String> = []
    let effects = state.effects { dropped = $0.refused(errors, now: epoch) }
    #expect(dropped.isEmpty && effects.signals.contains(.claim))
    #expect(state.scheduler.lanes["a"]?.halt != nil && state.scheduler.lanes["b"]?.halt == nil)
    guard case .laneHalted("a", reason: "it bears another id", hint: _)? = effects.notices.first else {
      return #expect(effects.notices == [])
    }
    // The next owner of a lane begins with its mark.
    let left = ["c": SourceError(.otherInstallation("c"), "it bears another id"), "d": SourceError(.laneRefused("d"), "no stream")]
    #expect(state.refused(left, now: epoch) == ["c"])
  }

  @Test func `a lane without its mirroring group asks for it at once, but only once`() throws {
    var state = WorkerState.owning()
    var record = LaneRecord.owned("b")
    record.isMirrored = false
    let new = record
    state.grant.shards[new.shard] = 1
    #expect(state.effects { $0.acquire([new], at: .only, now: epoch) }.signals.contains(.mirrorable))
    for isFirst in [true, false] {
      let request = try wanted(state.nextRequest())
      let index = try #require(request.positions.firstIndex { $0.lane == "b" })
      let next = request.positions[index].after.ms + 1
      state.received(.sized([10], first: next, lane: index), for: request, now: epoch)
      let work = try wanted(state.takeWork())
      _ = state.takeEffects()
      #expect(state.effects { $0.commit(work) }.signals.contains(.mirrorable) == isFirst)
    }
  }
}
