internal import TidemarkCore

/// A batch as parameters: one array for each column.
struct BatchParameters {
  let batch: ChangeBatch

  var cells: BinaryCells { BinaryCells(batch: batch) }

  /// One value for each column of one row.
  func values(of row: RowSet.Ordered, in rows: RowSet, types: [BinaryType]) -> [PostgresValue] {
    zip(rows.cells(of: row), types).map { cells.value($0, as: $1) }
  }

  /// One array for each column of a destination's rows.
  func columns(of rows: RowSet, order: [RowSet.Ordered], types: [BinaryType?]) -> [PostgresValue] {
    types.enumerated().map { column, type in
      guard let type else {
        return array { literal in
          for row in order { append(rows.cell(row, column: column), to: &literal) }
        }
      }
      return cells.array(of: type, count: order.count) { rows.cell(order[$0], column: column) }
    }
  }

  func fence() -> [PostgresValue] {
    let segments = batch.segments
    return [
      .integerArray(segments.map { Int64($0.laneID) }),
      .integerArray(segments.map(\.fence)),
      .integerArray(segments.map { $0.before.position.ledgerMS }),
      .integerArray(segments.map { $0.before.position.ledgerNo }),
      .integerArray(segments.map { Int64(clamping: $0.ordinalBefore) }),
      .integerArray(segments.map(\.before.appliedNo)),
    ]
  }

  /// - Parameter knownVersion: that of the sessions' rows for which the batch leaves out what is committed; nil leaves out nothing.
  func advance(_ outcome: BatchOutcome, knownVersion: Int64?) -> [PostgresValue] {
    let lanes = outcome.lanes
    func counts(_ column: (LaneCounts) -> Int) -> PostgresValue { .integerArray(lanes.map { Int64(column($0.counts)) }) }
    return fence() + [
      .integerArray(lanes.map { $0.cursor.position.ledgerMS }),
      .integerArray(lanes.map { $0.cursor.position.ledgerNo }),
      .byteaArray(lanes.map { $0.anchor.map { $0.bytes[...] } }),
      .integerArray(lanes.map(\.cursor.appliedNo)),
      counts(\.read), counts(\.applied), counts(\.duplicates), counts(\.divergent), counts(\.ephemeral), counts(\.skipped),
      counts(\.deadLetters), counts(\.missing), counts(\.reread), counts(\.misrouted), .integer(knownVersion),
    ]
  }

  /// The audit row of one applied entry, in the columns of ``LedgerSQL/changeColumns``.
  func change(_ number: BatchOutcome.Numbered) -> [PostgresValue] {
    let entry = batch.entries[number.entry]
    let numbers = [Int64(batch.segments[entry.lane].laneID), number.no, entry.id.ledgerMS, entry.id.ledgerNo]
    var values = zip(numbers, LedgerSQL.changeColumns).map { cells.value(.integer($0), as: $1.type) }
    values.append(PostgresValue.binary(of: .bytea, size: 4 + ContentDigest.byteCount) { $0.putDigest(entry.digest) })
    LedgerSQL.forEachCell(of: entry) { values.append(cells.value($0, as: $1)) }
    return values
  }

  /// The audit trail of the applied entries, in the columns of ``LedgerSQL/changeColumns``.
  func changes(_ numbers: [BatchOutcome.Numbered]) -> [PostgresValue] {
    let entries = numbers.map { batch.entries[$0.entry] }
    func column(_ type: BinaryType, _ cell: (BatchEntry) -> Cell) -> PostgresValue {
      cells.array(of: type, count: entries.count) { cell(entries[$0]) }
    }
    return [
      .integerArray(entries.map { Int64(batch.segments[$0.lane].laneID) }),
      .integerArray(numbers.map(\.no)),
      .integerArray(entries.map { $0.id.ledgerMS }),
      .integerArray(entries.map { $0.id.ledgerNo }),
      digests(entries),
      column(.text, \.session), column(.text, \.eventID), column(.bigint, \.seq), column(.bigint, \.epoch), column(.text, \.type),
      column(.text, \.actor), column(.text, \.trace), column(.integer, \.version), column(.timestamptz, \.occurredAt),
      column(.jsonb, \.fields),
    ]
  }

  /// The producers' ids among the applied entries. Nil when there are none.
  func eventIDs(_ numbers: [BatchOutcome.Numbered]) -> [PostgresValue]? {
    let entries = numbers.map { batch.entries[$0.entry] }.filter { $0.eventID != .null }
    guard !entries.isEmpty else { return nil }
    return [
      cells.array(of: .text, count: entries.count) { entries[$0].eventID },
      cells.array(of: .text, count: entries.count) { entries[$0].session },
      .integerArray(entries.map { $0.id.ledgerMS }),
      contentDigests(entries),
    ]
  }

  /// What was lost. Nil when nothing was.
  func gaps() -> [PostgresValue]? {
    let gaps = batch.segments.flatMap { segment in segment.gaps.map { (segment: segment, gap: $0) } }
    guard !gaps.isEmpty else { return nil }
    return [
      .textArray(strings: gaps.map(\.segment.lane)), .integerArray(gaps.map(\.segment.incarnation)),
      .integerArray(gaps.map { $0.gap.after.ledgerMS }), .integerArray(gaps.map { $0.gap.after.ledgerNo }),
      .integerArray(gaps.map { $0.gap.before.map { $0.ledgerMS } }),
      .integerArray(gaps.map { $0.gap.before.map { $0.ledgerNo } }),
      .integerArray(gaps.map { Int64($0.gap.missing) }), .textArray(strings: gaps.map(\.gap.cause.rawValue)),
    ]
  }

  func digests(_ entries: [BatchEntry]) -> PostgresValue {
    PostgresValue.array(of: .bytea, count: entries.count, size: (4 + ContentDigest.byteCount) * entries.count) { cursor in
      for entry in entries { cursor.putDigest(entry.digest) }
    }
  }

  func contentDigests(_ entries: [BatchEntry]) -> PostgresValue {
    PostgresValue.array(of: .bytea, count: entries.count, size: (4 + ContentDigest.byteCount) * entries.count) { cursor in
      for entry in entries { cursor.putDigest(entry.contentDigest) }
    }
  }

  /// An array of texts that Postgres' input functions read.
  func array(_ fill: (inout ArrayLiteral) -> Void) -> PostgresValue {
    var literal = ArrayLiteral(capacity: 4096)
    fill(&literal)
    return .text(literal.finish())
  }

  func append(_ cell: Cell, to literal: inout ArrayLiteral) {
    if let text = batch.text(of: cell) { literal.append(text) } else { literal.appendNull() }
  }
}
