internal import TidemarkCore

/// Rows in the text format of COPY (PostgreSQL, "COPY", File Formats): tabs between columns, `\N` for NULL, a backslash before what
/// would end a value.
enum CopyText {
  static func encode(_ rows: RowSet, order: [Int], bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(rows.cells.reduce(0) { $0 + max($1.length, 2) + 1 } * 9 / 8)
    bytes.withUnsafeBufferPointer { source in
      for row in order {
        for column in 0..<rows.columnCount {
          if column > 0 { output.append(UInt8(ascii: "\t")) }
          append(rows.cell(row: row, column: column), of: source, to: &output)
        }
        output.append(UInt8(ascii: "\n"))
      }
    }
    return output
  }

  static func append(_ cell: RowSet.Cell, of source: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    guard let range = cell.range else {
      output.append(UInt8(ascii: "\\"))
      output.append(UInt8(ascii: "N"))
      return
    }
    // Whole runs between two bytes that need an escape.
    var start = range.lowerBound
    for index in range {
      let escaped: UInt8
      switch source[index] {
      case UInt8(ascii: "\\"): escaped = UInt8(ascii: "\\")
      case UInt8(ascii: "\n"): escaped = UInt8(ascii: "n")
      case UInt8(ascii: "\r"): escaped = UInt8(ascii: "r")
      case UInt8(ascii: "\t"): escaped = UInt8(ascii: "t")
      default: continue
      }
      output.append(contentsOf: source[start..<index])
      output.append(UInt8(ascii: "\\"))
      output.append(escaped)
      start = index + 1
    }
    output.append(contentsOf: source[start..<range.upperBound])
  }
}
