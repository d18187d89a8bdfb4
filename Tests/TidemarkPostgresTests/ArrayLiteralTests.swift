import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct ArrayLiteralTests {
  @Test func `an element is quoted and its quotes and backslashes are escaped`() {
    var literal = ArrayLiteral()
    literal.append("a\"b")
    literal.appendNull()
    literal.append("")
    literal.append(#"\"#)
    literal.append(-7)
    literal.append(true)
    #expect(literal.count == 6)
    #expect(String(decoding: literal.finish(), as: UTF8.self) == #"{"a\"b",NULL,"","\\",-7,t}"#)
  }

  @Test func `an array without elements is a pair of braces`() {
    #expect(ArrayLiteral(capacity: 0).finish() == Array("{}".utf8))
  }

  @Test func `slices are written without their surroundings`() {
    let bytes = Array("xx\"inner\"yy".utf8)
    var literal = ArrayLiteral()
    literal.append(bytes[2..<9])
    literal.append(bytes.span.extracting(3..<8))
    #expect(String(decoding: literal.finish(), as: UTF8.self) == #"{"\"inner\"","inner"}"#)
  }

  @Test func `any text comes back from the server as it was`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      var generator = SystemRandomNumberGenerator()
      let pieces = ["\"", "\\", "{", "}", ",", "NULL", " ", "\n", "\t", "'", "ü", "🜚", "e\u{301}", "\u{1}", "abcdefgh", "\\\"", "$1", "%s"]
      for round in 0..<60 {
        let elements: [String?] = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
          if Int.random(in: 0..<8, using: &generator) == 0 { return nil }
          return (0..<Int.random(in: 0...12, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
        }
        let result = try await connection.query(
          "select value from unnest($1::text[]) with ordinality as u(value, no) order by no", [.textArray(strings: elements)],
          deadline: generous)
        let read = (0..<result.rowCount).map { result.raw($0, 0).map { Array($0) } }
        #expect(read == elements.map { $0.map { Array($0.utf8) } }, "round \(round)")
      }
    }
  }

  @Test func `an element longer than the buffer makes it grow`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let long = [UInt8](repeating: UInt8(ascii: "\\"), count: 1_000_003)
      let result = try await connection.query(
        "select length(a[1]) as first, length(a[2]) as second, a[3] is null as gone from (select $1::text[] as a) t",
        [.textArray([long, [UInt8(ascii: "x")], nil])], deadline: generous)
      #expect(result.int64(0, "first") == 1_000_003)
      #expect(result.int64(0, "second") == 1)
      #expect(result.bool(0, "gone") == true)
    }
  }

  @Test func `integers keep their extremes`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let result = try await connection.query(
        "select * from unnest($1::bigint[]) with ordinality as u(value, no) order by no",
        [.integerArray([.min, nil, 0, .max])], deadline: generous)
      #expect((0..<4).map { result.int64($0, "value") } == [.min, nil, 0, .max])
    }
  }
}
