/// Decides what is read, what waits, and what goes into the next transaction, for all lanes that a worker owns.
///
/// It is a value without I/O and clock. The invariants that live here: a lane has at most one transaction under way, its entries leave in
/// order, and the entries that are read and not committed stay within the credit.
package struct LaneScheduler: Sendable {
  /// The entries of one transaction.
  package struct Work: Sendable {
    package struct Part: Sendable {
      package var record: LaneRecord
      package let profile: LaneProfile
      package var chunks: [LaneChunk]
      /// The gaps to record in the same transaction.
      package var gaps: [LaneGap] = []
      /// The first entry of the lane that stays under way when this part is decided, where the transaction was bisected.
      var next: EntryID?
      /// Identifies the ownership to which the part belongs: a lane may be released and acquired again while its transaction is under way.
      let ownership: Int

      var byteCount: Int { chunks.reduce(0) { $0 + $1.byteCount } }
    }

    package var parts: [Part]
    package var entryCount: Int { parts.reduce(0) { $0 + $1.entryCount } }
    package var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }
  }

  package enum NextWork: Sendable {
    case work(Work)
    /// Entries wait until this moment for others to share their transaction.
    case wait(until: ContinuousClock.Instant)
    case nothing
  }

  /// The result of one lane's part of a transaction.
  package enum PartResult: Sendable, Equatable {
    /// The part was committed. The record is the lane after the commit; the number counts the dead letters at its end, where it is known.
    case committed(LaneRecord, deadLettersInARow: Int)
    /// Another worker owns the lane, or has moved it. Its owner reads again from the ledger's cursor.
    case lost
    /// One entry fails alone, and it is not known whether others would pass. It is read again, together with the entries that follow it by
    /// then.
    case unproven
    case halted(reason: String, hint: String?)
  }

  package var limits: FlowLimits {
    didSet {
      if limits != oldValue { for name in lanes.keys { lanes[name]?.batch = limits.batch(of: name) } }
      for name in ready.members.union(readyLarge.members) { queue(name) }
    }
  }
  package internal(set) var lanes: [String: OwnedLane] = [:]
  /// The reads and checks of each server.
  var reads: [LaneServer: ServerReads] = [:]
  let pace: ReadPlan.Pace
  /// The lanes whose entries may leave, in the order of their turns.
  private var ready = LaneQueue()
  /// The ready lanes whose next entry is larger than a transaction's bytes. Such an entry is in memory several times on its way, so that
  /// only one is under way at a time, alternating with the others.
  private var readyLarge = LaneQueue()
  private var wasLarge = false
  var halted: Set<String> = []
  /// The number of lanes with a transaction under way.
  private var underWay = 0
  /// The number of entries, of all lanes, that wait for a turn.
  private(set) var readyEntries = 0
  package internal(set) var credit = Credit()
  var sizing = ReadSizing()
  var nextBlockID = 0
  private var nextOwnership = 0
  /// The number of transactions under way for each lane that was released since. The lane starts no other before they are decided.
  private var draining: [String: Int] = [:]
  /// The lanes that were released since the last call of ``takeReleased()``.
  private var released: [String] = []
  /// The last known records of lanes that were released, until they are acquired again.
  var abandoned: [String: LaneRecord] = [:]
  /// The ownership whose transaction carries an entry that is larger than a transaction's bytes.
  private var largeUnderWay: Int?
  /// Whether reading has ended for good, and only waiting entries are committed.
  package private(set) var isDraining = false
  /// The halts that were reported, and those to report.
  var halts = HaltReport()
  /// The lanes that an operator has paused, whether or not this worker owns them.
  package internal(set) var paused: Set<String> = []

  package init(limits: FlowLimits, pace: ReadPlan.Pace = .init()) {
    self.limits = limits
    self.pace = pace
  }

  // Ownership

  /// Records that this worker owns a lane under this record. A lane that is held under an older fencing token begins again from the
  /// record's cursor.
  ///
  /// - Parameter knownAdded: the number of entries that Redis had added to the stream when the record was compared with it.
  package mutating func acquire(
    _ record: LaneRecord, as profile: LaneProfile, at server: LaneServer = .only, knownAdded: UInt64 = 0
  ) {
    if let known = lanes[record.name] {
      guard known.record.fence != record.fence else { return place(record.name, at: server) }
      release(record.name)
    }
    abandoned[record.name] = nil
    var flow = OwnedLane(
      record: record, profile: profile, batch: limits.batch(of: record.name), ownership: nextOwnership, server: server)
    flow.isPaused = paused.contains(record.name)
    flow.knownAdded = knownAdded
    lanes[record.name] = flow
    nextOwnership += 1
    withReads(of: record.name) { reads in
      reads.lanes += 1
      if flow.isRead { reads.add(record.name) }
    }
  }

  /// Records that another server holds the lane from now on.
  package mutating func place(_ name: String, at server: LaneServer) {
    guard let flow = lanes[name], flow.server != server else { return }
    let isBackingOff = withReads(of: name) { $0.backingOff.contains(name) } ?? false
    leave(name)
    lanes[name]?.server = server
    // Replies of the old server are ignored from now on, because the lane may have been inspected on the new one meanwhile.
    lanes[name]?.placement = nextOwnership
    nextOwnership += 1
    withReads(of: name) { reads in
      reads.lanes += 1
      guard flow.isRead else { return }
      reads.add(name)
      if isBackingOff { reads.backOff(name) }
    }
  }

  private mutating func leave(_ name: String) {
    withReads(of: name) { reads in
      reads.lanes -= 1
      reads.remove(name)
    }
  }

  /// Removes servers that hold no owned lane. ``LaneServer/only`` is never removed.
  package mutating func forgetEmptyServers() {
    reads = reads.filter { $0.key == .only || $0.value.lanes > 0 }
  }

  /// The servers that hold owned lanes, or did and are not removed yet.
  package var servers: some Collection<LaneServer> { reads.keys }

  package func knows(_ server: LaneServer) -> Bool { reads[server] != nil }

  /// The servers that hold owned lanes now.
  package var holdingServers: [LaneServer] { reads.filter { $0.value.lanes > 0 }.map(\.key) }

  package func holdsLanes(_ server: LaneServer) -> Bool { reads[server]?.lanes ?? 0 > 0 }

  /// Calls `body` with the reads of the server that holds a lane; returns nil for a lane that this worker does not own.
  @discardableResult mutating func withReads<Result>(of name: String, _ body: (inout ServerReads) -> Result) -> Result? {
    lanes[name].map { body(&reads[$0.server, default: ServerReads(pace: pace)]) }
  }

  package mutating func release(_ name: String) {
    leave(name)
    guard var flow = lanes.removeValue(forKey: name) else { return }
    abandoned[name] = flow.record
    released.append(name)
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

  /// Returns the lanes that were released since the last call, among them those that were acquired again since.
  mutating func takeReleased() -> [String] {
    guard !released.isEmpty else { return [] }
    defer { released = [] }
    return released
  }

  /// What writers act by.
  var commitFacts: WorkerFacts.Commits {
    WorkerFacts.Commits(
      readyLanes: ready.count + readyLarge.count, readyEntries: readyEntries, underWay: underWay,
      draining: draining.values.reduce(0, +), isLargeUnderWay: largeUnderWay != nil)
  }

  /// The lanes with a transaction under way that began before the lane was released.
  package var drainingLanes: some Collection<String> { draining.keys }

  // Committing

  /// Returns the next transaction. It has the limits of the first lane, whose turn it is; other lanes fill it up within their own limits.
  package mutating func nextWork(now: ContinuousClock.Instant) -> NextWork {
    let until = patience(now: now)
    if largeUnderWay == nil, ready.isEmpty || until != nil || !wasLarge, let work = nextLarge() { return .work(work) }
    guard !ready.isEmpty else { return .nothing }
    if let until { return .wait(until: until) }
    wasLarge = false
    var parts: [Work.Part] = []
    var (entries, bytes) = (Int.max, Int.max)
    while entries > 0, bytes > 0, let name = ready.first, let own = lanes[name]?.batch {
      if parts.isEmpty { (entries, bytes) = (own.maxEntries, own.maxBytes) }
      guard
        let part = lanes[name]?.takePart(
          entries: min(entries, own.maxEntries), bytes: min(bytes, own.maxBytes), isFirst: parts.isEmpty)
      else { break }
      _ = ready.popFirst()
      underWay += 1
      entries -= part.entryCount
      bytes -= part.byteCount
      countReady(name)
      parts.append(part)
    }
    return .work(Work(parts: parts))
  }

  /// Whether entries wait for a transaction, even if only for others to share it or for the end of a large one.
  package var hasReady: Bool { !ready.isEmpty || !readyLarge.isEmpty }

  /// Returns the next entry that is larger than a transaction's bytes, alone.
  private mutating func nextLarge() -> Work? {
    guard let name = readyLarge.popFirst(), let bytes = lanes[name]?.batch.maxBytes,
      let part = lanes[name]?.takePart(entries: 1, bytes: bytes, isFirst: true)
    else { return nil }
    wasLarge = true
    underWay += 1
    countReady(name)
    largeUnderWay = part.ownership
    return Work(parts: [part])
  }

  /// Returns the moment until which the ready lanes may wait for more entries; nil where they must go now.
  private mutating func patience(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    guard !isDraining, let first = ready.first.flatMap({ lanes[$0]?.batch }), first.maxDelay > .zero else { return nil }
    var (entries, bytes, until) = (0, 0, now.advanced(by: first.maxDelay))
    for name in ready.members {
      guard let flow = lanes[name] else { continue }
      if flow.hasGapToCommit { return nil }
      entries += flow.waitingEntries
      bytes += flow.waitingBytes
      until = min(until, (flow.waitingSince ?? now).advanced(by: flow.batch.maxDelay))
      guard entries < first.maxEntries, bytes < first.maxBytes else { return nil }
      guard flow.waitingEntries < flow.batch.maxEntries, flow.waitingBytes < flow.batch.maxBytes else { return nil }
    }
    return until > now ? until : nil
  }

  /// Puts a lane into the queue of ready lanes, or removes it from there, after a change of its state.
  mutating func queue(_ name: String) {
    guard let flow = lanes[name], !flow.chunks.isEmpty || flow.hasGapToCommit, flow.inFlight == nil,
      flow.halt?.isOfReading ?? true, draining[name] == nil
    else {
      return unqueue(name)
    }
    if flow.chunks.first?.firstSize ?? 0 > flow.batch.maxBytes {
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

  /// Records the result of one lane's part of a transaction.
  package mutating func finish(_ part: Work.Part, _ result: PartResult, now: ContinuousClock.Instant) {
    let isPutBack = isPutBack(part, result)
    if !isPutBack { release(part.chunks) }
    if largeUnderWay == part.ownership { largeUnderWay = nil }
    let name = part.record.name
    guard var flow = lanes[name], flow.ownership == part.ownership else { return finishReleased(part, result) }
    flow.inFlight = part.next == nil ? nil : flow.inFlight.map { $0 - part.entryCount }
    if part.next == nil { underWay -= 1 }
    flow.isWaitingForPostgres = false
    flow.oldestUncommitted = part.next ?? flow.chunks.first?.firstID
    lanes[name] = flow
    switch result {
    case .committed(let record, let deadLetters):
      lanes[name]?.record = record
      // The group may have been created while the transaction was under way.
      if flow.record.isMirrored { lanes[name]?.record.isMirrored = true }
      lanes[name]?.lastCommit = now
      if lanes[name]?.halt == nil { halts.committed(name) }
      // The lane was halted meanwhile, which rewound it to before this commit.
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
    if part.next == nil { withReads(of: name) { $0.endBackoff(name) } }
    end(name)
  }

  /// Returns whether a part that was not committed is put back to be tried again, because its stream is gone.
  private func isPutBack(_ part: Work.Part, _ result: PartResult) -> Bool {
    switch result {
    case .committed, .lost: return false
    case .unproven, .halted: break
    }
    guard let flow = lanes[part.record.name], flow.ownership == part.ownership else { return false }
    return flow.closing == .replaced
  }

  /// Records the result of a transaction whose lane was released since, and perhaps acquired again.
  private mutating func finishReleased(_ part: Work.Part, _ result: PartResult) {
    let name = part.record.name
    if part.next == nil { draining[name] = draining[name].flatMap { $0 > 1 ? $0 - 1 : nil } }
    defer { queue(name) }
    if case .committed(let record, _) = result, let known = abandoned[name], known.incarnation == record.incarnation,
      known.ordinal < record.ordinal
    {
      abandoned[name] = record
    }
    // The lane was acquired again under the same fencing token, from a cursor that was read before this commit.
    guard case .committed(let record, _) = result, var flow = lanes[name], flow.record.fence == record.fence,
      flow.record.incarnation == record.incarnation, flow.record.ordinal < record.ordinal
    else { return }
    flow.record = record
    release(flow.rewind())
    lanes[name] = flow
    noteChange(name)
  }

  /// Records that the ledger's cursor of a lane is here. Returns the positions at which it was seen so far.
  package mutating func passed(_ record: LaneRecord, _ trim: TrimLimits, now: ContinuousClock.Instant) -> PassedPositions {
    guard let flow = lanes[record.name], flow.record.fence == record.fence else { return PassedPositions() }
    lanes[record.name]?.passed.note(record, keep: trim.keep, kept: trim.keptEntries(of: flow.meanEntryBytes), at: now)
    return lanes[record.name]?.passed ?? PassedPositions()
  }

  package mutating func waitsForPostgres(_ names: [String], _ isWaiting: Bool) {
    for name in names { lanes[name]?.isWaitingForPostgres = isWaiting }
  }

  package mutating func beginDrain() { isDraining = true }

  /// Whether draining is over: no entry waits and no transaction is under way.
  package var isDrained: Bool {
    isDraining && draining.isEmpty && underWay == 0 && ready.isEmpty && readyLarge.isEmpty
  }

  mutating func release(_ chunks: [LaneChunk]) {
    for chunk in chunks { credit.release(block: chunk.blockID, entries: chunk.entries.count) }
  }
}
