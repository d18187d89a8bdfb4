package import TidemarkCore

extension PostgresSink: ReconciliationLedger {
  package func verifiedLanes(_ lanes: [Int32]) async throws -> [VerifiedLane] {
    let result = try await query(reconciliation.verifiedLanes, [.integerArray(lanes.map { Int64($0) })])
    return (0..<result.rowCount).compactMap { row in
      guard let id = result.int64(row, "lane_id"), let incarnation = result.int64(row, "incarnation"), let entry = result.entryID(row)
      else { return nil }
      let began = EntryID(ledgerMS: result.int64(row, "began_ms") ?? 0, ledgerNo: result.int64(row, "began_no") ?? 0)
      return VerifiedLane(laneID: Int32(clamping: id), incarnation: incarnation, began: began, through: entry)
    }
  }

  package func contents(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> LaneContents? {
    let result = try await query(reconciliation.contents, Self.parameters(lane, range, session, limit))
    guard result.rowCount == 1, let fence = result.int64(0, "fence"), let incarnation = result.int64(0, "incarnation") else { return nil }
    return LaneContents(
      changes: Int(clamping: result.int64(0, "changes") ?? 0), last: result.entryID(0),
      digest: RangeDigest(bytes: result.bytes(0, "digest") ?? []), fence: fence, incarnation: incarnation,
      furthestBefore: EntryID(ledgerMS: result.int64(0, "furthest_ms") ?? 0, ledgerNo: result.int64(0, "furthest_no") ?? 0))
  }

  package func changes(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> [StoredChange] {
    let result = try await query(reconciliation.changes, Self.parameters(lane, range, session, limit))
    return (0..<result.rowCount).compactMap { row in
      guard let id = result.entryID(row) else { return nil }
      return StoredChange(
        id: id, digest: result.bytes(row, "digest").flatMap { ContentDigest(bytes: $0) }, session: result.string(row, "session_id"),
        epoch: result.int64(row, "epoch"), seq: result.int64(row, "seq"))
    }
  }

  package func traces(of entries: [ExpectedEntry], in lane: Int32) async throws -> [EntryTrace] {
    guard !entries.isEmpty else { return [] }
    let digests = entries.map { $0.digest?.bytes }
    let contents = entries.map { $0.contentDigest?.bytes }
    let result = try await query(
      reconciliation.traces,
      [
        .integer(Int64(lane)), .integerArray(entries.map(\.id.ledgerMS)), .integerArray(entries.map(\.id.ledgerNo)),
        .byteaArray(digests.map { $0?[...] }), .textArray(strings: entries.map(\.session)), .textArray(strings: entries.map(\.eventID)),
        .byteaArray(contents.map { $0?[...] }), .integer(settings.dedupeWindow.milliseconds),
      ])
    guard result.rowCount == entries.count else { throw SinkError(.fault(.ambiguous), "Postgres answered for other entries than asked") }
    return (0..<result.rowCount).map { row in
      var trace = EntryTrace()
      trace.isLetter = result.bool(row, "is_letter") == true
      trace.isOwnID = result.bool(row, "is_own_id") == true
      trace.isSameID = result.bool(row, "is_same_id") == true
      trace.isOtherID = result.bool(row, "is_other_id") == true
      trace.isCertain = result.bool(row, "is_certain") == true
      trace.isForgottenID = result.bool(row, "is_forgotten_id") == true
      return trace
    }
  }

  package func record(_ range: ReconciledRange) async throws -> [Divergence] {
    let (found, spans, holes) = (range.divergences, range.numbers.spans, range.numbers.holes)
    let ends = [range.range.after, range.range.through].flatMap { [$0.ledgerMS, $0.ledgerNo] }.map { PostgresValue.integer($0) }
    let result = try await query(
      reconciliation.record,
      [.integer(Int64(range.lane)), .integer(range.fence), .integer(range.incarnation)] + ends + [
        .textArray(strings: found.map(\.lane)), .textArray(strings: found.map(\.session)), .textArray(strings: found.map(\.kind.rawValue)),
        .textArray(strings: found.map(\.subject)), .integerArray(found.map { $0.entries?.lowerBound.ledgerMS }),
        .integerArray(found.map { $0.entries?.lowerBound.ledgerNo }), .integerArray(found.map { $0.entries?.upperBound.ledgerMS }),
        .integerArray(found.map { $0.entries?.upperBound.ledgerNo }), .textArray(strings: found.map(\.detail)),
      ] + [.textArray(strings: spans.map(\.first.session))] + Self.parameters(spans.map(\.first)) + Self.parameters(spans.map(\.last)) + [
        .textArray(strings: holes.map(\.session)), .integerArray(holes.map(\.epoch)), .integerArray(holes.map(\.numbers.lowerBound)),
        .integerArray(holes.map(\.numbers.upperBound)), .integerArray(holes.map(\.after.ledgerMS)),
        .integerArray(holes.map(\.after.ledgerNo)), .integerArray(holes.map(\.before.ledgerMS)),
        .integerArray(holes.map(\.before.ledgerNo)), .bool(range.isDry),
      ])
    return Divergence.all(of: result)
  }

  package func missingEntries(
    of lane: String, session: String?, after number: Int64, limit: Int
  ) async throws -> [(number: Int64, entry: EntryID)] {
    let result = try await query(
      reconciliation.missingEntries, [.string(lane), .integer(number), .integer(Int64(limit)), .string(session)])
    return (0..<result.rowCount).compactMap { row in
      guard let number = result.int64(row, "id"), let entry = result.entryID(row) else { return nil }
      return (number, entry)
    }
  }

  private static func parameters(_ lane: Int32, _ range: EntryRange, _ session: String?, _ limit: Int) -> [PostgresValue] {
    [
      .integer(Int64(lane)), .string(session), .integer(range.after.ledgerMS), .integer(range.after.ledgerNo),
      .integer(range.through.ledgerMS), .integer(range.through.ledgerNo), .integer(Int64(limit)),
    ]
  }

  private static func parameters(_ changes: [NumberedChanges.Change]) -> [PostgresValue] {
    [
      .integerArray(changes.map(\.epoch)), .integerArray(changes.map(\.seq)), .integerArray(changes.map(\.entry.ledgerMS)),
      .integerArray(changes.map(\.entry.ledgerNo)),
    ]
  }
}

extension Divergence {
  /// The rows of differences, in their order; those of other kinds are left out.
  static func all(of result: PostgresResult) -> [Divergence] {
    (0..<result.rowCount).compactMap { row in
      guard let kind = result.string(row, "kind").flatMap({ Kind(rawValue: $0) }) else { return nil }
      var entries: ClosedRange<EntryID>?
      if let first = result.entryID(row), let ms = result.int64(row, "through_ms"), let no = result.int64(row, "through_no") {
        let last = EntryID(ledgerMS: ms, ledgerNo: no)
        entries = min(first, last)...max(first, last)
      }
      return Divergence(
        lane: result.string(row, "lane") ?? "", session: result.string(row, "session_id"), kind: kind,
        subject: result.string(row, "subject") ?? "", entries: entries, detail: result.string(row, "detail") ?? "")
    }
  }
}
