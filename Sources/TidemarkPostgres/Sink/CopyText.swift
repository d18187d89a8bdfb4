internal import TidemarkCore

/// Rows in the text format of COPY (PostgreSQL, "COPY", File Formats): tabs between columns, `\N` for NULL, a backslash before what
/// would end a value.
enum CopyText {
  static func write(_ rows: RowSet, order: [RowSet.Ordered], of batch: ChangeBatch, to stream: inout CopyStream) throws {
    var line: [UInt8] = []
    for row in order {
      line.removeAll(keepingCapacity: true)
      for column in 0..<rows.columnCount {
        if column > 0 { line.append(UInt8(ascii: "\t")) }
        if let text = batch.text(of: rows.cell(row, column: column)) {
          append(text, to: &line)
        } else {
          line.append(contentsOf: "\\N".utf8)
        }
      }
      line.append(UInt8(ascii: "\n"))
      try stream.append(line)
    }
  }

  private static func append(_ text: ArraySlice<UInt8>, to output: inout [UInt8]) {
    // Whole runs between two bytes that need an escape.
    var start = text.startIndex
    for index in text.indices {
      let escaped: UInt8
      switch text[index] {
      case UInt8(ascii: "\\"): escaped = UInt8(ascii: "\\")
      case UInt8(ascii: "\n"): escaped = UInt8(ascii: "n")
      case UInt8(ascii: "\r"): escaped = UInt8(ascii: "r")
      case UInt8(ascii: "\t"): escaped = UInt8(ascii: "t")
      default: continue
      }
      output.append(contentsOf: text[start..<index])
      output.append(UInt8(ascii: "\\"))
      output.append(escaped)
      start = index + 1
    }
    output.append(contentsOf: text[start...])
  }
}
