/// Quoting of names and text in SQL that is put together by hand.
package enum PostgresIdentifier {
  /// `a"b` as `"a""b"`. Throws `.misuse` for an empty name and for NUL, which no name may hold.
  package static func quoted(_ name: String) throws -> String {
    guard !name.isEmpty else { throw PostgresError(.misuse, "a name in SQL may not be empty") }
    guard !name.utf8.contains(0) else { throw PostgresError(.misuse, "a name in SQL may not hold a NUL") }
    return wrap(name.unicodeScalars, in: "\"")
  }

  /// `it's` as `'it''s'`, safe whatever `standard_conforming_strings` says. Throws `.misuse` for NUL.
  package static func literal(_ text: String) throws -> String {
    guard !text.utf8.contains(0) else { throw PostgresError(.misuse, "text in SQL may not hold a NUL") }
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return wrap(text.unicodeScalars, in: "'") }
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar == "\\" { escaped.append(scalar) }
      escaped.append(scalar)
    }
    return "E" + wrap(escaped, in: "'")
  }

  // By scalar and not by character: a quote followed by a combining mark is one Character, and would slip through.
  private static func wrap(_ scalars: String.UnicodeScalarView, in quote: Unicode.Scalar) -> String {
    var result = String.UnicodeScalarView()
    result.append(quote)
    for scalar in scalars {
      if scalar == quote { result.append(quote) }
      result.append(scalar)
    }
    result.append(quote)
    return String(result)
  }
}
