import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("Sessions that are forgotten", .serialized)
struct FunctionForgetTests {
  @Test("All keys of a session go, whatever its state, and nothing that was read before comes back")
  func forget() async throws {
    try await withFunctions { functions in
      try await functions.append("s", "message.appended", "role user content c message_id m event_id e")
      try await functions.append("s", "context.set", "key k value 1")
      try await functions.append("s", "tool.started", "call_id c tool t")
      #expect(try await functions.call("traces", "s", []).elements?.first?.number == 5)
      try await functions.command("HSET \(FunctionCalls.lane) installation i")
      #expect(try await functions.call("forget", "s", [.text("other")]).refusal == "OTHER i")
      #expect(try await functions.call("traces", "s", []).elements?.first?.number == 5)
      let answer = try #require(try await functions.call("forget", "s", [.text("i")]).elements)
      #expect(answer.first?.number == 5)
      let time = try #require(answer.last?.number)
      #expect(try await functions.call("traces", "s", []).elements?.compactMap(\.text).last == "")
      #expect(try await functions.append("s", "context.set", "key k value 1").refusal == "COLD s")

      func restore(readAt: Int64) async throws -> Int64? {
        try await functions.call("restore", "s", FunctionStateTests.restored(installation: "i", readAt: "\(readAt)")).number
      }
      #expect(try await restore(readAt: time) == 0)
      #expect(try await functions.call("traces", "s", []).elements?.first?.number == 0)
      #expect(try await restore(readAt: time + 1) == 1)
    }
  }

  @Test("Entries are removed behind the cursor of their incarnation, and only while they are of the session")
  func erase() async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation i incarnation 3")
      for number in 1...4 {
        let session = number == 2 ? "other" : "gone"
        try await functions.command("XADD \(FunctionCalls.changes) 9999999999999-\(number) type x session \(session) text \(number)")
      }
      let page = try #require(try await functions.call("entries", "s", ["9999999999999-0", "3"]).elements)
      #expect(page[0].number == 3 && page[2].text == "9999999999999-3")
      #expect(
        page[3].elements?.compactMap(\.text) == [
          "9999999999999-1", "gone", "9999999999999-2", "other", "9999999999999-3", "gone",
        ])
      func erase(_ installation: String, _ incarnation: String, _ before: String, _ id: Int, _ session: String) async throws -> RedisReply {
        try await functions.call(
          "erase", "s", [.text(installation), .text(incarnation), .text(before), .text("9999999999999-\(id)"), .text(session)])
      }
      #expect(try await erase("other", "3", "9999999999999-4", 1, "gone").refusal == "OTHER i")
      for (incarnation, before, id, session) in [
        ("2", "9999999999999-4", 1, "gone"), ("3", "9999999999999-1", 1, "gone"), ("3", "9999999999999-4", 2, "gone"),
        ("3", "9999999999999-4", 9, "gone"),
      ] {
        #expect(try await erase("i", incarnation, before, id, session).number == 0)
      }
      #expect(try await erase("i", "3", "9999999999999-2", 1, "gone").number == 1)
      #expect(try await functions.entries().compactMap { $0.split(separator: " ").last }.suffix(3) == ["2", "3", "4"])
    }
  }
}
