import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Bad records that a COPY names by their line.
@Suite struct SinkFailingEntryTests {
  private static func message(_ index: Int, _ content: String, event: String? = nil) -> HandMade {
    // Sessions fall, so that rows are not sent in the order of their entries.
    HandMade(
      UInt64(index + 1), "message.appended", event == nil ? "session \(9_999 - index)" : "s",
      [("role", "user"), ("content", content)] + (event.map { [("event_id", $0)] } ?? []))
  }

  private static func entries(_ count: Int, bad: Set<Int>) -> [HandMade] {
    (0..<count).map { message($0, bad.contains($0) ? "bad \($0)" : "good") }
  }

  /// Commits as the machine decides. Answers how many were cut out, and by which path the rest went.
  private static func commit(_ sink: SinkFixture, _ entries: [HandMade]) async throws -> (exclusions: Int, mode: CommitMode) {
    var batch = sink.batch([(try await sink.lane(), entries)])
    var machine = CommitMachine(
      retry: RetryPolicy(base: .zero, cap: .zero), laneCount: 1, entryCount: batch.entries.count, undecided: batch.applied.count,
      isPiece: false)
    var exclusions = 0
    while true {
      do {
        _ = try await sink.writer.commit(batch, machine.mode)
        return (exclusions, machine.mode)
      } catch let error as SinkError {
        switch machine.failed(error, CommitEvidence(), random: 0) {
        case .exclude(let failingEntry):
          exclusions += 1
          batch.reject([failingEntry.entry: failingEntry.rejection])
        case .attempt: break
        case let action:
          Issue.record("\(action) after \(error)")
          throw error
        }
      }
    }
  }

  /// What makes messages that begin with `bad` unfit.
  static let faults = [
    "alter table tide.messages add constraint polite check (content !~ '^bad')",
    "drop view tide.session_sizes; alter table tide.messages alter column content type varchar(4)",
    """
    create function tide.complain() returns trigger language plpgsql as $$ begin
      if new.content ~ '^bad' then raise exception 'not % again', 'this' using errcode = '22023'; end if; return new; end $$;
    create trigger complain before insert on tide.messages for each row execute function tide.complain()
    """,
    """
    create function tide.empty() returns trigger language plpgsql as $$ begin
      if new.content ~ '^bad' then new.at := null; end if; return new; end $$;
    create trigger empty before insert on tide.messages for each row execute function tide.empty()
    """,
  ]

  @Test(arguments: faults) func `a few bad records are cut out, and nothing tells them from those that the exact path finds`(fault: String)
    async throws
  {
    let entries = Self.entries(900, bad: [100, 420, 777])
    var outcomes: [[String: [[String?]]]] = []
    for isExact in [true, false] {
      try await withSink { sink in
        try await sink.connection.script(fault, deadline: generous)
        if isExact {
          try await sink.commit(entries, .exact)
        } else {
          let (exclusions, mode) = try await Self.commit(sink, entries)
          #expect(exclusions == 3)
          #expect(mode == .fast)
        }
        outcomes.append(try await sink.everything())
      }
    }
    #expect(outcomes[0]["dead_letters"]?.count == 3)
    #expect(outcomes[0] == outcomes[1])
  }

  @Test func `one bad record of 5,000 is cut out, twenty are left to the server`() async throws {
    for (bad, isFast) in [([2_500] as Set<Int>, true), (Set(stride(from: 120, to: 5_000, by: 250)), false)] {
      try await withSink { sink in
        try await sink.connection.script(Self.faults[0], deadline: generous)
        let (exclusions, mode) = try await Self.commit(sink, Self.entries(5_000, bad: bad))
        #expect(mode == (isFast ? .fast : .exact))
        #expect(exclusions <= 8)
        #expect(
          try await sink.rows("select entry_ms, reason, sqlstate from tide.dead_letters order by entry_ms")
            == bad.sorted().map { ["\($0 + 1)", "constraint", "23514"] })
        #expect(try await sink.one("select count(*) from tide.messages") == "\(5_000 - bad.count)")
        #expect(try await sink.lane().totals.discrepancy == 0)
      }
    }
  }

  @Test func `an entry that was there before is no failing entry`() async throws {
    try await withSink { sink in
      let first = (0..<500).map { Self.message($0, "good", event: $0 == 7 ? "e" : nil) }
      try await sink.commit(first)
      let second = (500..<1_000).map { Self.message($0, "good", event: $0 == 700 ? "e" : nil) }
      #expect(try await sinkFailure { try await sink.commit(second) }.failingEntry == nil)
      _ = try await sink.one("update tide.lanes set entry_ms = 0")
      let again = try await sinkFailure { try await sink.commit(first) }
      #expect(again.kind == .fault(.record))
      #expect(again.failingEntry == nil)
    }
  }

  @Test func `a bad record with a producer's id that another one has is left to the exact path`() async throws {
    try await withSink { sink in
      try await sink.connection.script(Self.faults[0], deadline: generous)
      var entries = Self.entries(500, bad: [])
      entries[10] = Self.message(10, "good", event: "e")
      entries[20] = Self.message(20, "bad", event: "e")
      let error = try await sinkFailure { try await sink.commit(entries) }
      #expect(error.kind == .fault(.record))
      #expect(error.failingEntry == nil)
      #expect(try await Self.commit(sink, entries).mode == .exact)
      #expect(try await sink.rows("select entry_ms, reason from tide.dead_letters") == [["21", "id_reused"]])
    }
  }
}
