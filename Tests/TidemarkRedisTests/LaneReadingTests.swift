import Crypto
import Foundation
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("Reading lanes of a real server")
struct LaneReadingTests {
  @Test("One call reads many lanes, each from its own position, those without news left out")
  func manyLanes() async throws {
    try await withSource { server, source in
      try await server.commands((0..<300).map { "XADD lane\($0) 5-1 k first\n XADD lane\($0) 5-2 k second\($0)" }.joined(separator: "\n"))
      var request = LaneReadRequest.of(count: 10)
      request.positions = (0..<400).map { .init(lane: "lane\($0)", after: EntryID(ms: 5, no: $0 % 3 == 0 ? 2 : 1)) }
      let block = try #require(try await source.read(request).block)
      #expect(block.sections.map(\.lane) == (0..<300).filter { $0 % 3 != 0 })
      #expect(block.readable.allSatisfy { $0.id == "5-2" && $0.fields == [Array("k".utf8), Array("second\($0.lane)".utf8)] })
      #expect(try await source.read(.of("absent")).isNothing)
    }
  }

  @Test("A blocked read wakes with the first entry, and ends with nothing at its time")
  func blocking() async throws {
    try await withSource { server, source in
      async let reply = source.read(.of("lane", "other", block: .seconds(5)))
      try await waitUntil("the read blocks") { try await server.command("INFO", "clients").contains("blocked_clients:1") }
      try await server.command("XADD", "lane", "7-7", "k", "v")
      #expect(try await reply.block?.readable == [ReadableEntry(lane: 0, id: "7-7", fields: [[107], [118]])])
      #expect(try await source.read(.of("lane", after: EntryID(ms: 7, no: 7), block: .milliseconds(1))).isNothing)
    }
  }

  @Test("A reply above the budget is dropped; fewer entries then fit, and one alone is delivered whatever its size")
  func budget() async throws {
    try await withSource { server, source in
      let value = String(repeating: "v", count: 20_000)
      for index in 1...20 { try await server.command("XADD", "lane", "\(index)-0", "k", value) }
      #expect(try await source.read(.of("lane", count: 20, budget: 100_000)).isOverBudget)
      #expect(try await source.read(.of("lane", count: 4, budget: 100_000)).block?.entries.count == 4)
      let single = try #require(try await source.read(.of("lane", count: 1, budget: nil)).block)
      #expect(single.readable.first?.fields.last?.count == 20_000)
      #expect(single.truncations.isEmpty)
    }
  }

  @Test("A value of 40 MB is cut to 4 KiB with the length and digest of the whole, in little memory")
  func largeValue() async throws {
    try await withSource { server, source in
      let megabytes = 40
      let script =
        "return redis.call('XADD', KEYS[1], '1-0', 'before', string.rep('b', 5000), 'large', "
        + "string.rep(string.rep('0123456789abcdef', 65536), \(megabytes)), 'after', 'a')"
      try await server.command("EVAL", script, "1", "lane")
      _ = try await source.read(.of("absent"))
      // Other tests of this process use memory at times, so the least of several reads is the read's own.
      var grown = Int.max
      var read: EntryBlock?
      for _ in 0..<8 where grown >= 20 << 10 {
        try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
        let before = try memory("VmRSS")
        read = try await source.read(.of("lane", count: 1)).block
        grown = min(grown, try memory("VmHWM") - before)
      }
      let block = try #require(read)
      let piece = Data(String(repeating: "0123456789abcdef", count: 65536).utf8)
      var hasher = SHA256()
      for _ in 0..<megabytes { hasher.update(data: piece) }
      #expect(block.truncations.map(\.field) == [0, 1])
      #expect(block.truncations.map(\.length) == [5000, UInt64(megabytes) << 20])
      #expect(block.truncations.last?.digest == Array(hasher.finalize()))
      #expect(block.readable.first?.fields.map(\.count) == [6, 4096, 5, 4096, 5, 1])
      // The value itself would take at least 40 MiB.
      #expect(grown < 20 << 10, "\(grown) kB")
    }
  }

