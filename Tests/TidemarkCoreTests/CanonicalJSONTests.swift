import Testing

@testable import TidemarkCore

@Suite struct CanonicalJSONTests {
  @Test(arguments: [
    ["{\"a\": 1, \"b\": [1, 2]}", " {\"b\":[ 1,2 ],\"a\":1.0}", "{\"a\":2,\"b\":[1,2],\"a\":10e-1}"],
    ["100", "1e2", "1E+2", "100.00", "0.1e3"], ["0", "-0", "0.00", "0e7"], ["-1.5", "-15e-1"],
    ["12345678901234567890.12345678901234567890", "1234567890123456789012345678901234567.890e-17"],
    ["\"\\u00e9\\n\\/\"", "\"é\\n/\""], ["\"\\ud83d\\ude00\"", "\"😀\""], ["\"\\u0000\\ud83d\"", "\"\u{FFFD}\u{FFFD}\""],
    ["[]", "[ ]"], ["{}", "{ }"], ["null", " null "], ["true"],
    ["\"\\\"\\\\\\b\\f\\r\\t\"", "\"\\u0022\\u005c\\u0008\\u000c\\u000d\\u0009\""],
  ])
  func `texts of one value are equal`(texts: [String]) throws {
    let values = try texts.map { try #require(CanonicalJSON($0), "\($0)") }
    for value in values { #expect(value == values[0]) }
  }

  @Test func `texts of different values differ`() {
    let texts = [
      "1", "10", "-1", "0.1", "\"1\"", "null", "true", "false", "[]", "{}", "[null]", "[1,2]", "[2,1]", "{\"a\":1}", "{\"b\":1}",
      "{\"a\":null}",
      "\"\"", "\"a\"", "\"\\n\"", "0",
    ]
    for (index, text) in texts.enumerated() {
      for other in texts[(index + 1)...] { #expect(CanonicalJSON(text) != CanonicalJSON(other), "\(text) \(other)") }
    }
  }

  @Test(arguments: ["", " ", "nul", "[1", "[1,]", "{\"a\"}", "{a:1}", "\"a", "\"\\x\"", "1 2", "-", "1.", "1e", "{\"a\":1,}", "\"\\u12\""])
  func `what is no JSON value is none`(text: String) { #expect(CanonicalJSON(text) == nil) }

  @Test func `a value with more levels than a worker accepts is none`() {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(CanonicalJSON(nested(JSONCheck.maxDepth)) != nil)
    #expect(CanonicalJSON(nested(JSONCheck.maxDepth + 1)) == nil)
  }
}
