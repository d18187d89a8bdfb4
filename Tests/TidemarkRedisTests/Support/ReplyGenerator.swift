import Crypto
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkRedis

/// Generates replies from a seed, either as Redis writes them or damaged.
struct ReplyGenerator {
  /// A reply to XREAD: the request, the bytes of the reply, and its entries by lane.
  struct Streams {
    var request: LaneReadRequest
    var bytes: [UInt8]
    var entries: [(lane: Int, id: String, fields: [(name: [UInt8], value: [UInt8])])]
  }

  private static let framing = Array("$*\r\n:1-+x".utf8)
  private static let lengths = [
    "-1", "-2", "0", "1", "2", "3", "9", "05", " 5", "+5", "5 ", "", "-", "1e9", "2147483647", "2147483648", "4294967295", "4294967296",
    "999999999999999999", "9223372036854775807", "9223372036854775808", "18446744073709551616", "99999999999999999999999999999999999",
  ]
  private static let tokens =
    [
      "\r\n", "\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "$0\r\n\r\n", ":1\r\n", ":-9223372036854775808\r\n", ":99999999999999999999\r\n",
      "+OK\r\n", "-ERR no\r\n", "*1\r\n", "*2\r\n", "$1\r\nx\r\n", "$5\n", "%1\r\n", "~1\r\n", ">2\r\n", "|1\r\n", "_\r\n", "#t\r\n",
      ",1.5\r\n",
      "(12345678901234567890\r\n", "=7\r\ntxt:abc\r\n", "$3\r\n1-1\r\n", "$100000\r\n", "*1000000000\r\n", "*4294967296\r\n",
      String(repeating: "*1\r\n", count: 40), "+" + String(repeating: "x", count: 300), "$" + String(repeating: "1", count: 40),
    ].map { Array($0.utf8) } + [[0], [255], [36, 0]]

  var random: SeededGenerator

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
  }

  /// Returns bytes that look like framing, or arbitrary bytes.
  private mutating func body(_ size: Int) -> [UInt8] {
    if random.chance(50) { return (0..<size).map { _ in random.one(of: Self.framing) } }
    return random.bytes(size)
  }

  // Plain replies

  /// Returns a reply, and the value that it must be parsed as if bulks above `longest` are cut and nothing below depth `deepest` is kept.
  mutating func plain(longest: Int, deepest: Int, depth: Int = 0) -> (bytes: [UInt8], reply: RedisReply) {
    switch random.below(depth < 6 ? 10 : 7) {
    case 0:
      let number = random.chance(20) ? random.one(of: [Int64.min, Int64.max, 0, -1]) : Int64(random.below(1000))
      return (RESP.line(":\(number)"), .integer(number))
    case 1: return (RESP.line("+OK $5 *2"), .status("OK $5 *2"))
    case 2: return (RESP.line("-ERR *3 no"), .error("ERR *3 no"))
    case 3: return (RESP.line(random.chance(50) ? "$-1" : "*-1"), .null)
    case 4, 5, 6:
      let body = body(random.chance(10) ? longest - 2 + random.below(5) : random.below(20))
      let kept = body.count > longest ? Array(body.prefix(BulkLimiter.keptBytes)) : body
      return (RESP.bulk(body), .bulk(kept))
    default:
      let children = (0..<random.below(5)).map { _ in plain(longest: longest, deepest: deepest, depth: depth + 1) }
      return (RESP.array(children.map(\.bytes)), .array(depth < deepest ? children.map(\.reply) : []))
    }
  }

  // Replies of XREAD

  mutating func streams() -> Streams {
    let asked = (0..<1 + random.below(4)).map { "lane\($0)" }
    let maxEntryBytes = random.one(of: [5000, 9000, 1 << 20])
    var streams = Streams(
      request: LaneReadRequest(
        positions: asked.map { .init(lane: $0, after: .zero) }, count: 100, block: nil, budget: 1 << 22, maxEntryBytes: maxEntryBytes),
      bytes: [], entries: [])
    var sections: [(String, [[UInt8]])] = []
    for (lane, name) in asked.enumerated() where random.chance(70) {
      var written: [[UInt8]] = []
      for number in 0..<1 + random.below(4) {
        let id = random.chance(5) ? "18446744073709551615-\(number)" : "\(1 + random.below(1000))-\(number)"
        let fields = (0..<random.below(6)).map { _ in (name: body(random.below(12)), value: body(size(near: maxEntryBytes))) }
        written.append(RESP.array([RESP.bulk(id), RESP.array(fields.flatMap { [RESP.bulk($0.name), RESP.bulk($0.value)] })]))
        streams.entries.append((lane, id, fields))
      }
      sections.append((name, written))
    }
    streams.bytes = sections.isEmpty ? RESP.line("*-1") : RESP.streams(sections)
    return streams
  }

  private mutating func size(near limit: Int) -> Int {
    if random.chance(90) || limit > 10_000 { return random.below(40) }
    return random.one(of: [4095, 4096, 4097, limit - 1, limit, limit + 1, 2 * limit])
  }

  // Damage

  mutating func damage(_ bytes: inout [UInt8]) {
    for _ in 0..<1 + random.below(3) {
      if random.chance(30) { changeLength(&bytes) } else { random.damage(&bytes, tokens: Self.tokens) }
    }
  }

  /// Replaces the number in a header.
  private mutating func changeLength(_ bytes: inout [UInt8]) {
    let headers = bytes.indices.filter { "$*:".utf8.contains(bytes[$0]) }
    guard !headers.isEmpty else { return }
    let start = random.one(of: headers) + 1
    let end = bytes[start...].firstIndex(of: 13) ?? bytes.count
    bytes.replaceSubrange(start..<end, with: random.one(of: Self.lengths).utf8)
  }
}
