package import TidemarkCore

/// Compares a lane's log with Postgres, piece by piece: reads the entries of a range, decides again what they should have become, and judges with
/// ``LogComparison`` what Postgres has of them. The worker's job and the command `reconcile` share it. It records nothing.
package struct LogReconciler: Sendable {
  /// A lane as the caller knows it. Its committed cursor bounds what is compared.
  package struct Lane: Sendable {
    package var record: LaneRecord
    package var partition: SessionPartition?

    package init(_ record: LaneRecord, partition: SessionPartition?) {
      self.record = record
      self.partition = partition
    }
  }

  /// A piece that was compared.
  package struct Piece: Sendable {
    package var range: EntryRange
    package var findings: [LogComparison.Finding]
    package var numbers: NumberedChanges
    /// The number of entries and of changes in the range, whichever is larger.
    package var size: Int
  }

  package enum Outcome: Sendable {
    case compared(Piece)
    /// The entries take more than the budget: fewer must be asked for.
    case overBudget
    /// The lane, or what was found in it, changes at present: nothing is known of the piece.
    case discarded
  }

  /// The bytes of the entries of a piece, and of an entry that is read whole by the job.
  package static let budget = 4 << 20
  /// The largest number of changes of a piece. Where entries were trimmed before they were compared, there are more changes than entries.
  static let mostChanges = 5_000

  let services: ReconciliationServices
  let routes: RouteTable
  let limits: EntryDecoder.Limits
  /// The size above which an entry is cut when it is read. It is compared by its position alone then; only where nothing is known of it, it is read again,
  /// whole.
  let wholeBytes: Int

  package init(services: ReconciliationServices, routes: RouteTable, limits: EntryDecoder.Limits, wholeBytes: Int = budget) {
    self.services = services
    self.routes = routes
    self.limits = limits
    self.wholeBytes = min(wholeBytes, limits.maxEntryBytes)
  }

  /// Compares the first entries of a range. What is found is looked at a second time before it is returned.
  ///
  /// - Parameters:
  ///   - count: the largest number of entries.
  ///   - session: only entries and changes of this session are compared; nil: all.
  package func compare(_ lane: Lane, _ range: EntryRange, entries count: Int, session: String? = nil) async throws -> Outcome {
    let first = try await look(lane, range, count, session, isAgain: false)
    guard case .compared(let piece) = first, !piece.findings.isEmpty else { return first }
    let second = try await look(lane, piece.range, count, session, isAgain: true)
    guard case .compared(let again) = second, again.range == piece.range, Set(again.findings).isSubset(of: piece.findings) else {
      return .discarded
    }
    return second
  }

  private func look(
    _ lane: Lane, _ range: EntryRange, _ count: Int, _ session: String?, isAgain: Bool
  ) async throws -> Outcome {
    let block: EntryBlock
    switch try await read(lane.record.name, after: range.after, count: count, budget: count > 1 ? Self.budget : nil, bytes: wholeBytes) {
    case .overBudget: return .overBudget
    case .nothing: block = EntryBlock()
    case .entries(let found): block = found
    }
    var range = range
    // A full page ends with its last entry; otherwise there are no more entries in the range.
    if block.entries.count >= count, let last = block.entries.last { range.through = min(range.through, last.id) }
    let ledger = services.ledger
    let inLedger = range.inLedger
    let contents = try await ledger.contents(
      of: lane.record.laneID, in: inLedger ?? EntryRange(after: .zero, through: .zero), session: session, limit: Self.mostChanges)
    guard let contents, contents.incarnation == lane.record.incarnation else { return .discarded }
    if contents.changes >= Self.mostChanges, let last = contents.last { range.through = last }
    let wanted = session.map { SessionKey($0) }
    var entries = expected(block, of: lane).filter { entry in
      range.contains(entry.id) && (wanted == nil || entry.session.map { SessionKey($0) } == wanted)
    }
    var piece = Piece(
      range: range, findings: [], numbers: NumberedChanges(entries, unread: []), size: max(entries.count, contents.changes))
    guard RangeDigest(of: entries) != contents.digest else { return .compared(piece) }
    let changes =
      inLedger == nil
      ? [] : try await ledger.changes(of: lane.record.laneID, in: range, session: session, limit: Self.mostChanges)
    var comparison = LogComparison(entries, changes)
    if isAgain {
      for cut in comparison.suspects.map(\.entry) where cut.digest == nil && cut.outcome == .letter {
        guard let place = entries.firstIndex(where: { $0.id == cut.id }),
          let whole = try await readAlone(cut.id, of: lane.record.name)
        else { continue }
        entries[place] = expected(whole, of: lane)[0]
      }
      comparison = LogComparison(entries, changes)
    }
    piece.numbers = NumberedChanges(entries, unread: comparison.unread.map(\.change))
    let traces = try await ledger.traces(of: comparison.suspects.map(\.entry), in: lane.record.laneID)
    let isWell = comparison.unread.isEmpty && comparison.findings(traces, firstHeld: nil, furthestBefore: .zero).isEmpty
    if isWell { return .compared(piece) }
    guard let firstHeld = try await firstHeld(of: lane) else { return .discarded }
    piece.findings = comparison.findings(traces, firstHeld: firstHeld.entry, furthestBefore: contents.furthestBefore)
    return .compared(piece)
  }

  /// Returns the first entry that a lane's stream holds; the largest id where it holds none. Nil where it is not certain that the stream is the one
  /// that was read.
  package func firstEntry(of lane: Lane) async throws -> EntryID? { try await firstHeld(of: lane).map { $0.entry ?? .max } }

  /// Returns the first entry that a lane's stream holds. Nil where it is not certain that the stream is the one that was read.
  private func firstHeld(of lane: Lane) async throws -> (entry: EntryID?, Void)? {
    let expected = ExpectedStream(lane.record, knownAdded: 0)
    switch try await services.source.inspect([expected]).first {
    case .seen(let observed)?:
      guard StreamComparison(expected, observed).isSameStream else { return nil }
      return (observed.stream?.firstID, ())
    case .refused(let error)?: throw error
    case .deferred?, nil: return nil
    }
  }

  private func expected(_ block: EntryBlock, of lane: Lane) -> [ExpectedEntry] {
    ExpectedEntry.all(of: batch([block], for: lane.record, lane.partition))
  }

  /// Makes the batch of all entries of some blocks.
  func batch(_ blocks: [EntryBlock], for record: LaneRecord, _ partition: SessionPartition?) -> ChangeBatch {
    var builder = BatchBuilder(routes: routes, limits: limits, entryCount: blocks.reduce(0) { $0 + $1.entries.count })
    builder.append(
      lane: record, partition: partition,
      blocks.enumerated().map { LaneChunk(block: $1, blockID: $0, entries: 0..<$1.entries.count) })
    return builder.finish()
  }

  private func read(_ lane: String, after: EntryID, count: Int, budget: Int?, bytes: Int) async throws -> LaneReadReply {
    try await services.source.read(
      LaneReadRequest(
        positions: [LaneReadRequest.Position(lane: lane, after: after)], count: count, block: nil, budget: budget, maxEntryBytes: bytes,
        maxFields: limits.maxFields))
  }

  /// Reads one entry whole, as far as an entry may be large. Nil where the stream does not hold it.
  func readAlone(_ entry: EntryID, of lane: String) async throws -> EntryBlock? {
    let reply = try await read(lane, after: entry.predecessor, count: 1, budget: nil, bytes: limits.maxEntryBytes)
    guard case .entries(let block) = reply, block.entries.first?.id == entry else { return nil }
    return block
  }
}
