import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Sessions that are written to two lanes whose ids are often the same end as the naive model says, which knows one order: that of positions.
@Suite struct SharedStatePropertyTests {
  private struct Step {
    var lane: String
    var id: EntryID
    var fields: [String: String]
    /// What the model says of its session afterwards.
    var state: String
  }

  private static func story(_ seed: UInt64, lanes: [String], hasSnapshots: Bool) -> (steps: [Step], model: NaiveModel) {
    var random = SeededGenerator(seed: seed ^ 0xABC)
    var generator = ChangeGenerator(seed: seed, sessions: (0..<3).map { "shared\(seed)-s\($0)" })
    if !hasSnapshots { generator.types.removeAll { $0 == "snapshot.requested" } }
    var model = NaiveModel()
    var steps: [Step] = []
    var (ms, lane) = (UInt64(1_700_000_000_000), 1)
    for _ in 0..<150 {
      if lane == 0, random.chance(60) { lane = 1 } else { (ms, lane) = (ms + 1, random.below(2)) }
      let id = EntryID(ms: ms, no: 0)
      var fields = generator.change(id)
      if let event = fields["event_id"] { fields["event_id"] = "\(event)-\(lane)" }
      model.apply(ms, fields)
      steps.append(Step(lane: lanes[lane], id: id, fields: fields, state: model.state(fields["session"] ?? "", ms)))
    }
    return (steps, model)
  }

  /// Commits the steps in order, some at a time, by whatever path the engine could take.
  private static func commit(_ steps: [Step], _ random: inout SeededGenerator, exactly: Bool, to sink: SinkFixture) async throws {
    var rest = steps[...]
    while !rest.isEmpty {
      let part = rest.prefix(1 + random.below(random.one(of: [2, 10, 60])))
      rest = rest.dropFirst(part.count)
      let isLarge = random.chance(20)
      var lanes: [(LaneRecord, [HandMade])] = []
      for lane in Set(part.map(\.lane)).sorted().shuffled(using: &random) {
        var entries = part.filter { $0.lane == lane }.map { HandMade($0.id.ms, 0, $0.fields.sorted { $0.key < $1.key }) }
        if isLarge, lanes.isEmpty, let last = entries.last {
          entries += (1...PostgresWriter.pipelineLimit.entries).map {
            HandMade(last.id.ms, UInt64($0), [("type", "noise"), ("session", "n"), ("ephemeral", "1")])
          }
        }
        lanes.append((try await sink.lane(lane), entries))
      }
      let outcome = try await sink.writer.commit(sink.batch(lanes), exactly && random.chance(40) ? .exact : .fast)
      #expect(outcome.deadLetters.isEmpty)
    }
  }

  @Test func `two lanes with the same ids give the tables of the naive model`() async throws {
    try await withSink(lanes: []) { sink in
      for seed in 1...24 as ClosedRange<UInt64> {
        let lanes = ["x\(seed)", "y\(seed)"]
        for lane in lanes { try await sink.sink.register([NewLane(name: lane, shard: 1, position: .zero, baseline: 0)]) }
        // A snapshot keeps what was known when it was taken, and on the exact path the one lane comes after the other.
        let isExact = seed % 2 == 0
        let (steps, model) = Self.story(seed, lanes: lanes, hasSnapshots: !isExact)
        var random = SeededGenerator(seed: seed)
        try await Self.commit(steps, &random, exactly: isExact, to: sink)
        var comparison = StateComparison(sink: sink, model: model, sessions: "shared\(seed)-%")
        comparison.comparesStarts = false
        if let difference = try await comparison.difference() { Issue.record("seed \(seed): \(difference)") }
        let wrong = try await sink.connection.query(
          """
          select entry, lane from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) t (session, entry, lane, expected)
           where tide.state_at_entry(session, entry, lane) is distinct from expected
          """,
          [
            .textArray(strings: steps.map { $0.fields["session"] }), .textArray(strings: steps.map { "\($0.id)" }),
            .textArray(strings: steps.map(\.lane)), .textArray(strings: steps.map(\.state)),
          ], deadline: generous)
        if let entry = wrong.string(0, 0) { Issue.record("seed \(seed): another state at \(entry) of \(wrong.string(0, 1) ?? "")") }
      }
    }
  }
}
