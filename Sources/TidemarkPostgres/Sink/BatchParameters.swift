internal import TidemarkCore

/// A batch as parameters: one array for each column.
struct BatchParameters {
  let batch: ChangeBatch

  /// One array for each column of a destination's rows.
  func columns(of rows: RowSet, order: [Int]) -> [PostgresValue] {
    (0..<rows.columnCount).map { column in
      array { literal, bytes in
        for row in order { append(rows.cell(row: row, column: column), bytes, to: &literal) }
      }
    }
  }

  func fence() -> [PostgresValue] {
    let segments = batch.segments
    return [
      .integerArray(segments.map { Int64($0.laneID) }),
      .integerArray(segments.map(\.fence)),
      .integerArray(segments.map { Int64(clamping: $0.before.position.ms) }),
      .integerArray(segments.map { Int64(clamping: $0.before.position.no) }),
      .integerArray(segments.map(\.before.appliedNo)),
    ]
  }

  func advance(_ settlement: Settlement) -> [PostgresValue] {
    let lanes = settlement.lanes
    func counts(_ column: (LaneCounts) -> Int) -> PostgresValue { .integerArray(lanes.map { Int64(column($0.counts)) }) }
    return [
      .integerArray(lanes.map { Int64($0.laneID) }),
      .integerArray(lanes.map { Int64(clamping: $0.cursor.position.ms) }),
      .integerArray(lanes.map { Int64(clamping: $0.cursor.position.no) }),
      .textArray(lanes.map { $0.anchor.map { Hex.bytea($0.bytes) } }),
      .integerArray(lanes.map(\.cursor.appliedNo)),
      .textArray(lanes.map { Hex.bytea($0.cursor.seal) }),
      counts(\.read), counts(\.applied), counts(\.duplicates), counts(\.divergent), counts(\.ephemeral), counts(\.skipped),
      counts(\.deadLetters), counts(\.reread), counts(\.misrouted),
    ]
  }

  /// The audit trail of the applied entries, in the columns of ``LedgerSQL/changeColumns``.
  func changes(_ numbers: [Settlement.Numbered]) -> [PostgresValue] {
    func integers(_ value: (BatchEntry, Int64) -> Int64) -> PostgresValue {
      .integerArray(numbers.map { value(batch.entries[$0.entry], $0.no) })
    }
    func cells(_ cell: (BatchEntry) -> RowSet.Cell) -> PostgresValue {
      array { literal, bytes in
        for number in numbers { append(cell(batch.entries[number.entry]), bytes, to: &literal) }
      }
    }
    return [
      integers { entry, _ in Int64(batch.segments[entry.lane].laneID) },
      integers { $1 },
      integers { entry, _ in Int64(clamping: entry.id.ms) },
      integers { entry, _ in Int64(clamping: entry.id.no) },
      cells(\.session), cells(\.eventID),
      .textArray(numbers.map { Hex.bytea(batch.entries[$0.entry].digest.bytes) }),
      cells(\.seq), cells(\.epoch), cells(\.type), cells(\.actor), cells(\.trace), cells(\.version), cells(\.occurredAt), cells(\.fields),
    ]
  }

  /// The same as COPY text.
  func copyOfChanges(_ numbers: [Settlement.Numbered]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(numbers.count * 224)
    let tab = UInt8(ascii: "\t")
    batch.bytes.withUnsafeBufferPointer { bytes in
      for number in numbers {
        let entry = batch.entries[number.entry]
        DecimalText.append(Int64(batch.segments[entry.lane].laneID), to: &output)
        output.append(tab)
        DecimalText.append(number.no, to: &output)
        output.append(tab)
        DecimalText.append(Int64(clamping: entry.id.ms), to: &output)
        output.append(tab)
        DecimalText.append(Int64(clamping: entry.id.no), to: &output)
        for cell in [entry.session, entry.eventID] {
          output.append(tab)
          CopyText.append(cell, of: bytes, to: &output)
        }
        // A backslash of the value, and the one that COPY wants before it.
        output.append(contentsOf: "\t\\\\x".utf8)
        Hex.append(entry.digest.bytes, to: &output)
        for cell in [entry.seq, entry.epoch, entry.type, entry.actor, entry.trace, entry.version, entry.occurredAt, entry.fields] {
          output.append(tab)
          CopyText.append(cell, of: bytes, to: &output)
        }
        output.append(UInt8(ascii: "\n"))
      }
    }
    return output
  }

  /// The producers' ids among the applied entries. Nil when there are none.
  func eventIDs(_ numbers: [Settlement.Numbered]) -> [PostgresValue]? {
    let entries = numbers.map { batch.entries[$0.entry] }.filter { $0.eventID != .null }
    guard !entries.isEmpty else { return nil }
    return [
      array { literal, bytes in entries.forEach { append($0.eventID, bytes, to: &literal) } },
      array { literal, bytes in entries.forEach { append($0.session, bytes, to: &literal) } },
      .integerArray(entries.map { Int64(clamping: $0.id.ms) }),
      .textArray(entries.map { Hex.bytea($0.digest.bytes) }),
    ]
  }

  func array(_ fill: (inout ArrayLiteral, UnsafeBufferPointer<UInt8>) -> Void) -> PostgresValue {
    batch.bytes.withUnsafeBufferPointer { bytes in
      var literal = ArrayLiteral(capacity: 4096)
      fill(&literal, bytes)
      return .text(literal.finish())
    }
  }

  func append(_ cell: RowSet.Cell, _ bytes: UnsafeBufferPointer<UInt8>, to literal: inout ArrayLiteral) {
    guard let range = cell.range else { return literal.appendNull() }
    literal.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[range]))
  }
}
