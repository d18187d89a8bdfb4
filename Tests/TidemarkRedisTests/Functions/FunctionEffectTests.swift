import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("What a change does to the hot state", .serialized)
struct FunctionEffectTests {
  @Test("A change is numbered and appended, and stands in the hot state with the id and the number of its entry")
  func numbering() async throws {
    try await withFunctions(started: []) { functions in
      let first = try #require(try await functions.append("s", "session.started", "agent a user u meta.a 1").change)
      let second = try #require(try await functions.append("s", "message.appended", "role user content hello tokens 5 x y").change)
      #expect((first.seq, second.seq) == (1, 2))
      #expect(first.epoch == second.epoch && first.epoch > 1_700_000_000_000)
      #expect(
        try await functions.entries() == [
          "type session.started session s agent a user u meta.a 1 seq 1 epoch \(first.epoch)",
          "type message.appended session s role user content hello tokens 5 x y seq 2 epoch \(first.epoch)",
        ])
      let state = try #require(try await functions.load("s"))
      #expect(
        state.session.filter { $0.key != "history" } == [
          "seq": "2", "epoch": "\(first.epoch)", "incarnation": "0", "entry_id": second.entryID, "started_id": first.entryID, "fresh": "1",
          "status": "active", "agent": "a", "user": "u", "meta.a": "1",
        ])
      #expect(
        state.messages == [
          #"{"entry_id":"\#(second.entryID)","seq":"2","epoch":"\#(first.epoch)","role":"user","content":"hello","tokens":"5","x":"y"}"#
        ])
    }
  }

  @Test("A session's fields are those that were given last, and its status follows its changes")
  func sessions() async throws {
    try await withFunctions(started: []) { functions in
      func session() async throws -> [String: String] {
        let hidden: Set = ["seq", "epoch", "incarnation", "entry_id", "started_id", "fresh", "history"]
        return try #require(try await functions.load("s")).session.filter { !hidden.contains($0.key) }
      }
      try await functions.append("s", "session.started", "agent a tenant t parent p title one")
      try await functions.append("s", "session.updated", "title two status waiting meta.k null meta.x {}")
      #expect(
        try await session()
          == ["agent": "a", "tenant": "t", "parent": "p", "title": "two", "status": "waiting", "meta.k": "null", "meta.x": "{}"])
      // An empty text is a value, an empty JSON field is none.
      try await functions.append("s", "session.updated", ["title", "", "meta.k", "", "agent", "other", "meta.", "extra"])
      #expect(
        try await session() == [
          "agent": "a", "tenant": "t", "parent": "p", "title": "", "status": "waiting", "meta.k": "null", "meta.x": "{}",
        ])
      try await functions.append("s", "session.ended")
      #expect(try await session()["status"] == "completed")
      try await functions.append("s", "session.ended", "status failed")
      #expect(try await session()["status"] == "failed")
      let again = try await functions.append("s", "session.started", "user u")
      #expect(again.change?.seq == 6)
      let reopened = try await session()
      #expect(reopened["status"] == "active" && reopened["user"] == "u" && reopened["agent"] == "a")
    }
  }

  @Test("The list holds the last visible messages: a repeated id replaces, a removal and a clearing hide")
  func messages() async throws {
    try await withFunctions { functions in
      func contents() async throws -> [String] { try #require(try await functions.load("s")).contents }
      for (content, id) in [("a", "1"), ("b", "2"), ("c", "3")] {
        try await functions.append("s", "message.appended", "role user content \(content) message_id \(id)")
      }
      try await functions.append("s", "message.appended", "role user content d")
      #expect(try await contents() == ["a", "b", "c", "d"])
      try await functions.append("s", "message.appended", "role user content B message_id 2")
      #expect(try await contents() == ["a", "c", "d", "B"])
      try await functions.append("s", "message.appended", "role user content BB message_id 2")
      #expect(try await contents() == ["a", "c", "d", "BB"])
      try await functions.append("s", "message.removed", "message_id 1")
      try await functions.append("s", "message.removed", "message_id unknown")
      #expect(try await contents() == ["c", "d", "BB"])
      // The id counts where both are given, as for a worker.
      try await functions.append("s", "message.removed", "message_id 3 last 1")
      #expect(try await contents() == ["d", "BB"])
      try await functions.append("s", "message.removed", "last 1")
      #expect(try await contents() == ["d"])
      // The id of a message that is gone is free.
      try await functions.append("s", "message.appended", "role user content again message_id 2")
      #expect(try await contents() == ["d", "again"])
      try await functions.append("s", "messages.cleared")
      #expect(try await contents() == [])
      try await functions.append("s", "message.removed", "last 1")
      try await functions.append("s", "message.appended", "role user content new message_id 2")
      #expect(try await contents() == ["new"])
      #expect(try await functions.call("load", "s", ["1"]).elements?[3].elements?.count == 1)
      #expect(try await functions.call("load", "s", ["0"]).elements?[3].elements?.count == 0)
    }
  }

  @Test("Only the last `hot_messages` messages stay, and a message that left is never removed or found again")
  func hotMessages() async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) hot_messages 3")
      for number in 1...5 {
        try await functions.append("s", "message.appended", "role user content \(number) message_id m\(number)")
      }
      #expect(try await functions.load("s")?.contents == ["3", "4", "5"])
      #expect(try await functions.load("s", "2")?.contents == ["4", "5"])
      // Of the messages that left, nothing is left.
      #expect(try await functions.command("HLEN tidemark:{0}:ids:s").number == 3)
      try await functions.append("s", "message.appended", "role user content 1+ message_id m1")
      #expect(try await functions.load("s")?.contents == ["4", "5", "1+"])
      try await functions.command("HSET \(FunctionCalls.lane) hot_messages 0")
      try await functions.append("s", "message.appended", "role user content 6 message_id m6")
      #expect(try await functions.load("s")?.contents == [])
      #expect(try await functions.command("EXISTS tidemark:{0}:ids:s tidemark:{0}:messages:s").number == 0)
    }
  }

  @Test("Context values are kept with their kind, and removed with it")
  func context() async throws {
    try await withFunctions { functions in
      try await functions.append("s", "context.set", "key plan value [1] kind goal")
      try await functions.append("s", "context.set", "key fact value 1")
      var state = try #require(try await functions.load("s"))
      #expect(state.context == ["plan": "[1]", "fact": "1"])
      #expect(state.session["kind.plan"] == "goal" && state.session["kind.fact"] == nil)
      try await functions.append("s", "context.set", "key plan value 2")
      state = try #require(try await functions.load("s"))
      #expect(state.context["plan"] == "2" && state.session["kind.plan"] == nil)
      try await functions.append("s", "context.set", "key plan value 2 kind result")
      try await functions.append("s", "context.removed", "key plan")
      try await functions.append("s", "context.removed", "key unknown")
      state = try #require(try await functions.load("s"))
      #expect(state.context == ["fact": "1"] && state.session["kind.plan"] == nil)
    }
  }

  @Test("Open attempts of a call are stacked; the last one that began is the first that ends")
  func tools() async throws {
    try await withFunctions { functions in
      func open() async throws -> [String] {
        (try await functions.load("s")?.tools["c"] ?? "").split(separator: "\n").map { line in
          line.firstMatch(of: /"tool":"([^"]*)"/).map { String($0.1) } ?? "?"
        }
      }
      try await functions.append("s", "tool.started", ["call_id", "c", "tool", "one", "arguments", "{\n}", "idempotency_key", "i"])
      let line = try #require(try await functions.load("s")?.tools["c"])
      #expect(line.hasSuffix(#","call_id":"c","tool":"one","arguments":"{\n}","idempotency_key":"i"}"#))
      try await functions.append("s", "tool.started", "call_id c tool two")
      #expect(try await open() == ["one", "two"])
      try await functions.append("s", "tool.finished", "call_id c status ok")
      #expect(try await open() == ["one"])
      try await functions.append("s", "tool.finished", "call_id c status error")
      #expect(try await functions.load("s")?.tools == [:])
      let last = try await functions.append("s", "tool.finished", "call_id never status cancelled")
      #expect(last.change?.seq == 6)
      #expect(try await functions.load("s")?.tools == [:])
    }
  }

  @Test(
    "Other types are numbered and have no effect beyond that",
    arguments: ["outcome.recorded label good", "snapshot.requested", "billing.done x y"])
  func others(change: String) async throws {
    try await withFunctions { functions in
      let before = try #require(try await functions.load("s"))
      let words = change.split(separator: " ").map { String($0) }
      let answer = try #require(try await functions.append("s", words[0], Array(words.dropFirst())).change)
      var after = try #require(try await functions.load("s"))
      #expect(after.session["seq"] == "2" && after.session["entry_id"] == answer.entryID)
      after.session["seq"] = "1"
      after.session["entry_id"] = before.session["entry_id"]
      #expect(after == before)
    }
  }

  @Test("An ephemeral change is appended without a number and needs no hot session")
  func ephemeral() async throws {
    try await withFunctions(started: []) { functions in
      let answer = try #require(try await functions.append("s", "token", "ephemeral 1 text a", expect: "7").change)
      #expect(answer.seq == 0 && answer.epoch == 0)
      #expect(try await functions.entries() == ["type token session s ephemeral 1 text a"])
      #expect(try await functions.load("s") == nil)
      #expect(try await functions.append("s", "token", "ephemeral 0").refusal == "COLD s")
    }
  }

  @Test(
    "JSON is kept byte by byte",
    arguments: [
      "12345678901234567", "[]", "1e400", #""\ud83d""#, "{\"b\":1, \"a\":1.0,\"b\":2}", " {} ", "\"\u{7F}\\/é\"", "[1,\n2]", "01",
      "\"a/b\"",
    ])
  func json(value: String) async throws {
    try await withFunctions { functions in
      let fields = ["key", "k", "value", value]
      #expect(try await functions.append("s", "context.set", fields).change != nil)
      try await functions.append("s", "session.updated", ["meta.m", value])
      try await functions.append("s", "message.appended", ["parts", value])
      try await functions.append("s", "tool.started", ["call_id", "c", "tool", "t", "arguments", value])
      let state = try #require(try await functions.load("s"))
      #expect(state.context["k"] == value)
      #expect(state.session["meta.m"] == value)
      let entries = try await functions.entries()
      #expect(entries[1].contains("value \(value) seq"))
      let decoder = #"return {cjson.decode(ARGV[1]).parts, cjson.decode(ARGV[2]).arguments}"#
      let kept = try await functions.connection.send(["EVAL", .text(decoder), "0", .text(state.messages[0]), .text(state.tools["c"] ?? "")])
      #expect(kept.elements?.map(\.text) == [value, value])
    }
  }
}
