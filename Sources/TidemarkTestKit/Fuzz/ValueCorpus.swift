/// Values at the edges of what fields allow.
enum ValueCorpus {
  static let texts = bytes(
    [
      "a", "hello", "Zürich", "東京", "😀", " ", "\n", "\t\\\"'", "{}", "NULL", "\\N", "\\.", "x,y", "{\"a\",NULL}", "\u{1}\u{1F}", "\u{FEFF}",
      "\u{202E}", "e\u{301}", "\u{10FFFF}", String(repeating: "x", count: 511), String(repeating: "\"\\", count: 256),
    ])

  /// Of any field: empty, too long, not UTF-8, with a NUL.
  static let odd: [[UInt8]] =
    bytes(["", "0", "2", "-", "true", "{", "[", "\u{0}", "a\u{0}b", String(repeating: "k", count: 513), String(repeating: "é", count: 257)])
    + [
      [0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xFF, 0xFE], [0x61, 0xC3], [0xA9],
      [UInt8](repeating: 0x41, count: 70_000), [UInt8](repeating: 0, count: 300),
    ]

  static let integers = bytes(["0", "1", "42", "-1", "1795389463124", "9223372036854775807", "253402300799999", "007", "-0", "2147483647"])

  static let numbers = bytes(
    [
      "0", "-0", "0.0", "1", "0.5", "-1.25", "1e10", "1E-10", "123456789012345678901234567890", "1.7976931348623157e308", "5e-324",
      "0.1e1", "-0.00000001", "1e-307", "0e5",
    ])

  static let json = bytes(
    [
      "null", "true", "0", "-0.0", "\"\"", "\"a\"", "[]", "{}", " {\"a\" : [1, 2.5e3, null]} ", "{\"a\":1,\"a\":2}", "[[[[[[]]]]]]",
      "\"\\u00e9\\uD83D\\uDE00\"", "1e400", "-1e-400", "123456789012345678901234567890.5", "\"\\\\\\\"\"", "1e131071", "1e-16383",
      String(repeating: "[", count: 900) + String(repeating: "]", count: 900),
    ])

  /// Good for some field, and mostly not for the one at hand.
  static let good = texts + integers + numbers + json

  static let nearlyJSON = bytes(
    [
      "", " ", "nul", "nullx", "tru", "01", "1.", ".5", "+1", "-", "1e", "1e+", "--1", "0x10", "NaN", "Infinity", "'a'", "\"", "\"a",
      "\"\\\"", "\"\\u12\"", "\"\\u0000\"", "\"\\uD800\"", "\"\\uDC00\"", "\"\\uD800\\u0041\"", "\"\\x\"", "\"\n\"", "[", "]", "[1,]",
      "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{1:2}", "{]", "[}", "1 2", "[]]", "\u{FEFF}1", "1e131072", "1e-16384",
      "1e99999999999", "0e99999999999", "0e-99999999999", "-0e2147483648", "0e1073741823", "[0e1000000000]",
      String(repeating: "[", count: 1_001) + String(repeating: "]", count: 1_001), String(repeating: "{\"a\":", count: 3_000),
      String(repeating: "[", count: 100_000),
    ])

  /// What JSON is made of, for damage.
  static let jsonTokens =
    bytes(["{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\u0000", "\\uD800", "e", "-", ".", "0", "1", "null", " ", "\u{0}", "é"])
    + [[0xFF], [0xC3]]

  /// Names that nobody knows, that nearly are known ones, and those that mean much elsewhere.
  static let names: [[UInt8]] =
    bytes([
      "", "x", "typ", "Type", "sesion", "session ", "meta", "meta.", "meta.a", "mta.", "content_", "rol", "value.", "ts2", "événement",
      "a\"b", "a\\b", "\n", "\u{0}", "__proto__", "key", "call_id", "message_id", "status", "ephemeral", "v",
      String(repeating: "n", count: 600),
    ]) + [[0xFF]]

  private static func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
}
