import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// What is applied late, as a replay or a second read does, ends as if it had been there in its place.
@Suite struct LateEntryPropertyTests {
  /// Which lanes a story's entries come by, and from which they are replayed.
  private enum Lanes: CaseIterable {
    /// All by one: nothing else ever changes the session.
    case one
    /// The late ones by another than the rest.
    case late
    /// Two in turns, whose entries have the same ids in pairs.
    case two
  }

  private struct Entry {
    var lane: String
    var entry: HandMade
    var id: EntryID { entry.id }
  }

  /// A session's changes in the order of their positions, some of them set aside.
  private struct Story {
    let session: String
    var model = NaiveModel()
    var home: [Entry] = []
    var late: [Entry] = []
    /// What the model says after each entry.
    var states: [(entry: EntryID, lane: String?, state: String)] = []

    init(_ seed: UInt64, _ types: [String], lanes: Lanes, length: Int, late count: Int) {
      session = "late\(seed)"
      var generator = ChangeGenerator(seed: seed, sessions: [session])
      generator.types = types
      for index in 0..<length {
        let id = EntryID(ms: seed * 10_000 + UInt64(lanes == .two ? index / 2 : index), no: 0)
        var fields = generator.change(id)
        if let event = fields["event_id"] { fields["event_id"] = "\(event)-\(index)" }
        model.apply(id.ms, fields)
        let lane = lanes == .two && index % 2 == 1 ? "late" : "home"
        states.append((id, lanes == .two ? lane : nil, model.state(session, id.ms)))
        home.append(Entry(lane: lane, entry: HandMade(id.ms, 0, fields.sorted { $0.key < $1.key })))
      }
      // The first one makes the session known, and its time is the session's start for good.
      for _ in 0..<count { late.append(home.remove(at: 1 + generator.random.below(home.count - 1))) }
      if lanes == .late { for index in late.indices { late[index].lane = "late" } }
    }

    var says: String {
      "late \(late.map { entry in "\(entry.lane) \(entry.id) \(entry.entry.fields.map { String(decoding: $0.name + [61] + $0.value, as: UTF8.self) })" })"
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

  /// Commits what comes by both lanes in one transaction.
  private static func commit(_ part: [Entry], _ mode: CommitMode, to sink: SinkFixture) async throws {
    var lanes: [(LaneRecord, [HandMade])] = []
    for lane in ["home", "late"] where part.contains(where: { $0.lane == lane }) {
      lanes.append((try await sink.lane(lane), part.filter { $0.lane == lane }.map(\.entry)))
    }
    _ = try await sink.writer.commit(sink.batch(lanes), mode)
  }

  @Test func `entries applied late end as if they had been there in their place`() async throws {
    try await withSink(lanes: ["home", "late"]) { sink in
      let replayer = try sink.sink.makeReplayer()
      let kinds = [Self.values, Self.messages, Self.calls, Self.values + Self.messages + Self.calls]
      for seed in 1...168 as ClosedRange<UInt64> {
        var random = SeededGenerator(seed: seed)
        let lanes = Lanes.allCases[Int(seed / 4 % 3)]
        let story = Story(seed, kinds[Int(seed % 4)], lanes: lanes, length: 16, late: 1 + Int(seed / 12 % 4))
        do {
          // Some come while the lane is still on its way, the others at its end.
          var home = story.home[...]
          for late in story.late.shuffled(using: &random) {
            let part = home.prefix(while: { $0.id <= late.id }) + home.drop(while: { $0.id <= late.id }).prefix(random.below(8))
            home = home.dropFirst(part.count)
            if !part.isEmpty { try await Self.commit(Array(part), random.chance(30) ? .exact : .fast, to: sink) }
            // Out of turn: the lane's cursor is no bound for what is replayed.
            let letter = try #require(try await sink.addLetter(late.entry, lane: late.lane))
            let replays = try await replayer.replay(lane: late.lane, [letter]) { record, _ in sink.batch([(record, [late.entry])]) }
            #expect(replays == [letter: .applied])
          }
          if !home.isEmpty { try await Self.commit(Array(home), .fast, to: sink) }
          #expect(
            try await sink.one("select is_shared::text from tide.sessions where session_id = '\(story.session)'")
              == (lanes == .one ? "false" : "true"))
          var comparison = StateComparison(sink: sink, model: story.model, sessions: story.session)
          comparison.comparesStarts = lanes != .two
          if let difference = try await comparison.difference() { Issue.record("seed \(seed), \(story.says): \(difference)") }
          let wrong = try await sink.connection.query(
            """
            select entry from unnest($1::text[], $2::text[], $3::jsonb[]) t (entry, lane, expected)
             where tide.state_at_entry('\(story.session)', entry, lane) is distinct from expected
            """,
            [
              .textArray(strings: story.states.map { "\($0.entry)" }), .textArray(strings: story.states.map(\.lane)),
              .textArray(strings: story.states.map(\.state)),
            ], deadline: generous)
          if let entry = wrong.string(0, 0) { Issue.record("seed \(seed), \(story.says): another state at \(entry)") }
        } catch {
          Issue.record("seed \(seed), \(story.says): \(error)")
        }
      }
      await replayer.close()
    }
  }
}
