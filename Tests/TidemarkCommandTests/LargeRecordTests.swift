import Testing
import TidemarkTestKit

/// Values of many megabytes keep the worker's memory within its bound.
@Suite struct LargeRecordTests {
  /// The bound: `buffer.max_bytes` + 3 x `limits.max_entry_bytes` + 64 MiB, in KiB.
  static let memoryBound = (64 + 3 * 32 + 64) * 1024

  @Test func largeValuesAreAppliedOrSetAsideWithinTheMemoryThatIsPromised() async throws {
    try await withProduct { product in
      let mebibytes20 = [UInt8](repeating: UInt8(ascii: "a"), count: 20 << 20)
      let message = RawRecord("large", ["type": "message.appended", "session": "s", "role": "user"])
      let small = message.with("content", Array("small".utf8))
      try await product.add([small, message.with("content", mebibytes20), small])
      try await product.add([small, message.with("content", mebibytes20 + mebibytes20), small])
      let broken = RawRecord("broken", ["type": "context.set", "session": "s", "key": "k"]).with("value", mebibytes20)
      try await product.add([small, broken, small])
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp(within: .seconds(120))

      #expect(
        try await product.rows("select length(content), count(*) from tidemark.messages group by 1 order by 1") == ["5|6", "20971520|1"])
      #expect(
        try await product.rows(
          """
          select reason, raw_complete, cardinality(raw), length(raw[cardinality(raw)]), detail like '%content 41943040 bytes, sha256 %'
            from tidemark.dead_letters order by id
          """) == ["entry_too_large|f|8|4096|t", "bad_json|t|8|20971520|f"])
      #expect(
        try await product.value(
          "select raw[8] = convert_to(repeat('a', 20 << 20), 'UTF8') from tidemark.dead_letters where reason = 'bad_json'")
          == "t")
      #expect(try await product.discrepancies() == [])
      let peak = worker.peakMemory
      #expect(peak > 0 && peak < Self.memoryBound, "\(peak / 1024) MiB")
      #expect(try await worker.stop() == 0)
    }
  }
}
