/// What is read next, and what became of reading.
extension WorkerState {
  /// The next step of a server's reader.
  package enum NextRead: Sendable {
    case read(LaneReadRequest)
    case check([ExpectedStream])
    /// There is nothing to read before a change, or before this moment.
    case wait(until: ContinuousClock.Instant?)
    /// Reading has ended, or the server is forgotten.
    case end
  }

  package mutating func nextRead(at server: LaneServer, block: Duration, now: ContinuousClock.Instant) -> NextRead {
    guard scheduler.knows(server) else { return .end }
    switch scheduler.nextRead(at: server, block: block, now: now) {
    case .read(let request): return .read(request)
    case .check(let lanes): return .check(lanes)
    case .wait(let until): return .wait(until: until)
    case .nothing: return scheduler.isDraining ? .end : .wait(until: nil)
    }
  }

  /// Whether readers wait for commits.
  package var readingWaits: Bool { scheduler.readingWaits }

  /// Records that a reader has waited for commits.
  package mutating func readingWaited(for duration: Duration) { backpressure += duration }

  package mutating func received(_ block: EntryBlock, for request: LaneReadRequest, now: ContinuousClock.Instant) {
    scheduler.received(block, for: request, now: now)
    for section in block.sections { observation.noteChange(request.positions[section.lane].lane) }
  }

  package mutating func overran(_ request: LaneReadRequest) { scheduler.overran(request) }

  package mutating func closed(_ request: LaneReadRequest) -> LaneScheduler.ClosedRead { scheduler.closed(request) }

  package mutating func readFailed(_ request: LaneReadRequest) { scheduler.readFailed(request) }

  /// Records that lanes were compared with their streams. Returns the verdicts, lane by lane.
  package mutating func checked(_ comparisons: [StreamComparison]) -> [StreamVerdict] {
    comparisons.map { comparison in
      let name = comparison.lane.lane
      // What is still to be committed of the old stream says nothing about the new one.
      if comparison.replacement() != nil { trust.distrust(name) }
      // The verdict may release the lane.
      let owned = scheduler.lanes[name]
      let verdict = scheduler.checked(comparison)
      if let owned { pendingReplacements.note(verdict, comparison, owned.record) }
      // No entry of the lane was ever seen, and there is no stream. Before it is set aside, its acquisition is tried once more.
      if verdict == .sound, comparison.observed.stream == nil, owned?.profile.isServedWithoutStream != true {
        _ = scheduler.setAside(name)
      }
      return verdict
    }
  }

  /// Records that these lanes are checked in a later round, because inspecting them is expensive.
  package mutating func deferred(_ lanes: [ExpectedStream]) { scheduler.deferred(lanes) }

  package mutating func checkFailed(_ lanes: [ExpectedStream]) { scheduler.checkFailed(lanes) }

  /// Records a new connection to a server: any of its streams may have been replaced. Returns the records of the lanes whose marks must be
  /// published again, because a replica that took over may lack the last ones.
  package mutating func reconnected(to server: LaneServer) -> [LaneRecord] {
    scheduler.checkAll(at: server)
    let lanes = scheduler.lanes.values.filter { $0.server == server && !$0.isClosing && $0.halt == nil }
    return lanes.map(\.record).filter { $0.cursor.position > .zero }
  }

  /// Records that streams of these names have changed on a server.
  package mutating func noteChanges(_ changed: ChangedLanes, on server: LaneServer) {
    switch changed {
    case .of(let names):
      guard scheduler.noteChanges(names) else { return }
      for name in names { observation.noteChange(name) }
    case .any where !scheduler.knows(server): return
    case .any: scheduler.doorbell(isHeard: true, at: server)
    }
  }

  package mutating func doorbellLost(at server: LaneServer) {
    if scheduler.knows(server) { scheduler.doorbell(isHeard: false, at: server) }
  }

  /// The prefixes to listen for on a server, where it holds so many lanes that the worker must listen; nil otherwise.
  package func doorbellPrefixes(at server: LaneServer) -> [String]? {
    scheduler.needsDoorbell(at: server) ? DoorbellPrefixes.covering(settings.lanes.namesAndPatterns) : nil
  }
}
