import Crypto
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("Fuzzing: the reader of replies")
struct ReplyFuzzTests {
  /// The parser's results for some bytes.
  private struct Outcome: Equatable {
    enum Reply: Equatable {
      case value(RedisReply?)
      case entries([ReadableEntry], cut: [Cut])
      case nothing, overBudget
      case refused(String)
    }
    struct Cut: Equatable {
      var field: Int
      var length: UInt64
      var digest: [UInt8]
    }

    var replies: [Reply] = []
    /// Whether the rest of the bytes was not a reply.
    var isLost = false
  }

  private func outcome(_ chunks: [[UInt8]], _ shape: ReplyShape) throws -> Outcome {
    let parser = try ReplyParser()
    var outcome = Outcome()
    do {
      for chunk in chunks {
        try chunk.withUnsafeBytes { try parser.feed($0, shape: { shape }, deliver: { outcome.replies.append(readable($0)) }) }
      }
    } catch {
      outcome.isLost = true
    }
    return outcome
  }

  private func readable(_ reply: ParsedReply) -> Outcome.Reply {
    switch reply {
    case .value(let value): .value(value)
    case .entries(.failure(let error)): .refused(error.message)
    case .entries(.success(.nothing)): .nothing
    case .entries(.success(.overBudget)): .overBudget
    case .entries(.success(.entries(let block))):
      .entries(block.readable, cut: block.truncations.map { .init(field: $0.field, length: $0.length, digest: $0.digest) })
    }
  }

  private func chunks(_ bytes: [UInt8], _ generator: inout ReplyGenerator) -> [[UInt8]] {
    bytes.chunks(upTo: generator.random.one(of: [1, 3, 20, 500, 10_000]), using: &generator.random)
  }

  @Test("Plain replies read as they were written, however they are cut into chunks")
  func plainReplies() throws {
    for seed in FuzzInputs(test: "plainReplies", byDefault: 1_500) {
      var generator = ReplyGenerator(seed: seed)
      let bounds = ReplyBounds(longestBulk: 5_000, budget: 1 << 22, deepestKept: 1 + generator.random.below(7))
      let replies = (0..<1 + generator.random.below(3)).map { _ in generator.plain(longest: 5_000, deepest: bounds.deepestKept) }
      let bytes = replies.flatMap(\.bytes)
      let expected = Outcome(replies: replies.map { .value($0.reply) })
      for chunks in [[bytes], chunks(bytes, &generator)] where try outcome(chunks, .value(bounds)) != expected {
        Issue.record("seed \(seed): \(replies.map(\.reply))")
      }
    }
  }

  @Test("Replies of XREAD hold the entries that were written, however they are cut into chunks, and what is too large is marked")
  func streams() throws {
    for seed in FuzzInputs(test: "streams", byDefault: 1_000) {
      var generator = ReplyGenerator(seed: seed)
      let streams = generator.streams()
      let whole = try outcome([streams.bytes], .entries(streams.request))
      let cut = try outcome(chunks(streams.bytes, &generator), .entries(streams.request))
      if cut != whole { Issue.record("seed \(seed): another result in chunks") }
      if let difference = difference(whole, streams) { Issue.record("seed \(seed): \(difference)") }
    }
  }

