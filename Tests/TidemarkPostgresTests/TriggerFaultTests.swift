import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Errors of triggers that are not Tidemark's.
@Suite struct TriggerFaultTests {
  @Test(
    arguments: [
      ("PL/pgSQL function public.audit() line 3 at SQL statement", "public.audit()"),
      ("PL/pgSQL-Funktion public.audit() Zeile 3 bei SQL-Anweisung", "public.audit()"),
      (
        "SQL statement \"INSERT INTO log(x) VALUES (1)\"\nPL/pgSQL function app.note(text) line 2 at PERFORM\n"
          + "PL/pgSQL function tide.apply_exactly(text[],integer[]) line 80 at SQL statement", "app.note(text)"
      ),
      ("SQL function \"audit\" statement 1", "audit"), ("PL/pgSQL function tide.advance(integer[]) line 3 at RAISE", nil), ("", nil),
      ("COPY messages, line 17, column meta: \"public.audit()\"", nil), (nil, nil),
    ] as [(String?, String?)])
  func `the innermost function that is not ours is named`(context: String?, function: String?) {
    #expect(TriggerFault.function(in: context, outside: "tide") == function)
  }

  private static func install(_ body: String, on table: String, _ sink: SinkFixture) async throws {
    try await sink.connection.script(
      """
      create function public.audit() returns trigger language plpgsql as $$ begin \(body); return new; end $$;
      create trigger audit_rows after insert on tide.\(table) for each row execute function public.audit()
      """, deadline: generous)
  }

  private static let message = HandMade(1, "message.appended", "s", [("role", "user"), ("content", "x")])

  @Test func `a trigger that misses a table is named, and not the schema`() async throws {
    try await withSink { sink in
      try await Self.install("insert into audit_log values (1)", on: "messages", sink)
      for mode in [CommitMode.fast, .exact] {
        let error = try await sinkFailure { try await sink.commit([Self.message], mode) }
        #expect(error.kind == .fault(.configuration))
        #expect(error.description.contains("(in public.audit())"), "\(error.description)")
        let hint = error.hint ?? ""
        #expect(hint.contains("the trigger audit_rows on messages calls public.audit()"), "\(hint)")
        #expect(hint.contains("search_path"))
        #expect(!hint.contains("tidemark migrate"))
      }
    }
  }

  @Test func `a record that a trigger refuses says so in its dead letter`() async throws {
    try await withSink { sink in
      try await Self.install("perform pg_notify('messages', repeat('x', 9000))", on: "messages", sink)
      let outcome = try await sink.commit([Self.message], .exact)
      let detail = outcome.deadLetters.first?.rejection.detail ?? ""
      #expect(outcome.deadLetters.first?.rejection.sqlstate == "22023")
      #expect(detail.contains("it failed in public.audit(), which a trigger of yours calls"), "\(detail)")
    }
  }

  @Test func `an error of Tidemark's own is nobody's trigger`() async throws {
    try await withSink { sink in
      try await sink.connection.script("alter table tide.messages rename to elsewhere", deadline: generous)
      let error = try await sinkFailure { try await sink.commit([Self.message]) }
      #expect(error.hint == "run `tidemark migrate`")
    }
  }
}
