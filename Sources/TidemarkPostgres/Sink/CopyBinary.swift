internal import TidemarkCore

/// Rows in the binary format of COPY (PostgreSQL, "COPY", File Formats).
enum CopyBinary {
  private static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
  private static let end: [UInt8] = [0xFF, 0xFF]

  static func write(_ rows: RowSet, order: [RowSet.Ordered], types: [BinaryType], of batch: ChangeBatch, to stream: inout CopyStream) throws
  {
    let cells = BinaryCells(batch: batch)
    try stream.append(header)
    for row in order {
      let row = rows.cells(of: row)
      var size = 2
      for (cell, type) in zip(row, types) { size += cells.size(of: cell, as: type) }
      if size <= CopyStream.pieceSize {
        try stream.append(size: size) { cursor in
          cursor.put(Int16(types.count))
          for (cell, type) in zip(row, types) { cells.put(cell, as: type, &cursor) }
        }
      } else {
        try stream.append(size: 2) { $0.put(Int16(types.count)) }
        for (cell, type) in zip(row, types) { try write(cell, type, cells, to: &stream) }
      }
    }
    try stream.append(end)
  }

  /// The audit trail of applied entries, in the columns of ``LedgerSQL/changeColumns``.
  static func writeChanges(_ numbers: [BatchOutcome.Numbered], of batch: ChangeBatch, to stream: inout CopyStream) throws {
    let cells = BinaryCells(batch: batch)
    try stream.append(header)
    for number in numbers {
      let entry = batch.entries[number.entry]
      // The numbers and the digest, which every row has.
      let fixedSize = 2 + 8 + 3 * 12 + 4 + ContentDigest.byteCount
      var size = fixedSize
      LedgerSQL.forEachCell(of: entry) { size += cells.size(of: $0, as: $1) }
      let isLarge = size > CopyStream.pieceSize
      try stream.append(size: isLarge ? fixedSize : size) { cursor in
        cursor.put(Int16(LedgerSQL.changeColumns.count))
        cursor.putValue(batch.segments[entry.lane].laneID)
        cursor.putValue(number.no)
        cursor.putValue(entry.id.ledgerMS)
        cursor.putValue(entry.id.ledgerNo)
        cursor.putDigest(entry.digest)
        if !isLarge { LedgerSQL.forEachCell(of: entry) { cells.put($0, as: $1, &cursor) } }
      }
      if isLarge { try LedgerSQL.forEachCell(of: entry) { try write($0, $1, cells, to: &stream) } }
    }
    try stream.append(end)
  }

  /// One cell, however large: its bytes go without a copy.
  private static func write(_ cell: Cell, _ type: BinaryType, _ cells: BinaryCells, to stream: inout CopyStream) throws {
    let size = cells.size(of: cell, as: type)
    guard size > CopyStream.pieceSize else { return try stream.append(size: size) { cells.put(cell, as: type, &$0) } }
    try stream.append(size: 4) { $0.put(Int32(size - 4)) }
    if type == .jsonb { try stream.append(size: 1) { $0.put(UInt8(1)) } }
    try cells.batch.text(of: cell)?.withUnsafeBytes { try stream.append($0) }
  }
}
