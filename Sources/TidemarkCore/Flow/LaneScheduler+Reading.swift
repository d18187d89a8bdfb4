extension LaneScheduler {
  package enum NextRead: Sendable {
    case read(LaneReadRequest)
    /// Inspect these lanes, and pass the result to ``checked(_:)``.
    case check([ExpectedStream])
    /// No lane is known to have new entries. Ask again at this moment.
    case wait(until: ContinuousClock.Instant)
    /// There is nothing to read until something changes.
    case nothing
  }

  /// Returns the next request to a server. The result of a read must be passed to ``received(_:for:now:)``, ``overran(_:)`` or
  /// ``readFailed(_:)``; no other request may be made to this server before.
  package mutating func nextRead(at server: LaneServer = .only, block: Duration, now: ContinuousClock.Instant) -> NextRead {
    guard !isDraining else { return .nothing }
    var own = reads.removeValue(forKey: server) ?? ServerReads(pace: pace)
    own.reserved = 0
    defer { reads[server] = own }
    let checked = own.checks.take(now: now).compactMap { lanes[$0]?.check }
    if !checked.isEmpty { return .check(checked) }
    let next = nextStreams(&own, block: block, now: now)
    switch next {
    case .wait(let until): return .wait(until: min(until, own.checks.next(now: now) ?? until))
    case .nothing: return own.checks.next(now: now).map { .wait(until: $0) } ?? .nothing
    case .check: return next
    case .read(let request):
      // A lane that is read alone brings its entry whatever the credit, and takes its size twice while it is parsed.
      own.reserved = request.budget ?? 2 * limits.maxEntryBytes
      return next
    }
  }

  /// The longest time for which a read may block while a lane backs off. A blocking XREAD can't be extended by a lane, so it is kept short.
  /// Where transactions are small, the entries that wait are committed within a few milliseconds; with 10 ms Redis receives at most a
  /// hundred requests a second.
  static let blockDuringBackoff = Duration.milliseconds(10)

  /// Returns the next read of streams. `own` holds the server's reads, which are not in ``reads`` meanwhile.
  private mutating func nextStreams(_ own: inout ServerReads, block: Duration, now: ContinuousClock.Instant) -> NextRead {
    guard !readingWaits else { return .nothing }
    let reserved = reads.values.reduce(0) { $0 + $1.reserved }
    let left = credit.available(of: limits.bufferBytes) - reserved
    let isUnused = credit.used == 0 && reserved == 0
    // A server gets only its share of the credit, so that a server that does not answer stops no other.
    let part = limits.bufferBytes / (reads.values.count { $0.lanes > 0 } + 1)
    let available = min(left, part)
    if own.plan.readsAlone {
      // The read must not come on top of much that is held.
      guard isUnused || left >= 2 * limits.maxEntryBytes else { return .nothing }
    } else {
      // With little credit, an entry larger than a small piece of it would be read again and again. A server that must read a lane alone
      // gets its turn first.
      guard isUnused || available >= part / 8, !reads.values.contains(where: \.plan.readsAlone) else { return .nothing }
    }
    var wait: Duration?
    var isAlone = false
    let names: [String]
    switch own.plan.next(now: now, deepLanes: sizing.deepLanes(maxEntries: limits.largestEntries)) {
    case .all(let all):
      names = all
      // A blocking XREAD can't be extended by a lane, so it is kept short while lanes back off.
      let backsOffBriefly = own.backingOff.contains { lanes[$0]?.isWaitingForPostgres == false }
      wait = backsOffBriefly ? min(block, Self.blockDuringBackoff) : block
    case .some(let some): names = some
    case .alone(let lane):
      names = [lane]
      isAlone = true
    case .wait(let until): return .wait(until: until)
    case .nothing: return .nothing
    }
    let positions = names.compactMap { lanes[$0].map { LaneReadRequest.Position($0) } }
    let count = sizing.count(
      credit: available, lanes: names.count, maxEntries: limits.largestEntries, maxBytes: limits.largestBytes)
    return .read(
      LaneReadRequest(
        positions: positions, count: isAlone ? 1 : count, block: wait, budget: isAlone ? nil : available,
        maxEntryBytes: limits.maxEntryBytes, maxFields: limits.maxFields))
  }

  package mutating func received(_ block: EntryBlock, for request: LaneReadRequest, now: ContinuousClock.Instant) {
    let id = nextBlockID
    nextBlockID += 1
    var accepted = 0
    var most = 0
    for section in block.sections where !section.entries.isEmpty {
      most = max(most, section.entries.count)
      let position = request.positions[section.lane]
      // While the read was under way the lane may have been released, rewound, or moved to another server.
      guard let flow = lanes[position.lane], flow.readPosition == position.after, flow.placement == position.placement,
        flow.isRead
      else {
        noteChange(position.lane)
        continue
      }
      accepted += section.entries.count
      withReads(of: position.lane) { $0.checks.noteChange(position.lane) }
      lanes[position.lane]?.append(LaneChunk(block: block, blockID: id, entries: section.entries), now: now)
      if lanes[position.lane]?.suspected != nil { checkSoon([position.lane]) }
      queue(position.lane)
      if section.entries.count >= request.count { withReads(of: position.lane) { $0.plan.fellBehind(position.lane) } }
      backOff(position.lane)
    }
    credit.hold(block: id, entries: accepted, footprint: block.footprint)
    sizing.received(asked: request.count, most: most, largest: block.largestFootprint)
  }

  /// Records that a lane was compared with its stream. Returns the verdict, or `.sound` where the lane has read entries meanwhile. A lane
  /// whose stream was replaced is released once the entries that were read are committed; it may be acquired again when its ledger fits the
  /// stream.
  package mutating func checked(_ comparison: StreamComparison) -> StreamVerdict {
    let check = comparison.lane
    guard let flow = lanes[check.lane], flow.halt == nil, flow.placement == check.placement, flow.readPosition == check.readPosition,
      flow.readOrdinal == check.readOrdinal
    else { return .sound }
    let verdict = comparison.verdict
    halts.inspected(check.lane)
    switch verdict {
    case .sound: lanes[check.lane]?.compared()
    case .missing(let gap):
      lanes[check.lane]?.compared(gap: gap)
      queue(check.lane)
    case .gapCheck(let gapCheck):
      lanes[check.lane]?.compared(gapCheck: gapCheck)
      queue(check.lane)
    case .replacement:
      close(check.lane, .replaced)
    }
    if let stream = comparison.observed.stream { lanes[check.lane]?.knownAdded = stream.entriesAdded }
    return verdict
  }

  /// Replaces the profile of a lane whose settings have changed. Parts under way keep the profile that they were taken with.
  package mutating func reconfigure(_ name: String, as profile: LaneProfile) { lanes[name]?.profile = profile }

  /// Stops reading a lane, which is released once the entries that were read of it are committed. A replaced stream overrides the
  /// configuration as the reason.
  package mutating func close(_ name: String, _ closing: LaneLife.Closing) {
    guard lanes[name]?.life.close(closing) == true else { return }
    halted.remove(name)
    withReads(of: name) { $0.remove(name) }
    end(name)
  }

  /// Releases a lane that is closing, once all entries that were read of it are committed.
  mutating func end(_ name: String) {
    guard let flow = lanes[name], flow.isClosing, flow.hasNothingToCommit else { return }
    release(name)
  }

  /// Releases a lane whose stream does not exist and of which no entry was ever seen. Returns false where there is something to commit or
  /// to record first.
  package mutating func setAside(_ name: String) -> Bool {
    guard let flow = lanes[name], !flow.isClosing, flow.halt == nil, flow.hasNothingToCommit else { return false }
    guard max(flow.readOrdinal, flow.knownAdded) == 0 else { return false }
    release(name)
    return true
  }

  /// Makes lanes whose streams may be gone due for the next check, before others.
  package mutating func checkSoon(_ names: some Sequence<String>) {
    for name in names where lanes[name]?.halt == nil && lanes[name]?.isClosing == false {
      withReads(of: name) { $0.checks.checkSoon(name) }
    }
  }

  /// Records that the lane has its mirroring group, unless this worker holds it in another incarnation or under another fencing token by
  /// now.
  package mutating func mirrored(_ record: LaneRecord) {
    guard let held = lanes[record.name]?.record, held.fence == record.fence, held.incarnation == record.incarnation else { return }
    lanes[record.name]?.record.isMirrored = true
  }

  /// Records that these lanes could not be compared with their streams, so that they are checked again.
  package mutating func checkFailed(_ checks: [ExpectedStream]) {
    for check in checks where lanes[check.lane]?.isRead == true {
      withReads(of: check.lane) { $0.checks.add(check.lane) }
    }
  }

  /// Records that these lanes were not inspected because that is expensive, so that they are checked again in the next round.
  package mutating func deferred(_ checks: [ExpectedStream]) {
    for check in checks { withReads(of: check.lane) { $0.checks.noteChange(check.lane) } }
  }

  /// Makes all lanes of a server due for a check, because any of their streams may have been replaced.
  package mutating func checkAll(at server: LaneServer = .only) { reads[server]?.checks.checkAll() }

  package mutating func overran(_ request: LaneReadRequest) {
    sizing.overran(asked: request.count)
    guard request.count == 1 else { return readFailed(request) }
    for position in request.positions { withReads(of: position.lane) { $0.plan.single([position.lane]) } }
  }

  /// The consequence of a read that the server answered by closing the connection.
  package enum ClosedRead: Sendable, Equatable {
    /// The cause is not clear: any connection may be lost once.
    case unclear
    /// The connection was closed repeatedly, so reads shrink to this number of entries.
    case shrinking(to: Int)
    /// A single entry of one lane is too large.
    case tooLarge(lane: String, after: EntryID)
  }

  /// Records that the server closed the connection instead of answering.
  package mutating func closed(_ request: LaneReadRequest) -> ClosedRead {
    sizing.closed(asked: request.count, lanes: request.positions.count)
    readFailed(request)
    if request.count == 1, request.positions.count == 1 { return closedAlone(request.positions[0]) }
    guard sizing.closures > 1 else { return .unclear }
    guard request.count == 1 else { return .shrinking(to: request.count * request.positions.count / 2) }
    for position in request.positions { withReads(of: position.lane) { $0.plan.single([position.lane]) } }
    return .shrinking(to: 1)
  }

  /// Records that the connection was closed when a single entry was requested. The entry is too large if that happens twice, whatever is
  /// read of other lanes meanwhile.
  private mutating func closedAlone(_ position: LaneReadRequest.Position) -> ClosedRead {
    guard lanes[position.lane]?.closedAloneAfter == position.after else {
      lanes[position.lane]?.closedAloneAfter = position.after
      withReads(of: position.lane) { $0.plan.single([position.lane]) }
      return .unclear
    }
    lanes[position.lane]?.closedAloneAfter = nil
    return .tooLarge(lane: position.lane, after: position.after)
  }

  /// Records that a request failed, so that its lanes are read again.
  package mutating func readFailed(_ request: LaneReadRequest) {
    for position in request.positions { noteChange(position.lane) }
  }

  /// Records that a lane may have new entries. Returns false where that changes nothing.
  @discardableResult mutating func noteChange(_ lane: String) -> Bool {
    withReads(of: lane) { $0.plan.noteChange(lane) } ?? false
  }

  /// Records that these streams have changed. Returns false where that changes nothing.
  package mutating func noteChanges(_ names: [String]) -> Bool {
    names.reduce(false) { noteChange($1) || $0 }
  }

  package mutating func doorbell(isHeard: Bool, at server: LaneServer = .only) {
    reads[server, default: ServerReads(pace: pace)].plan.doorbell(isHeard: isHeard)
  }

  package func needsDoorbell(at server: LaneServer = .only) -> Bool { reads[server]?.needsDoorbell ?? false }

  package var isDue: Bool { reads.values.contains { $0.plan.isDue } }

  /// Whether no lane is read until something is committed.
  package var readingWaits: Bool { isFull || isAhead }

  /// Whether enough entries wait for the writers. More would only leave the processor's cache before their turn comes.
  package var isAhead: Bool { readyEntries >= enough }

  /// The number of entries of four transactions.
  private var enough: Int { 4 * limits.largestEntries }

  /// Makes a lane back off while it can't progress: entries that wait behind the lane's own transaction are no work for a writer, and must
  /// not displace the entries of other lanes.
  private mutating func backOff(_ name: String) {
    guard let flow = lanes[name], flow.inFlight != nil, flow.waitingEntries >= enough else { return }
    withReads(of: name) { $0.backOff(name) }
  }

  /// Whether reading waits for commits. The last eighth of the credit is not used meanwhile: replies that fit into it would be tiny, and
  /// larger ones would be dropped.
  package var isFull: Bool { credit.used > 0 && credit.available(of: limits.bufferBytes) < limits.bufferBytes / 8 }
}
