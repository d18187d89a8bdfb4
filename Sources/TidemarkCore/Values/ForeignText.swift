/// Makes text from a producer, a stream's name, or a server safe to show to a person.
///
/// A terminal executes the escape sequences that it receives: one in a message's content could rewrite the lines above it, set the
/// clipboard, or hide the text behind it. Directional marks and characters without width make one text look like another. All of these
/// become visible escapes such as `\u{1B}`. Every other character stays as it is.
package enum ForeignText {
  /// Returns the text in one line; a line break becomes `\n`.
  package static func escaped(_ text: some StringProtocol) -> String {
    rewritten(text, where: isUnsafe, by: escape)
  }

  /// Returns any bytes as text in one line; bytes that are not UTF-8 become U+FFFD.
  package static func escaped(_ bytes: some Sequence<UInt8>) -> String { escaped(String(decoding: Array(bytes), as: UTF8.self)) }

  /// Returns an error's text in one line; its line breaks become spaces.
  package static func line(_ text: some StringProtocol) -> String {
    escaped(text.split(whereSeparator: \.isNewline).joined(separator: " "))
  }

  /// Returns Tidemark's own lines with unsafe characters escaped, in case a foreign part was not escaped before; line feeds and tabs stay.
  package static func lines(_ text: String) -> String {
    rewritten(text, where: isUnsafeBesideLayout, by: escape)
  }

  /// Returns a JSON text with the same meaning that holds no characters for a terminal to execute. JSON has such characters only within
  /// strings, where they may be written as `\u001b`; the line feeds between its values stay.
  package static func json(_ json: String) -> String {
    rewritten(json, where: isUnsafeBesideLayout) { scalar in
      String(scalar).utf16.map { "\\u" + hex(UInt32($0), digits: 4) }.joined()
    }
  }

  private static func rewritten(
    _ text: some StringProtocol, where isRewritten: (Unicode.Scalar) -> Bool, by escape: (Unicode.Scalar) -> String
  ) -> String {
    guard text.unicodeScalars.contains(where: isRewritten) else { return String(text) }
    var result = ""
    for scalar in text.unicodeScalars {
      if isRewritten(scalar) { result += escape(scalar) } else { result.unicodeScalars.append(scalar) }
    }
    return result
  }

  /// Returns whether a terminal or a page may execute the character rather than show it: C0, DEL and C1; directional marks and other
  /// characters without width; line and paragraph separators.
  static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: return true
    default: return false
    }
  }

  private static func isUnsafeBesideLayout(_ scalar: Unicode.Scalar) -> Bool {
    isUnsafe(scalar) && scalar != "\n" && scalar != "\t"
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\t": "\\t"
    case "\r": "\\r"
    default: "\\u{" + hex(scalar.value, digits: 2) + "}"
    }
  }

  private static func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