  /// Returns the difference between the outcome and the written entries; nil if there is none.
  private func difference(_ outcome: Outcome, _ streams: ReplyGenerator.Streams) -> String? {
    guard !outcome.isLost, outcome.replies.count == 1 else { return "lost, or not one reply" }
    guard case .entries(let entries, let cuts) = outcome.replies[0] else {
      return streams.entries.isEmpty && outcome.replies[0] == .nothing ? nil : "\(outcome.replies[0])"
    }
    guard entries.count == streams.entries.count else { return "\(entries.count) entries instead of \(streams.entries.count)" }
    let cutByField = Dictionary(cuts.map { ($0.field, $0) }, uniquingKeysWith: { first, _ in first })
    var place = 0
    for (entry, written) in zip(entries, streams.entries) {
      let parts = written.fields.flatMap { [$0.name, $0.value] }
      guard entry.lane == written.lane, entry.id == written.id, entry.fields.count == parts.count else { return "entry \(written.id)" }
      let isTooLarge = parts.reduce(0) { $0 + $1.count } > streams.request.maxEntryBytes
      for (field, whole) in written.fields.enumerated() {
        let kept = entry.fields[2 * field + 1]
        defer { place += 1 }
        if let cut = cutByField[place] {
          guard isTooLarge, cut.length == whole.value.count, cut.digest == Array(SHA256.hash(data: whole.value)),
            whole.value.starts(with: kept)
          else { return "the cut of field \(field) of \(written.id)" }
        } else {
          guard kept == whole.value, entry.fields[2 * field] == whole.name else { return "field \(field) of \(written.id)" }
        }
      }
      if isTooLarge, !(place - written.fields.count..<place).contains(where: { cutByField[$0] != nil }),
        entry.fields.reduce(0, { $0 + $1.count }) != parts.reduce(0, { $0 + $1.count })
      {
        return "the missing mark of \(written.id)"
      }
    }
    return nil
  }

  @Test("Damaged replies are refused or read, the same in any chunking, within their bounds")
  func damaged() throws {
    for seed in FuzzInputs(test: "damaged", byDefault: 2_000) {
      var generator = ReplyGenerator(seed: seed)
      var bytes: [UInt8]
      let shape: ReplyShape
      if generator.random.chance(50) {
        let streams = generator.streams()
        bytes = streams.bytes + streams.bytes
        var request = streams.request
        request.budget = generator.random.one(of: [600, 3_000, 1 << 20, nil])
        shape = .entries(request)
      } else {
        bytes = (0..<3).flatMap { _ in generator.plain(longest: 5_000, deepest: 7).bytes }
        shape = .value(
          ReplyBounds(
            longestBulk: 5_000, budget: generator.random.one(of: [10, 500, 1 << 20]), deepestKept: generator.random.below(8)))
      }
      generator.damage(&bytes)
      let whole = try outcome([bytes], shape)
      for _ in 0..<2 {
        let cut = try outcome(chunks(bytes, &generator), shape)
        if cut != whole { Issue.record("seed \(seed): \(whole) became \(cut) in chunks") }
      }
      for case .value(let value?) in whole.replies {
        if let bounds = shape.bounds, size(of: value) > bounds.budget { Issue.record("seed \(seed): beyond the budget") }
      }
    }
  }

  private func size(of reply: RedisReply) -> Int {
    switch reply {
    case .bulk(let bytes): bytes.count
    case .array(let elements): elements.reduce(0) { $0 + size(of: $1) }
    case .status, .error, .integer, .null: 0
    }
  }

  @Test(
    "What never becomes a reply is refused before it takes much memory",
    arguments: [
      "+", "-", ":", "*", "*1\r\n", "*1000000\r\n", "$9223372036854775807\r\n", "%1\r\n", "~1\r\n*1\r\n", "=9223372036854775807\r\n",
    ])
  func endless(piece: String) throws {
    let parser = try ReplyParser()
    // The beginning comes once, then more of it forever: a line that does not end, nested arrays, a value that is never complete.
    let isLine = !piece.hasSuffix("\n")
    let first = Array(piece.utf8)
    let more = isLine || piece.hasPrefix("$") || piece.hasPrefix("=") ? [UInt8](repeating: 49, count: 4096) : first
    var fed = 0
    do {
      try first.withUnsafeBytes { try parser.feed($0, shape: { .value(.standard) }, deliver: { _ in }) }
      while fed < 4 << 20 {
        try more.withUnsafeBytes { try parser.feed($0, shape: { .value(.standard) }, deliver: { _ in }) }
        fed += more.count
      }
      // A long value is skipped, so it may have any length.
      if !piece.hasPrefix("$") { Issue.record("\(fed) bytes were taken") }
    } catch let error as RedisError {
      #expect(error.code == .malformedReply)
    }
  }
}

extension ReplyShape {
  fileprivate var bounds: ReplyBounds? { if case .value(let bounds) = self { bounds } else { nil } }
}
