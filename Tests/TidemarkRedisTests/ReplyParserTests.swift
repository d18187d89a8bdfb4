import Crypto
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("Parsing of replies")
struct ReplyParserTests {
  private func parse(_ chunks: [[UInt8]], _ shape: ReplyShape) throws -> [ParsedReply] {
    let parser = try ReplyParser()
    var replies: [ParsedReply] = []
    for chunk in chunks {
      try chunk.withUnsafeBytes { try parser.feed($0, shape: { shape }, deliver: { replies.append($0) }) }
    }
    return replies
  }

  private func block(_ chunks: [[UInt8]], _ request: LaneReadRequest) throws -> EntryBlock? {
    guard case .entries(let result)? = try parse(chunks, .entries(request)).first else { return nil }
    return try result.get().block
  }

  private let twoLanes = RESP.streams([
    ("a", [RESP.entry("1-1", [("type", Array("x".utf8)), ("raw", [0, 255, 13, 10, 36])]), RESP.entry("1-2", [])]),
    ("c", [RESP.entry("18446744073709551615-18446744073709551615", [("", []), ("k", Array("v".utf8))])]),
  ])

  @Test("A reply of XREAD in chunks of one byte equals the whole one, NUL and non-UTF-8 bytes included")
  func oneByteChunks() throws {
    let request = LaneReadRequest.of("a", "b", "c")
    let whole = try #require(try block([twoLanes], request))
    let pieces = try #require(try block(twoLanes.map { [$0] }, request))
    #expect(whole.readable == pieces.readable)
    #expect(
      whole.readable == [
        ReadableEntry(lane: 0, id: "1-1", fields: [Array("type".utf8), Array("x".utf8), Array("raw".utf8), [0, 255, 13, 10, 36]]),
        ReadableEntry(lane: 0, id: "1-2", fields: []),
        ReadableEntry(
          lane: 2, id: "18446744073709551615-18446744073709551615", fields: [[], [], Array("k".utf8), Array("v".utf8)]),
      ])
  }

  @Test("A reply that ends in an entry of too many fields ends where it does, in any chunking")
  func tooManyFieldsAtTheEnd() throws {
    let fields = (0..<40).map { ("f\($0)", [UInt8](repeating: 13, count: $0)) }
    let reply = RESP.streams([("a", [RESP.entry("1-1", [("k", [1])]), RESP.entry("1-2", fields)])])
    let request = LaneReadRequest.of("a", maxFields: 3)
    var generator = SeededGenerator(seed: 7)
    for longest in [1, 2, 7, 60, .max] {
      let input = reply + reply + RESP.streams([("a", [RESP.entry("1-3", [("k", [1])])])])
      let replies = try parse(longest == .max ? [input] : input.chunks(upTo: longest, using: &generator), .entries(request))
      let blocks = try replies.map { reply in
        guard case .entries(let result) = reply else { return EntryBlock?.none }
        return try result.get().block
      }
      #expect(blocks.map { $0?.entries.count } == [2, 2, 1], "chunks up to \(longest)")
      for block in blocks.prefix(2) { #expect(block?.entries.last.flatMap { block?.oversized($0)?.fieldCount } == 40) }
    }
  }

  @Test("What a small reply leaves takes no room that a large one made before it")
  func exactlyItsRoom() throws {
    let value = [UInt8](repeating: 7, count: 20_000)
    let large = RESP.streams([("a", (1...50).map { RESP.entry("1-\($0)", [("k", value)]) })])
    let small = RESP.streams([("a", [RESP.entry("2-1", [("k", [1])])])])
    let replies = try parse([large, small, small], .entries(.of("a")))
    #expect(replies.count == 3)
    for reply in replies.dropFirst() {
      guard case .entries(let result) = reply, let block = try result.get().block else {
        Issue.record("\(reply)")
        return
      }
      #expect(block.bytes.capacity < 256)
      #expect(block.fields.capacity < 32)
      #expect(block.entries.capacity < 32)
    }
  }

  @Test("Several replies together are one, within one budget; what ASKING answers between them is passed over")
  func together() throws {
    let request = LaneReadRequest.of("a", "b", "c")
    let first = RESP.streams([("a", [RESP.entry("1-1", [("k", [1])])])])
    let third = RESP.streams([("c", [RESP.entry("2-1", [("k", [3])]), RESP.entry("2-2", [("k", [4])])])])
    let bytes = Array("+OK\r\n".utf8) + first + Array("*-1\r\n".utf8) + third
    for size in [1, 7, bytes.count] {
      let chunks = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
      let replies = try parse(chunks, .entries(request, replies: 4))
      guard replies.count == 1, case .entries(let result) = replies[0], let block = try result.get().block else {
        Issue.record("\(replies)")
        return
      }
      #expect(block.readable.map(\.lane) == [0, 2, 2])
      #expect(block.readable.map(\.id) == ["1-1", "2-1", "2-2"])
    }
    let moved = Array("-MOVED 1 h:1\r\n".utf8)
    guard case .entries(.failure(let error))? = try parse([first + moved + third], .entries(request, replies: 3)).first else {
      Issue.record("an error of one is none of all")
      return
    }
    #expect(error.message == "MOVED 1 h:1")
    // The next request starts with fresh state.
    #expect(try parse([first + moved + third + first], .entries(request, replies: 3)).count == 1)
  }

  @Test("Any chunking of several replies gives the same entries, with large values cut alike")
  func anyChunking() throws {
    let large = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let reply = RESP.streams([("a", [RESP.entry("1-1", [("k", large), ("s", [1]), ("l", large)]), RESP.entry("1-2", [("k", [2])])])])
    let request = LaneReadRequest.of("a", maxEntryBytes: 20_000)
    let whole = try #require(try block([reply], request))
    #expect(whole.truncations.map(\.field) == [0, 2])
    #expect(whole.truncations.map(\.length) == [30_000, 30_000])
    #expect(whole.truncations.allSatisfy { $0.digest == Array(SHA256.hash(data: large)) })
    for seed in 0..<60 {
      var generator = SeededGenerator(seed: UInt64(seed))
      let chunks = (reply + reply).chunks(upTo: 1 << (seed % 15), using: &generator)
      let replies = try parse(chunks, .entries(request))
      #expect(replies.count == 2)
      for case .entries(let result) in replies { #expect(try result.get().block?.readable == whole.readable) }
    }
  }

  @Test("Values stored before an entry was known to be too large are cut too, each with the digest of its whole")
  func shrinksBackwards() throws {
    func value(_ seed: UInt8) -> [UInt8] { (0..<6000).map { UInt8(truncatingIfNeeded: $0) &+ seed } }
    let fields = (0..<5).map { ("name\($0)", value(UInt8($0))) } + [("small", [7])]
    let reply = RESP.streams([("a", [RESP.entry("1-1", [("x", [1])]), RESP.entry("2-1", fields), RESP.entry("3-1", [("y", value(9))])])])
    let block = try #require(try block([reply], .of("a", maxEntryBytes: 20_000)))
    let expected = fields.flatMap { [Array($0.0.utf8), Array($0.1.prefix(4096))] }
    // Four values of 4 KiB are below the limit, so the fifth value and the small one are kept.
    #expect(block.readable[1].fields.prefix(10) == expected.prefix(10))
    #expect(block.truncations.map(\.field) == [1, 2, 3, 4, 5, 6])
    for index in 0..<5 {
      #expect(block.truncations[index].length == 6000)
      #expect(block.truncations[index].digest == Array(SHA256.hash(data: value(UInt8(index)))))
    }
    #expect(block.readable[0].fields == [Array("x".utf8), [1]])
    #expect(block.readable[2].fields == [Array("y".utf8), value(9)])
  }

  @Test("An entry of very many small fields takes no more than its limit")
  func manySmallFields() throws {
    let fields = (0..<2000).map { ("name\($0)", [UInt8](repeating: 1, count: 1000)) }
    let block = try #require(try block([RESP.streams([("a", [RESP.entry("1-1", fields)])])], .of("a", count: 1, maxEntryBytes: 50_000)))
    #expect(block.bytes.count <= 50_000 + 2 * 4096)
    #expect(block.entries[0].fieldCount == 2000)
    #expect(block.truncations.last?.length == 1000)
  }

  @Test("A long field name marks its value as cut")
  func longName() throws {
    let name = String(repeating: "n", count: 50_000)
    let reply = RESP.streams([("a", [RESP.entry("1-1", [("k", [1]), (name, [2])])])])
    let block = try #require(try block([reply], .of("a", count: 1, maxEntryBytes: 10_000)))
    #expect(block.truncations.map(\.field) == [1])
    #expect(block.readable[0].fields == [Array("k".utf8), [1], Array(name.utf8.prefix(4096)), [2]])
  }

  @Test("A reply above its budget is dropped, and the next one on the same connection is read")
  func overBudget() throws {
    let parser = try ReplyParser()
    var replies: [LaneReadReply] = []
    for budget in [100, 10_000] {
      try twoLanes.withUnsafeBytes { bytes in
        try parser.feed(
          bytes, shape: { .entries(.of("a", "b", "c", budget: budget)) },
          deliver: { if case .entries(.success(let reply)) = $0 { replies.append(reply) } })
      }
    }
    #expect(replies.map(\.isOverBudget) == [true, false])
    #expect(replies.last?.block?.entries.count == 3)
  }

  @Test("Plain replies of every kind become values, in any chunking, and a nil at the root is one of them")
  func values() throws {
    let input =
      RESP.line("*-1") + RESP.line("$-1") + RESP.line("-ERR no") + RESP.line("+OK") + RESP.line(":-5")
      + RESP.array([RESP.bulk("a"), RESP.array([]), RESP.line("$-1"), RESP.line("-WRONGTYPE x")])
    let expected: [RedisReply] = [
      .null, .null, .error("ERR no"), .status("OK"), .integer(-5),
      .array([.bulk([97]), .array([]), .null, .error("WRONGTYPE x")]),
    ]
    for chunks in [[input], input.map { [$0] }] {
      let replies = try parse(chunks, .value(.standard)).map { reply -> RedisReply? in
        if case .value(let value) = reply { value } else { nil }
      }
      #expect(replies == expected)
    }
  }

  @Test(
    "Bytes that are no reply end with an error that says so, however they are cut into chunks",
    arguments: [
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      // A line feed without CR ends no line, no count and no length.
      "+a\nb\r\n", "*2\r\n:1\r\n-ERR\n*4\r\n", "*2\n:1\r\n:2\r\n", "$5\nhello\r\n", "$-1\n\r\n",
      // Newer kinds of replies were not requested.
      "%1\r\n+a\r\n+b\r\n", "_\r\n", "#t\r\n",
    ])
  func garbage(text: String) {
    let bytes = Array(text.utf8)
    for chunks in [[bytes], bytes.map { [$0] }] {
      #expect(throws: RedisError.self) { _ = try parse(chunks, .value(.standard)) }
    }
  }
}
