import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// What the ledger says beside a session's state, and how far the walks over everything have come.
@Suite struct StateEvidenceTests {
  @Test func `beside a session's hot state the ledger says what explains a difference`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      func message(_ ms: UInt64, _ session: String, seq: String?) -> HandMade {
        HandMade(
          ms, "message.appended", session, [("role", "user"), ("content", "c")] + (seq.map { [("seq", $0), ("epoch", "1")] } ?? []))
      }
      try await sink.commit([
        message(1, "whole", seq: "1"), message(2, "whole", seq: "2"), message(3, "plain", seq: "1"), message(4, "plain", seq: nil),
      ])
      try await sink.commit([message(9, "elsewhere", seq: "1")], lane: "two")
      try await sink.connection.script(
        """
        insert into tide.dead_letters (lane, entry_ms, entry_no, session_id, reason, detail, raw, raw_complete)
        values ('one', 5, 0, 'letter', 'constraint', '', '{}', true)
        """, deadline: generous)
      func evidence(_ id: String, _ entry: UInt64, start: UInt64 = 1, since: UInt64? = nil) async throws -> HotEvidence? {
        let suspect = SuspectSession(
          id: id, lane: "one", entry: EntryID(ms: entry, no: 0), start: EntryID(ms: start, no: 0),
          since: since.map { EntryID(ms: $0, no: 0) })
        return try await sink.sink.evidence(of: [suspect]).first
      }
      #expect(try await evidence("whole", 2, since: 1) == HotEvidence(isKnown: true, messages: 1))
      #expect(try await evidence("whole", 2, start: 2) == HotEvidence(isKnown: true, knowsEarlier: true))
      #expect(try await evidence("whole", 7) == HotEvidence(isKnown: true, isRecorded: false))
      #expect(try await evidence("plain", 3) == HotEvidence(isKnown: true, isBypassed: true))
      #expect(try await evidence("plain", 3, start: 5) == HotEvidence(isKnown: true, knowsEarlier: true))
      #expect(try await evidence("elsewhere", 9) == HotEvidence(isKnown: true, isRecorded: false, isBypassed: true))
      #expect(try await evidence("letter", 5) == HotEvidence(isKnown: false, isRecorded: false, hasLetter: true))
      let lane = try await sink.lane().laneID
      #expect(try await sink.sink.changedSessions(of: lane, after: EntryID(ms: 1, no: 0), limit: 2).sorted() == ["plain", "whole"])
    }
  }

  @Test func `a walk goes on where it was recorded, and ends`() async throws {
    try await withSink { sink in
      let ledger = sink.sink
      #expect(try await ledger.walks().isEmpty)
      try await ledger.recordWalk(.sessions, place: "s1")
      #expect(try await ledger.walks() == [.sessions: WalkProgress(place: "s1", age: nil)])
      try await ledger.recordWalk(.sessions, place: nil)
      let walk = try await ledger.walks()[.sessions]
      #expect(walk?.place == nil && walk?.age != nil)
      let first = try #require(try await ledger.lane(after: .min))
      #expect(first.name == "one")
      #expect(try await ledger.lane(after: first.id) == nil)
    }
  }

  @Test func `the smallest number of messages that was ever kept stays known`() async throws {
    try await withSink { sink in
      let first = try await sink.sink.fewestHotMessages(200)
      #expect(first == 200)
      #expect(try await sink.sink.fewestHotMessages(20) == 20)
      #expect(try await sink.sink.fewestHotMessages(300) == 20)
    }
  }
}
