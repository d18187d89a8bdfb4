import Crypto
import Testing
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("The limiter in front of hiredis")
struct BulkLimiterTests {
  private let framing = Array("$*\r\n:1-+x".utf8)

  private struct Outcome: Equatable {
    var passed: [UInt8] = []
    var cuts: [BulkLimiter.Cut] = []
    /// Offsets of the input at which a reply ended.
    var ends: [Int] = []
  }

  private func run(_ chunks: [[UInt8]], longest: Int) -> Outcome {
    var limiter = BulkLimiter()
    var outcome = Outcome()
    let limits = BulkLimiter.Limits(longest: longest, wantsDigest: true)
    var offset = 0
    for chunk in chunks {
      chunk.withUnsafeBytes { chunk in
        var at = 0
        while at < chunk.count {
          let rest = UnsafeRawBufferPointer(rebasing: chunk[at...])
          let (used, isComplete) = limiter.feed(rest, limits: limits) { outcome.passed.append(contentsOf: $0) }
          at += used
          if isComplete { outcome.ends.append(offset + at) }
        }
      }
      offset += chunk.count
    }
    outcome.cuts = limiter.cuts
    return outcome
  }

  /// A random reply, what should be passed on of it, and what should be cut.
  private func reply(
    depth: Int, ordinal: inout UInt64, using generator: inout SeededGenerator
  ) -> (input: [UInt8], passed: [UInt8], cuts: [BulkLimiter.Cut]) {
    switch Int.random(in: 0..<(depth < 4 ? 9 : 6), using: &generator) {
    case 0: return both(RESP.line(":-12"))
    case 1: return both(RESP.line("+OK"))
    case 2: return both(RESP.line("-ERR $5 *3 no such"))
    case 3: return both(RESP.line(Bool.random(using: &generator) ? "$-1" : "*-1"))
    case 4, 5:
      let sizes = [0, 1, 2, 4095, 4096, 4097, 4098, 9000, 20_000]
      let size = sizes[Int.random(in: 0..<sizes.count, using: &generator)]
      // Bodies full of what looks like framing.
      let body = (0..<size).map { _ in framing[Int.random(in: 0..<framing.count, using: &generator)] }
      defer { ordinal += 1 }
      guard size > BulkLimiter.keptBytes else { return both(RESP.bulk(body)) }
      let cut = BulkLimiter.Cut(ordinal: ordinal, length: UInt64(size), digest: Array(SHA256.hash(data: body)))
      return (RESP.bulk(body), RESP.bulk(Array(body.prefix(BulkLimiter.keptBytes))), [cut])
    default:
      let children = (0..<Int.random(in: 0..<5, using: &generator)).map { _ in
        reply(depth: depth + 1, ordinal: &ordinal, using: &generator)
      }
      return (RESP.array(children.map(\.input)), RESP.array(children.map(\.passed)), children.flatMap(\.cuts))
    }
  }

  private func both(_ bytes: [UInt8]) -> (input: [UInt8], passed: [UInt8], cuts: [BulkLimiter.Cut]) { (bytes, bytes, []) }

  @Test("Any replies in any chunking: long bulks are cut with their digest, all else passes unchanged, ends are exact")
  func anyChunking() {
    for seed in 0..<40 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var ordinal: UInt64 = 0
      var input: [UInt8] = []
      var expected = Outcome()
      for _ in 0..<4 {
        let reply = reply(depth: 0, ordinal: &ordinal, using: &generator)
        input += reply.input
        expected.passed += reply.passed
        expected.cuts += reply.cuts
        expected.ends.append(input.count)
      }
      for longest in [1, 7, 100, 5000, .max] {
        let chunks = longest == .max ? [input] : input.chunks(upTo: longest, using: &generator)
        #expect(run(chunks, longest: 4096) == expected, "seed \(seed), chunks up to \(longest)")
      }
    }
  }

  @Test("Every cut between two bytes of a reply gives the same result as no cut")
  func everySplit() {
    let body = [UInt8](repeating: 36, count: 5000)
    let input = RESP.array([RESP.bulk(body), RESP.line("$-1"), RESP.array([]), RESP.line(":7"), RESP.bulk("")]) + RESP.line("+OK")
    let whole = run([input], longest: 4096)
    #expect(whole.cuts.map(\.length) == [5000])
    #expect(whole.ends == [input.count - 5, input.count])
    for split in 1..<input.count {
      #expect(run([Array(input[..<split]), Array(input[split...])], longest: 4096) == whole, "split at \(split)")
    }
  }

  @Test("A bulk as long as the limit passes whole, one byte more is cut")
  func boundary() {
    #expect(run([RESP.bulk([UInt8](repeating: 1, count: 10_000))], longest: 10_000).cuts.isEmpty)
    let cut = run([RESP.bulk([UInt8](repeating: 1, count: 10_001))], longest: 10_000)
    #expect(cut.cuts.map(\.length) == [10_001])
    #expect(cut.passed == RESP.bulk([UInt8](repeating: 1, count: 4096)))
  }

  @Test(
    "What is not a reply is passed on, for hiredis to say what is wrong",
    arguments: ["$x\r\n", "hello\r\n", "$99999999999999999999999\r\n", "$12 \r\n", "$" + String(repeating: "1", count: 100)])
  func garbage(text: String) {
    let input = Array(text.utf8)
    #expect(run([input], longest: 4096).passed == input)
    #expect(run(input.map { [$0] }, longest: 4096).passed == input)
  }
}
