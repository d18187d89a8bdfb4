import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct StateAtEntryTests {
  private static func count(_ id: String) -> String { "select tide.state_at_entry('s', '\(id)') #>> '{messages,count}'" }

  @Test func `an id without its second number is the first of its millisecond`() async throws {
    try await withSink { sink in
      let message = [("type", "message.appended"), ("session", "s"), ("role", "user"), ("content", "x")]
      try await sink.commit([HandMade(122, 0, message), HandMade(123, 0, message), HandMade(123, 1, message)])
      #expect(try await sink.one(Self.count("123")) == "2")
      #expect(try await sink.one(Self.count("123-0")) == "2")
      #expect(try await sink.one(Self.count("123-1")) == "3")
      #expect(try await sink.one(Self.count("0")) == "0")
      #expect(try await sink.one(Self.count("18446744073709551615-18446744073709551615")) == "3")
      #expect(try await sink.one("select tide.state_at_entry('s', null)") == nil)
      #expect(try await sink.one("select tide.state_at_entry('nobody', '123')") == nil)
    }
  }

  @Test func `a text that is no entry id is refused in one line with how to fix it`() async throws {
    try await withSink { sink in
      for text in ["", "-", "$", "now", "123-", "-1", "1-2-3", " 123", "1.5", "1-x\n", "18446744073709551616", "99999999999999999999999"] {
        let error = try await failure { try await sink.one(Self.count(text)) }
        #expect(error.sqlstate == "22023")
        let shown = text.replacing("\n", with: " ")
        let line = "state_at_entry: \"\(shown)\" is not the id of an entry; write it as Redis does, such as 1795389463124-98"
        #expect(error.debugDescription.contains(line), "\(error.debugDescription)")
      }
    }
  }
}