  @Test("NUL and bytes that are not UTF-8 survive in names and values")
  func binary() async throws {
    try await withRedis { server in
      let connection = try await RedisConnection.connect(RedisConfiguration(url: server.url), name: "test")
      let bytes: [UInt8] = Array(0...255) + [13, 10, 0, 0xC3]
      let added = try await connection.send(["XADD", "lane", "1-1", .bytes(bytes), .bytes(bytes + bytes), .bytes([]), .bytes([0])])
      #expect(added == .bulk(Array("1-1".utf8)))
      let block = try #require(try await connection.readStreams(.of("lane")).block)
      #expect(block.readable == [ReadableEntry(lane: 0, id: "1-1", fields: [bytes, bytes + bytes, [], [0]])])
      await connection.close()
    }
  }

  @Test("Of an entry with too many fields the first are read, whatever the budget, and how many there are")
  func tooManyFields() async throws {
    try await withSource { server, source in
      let fields = (0..<30_000).map { "f\($0) \($0)" }.joined(separator: " ")
      try await server.commands("XADD lane 1-0 k v\nXADD lane 2-0 \(fields)\nXADD lane 3-0 k v\n")
      let block = try #require(try await source.read(.of("lane", budget: 200_000, maxFields: 10_000)).block)
      #expect(block.readable.map(\.id) == ["1-0", "2-0", "3-0"])
      #expect(block.readable.map { $0.fields.count / 2 } == [1, BulkLimiter.keptFields, 1])
      let oversized = try #require(block.oversized.first)
      #expect(block.oversized.count == 1 && oversized.fieldCount == 30_000)
      #expect(oversized.restBytes == UInt64((BulkLimiter.keptFields..<30_000).reduce(0) { $0 + 1 + 2 * "\($1)".utf8.count }))
      #expect(block.entries.map { block.isWhole($0) } == [true, false, true])
      // With a higher limit the entry is an ordinary one.
      let whole = try #require(try await source.read(.of("lane", maxFields: 30_000)).block)
      #expect(whole.readable.map { $0.fields.count / 2 } == [1, 30_000, 1] && whole.oversized.isEmpty)
    }
  }

  @Test("Inspection gives the counters in order, and nil where there is no stream")
  func inspection() async throws {
    try await withSource { server, source in
      for index in 1...5 { try await server.command("XADD", "lane", "\(index)-0", "k", String(repeating: "v", count: 100_000)) }
      try await server.command("XDEL", "lane", "3-0")
      try await server.command("XTRIM", "lane", "MAXLEN", "2")
      try await server.command("XGROUP", "CREATE", "empty", "g", "$", "MKSTREAM")
      try await server.command("SET", "text", "x")
      let zero = EntryID.zero
      let seen = try await source.inspect(
        ["lane", "absent", "text", "empty"].map { ExpectedStream(asking: $0, cursor: EntryID(ms: 4, no: 0), question: .next) })
      #expect(
        seen.map { $0.observed?.stream } == [
          StreamInfo(
            length: 2, lastGeneratedID: EntryID(ms: 5, no: 0), entriesAdded: 5, maxDeletedID: EntryID(ms: 3, no: 0),
            firstID: EntryID(ms: 4, no: 0)),
          nil, nil,
          StreamInfo(length: 0, lastGeneratedID: zero, entriesAdded: 0, maxDeletedID: zero, firstID: nil),
        ])
      #expect(seen.map { $0.observed?.next } == [EntryID(ms: 5, no: 0), nil, nil, nil])
      guard case .seen = seen[1], case .refused(let error) = seen[2] else { return #expect(Bool(false), "\(seen)") }
      #expect(error.kind == .laneRefused("text"))
    }
  }

  @Test("Discovery finds all streams of a pattern over many pages, and nothing else")
  func discovery() async throws {
    try await withSource { server, source in
      try await server.commands((0..<2500).map { "XADD orders:\($0):events * k v\nSET orders:\($0):text x" }.joined(separator: "\n"))
      try await server.command("XADD", "other", "*", "k", "v")
      let found = try await source.discover("orders:*")
      #expect(found.sorted() == (0..<2500).map { "orders:\($0):events" }.sorted())
      #expect(try await source.discover("none:*").isEmpty)
    }
  }

  @Test("The server's clock is near ours")
  func clock() async throws {
    try await withSource { _, source in
      let now = Date().timeIntervalSince1970 * 1000
      let theirs = try await source.currentMilliseconds(beside: "a")
      #expect(abs(Double(theirs) - now) < 60_000)
    }
  }

  /// Returns a line of `/proc/self/status` in kB.
  private func memory(_ name: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(name) })
    return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
  }
}
