/// Decides what is read, what waits, and what goes into the next transaction, for all lanes that a worker owns.
///
/// A value without I/O and clock. The invariants that live here: a lane has at most one transaction under way, its entries leave in
/// order, and what is read and not committed stays within the credit.
package struct LaneTable: Sendable {
  /// A transaction's worth of entries.
  package struct Work: Sendable {
    package struct Part: Sendable {
      package var record: LaneRecord
      package var chunks: [LaneChunk]
      /// Which ownership it belongs to: a lane may be given up and taken again while its transaction is under way.
      let ownership: Int
    }

    package var parts: [Part]
    package var entryCount: Int { parts.reduce(0) { $0 + $1.chunks.reduce(0) { $0 + $1.entries.count } } }
    package var byteCount: Int { parts.reduce(0) { $0 + $1.chunks.reduce(0) { $0 + $1.byteCount } } }
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
    case halted(reason: String, hint: String?)
  }

  package var limits: FlowLimits
  package private(set) var lanes: [String: LaneFlow] = [:]
  /// In a fixed order, so that reads and turns are fair.
  private var order: [String] = []
  private var turn = 0
  package private(set) var credit = Credit()
  private var sizing = ReadSizing()
  /// Reads that shall name one lane only, after a reply that was too large even at one entry a lane.
  private var narrowReads = 0
  private var nextBlockID = 0
  private var nextOwnership = 0
  /// Transactions under way of lanes that were given up since: until they are decided, the lane has no other.
  private var departing: [String: Int] = [:]
  /// No more reading: what waits is committed, then it is over.
  package private(set) var isDraining = false

  package init(limits: FlowLimits) {
    self.limits = limits
  }

  // Ownership

  /// A lane is ours under this record; a lane that we have under an older fence begins again from the record's cursor.
  package mutating func own(_ record: LaneRecord) {
    if let known = lanes[record.name] {
      guard known.record.fence != record.fence else { return }
      disown(record.name)
    }
    lanes[record.name] = LaneFlow(record: record, ownership: nextOwnership)
    nextOwnership += 1
    order.append(record.name)
    order.sort()
  }

  package mutating func disown(_ name: String) {
    guard var flow = lanes.removeValue(forKey: name) else { return }
    release(flow.rewind())
    if flow.inFlight != nil { departing[name, default: 0] += 1 }
    order.removeAll { $0 == name }
  }

  // Reading

  /// What to ask Redis next. Nil: nothing, until something changes.
  package mutating func nextRead(block: Duration) -> LaneReadRequest? {
    guard !isDraining else { return nil }
    var readable = order.filter { lanes[$0]?.halt == nil }
    let available = credit.available(of: limits.bufferBytes)
    guard !readable.isEmpty, available > 0 else { return nil }
    let isNarrow = narrowReads > 0
    if isNarrow {
      narrowReads -= 1
      readable = [readable[narrowReads % readable.count]]
    }
    let positions = readable.compactMap { name in
      lanes[name].map { LaneReadRequest.Position(lane: name, after: $0.readPosition) }
    }
    return LaneReadRequest(
      positions: positions, count: sizing.count(credit: available, lanes: readable.count, maxEntries: limits.maxEntries),
      block: isNarrow ? nil : block, budget: available, maxEntryBytes: limits.maxEntryBytes)
  }

  package mutating func received(_ block: EntryBlock, for request: LaneReadRequest, now: ContinuousClock.Instant) {
    let id = nextBlockID
    nextBlockID += 1
    var accepted = 0
    var most = 0
    for section in block.sections where !section.entries.isEmpty {
      most = max(most, section.entries.count)
      let position = request.positions[section.lane]
      // While the read was under way the lane may have been lost, or set back.
      guard let flow = lanes[position.lane], flow.readPosition == position.after, flow.halt == nil else { continue }
      guard block.entries[section.entries.upperBound - 1].id.fitsLedger else {
        halt(
          position.lane, reason: "the stream has an entry id beyond 2^63 - 1, which Postgres' bigint can't hold",
          hint: "write to a new stream, with ids that Redis makes", until: nil)
        continue
      }
      accepted += section.entries.count
      lanes[position.lane]?.append(LaneChunk(block: block, blockID: id, entries: section.entries), now: now)
    }
    credit.hold(block: id, entries: accepted, footprint: block.footprint)
    sizing.received(asked: request.count, most: most, largest: block.entries.reduce(0) { max($0, block.size(of: $1)) })
  }

  package mutating func overran(_ request: LaneReadRequest) {
    sizing.overran(asked: request.count)
    if request.count == 1 { narrowReads = order.count }
  }

  // Committing

  package mutating func nextWork(now: ContinuousClock.Instant) -> NextWork {
    let ready = order.indices.map { order[($0 + turn) % order.count] }.filter { name in
      guard let flow = lanes[name] else { return false }
      return flow.inFlight == nil && flow.waitingEntries > 0 && flow.halt == nil && departing[name] == nil
    }
    guard !ready.isEmpty else { return .nothing }
    if let until = patience(ready, now: now) { return .wait(until: until) }
    turn += 1
    var parts: [Work.Part] = []
    var (entries, bytes) = (limits.maxEntries, limits.maxBytes)
    for name in ready {
      guard entries > 0, bytes > 0, var flow = lanes[name] else { break }
      // A large entry travels alone, not behind others.
      if !parts.isEmpty, let next = flow.chunks.first, next.firstSize > bytes { continue }
      let chunks = flow.take(entries: entries, bytes: bytes)
      lanes[name] = flow
      let part = Work.Part(record: flow.record, chunks: chunks, ownership: flow.ownership)
      entries -= chunks.reduce(0) { $0 + $1.entries.count }
      bytes -= chunks.reduce(0) { $0 + $1.byteCount }
      parts.append(part)
    }
    return .work(Work(parts: parts))
  }

  /// Until when the ready lanes may wait for more; nil when they go now.
  private func patience(_ ready: [String], now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    guard limits.maxDelay > .zero, !isDraining else { return nil }
    let flows = ready.compactMap { lanes[$0] }
    guard flows.reduce(0, { $0 + $1.waitingEntries }) < limits.maxEntries,
      flows.reduce(0, { $0 + $1.waitingBytes }) < limits.maxBytes,
      let until = flows.compactMap(\.waitingSince).min()?.advanced(by: limits.maxDelay), until > now
    else { return nil }
    return until
  }

  /// One lane of a transaction is decided.
  package mutating func finish(_ part: Work.Part, _ result: PartResult, now: ContinuousClock.Instant) {
    release(part.chunks)
    let name = part.record.name
    guard var flow = lanes[name], flow.ownership == part.ownership else { return departed(part, result) }
    flow.inFlight = nil
    flow.isWaitingForPostgres = false
    flow.oldestUncommitted = flow.chunks.first?.firstID
    lanes[name] = flow
    switch result {
    case .committed(let record, let deadLetters):
      lanes[name]?.record = record
      lanes[name]?.lastCommit = now
      // Halted meanwhile: it was set back to before this commit.
      if flow.readPosition < record.cursor.position { lanes[name]?.readPosition = record.cursor.position }
      countDeadLetters(deadLetters, of: part.chunks.reduce(0) { $0 + $1.entries.count }, lane: name)
    case .lost: disown(name)
    case .halted(let reason, let hint):
      halt(name, reason: reason, hint: hint, until: now.advanced(by: limits.haltRest))
    }
  }

  /// A transaction of a lane that was given up since, and perhaps taken again.
  private mutating func departed(_ part: Work.Part, _ result: PartResult) {
    let name = part.record.name
    departing[name] = departing[name].flatMap { $0 > 1 ? $0 - 1 : nil }
    // Taken again under the same fence, from a cursor that was read before this commit.
    guard case .committed(let record, _) = result, var flow = lanes[name], flow.record.fence == record.fence,
      flow.record.cursor.position < record.cursor.position
    else { return }
    flow.record = record
    release(flow.rewind())
    lanes[name] = flow
  }

  private mutating func countDeadLetters(_ trailing: Int, of read: Int, lane: String) {
    guard let before = lanes[lane]?.deadLettersInARow else { return }
    let inARow = trailing == read ? before + trailing : trailing
    lanes[lane]?.deadLettersInARow = inARow
    guard inARow >= limits.haltAfterDeadLetters else { return }
    halt(
      lane, reason: "\(inARow) dead letters in a row",
      hint: "look at `tidemark dead-letters list --lane \(lane)`, mend the producer or raise dead_letters.halt_after, then send SIGHUP",
      until: nil)
  }

  /// Sets a lane aside, to read it again from its cursor when it is revived; `until` nil waits for an operator.
  package mutating func halt(_ lane: String, reason: String, hint: String?, until: ContinuousClock.Instant?) {
    guard var flow = lanes[lane] else { return }
    release(flow.rewind())
    flow.halt = LaneFlow.Halt(reason: reason, hint: hint, until: until)
    flow.deadLettersInARow = 0
    lanes[lane] = flow
  }

  /// Halted lanes whose rest is over go on; `all` revives those that wait for an operator, too. Answers their names.
  package mutating func revive(now: ContinuousClock.Instant, all: Bool = false) -> [String] {
    let revived = order.filter { name in
      guard let halt = lanes[name]?.halt, lanes[name]?.inFlight == nil else { return false }
      return all || halt.until.map { $0 <= now } ?? false
    }
    for name in revived { lanes[name]?.halt = nil }
    return revived
  }

  package mutating func waitsForPostgres(_ names: [String], _ isWaiting: Bool) {
    for name in names { lanes[name]?.isWaitingForPostgres = isWaiting }
  }

  package mutating func beginDrain() { isDraining = true }

  /// Draining is over: nothing waits and nothing is under way.
  package var isDrained: Bool {
    isDraining && departing.isEmpty && lanes.values.allSatisfy { $0.inFlight == nil && ($0.waitingEntries == 0 || $0.halt != nil) }
  }

  private mutating func release(_ chunks: [LaneChunk]) {
    for chunk in chunks { credit.release(block: chunk.blockID, entries: chunk.entries.count) }
  }
}
