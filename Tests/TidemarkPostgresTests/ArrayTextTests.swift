import Testing

@testable import TidemarkPostgres

@Suite struct ArrayTextTests {
  @Test(arguments: [
    ("{}", []), ("{a,b}", ["a", "b"]), (#"{"a b","c\"d","e\\f"}"#, ["a b", "c\"d", "e\\f"]), (#"{"",x}"#, ["", "x"]),
    (#"{NULL,"NULL"}"#, ["NULL"]), ("{\"{\",\"a,b\",\"ü\"}", ["{", "a,b", "ü"]), ("{\"line\nfeed\"}", ["line\nfeed"]),
  ])
  func `an array is read as Postgres writes it`(text: String, elements: [String]) {
    #expect(ArrayText(Array(text.utf8)[...])?.elements == elements)
  }

  @Test(arguments: ["", "a", "{a", "a}", "{\"a}", "{\"a\"b}", "{a\\}"])
  func `what is no array is refused`(text: String) {
    #expect(ArrayText(Array(text.utf8)[...]) == nil)
  }

  @Test func `the literal that is sent reads as what it was made of`() {
    let texts = ["", "a", "\"", "\\", "{", "}", ",", "NULL", "null", " ", "\n", "ä€😀", #"{"x": "\u0041"}"#]
    var literal = ArrayLiteral()
    for text in texts { literal.append(text) }
    #expect(ArrayText(literal.finish()[...])?.elements == texts)
  }
}
