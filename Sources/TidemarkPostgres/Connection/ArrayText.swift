/// Reads an array of texts in Postgres' output format (array_out): `{a,"b \"c\"",NULL}`. Elements that are NULL are left out.
struct ArrayText {
  private(set) var elements: [String] = []

  /// Nil for a text that is no array of one dimension.
  init?(_ text: ArraySlice<UInt8>) {
    guard text.first == UInt8(ascii: "{"), text.last == UInt8(ascii: "}") else { return nil }
    var place = text.startIndex + 1
    let end = text.endIndex - 1
    while place < end {
      var element: [UInt8] = []
      let isQuoted = text[place] == UInt8(ascii: "\"")
      if isQuoted { place += 1 }
      let closing = isQuoted ? UInt8(ascii: "\"") : UInt8(ascii: ",")
      while place < end, text[place] != closing {
        if text[place] == UInt8(ascii: "\\") { place += 1 }
        guard place < end else { return nil }
        element.append(text[place])
        place += 1
      }
      if isQuoted {
        guard place < end else { return nil }
        place += 1
      }
      if isQuoted || element != Array("NULL".utf8) { elements.append(String(decoding: element, as: UTF8.self)) }
      guard place == end || text[place] == UInt8(ascii: ",") else { return nil }
      place += 1
    }
  }
}

extension PostgresResult {
  /// The elements of a `text[]` cell. Nil for NULL, and for what is no array of one dimension.
  package func strings(_ row: Int, _ column: String) -> [String]? {
    raw(row, column).flatMap { ArrayText($0)?.elements }
  }
}
