/// Decides what is read, what waits, and what goes into the next transaction, for all lanes that a worker owns.
///
/// A value without I/O and clock. The invariants that live here: a lane has at most one transaction under way, its entries leave in
/// order, and what is read and not committed stays within the credit.
package struct LaneScheduler: Sendable {
  /// A transaction's worth of entries.
  package struct Work: Sendable {
    package struct Part: Sendable {
      package var record: LaneRecord
      package var chunks: [LaneChunk]
      /// What was lost, to be recorded in the same transaction.
      package var gaps: [LaneGap] = []
      /// The first entry of the lane that stays under way when this part is decided, where the transaction was taken apart.
      var next: EntryID?
      /// Which ownership it belongs to: a lane may be given up and taken again while its transaction is under way.
      let ownership: Int

      var byteCount: Int { chunks.reduce(0) { $0 + $1.byteCount } }
    }

    package var parts: [Part]
    package var entryCount: Int { parts.reduce(0) { $0 + $1.entryCount } }
    package var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }
  }

  package enum NextWork: Sendable {
    case work(Work)
    /// Entries wait for company until then.
    case wait(until: ContinuousClock.Instant)
    case nothing
  }

  /// What became of one lane of a transaction.
  package enum PartResult: Sendable, Equatable {
    /// The lane's record after the commit; how many dead letters its last entries are, when that is known.
    case committed(LaneRecord, deadLettersInARow: Int)
    /// It is not ours any more, or somebody moved it: whoever owns it reads again from the ledger's cursor.
    case lost
    /// One entry fails alone, and nothing tells whether others would pass. It is read again, with what may follow it by then.
    case unproven
    case halted(reason: String, hint: String?)
  }

  package var limits: FlowLimits {
    didSet { for name in ready.members.union(readyLarge.members) { queue(name) } }
  }
  package internal(set) var lanes: [String: OwnedLane] = [:]
  /// What is read of which server.
  var reads: [LaneServer: ServerReads] = [:]
  let pace: ReadPlan.Pace
  /// Lanes whose entries may leave, in the order of their turns.
  private var ready = LaneQueue()
  /// Those whose next entry is larger than a transaction's bytes: it is in memory several times on its way, so that one is under way
  /// at a time, in turn with the others.
  private var readyLarge = LaneQueue()
  private var wasLarge = false
  var halted: Set<String> = []
  /// Lanes with a transaction under way.
  private var underWay = 0
  /// Entries of all lanes that wait for a turn.
  private(set) var readyEntries = 0
  package internal(set) var credit = Credit()
  var sizing = ReadSizing()
  var nextBlockID = 0
  private var nextOwnership = 0
  /// Transactions under way of lanes that were given up since: until they are decided, the lane has no other.
  private var draining: [String: Int] = [:]
  /// The last known records of lanes that were given up, until they are taken again.
  var abandoned: [String: LaneRecord] = [:]
  /// The ownership whose transaction carries an entry that is larger than a transaction's bytes.
  private var largeUnderWay: Int?
  /// No more reading: what waits is committed, then it is over.
  package private(set) var isDraining = false
  /// What was said of lanes that halted, and what is to be said now.
  var halts = HaltReport()
  /// Lanes that an operator has paused, whether or not they are owned.
  package internal(set) var paused: Set<String> = []

  package init(limits: FlowLimits, pace: ReadPlan.Pace = .init()) {
    self.limits = limits
    self.pace = pace
  }

  // Ownership

  /// A lane is ours under this record; a lane that we have under an older fence begins again from the record's cursor.
  package mutating func acquire(_ record: LaneRecord, at server: LaneServer = .only) {
    if let known = lanes[record.name] {
      guard known.record.fence != record.fence else { return place(record.name, at: server) }
      release(record.name)
    }
    abandoned[record.name] = nil
    var flow = OwnedLane(record: record, ownership: nextOwnership, server: server)
    flow.isPaused = paused.contains(record.name)
    lanes[record.name] = flow
    nextOwnership += 1
    withReads(of: record.name) { reads in
      reads.lanes += 1
      if flow.isRead { reads.add(record.name) }
    }
  }

  /// Another server holds the lane from now on.
  package mutating func place(_ name: String, at server: LaneServer) {
    guard let flow = lanes[name], flow.server != server else { return }
    let isResting = withReads(of: name) { $0.resting.contains(name) } ?? false
    leave(name)
    lanes[name]?.server = server
    // What is still on its way from the old one is not taken any more: the new one may have been looked at meanwhile.
    lanes[name]?.placement = nextOwnership
    nextOwnership += 1
    withReads(of: name) { reads in
      reads.lanes += 1
      guard flow.isRead else { return }
      reads.add(name)
      if isResting { reads.rest(name) }
    }
  }

  private mutating func leave(_ name: String) {
    withReads(of: name) { reads in
      reads.lanes -= 1
      reads.remove(name)
    }
  }

  /// Servers that hold no lane of ours are forgotten. Not ``LaneServer/only``, which is always there.
  package mutating func forgetEmptyServers() {
    reads = reads.filter { $0.key == .only || $0.value.lanes > 0 }
  }

  /// Servers that hold lanes of ours, or did and are not forgotten.
  package var servers: some Collection<LaneServer> { reads.keys }

  package func knows(_ server: LaneServer) -> Bool { reads[server] != nil }

  /// Servers that hold lanes of ours now.
  package var holdingServers: [LaneServer] { reads.filter { $0.value.lanes > 0 }.map(\.key) }

  package func holdsLanes(_ server: LaneServer) -> Bool { reads[server]?.lanes ?? 0 > 0 }

  /// What is read of the server that holds a lane. Nothing happens to a lane that is not ours.
  @discardableResult mutating func withReads<Result>(of name: String, _ body: (inout ServerReads) -> Result) -> Result? {
    lanes[name].map { body(&reads[$0.server, default: ServerReads(pace: pace)]) }
  }

  package mutating func release(_ name: String) {
    leave(name)
    guard var flow = lanes.removeValue(forKey: name) else { return }
    abandoned[name] = flow.record
    readyEntries -= flow.readyEntries
    release(flow.rewind())
    if flow.inFlight != nil {
      draining[name, default: 0] += 1
      underWay -= 1
    }
    unqueue(name)
    halted.remove(name)
    halts.forget(name)
  }

  /// Lanes of which a transaction is under way that began before they were given up.
  package var drainingLanes: some Collection<String> { draining.keys }

  // Committing

  package mutating func nextWork(now: ContinuousClock.Instant) -> NextWork {
    let until = patience(now: now)
    if largeUnderWay == nil, ready.isEmpty || until != nil || !wasLarge, let work = nextLarge() { return .work(work) }
    guard !ready.isEmpty else { return .nothing }
    if let until { return .wait(until: until) }
    wasLarge = false
    var parts: [Work.Part] = []
    var (entries, bytes) = (limits.maxEntries, limits.maxBytes)
    while entries > 0, bytes > 0, let name = ready.first {
      guard let part = lanes[name]?.takePart(entries: entries, bytes: bytes, isFirst: parts.isEmpty) else { break }
      _ = ready.popFirst()
      underWay += 1
      entries -= part.entryCount
      bytes -= part.byteCount
      countReady(name)
      parts.append(part)
    }
    return .work(Work(parts: parts))
  }

  /// Whether entries wait for a transaction, if only for company or for a large one's end.
  package var hasReady: Bool { !ready.isEmpty || !readyLarge.isEmpty }

  /// The next entry that is larger than a transaction's bytes, alone.
  private mutating func nextLarge() -> Work? {
    guard let name = readyLarge.popFirst(), let part = lanes[name]?.takePart(entries: 1, bytes: limits.maxBytes, isFirst: true) else {
      return nil
    }
    wasLarge = true
    underWay += 1
    countReady(name)
    largeUnderWay = part.ownership
    return Work(parts: [part])
  }

  /// Until when the ready lanes may wait for more; nil when they go now.
  private func patience(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    guard limits.maxDelay > .zero, !isDraining, !ready.isEmpty else { return nil }
    var (entries, bytes, since) = (0, 0, now)
    for flow in ready.members.lazy.compactMap({ lanes[$0] }) {
      if flow.hasGapToCommit { return nil }
      entries += flow.waitingEntries
      bytes += flow.waitingBytes
      since = min(since, flow.waitingSince ?? now)
      guard entries < limits.maxEntries, bytes < limits.maxBytes else { return nil }
    }
    let until = since.advanced(by: limits.maxDelay)
    return until > now ? until : nil
  }

  /// Whether a lane's entries may leave has perhaps changed.
  mutating func queue(_ name: String) {
    guard let flow = lanes[name], !flow.chunks.isEmpty || flow.hasGapToCommit, flow.inFlight == nil,
      flow.halt?.isOfReading ?? true, draining[name] == nil
    else {
      return unqueue(name)
    }
    if flow.chunks.first?.firstSize ?? 0 > limits.maxBytes {
      ready.remove(name)
      readyLarge.append(name)
    } else {
      readyLarge.remove(name)
      ready.append(name)
    }
    countReady(name)
  }

  private mutating func countReady(_ name: String) {
    guard let flow = lanes[name] else { return }
    let isReady = ready.members.contains(name) || readyLarge.members.contains(name)
    let entries = isReady ? flow.waitingEntries : 0
    readyEntries += entries - flow.readyEntries
    lanes[name]?.readyEntries = entries
  }

  private mutating func unqueue(_ name: String) {
    ready.remove(name)
    readyLarge.remove(name)
    countReady(name)
  }

  /// One lane of a transaction is decided.
  package mutating func finish(_ part: Work.Part, _ result: PartResult, now: ContinuousClock.Instant) {
    let isPutBack = isPutBack(part, result)
    if !isPutBack { release(part.chunks) }
    if largeUnderWay == part.ownership { largeUnderWay = nil }
    let name = part.record.name
    guard var flow = lanes[name], flow.ownership == part.ownership else { return departed(part, result) }
    flow.inFlight = part.next == nil ? nil : flow.inFlight.map { $0 - part.entryCount }
    if part.next == nil { underWay -= 1 }
    flow.isWaitingForPostgres = false
    flow.oldestUncommitted = part.next ?? flow.chunks.first?.firstID
    lanes[name] = flow
    switch result {
    case .committed(let record, let deadLetters):
      lanes[name]?.record = record
      // The group may have been made while the transaction was under way.
      if flow.record.isMirrored { lanes[name]?.record.isMirrored = true }
      lanes[name]?.lastCommit = now
      if lanes[name]?.halt == nil { halts.committed(name) }
      // Halted meanwhile: it was set back to before this commit.
      if flow.readOrdinal < record.ordinal {
        lanes[name]?.readPosition = record.cursor.position
        lanes[name]?.readOrdinal = record.ordinal
      }
      countDeadLetters(deadLetters, of: part.entryCount, lane: name)
    case .lost: release(name)
    case .unproven where isPutBack: lanes[name]?.putBack(part, now: now)
    case .unproven: release(name)
    case .halted(let reason, let hint):
      if isPutBack { lanes[name]?.putBack(part, now: now) }
      halt(name, reason: reason, hint: hint, until: now.advanced(by: limits.haltBackoff))
    }
    queue(name)
    if part.next == nil { withReads(of: name) { $0.rested(name) } }
    end(name)
  }

  /// Whether a part that was not committed waits to be tried again, because its stream is gone.
  private func isPutBack(_ part: Work.Part, _ result: PartResult) -> Bool {
    switch result {
    case .committed, .lost: return false
    case .unproven, .halted: break
    }
    guard let flow = lanes[part.record.name], flow.ownership == part.ownership else { return false }
    return flow.closing == .replaced
  }

  /// A transaction of a lane that was given up since, and perhaps taken again.
  private mutating func departed(_ part: Work.Part, _ result: PartResult) {
    let name = part.record.name
    if part.next == nil { draining[name] = draining[name].flatMap { $0 > 1 ? $0 - 1 : nil } }
    defer { queue(name) }
    if case .committed(let record, _) = result, let known = abandoned[name], known.incarnation == record.incarnation,
      known.ordinal < record.ordinal
    {
      abandoned[name] = record
    }
    // Taken again under the same fence, from a cursor that was read before this commit.
    guard case .committed(let record, _) = result, var flow = lanes[name], flow.record.fence == record.fence,
      flow.record.incarnation == record.incarnation, flow.record.ordinal < record.ordinal
    else { return }
    flow.record = record
    release(flow.rewind())
    lanes[name] = flow
    ring(name)
  }

  /// The ledger has a lane's cursor here. Answers where it was seen so far.
  package mutating func passed(_ record: LaneRecord, _ trim: TrimLimits, now: ContinuousClock.Instant) -> PassedPositions {
    guard let flow = lanes[record.name], flow.record.fence == record.fence else { return PassedPositions() }
    lanes[record.name]?.passed.note(record, keep: trim.keep, kept: trim.keptEntries(of: flow.meanEntryBytes), at: now)
    return lanes[record.name]?.passed ?? PassedPositions()
  }

  package mutating func waitsForPostgres(_ names: [String], _ isWaiting: Bool) {
    for name in names { lanes[name]?.isWaitingForPostgres = isWaiting }
  }

  package mutating func beginDrain() { isDraining = true }

  /// Draining is over: nothing waits and nothing is under way.
  package var isDrained: Bool {
    isDraining && draining.isEmpty && underWay == 0 && ready.isEmpty && readyLarge.isEmpty
  }

  mutating func release(_ chunks: [LaneChunk]) {
    for chunk in chunks { credit.release(block: chunk.blockID, entries: chunk.entries.count) }
  }
}
