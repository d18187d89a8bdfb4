import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// The SQL function that isolates failing entries, compared with `FaultClass` over the SQLSTATEs of the server.
@Suite struct FaultAgreementTests {
  private static func message(_ id: UInt64, _ content: String) -> HandMade {
    HandMade(id, "message.appended", "s", [("role", "user"), ("content", content)])
  }

  /// Lets each message fail with the SQLSTATE that is its content.
  private static func failByContent(_ sink: SinkFixture) async throws {
    try await sink.connection.script(
      """
      create function public.fail() returns trigger language plpgsql as $$ begin
        raise exception 'this message fails' using errcode = new.content;
      end $$;
      create trigger fail before insert on tide.messages for each row execute function public.fail()
      """, deadline: generous)
  }

  /// The SQLSTATEs of errors (not of warnings and successes) in the list from which the server itself is built.
  private static func states(of sink: SinkFixture) async throws -> [String] {
    let list = try await sink.server.adminPsql(
      "select pg_read_file(setting || '/errcodes.txt') from pg_config where name = 'SHAREDIR'")
    let states = list.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      return words.count >= 3 && words[0].count == 5 && words[1] == "E" ? String(words[0]) : nil
    }
    return Set(states).sorted()
  }

  @Test(arguments: [CommitMode.exact, .isolating])
  func `the server blames an entry for a SQLSTATE exactly where the fault class does`(mode: CommitMode) async throws {
    try await withSink { sink in
      try await Self.failByContent(sink)
      let states = try await Self.states(of: sink)
      #expect(states.count > 200)
      #expect(Set(["08006", "22P02", "25006", "26000", "42501", "57P05", "P0004", "XX000"]).isSubset(of: states))
      for (index, state) in states.enumerated() {
        let fault = FaultClass(sqlstate: state)
        let isBlamed: Bool
        do {
          let outcome = try await sink.commit([Self.message(UInt64(index + 1), state)], mode)
          isBlamed = outcome.deadLetters.map(\.rejection.sqlstate) == [state]
        } catch let error as SinkError {
          #expect(error.kind == .fault(fault), "\(state)")
          isBlamed = false
        }
        #expect(isBlamed == (fault == .record || fault == .ambiguous && mode == .isolating), "\(state) is \(fault)")
      }
    }
  }
}
