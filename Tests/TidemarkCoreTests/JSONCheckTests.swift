import Testing
import TidemarkTestKit

@testable import TidemarkCore

func jsonProblem(_ text: String, wantsArray: Bool = false) -> String? {
  JSONCheck.problem(in: Array(text.utf8), wantsArray: wantsArray)
}

@Suite struct JSONCheckTests {
  static let valid: [String] = [
    "null", "true", "false", "0", "-0", "1", "-1", "10", "0.5", "-0.0", "1e5", "1E+5", "1e-5", "0e0", "1.25e3", "\"\"", "\"a\"",
    "[]", "{}", "[ ]", "{ }", " [ 1 , 2 ] ", "\t\n\r {\"a\":1}\n", "[[[]]]", "{\"a\":{\"b\":[]}}", "[null,true,false,0,\"\"]",
    "{\"a\":1,\"a\":2}", "{\"\":0}", #""\"\\\/\b\f\n\r\t""#, #""\u0041""#, #""\u0001""#, #""\uD83D\uDE00""#, #""\ud83d\ude00""#,
    #""\u00e9""#, #"{"\u0041":1}"#, "\"\u{7F}\"", "\"é\"", "\"😀\"", "\"\u{2028}\"", #""\\u0000""#, "[1,[2,[3,{\"a\":[4]}]]]",
    "0e1000000", "0.0e-16382",
  ]

  static let invalid: [String] = [
    "", " ", "\n", "nul", "nulll", "True", "NULL", "undefined", "NaN", "Infinity", "-", "+1", "01", "-01", "00", "1.", ".5", "1.e5", "1e",
    "1e+", "1e5.5", "0x10", "1 2", "1,", "--1", "1-", "1_000", "\"", "\"a", "a\"", "'a'", "\"a\"b", "\"\\", #""\x""#, #""\u""#, #""\u00""#,
    #""\u00g0""#, #""\U0041""#, "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[]]", "[}", "{", "}", "{\"a\"", "{\"a\":",
    "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{1:2}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{\"a\"}", "{:1}",
    "{null:1}", "[1}", "{}{}", "[] []", "null null", "{} x", "// c\n1", "1 // c", "/**/1", "\u{FEFF}1", "\u{A0}1", "[\u{B}1]",
    "\"a\nb\"", "\"a\tb\"", "\"\u{0}\"", "\"\u{1}\"", "\"\u{1F}\"", "\u{0}", "1\u{0}", "{\"a\nb\":1}", "{\"a\\\":1}",
  ]

  @Test(arguments: valid) func `a JSON value is accepted`(text: String) {
    #expect(jsonProblem(text) == nil)
  }

  @Test(arguments: invalid) func `a text that is not one JSON value is refused`(text: String) {
    #expect(jsonProblem(text) != nil)
  }

