import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// What is applied late, as a replay or a second read does, ends as if it had been there in its place.
@Suite struct LateEntryPropertyTests {
  /// A session's changes in the order of their positions, some of them set aside.
  private struct Story {
    let session: String
    var model = NaiveModel()
    var home: [HandMade] = []
    var late: [HandMade] = []
    /// What the model says after each entry.
    var states: [(entry: EntryID, state: String)] = []

    init(_ seed: UInt64, _ types: [String], length: Int, late count: Int) {
      session = "late\(seed)"
      var generator = ChangeGenerator(seed: seed, sessions: [session])
      generator.types = types
      for index in 0..<length {
        let id = EntryID(ms: seed * 10_000 + UInt64(index), no: 0)
        let fields = generator.change(id)
        model.apply(id.ms, fields)
        states.append((id, model.state(session, id.ms)))
        home.append(HandMade(id.ms, 0, fields.sorted { $0.key < $1.key }))
      }
      // The first one makes the session known, and its time is the session's start for good.
      for _ in 0..<count { late.append(home.remove(at: 1 + generator.random.below(home.count - 1))) }
    }

    var says: String {
      "late \(late.map { entry in "\(entry.id) \(entry.fields.map { String(decoding: $0.name + [61] + $0.value, as: UTF8.self) })" })"
    }
  }

  /// A session's own changes, its context and its outcomes.
  private static let values = [
    "session.started", "session.updated", "session.ended", "context.set", "context.set", "context.removed", "outcome.recorded",
    "session.paused",
  ]
  private static let messages = [
    "message.appended", "message.appended", "message.appended", "message.appended", "message.removed", "message.removed",
    "message.removed", "messages.cleared",
  ]
  private static let calls = ["tool.started", "tool.started", "tool.started", "tool.finished", "tool.finished"]

  @Test func `entries applied late end as if they had been there in their place`() async throws {
    try await withSink(lanes: ["home", "late"]) { sink in
      let replayer = try sink.sink.makeReplayer()
      let kinds = [Self.values, Self.messages, Self.calls, Self.values + Self.messages + Self.calls]
      for seed in 1...160 as ClosedRange<UInt64> {
        var random = SeededGenerator(seed: seed)
        let story = Story(seed, kinds[Int(seed % 4)], length: 16, late: 1 + Int(seed / 4 % 4))
        do {
          // Some come while the lane is still on its way, the others at its end.
          var home = story.home[...]
          for entry in story.late.shuffled(using: &random) {
            let part = home.prefix(while: { $0.id <= entry.id }) + home.drop(while: { $0.id <= entry.id }).prefix(random.below(8))
            home = home.dropFirst(part.count)
            if !part.isEmpty { try await sink.commit(Array(part), random.chance(30) ? .exact : .fast, lane: "home") }
            // Out of turn: the lane's cursor is no bound for what is replayed.
            let letter = try #require(try await sink.addLetter(entry, lane: "late"))
            let replays = try await replayer.replay(lane: "late", [letter]) { record, _ in sink.batch([(record, [entry])]) }
            #expect(replays == [letter: .applied])
          }
          if !home.isEmpty { try await sink.commit(Array(home), lane: "home") }
          let difference = try await StateComparison(sink: sink, model: story.model, sessions: story.session).difference()
          if let difference { Issue.record("seed \(seed), \(story.says): \(difference)") }
          let wrong = try await sink.connection.query(
            """
            select entry from unnest($1::text[], $2::jsonb[]) t (entry, expected)
             where tide.state_at_entry('\(story.session)', entry) is distinct from expected
            """,
            [.textArray(strings: story.states.map { "\($0.entry)" }), .textArray(strings: story.states.map(\.state))],
            deadline: generous)
          if let entry = wrong.string(0, 0) { Issue.record("seed \(seed), \(story.says): another state at \(entry)") }
        } catch {
          Issue.record("seed \(seed), \(story.says): \(error)")
        }
      }
      await replayer.close()
    }
  }
}
