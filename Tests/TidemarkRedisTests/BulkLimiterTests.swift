import Crypto
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("The limiter in front of hiredis")
struct BulkLimiterTests {
  private let framing = Array("$*\r\n:1-+x".utf8)

  private struct Outcome: Equatable {
    var passed: [UInt8] = []
    var cuts: [BulkLimiter.Cut] = []
    /// The offsets of the input at which a reply ended.
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

  /// Returns a random reply, the bytes that must be passed on, and the expected cuts.
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
      // The bodies contain bytes that look like framing.
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

  @Test("Of too long a list of fields the first pass behind a header of their number, in any chunking; the rest is counted and hashed")
  func tooManyFields() throws {
    func feed(_ chunks: [[UInt8]]) -> (passed: [UInt8], limiter: BulkLimiter, ends: Int) {
      var (limiter, passed, ends) = (BulkLimiter(), [UInt8](), 0)
      for chunk in chunks {
        chunk.withUnsafeBytes { chunk in
          var at = 0
          while at < chunk.count {
            let rest = UnsafeRawBufferPointer(rebasing: chunk[at...])
            let limits = BulkLimiter.Limits(longest: 5_000, wantsDigest: true, mostFields: 3)
            let (used, isComplete) = limiter.feed(rest, limits: limits) { passed.append(contentsOf: $0) }
            at += used
            if isComplete { ends += 1 }
          }
        }
      }
      return (passed, limiter, ends)
    }
    func entry(_ id: String, _ parts: [[UInt8]]) -> [UInt8] { RESP.array([RESP.bulk(id), RESP.array(parts.map { RESP.bulk($0) })]) }
    let few = (0..<6).map { Array("f\($0)".utf8) }
    // Values in the left-out part are not cut separately, however long they are.
    let many = few + [Array("*9\r\n$3\r\n".utf8), [UInt8](repeating: 7, count: 6_000), [], [1]]
    func reply(_ parts: [[UInt8]]) -> [UInt8] {
      RESP.streams([
        ("a", [entry("1-0", few), entry("2-0", parts), entry("3-0", parts), entry("4-0", [])]), ("b", [entry("5-0", few)]),
      ])
    }
    let (input, expected) = (reply(many), reply(few))
    let rest = many[6...].flatMap { RESP.bulk($0) }
    var generator = SeededGenerator(seed: 5)
    for longest in [1, 2, 3, 17, 400, .max] {
      var (passed, limiter, ends) = feed(longest == .max ? [input + input] : (input + input).chunks(upTo: longest, using: &generator))
      #expect(passed == expected + expected, "chunks up to \(longest)")
      #expect(ends == 2)
      let excesses = limiter.takeExcesses()
      #expect(excesses.map(\.ordinal) == [1, 2, 6, 7])
      #expect(excesses.allSatisfy { $0.elements == 10 && $0.bytes == 6_009 && $0.digest == Array(SHA256.hash(data: rest)) })
      #expect(limiter.cuts.isEmpty && limiter.takeExcesses().isEmpty)
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
