extension LaneScheduler {
  package enum NextRead: Sendable {
    case read(LaneReadRequest)
    /// Ask what Redis says of these lanes, each with its cursor, and tell ``checked(_:)``.
    case check([ExpectedStream])
    /// No lane has news, as far as is known; look again then.
    case wait(until: ContinuousClock.Instant)
    /// Not until something changes.
    case nothing
  }

  /// What to ask a server next. Whatever comes of a read is told: ``received(_:for:now:)``, ``overran(_:)`` or ``unread(_:)``; while one is
  /// under way, nothing else is asked of this server.
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
      // A lane that is read alone brings its entry whatever the credit, and while it is parsed, twice.
      own.reserved = request.budget ?? 2 * limits.maxEntryBytes
      return next
    }
  }

  /// How long a read may wait for news of the others while a lane rests. What waits of that one is committed within a few milliseconds,
  /// where transactions are small; with 10 ms Redis is asked a hundred times a second at most.
  static let blockWhileLanesRest = Duration.milliseconds(10)

  /// The server's own reads are taken out of the table meanwhile.
  private mutating func nextStreams(_ own: inout ServerReads, block: Duration, now: ContinuousClock.Instant) -> NextRead {
    guard !readingWaits else { return .nothing }
    let reserved = reads.values.reduce(0) { $0 + $1.reserved }
    let left = credit.available(of: limits.bufferBytes) - reserved
    let isUnused = credit.used == 0 && reserved == 0
    // Of all the credit not more than its part, so that a server that does not answer stops no other.
    let part = limits.bufferBytes / (reads.values.count { $0.lanes > 0 } + 1)
    let available = min(left, part)
    if own.plan.readsAlone {
      // Not on top of much that is held.
      guard isUnused || left >= 2 * limits.maxEntryBytes else { return .nothing }
    } else {
      // In crumbs, what is larger than one would be read again and again. And whoever must read alone gets his turn.
      guard isUnused || available >= part / 8, !reads.values.contains(where: \.plan.readsAlone) else { return .nothing }
    }
    var wait: Duration?
    var isAlone = false
    let names: [String]
    switch own.plan.next(now: now, deepLanes: sizing.deepLanes(maxEntries: limits.maxEntries)) {
    case .all(let all):
      names = all
      // Nobody can tell the server that a lane may be read again.
      let restsBriefly = own.resting.contains { lanes[$0]?.isWaitingForPostgres == false }
      wait = restsBriefly ? min(block, Self.blockWhileLanesRest) : block
    case .some(let some): names = some
    case .alone(let lane):
      names = [lane]
      isAlone = true
    case .wait(let until): return .wait(until: until)
    case .nothing: return .nothing
    }
    let positions = names.compactMap { lanes[$0].map { LaneReadRequest.Position($0) } }
    let count = sizing.count(
      credit: available, lanes: names.count, maxEntries: limits.maxEntries, maxBytes: limits.maxBytes)
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
      // While the read was under way the lane may have been lost, or set back, or gone to another server.
      guard let flow = lanes[position.lane], flow.readPosition == position.after, flow.placement == position.placement,
        flow.isRead
      else {
        ring(position.lane)
        continue
      }
      accepted += section.entries.count
      withReads(of: position.lane) { $0.checks.noteChange(position.lane) }
      lanes[position.lane]?.append(LaneChunk(block: block, blockID: id, entries: section.entries), now: now)
      queue(position.lane)
      if section.entries.count >= request.count { withReads(of: position.lane) { $0.plan.fellBehind(position.lane) } }
      rest(position.lane)
    }
    credit.hold(block: id, entries: accepted, footprint: block.footprint)
    sizing.received(asked: request.count, most: most, largest: block.largestFootprint)
  }

  /// One lane was held against what Redis says of it. Answers what was found, unless the lane went on meanwhile. A lane whose stream is
  /// another is given up once what was read is committed: it may be taken again when its ledger fits the stream.
  package mutating func checked(_ comparison: StreamComparison) -> StreamVerdict {
    let check = comparison.lane
    guard let flow = lanes[check.lane], flow.halt == nil, flow.placement == check.placement, flow.readPosition == check.readPosition,
      flow.readOrdinal == check.readOrdinal
    else { return .sound }
    let verdict = comparison.verdict
    halts.inspected(check.lane)
    switch verdict {
    case .sound:
      lanes[check.lane]?.gapCheck = nil
      lanes[check.lane]?.countedPosition = check.readPosition
    case .missing(let gap):
      lanes[check.lane]?.lost(gap)
      lanes[check.lane]?.countedPosition = check.readPosition
      queue(check.lane)
    case .gapCheck(let gapCheck): if flow.gapCheck == nil { lanes[check.lane]?.gapCheck = gapCheck }
    case .replacement:
      close(check.lane, .replaced)
    }
    if let stream = comparison.observed.stream { lanes[check.lane]?.knownAdded = stream.entriesAdded }
    return verdict
  }

  /// Reads no more of a lane, which is released once what was read of it is committed. What is found of its stream counts for more than
  /// what the configuration says.
  package mutating func close(_ name: String, _ closing: OwnedLane.Closing) {
    guard let flow = lanes[name], flow.closing != .replaced else { return }
    lanes[name]?.closing = closing
    lanes[name]?.halt = nil
    halted.remove(name)
    withReads(of: name) { $0.remove(name) }
    end(name)
  }

  /// Releases a lane that is closing, once all that was read of it is committed.
  mutating func end(_ name: String) {
    guard let flow = lanes[name], flow.isClosing, flow.hasNothingToCommit else { return }
    release(name)
  }

  /// Releases a lane that was compared with a stream that does not exist and of which nothing was ever seen. False where there is
  /// something to commit or to record first.
  package mutating func setAside(_ name: String) -> Bool {
    guard let flow = lanes[name], !flow.isClosing, flow.halt == nil, flow.hasNothingToCommit else { return false }
    guard max(flow.readOrdinal, flow.knownAdded) == 0 else { return false }
    release(name)
    return true
  }

  /// These streams may have gone: they are compared with what is expected of them before others are.
  package mutating func checkSoon(_ names: some Sequence<String>) {
    for name in names where lanes[name]?.halt == nil && lanes[name]?.isClosing == false {
      withReads(of: name) { $0.checks.checkSoon(name) }
    }
  }

  /// The lane has its mirroring group, unless it is another lane or incarnation by now.
  package mutating func mirrored(_ record: LaneRecord) {
    guard let held = lanes[record.name]?.record, held.fence == record.fence, held.incarnation == record.incarnation else { return }
    lanes[record.name]?.record.isMirrored = true
  }

  /// These could not be held against what Redis says of them.
  package mutating func checkFailed(_ checks: [ExpectedStream]) {
    for check in checks where lanes[check.lane]?.isRead == true {
      withReads(of: check.lane) { $0.checks.add(check.lane) }
    }
  }

  /// These were not looked at, because that is dear: they are checked again with the next round.
  package mutating func deferred(_ checks: [ExpectedStream]) {
    for check in checks { withReads(of: check.lane) { $0.checks.noteChange(check.lane) } }
  }

  /// Of any lane of a server the stream may be another now.
  package mutating func checkAll(at server: LaneServer = .only) { reads[server]?.checks.checkAll() }

  package mutating func overran(_ request: LaneReadRequest) {
    sizing.overran(asked: request.count)
    guard request.count == 1 else { return readFailed(request) }
    for position in request.positions { withReads(of: position.lane) { $0.plan.single([position.lane]) } }
  }

  /// What a read comes to that the server answered by closing the connection.
  package enum ClosedRead: Sendable, Equatable {
    /// Any connection may be lost once.
    case unclear
    /// It happens again and again: reads shrink, to so many entries now.
    case shrinking(to: Int)
    /// One entry of one lane is too much.
    case tooLarge(lane: String, after: EntryID)
  }

  /// The server closed the connection instead of answering.
  package mutating func closed(_ request: LaneReadRequest) -> ClosedRead {
    sizing.closed(asked: request.count, lanes: request.positions.count)
    readFailed(request)
    if request.count == 1, request.positions.count == 1 { return closedAlone(request.positions[0]) }
    guard sizing.closures > 1 else { return .unclear }
    guard request.count == 1 else { return .shrinking(to: request.count * request.positions.count / 2) }
    for position in request.positions { withReads(of: position.lane) { $0.plan.single([position.lane]) } }
    return .shrinking(to: 1)
  }

  /// Whatever is read of other lanes meanwhile: an entry that closes the connection twice when nothing else is asked for is too large.
  private mutating func closedAlone(_ position: LaneReadRequest.Position) -> ClosedRead {
    guard lanes[position.lane]?.closedAloneAfter == position.after else {
      lanes[position.lane]?.closedAloneAfter = position.after
      withReads(of: position.lane) { $0.plan.single([position.lane]) }
      return .unclear
    }
    lanes[position.lane]?.closedAloneAfter = nil
    return .tooLarge(lane: position.lane, after: position.after)
  }

  /// It could not be read.
  package mutating func readFailed(_ request: LaneReadRequest) {
    for position in request.positions { ring(position.lane) }
  }

  /// A lane may have more. False where that changes nothing.
  @discardableResult mutating func ring(_ lane: String) -> Bool {
    withReads(of: lane) { $0.plan.ring(lane) } ?? false
  }

  /// Streams of these names have changed. False where that changes nothing.
  package mutating func rang(_ names: [String]) -> Bool {
    names.reduce(false) { ring($1) || $0 }
  }

  package mutating func doorbell(isHeard: Bool, at server: LaneServer = .only) {
    reads[server, default: ServerReads(pace: pace)].plan.doorbell(isHeard: isHeard)
  }

  package func needsDoorbell(at server: LaneServer = .only) -> Bool { reads[server]?.needsDoorbell ?? false }

  package var isDue: Bool { reads.values.contains { $0.plan.isDue } }

  /// Reading stands still until something is committed.
  package var readingWaits: Bool { isFull || isAhead }

  /// Enough waits for the writers; more of it would only leave the processor's cache before its turn comes.
  package var isAhead: Bool { readyEntries >= enough }

  /// Entries of four transactions.
  private var enough: Int { 4 * limits.maxEntries }

  /// Takes a lane out of the reads while it can't move: what waits behind its own transaction is no writer's work, and must not push out
  /// the other lanes'.
  private mutating func rest(_ name: String) {
    guard let flow = lanes[name], flow.inFlight != nil, flow.waitingEntries >= enough else { return }
    withReads(of: name) { $0.rest(name) }
  }

  /// Reading waits for commits. The last part of the credit is left alone while it is waited for: what fits into it would be read in crumbs,
  /// or be dropped for being larger.
  package var isFull: Bool { credit.used > 0 && credit.available(of: limits.bufferBytes) < limits.bufferBytes / 8 }
}