  @Test(arguments: [#""\u0000""#, #""a\u0000b""#, #"{"\u0000":1}"#, #"["x",{"a":"\u0000"}]"#])
  func `an escaped NUL is refused because jsonb can't hold it`(text: String) {
    #expect(jsonProblem(text)?.contains("u0000") == true)
  }

  @Test(arguments: [
    #""\uD800""#, #""\uDBFF""#, #""\uDC00""#, #""\uDFFF""#, #""\uD83Dx""#, #""\uD83D\n""#, #""\uD83D\u0041""#, #""\uD83D\uD83D""#,
    #""\uDE00\uD83D""#, #""\uD83D\uE000""#, #""\ud83d\ude0""#,
  ])
  func `a lone surrogate is refused, whichever half it is`(text: String) {
    #expect(jsonProblem(text) != nil)
  }

  @Test func `numbers that numeric can't hold are refused, the largest ones it can are not`() {
    let zeros = { String(repeating: "0", count: $0) }
    #expect(jsonProblem("1e131071") == nil)
    #expect(jsonProblem("1e131072") != nil)
    #expect(jsonProblem("-9.9e131071") == nil)
    #expect(jsonProblem("10e131071") != nil)
    #expect(jsonProblem("0.1e131072") == nil)
    #expect(jsonProblem("1" + zeros(131_071)) == nil)
    #expect(jsonProblem("1" + zeros(131_072)) != nil)
    #expect(jsonProblem("0." + zeros(16_382) + "1") == nil)
    #expect(jsonProblem("0." + zeros(16_383) + "1") != nil)
    #expect(jsonProblem("1e-16383") == nil)
    #expect(jsonProblem("1e-16384") != nil)
    #expect(jsonProblem("1.5e-16382") == nil)
    #expect(jsonProblem("1.5e-16383") != nil)
    #expect(jsonProblem("1e999999999999999999999999999") != nil)
    #expect(jsonProblem("[1,{\"a\":1e131072}]")?.contains("numeric") == true)
  }

  @Test func `numbers whose digits are far longer than the value are refused, doubles and long integers are not`() {
    func array(_ number: String, _ count: Int) -> String { "[" + Array(repeating: number, count: count).joined(separator: ",") + "]" }
    #expect(jsonProblem("[1e131071]") == nil)
    let problem = "has numbers that take more than 147792 bytes when their digits are written out at byte 18"
    #expect(jsonProblem("[1e131071,1e131071,1]") == problem)
    for number in ["1e131071", "1e-16383", "9e9999", "[0e-16383]"] {
      #expect(jsonProblem(array(number, 20_000))?.contains("written out") == true, "\(number)")
    }
    for number in ["4.9406564584124654e-324", "1.7976931348623157e308", "-1e15", "0.1", "12345678901234567890", "1e9"] {
      #expect(jsonProblem(array(number, 20_000)) == nil, "\(number)")
    }
    #expect(jsonProblem(array(String(repeating: "7", count: 131_072), 10)) == nil)
    // The limit for the whole entry does not grow with its length.
    #expect(jsonProblem(array("4.9406564584124654e-324", 250_000))?.contains("more than 67108864 bytes") == true)
  }

  @Test func `the numbers of all fields of an entry share one limit`() {
    let largest = "1e131071"
    #expect(decode(change("session.updated", [["meta.a", largest]])).change != nil)
    for second in [["meta.b", largest], ["meta.b", "[\(largest)]"]] as [RawField] {
      let rejection = decode(change("session.updated", [["meta.a", largest], second])).rejection
      #expect(rejection?.reason == .badJSON)
      #expect(rejection?.detail.hasPrefix("the field 'meta.b' has numbers that take more than ") == true, "\(rejection?.detail ?? "")")
    }
    #expect(
      decode(change("tool.finished", [["call_id", "c"], ["status", "ok"], ["result", largest], ["usage", largest]])).change == nil)
  }

  @Test func `the printed length of a number is known`() {
    for (text, printed) in [
      ("0", "0"), ("-0", "0"), ("7", "7"), ("1e3", "1000"), ("12.5e1", "125"), ("1.50", "1.50"), ("1e-3", "0.001"), ("0e-2", "0.00"),
      ("12e-1", "1.2"), ("0.05", "0.05"), ("100", "100"), ("0e5", "0"), ("123456e-2", "1234.56"),
    ] {
      #expect(Array(text.utf8).withUnsafeBufferPointer { NumberScan(prefixOf: $0)?.printedLength } == printed.count, "\(text)")
    }
  }

  @Test func `nesting has a limit, and hostile nesting doesn't exhaust the stack`() {
    func arrays(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    func objects(_ depth: Int) -> String { String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth) }
    for make in [arrays, objects] {
      #expect(jsonProblem(make(1_000)) == nil)
      #expect(jsonProblem(make(1_001))?.contains("nested") == true)
      #expect(jsonProblem(make(100_000))?.contains("nested") == true)
    }
    // Breadth does not count as depth.
    #expect(jsonProblem("[" + String(repeating: "[],", count: 5_000) + "1]") == nil)
  }

  @Test func `a value that is not an array is refused where an array is required`() {
    #expect(jsonProblem(" [1]", wantsArray: true) == nil)
    for text in ["{}", "1", "\"[]\"", "null", "", "[", "[1]x"] { #expect(jsonProblem(text, wantsArray: true) != nil, "\(text)") }
  }

  @Test func `the message names the byte, in one line and without the value`() {
    #expect(jsonProblem("[1,x]") == "is not JSON at byte 3")
    #expect(jsonProblem("{\"secret\n") == "has a control character in a string at byte 8")
  }

  /// Returns a document, with the ends of its prefixes that are documents themselves (`12` begins with `1`).
  private static func document(_ random: inout SeededGenerator, depth: Int) -> String {
    func space() -> String { random.chance(15) ? [" ", "\n", "\t ", "\r\n"][random.below(4)] : "" }
    func string() -> String {
      let parts = ["a", "é", "😀", #"\n"#, #"\""#, #"\\"#, #"\u0041"#, #"\uD83D\uDE00"#, "{", "]", ",", "/", #"\/"#, "\u{7F}"]
      return "\"" + (0..<random.below(5)).map { _ in parts[random.below(parts.count)] }.joined() + "\""
    }
    switch depth > 0 ? random.below(7) : random.below(5) {
    case 0: return ["null", "true", "false"][random.below(3)]
    case 1, 2: return string()
    case 3: return String(Int.random(in: -1_000_000...1_000_000, using: &random))
    case 4: return "\(random.below(90)).\(random.below(90))" + (random.chance(50) ? "e\(Int.random(in: -20...20, using: &random))" : "")
    case 5:
      return "[" + space() + (0..<random.below(4)).map { _ in document(&random, depth: depth - 1) }.joined(separator: ",") + space() + "]"
    default:
      let members = (0..<random.below(4)).map { _ in string() + space() + ":" + space() + document(&random, depth: depth - 1) }
      return "{" + members.joined(separator: "," + space()) + "}"
    }
  }

  @Test func `every generated document is accepted, and every truncated one is refused`() {
    var random = SeededGenerator(seed: 4)
    for round in 0..<600 {
      let text = Self.document(&random, depth: 4)
      #expect(jsonProblem(text) == nil, "round \(round): \(text)")
      // A number's prefix may be a number; a value that opens with a bracket, a quote or a letter is incomplete before its end.
      guard let first = text.utf8.first, !"-0123456789".utf8.contains(first) else { continue }
      let bytes = Array(text.utf8)
      for end in bytes.indices {
        let problem = JSONCheck.problem(in: Array(bytes[..<end]))
        if problem == nil { Issue.record("round \(round): the first \(end) bytes of \(text) were taken") }
      }
    }
  }

  @Test func `a document with one byte changed never crashes the check, and changed brackets are refused`() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<600 {
      var bytes = Array(Self.document(&random, depth: 3).utf8)
      guard !bytes.isEmpty else { continue }
      bytes[random.below(bytes.count)] = UInt8(random.below(128))
      let problem = JSONCheck.problem(in: bytes)
      let brackets = "[]{}".utf8
      if !bytes.contains(UInt8(ascii: "\"")), problem == nil {
        #expect(bytes.count { $0 == brackets.first } == bytes.count { $0 == UInt8(ascii: "]") })
      }
    }
  }
}
