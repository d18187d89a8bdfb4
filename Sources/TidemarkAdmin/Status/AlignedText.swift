/// Formats tables for a terminal.
package enum AlignedText {
  /// Returns lines with columns as wide as their content and numbers aligned to the right.
  package static func lines(_ rows: [[String]], numeric: ClosedRange<Int>) -> [String] {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += "  " }
        line += numeric.contains(column) ? space + cell : cell + space
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
