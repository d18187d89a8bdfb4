import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct AcceptedEntriesFuzzTests {
  /// Entries of a batch: enough for the pipeline to be one round trip, few enough to see which one it was.
  private static let width = 20

  @Test func `what the decoder accepts, Postgres takes, by each way that there is`() async throws {
    try await withSink { sink in
      var refused = 0
      for (index, seed) in FuzzInputs(test: "accepted", byDefault: 40).enumerated() {
        var generator = EntryGenerator(seed: seed, .plausible)
        let entries = (0..<Self.width).map { _ in generator.entry() }
        let block = EntryGenerator.block(entries, firstMilliseconds: UInt64(1 + index * Self.width))
        var builder = BatchBuilder(
          routes: RouteTable.builtIn, limits: .init(maxEntryBytes: 1 << 20, replacesNUL: generator.random.chance(50)))
        builder.append(lane: try await sink.lane(), partition: nil, [LaneChunk(block: block, blockID: 0, entries: 0..<Self.width)])
        let batch = builder.finish()
        for problem in try await Self.refusals(of: batch, generator.random.chance(50) ? .fast : .exact, by: sink) {
          Issue.record("seed \(seed): \(problem)")
        }
        refused += batch.entries.count - batch.applied.count
        Self.writeCopies(of: batch, seed)
      }
      #expect(try await sink.one("select count(*) > 0 from tide.change_log") == "t")
      #expect(refused > 0)
    }
  }

  /// What Postgres did not take of a batch.
  private static func refusals(of batch: ChangeBatch, _ mode: CommitMode, by sink: SinkFixture) async throws -> [String] {
    let outcome: BatchOutcome
    do {
      outcome = try await sink.writer.commit(batch, mode)
    } catch let error as SinkError where mode == .fast && error.kind == .fault(.record) {
      // An event_id that came before is no fault of a record: the fast path only can't decide it.
      outcome = try await sink.writer.commit(batch, .exact)
    }
    return outcome.deadLetters.filter { $0.rejection.sqlstate != nil }.map { "entry \($0.entry): \($0.rejection)" }
  }

  /// The formats of COPY, without a server: what is said to be written is written.
  private static func writeCopies(of batch: ChangeBatch, _ seed: UInt64) {
    for rows in batch.rowSets where rows.rowCount > 0 {
      let types = rows.destination.columns.compactMap { $0.isTyped ? BinaryType(rawValue: $0.type) : nil }
      let order = rows.ordered(in: batch)
      do {
        var size = 0
        var stream = CopyStream { size += $0.count }
        if types.count == rows.columnCount {
          try CopyBinary.write(rows, order: order, types: types, of: batch, to: &stream)
        } else {
          try CopyText.write(rows, order: order, of: batch, to: &stream)
        }
        try stream.flush()
        if size == 0 { Issue.record("seed \(seed): nothing was written") }
      } catch {
        Issue.record("seed \(seed): \(error)")
      }
    }
  }
}
