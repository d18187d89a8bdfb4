import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("Durability, and sessions that leave Redis and come back", .serialized)
struct FunctionStateTests {
  @Test("An entry is not yet durable, durable, a dead letter, or not in the lane")
  func durable() async throws {
    try await withFunctions { functions in
      let id = try #require(try await functions.append("s", "x").change).entryID
      func durable(_ id: String) async throws -> Int64? { try await functions.call("durable", "s", [.text(id)]).number }
      #expect(try await durable(id) == 0)
      let parts = id.split(separator: "-").compactMap { Int64($0) }
      for (mark, answer) in [
        ("\(parts[0] - 1)-99", 0), ("9-9", 0), ("\(id)", 1), ("\(parts[0])-\(parts[1] + 1)", 1), ("\(parts[0])-1000", 1),
        ("\(parts[0] + 1)-0", 1),
      ] {
        try await functions.command("HSET \(FunctionCalls.lane) durable \(mark)")
        #expect(try await durable(id) == Int64(answer), "\(mark)")
      }
      #expect(try await durable("1-1") == -1)
      #expect(try await durable("18446744073709551615-18446744073709551615") == -1)
      try await functions.command("HSET \(FunctionCalls.lane) rejected:\(id) bad_json")
      #expect(try await durable(id) == -2)
      try await functions.command("XDEL \(FunctionCalls.changes) \(id)")
      #expect(try await durable(id) == -2)
      for id in ["", "1", "1-", "-1", "1-1-1", "01-1", "1-01", "18446744073709551616-0", "x-1", "+-+", "1-*"] {
        #expect(try await functions.call("durable", "s", [.text(id)]).refusal == "INVALID entry_id: is not an entry id", "\(id)")
      }
    }
  }

  /// A session with something of everything, that is no longer fresh.
  private func fill(_ functions: FunctionCalls) async throws -> String {
    for change in [
      "context.set key k value 1 kind goal", "message.appended role user content one message_id m1",
      "message.appended role user content two event_id e",
      "tool.started call_id c tool t",
    ] {
      let words = change.split(separator: " ").map { String($0) }
      try await functions.append("s", words[0], Array(words.dropFirst()))
    }
    try await functions.command("HDEL tidemark:{0}:session:s fresh")
    return try #require(try await functions.load("s")?.session["entry_id"])
  }

  @Test("Only a session that is durable and idle is evicted, by its own installation, and its event ids are handed over")
  func evict() async throws {
    try await withFunctions { functions in
      let id = try await fill(functions)
      func evict(_ idle: String = "0", by installation: String = "ours") async throws -> RedisReply {
        try await functions.call("evict", "s", [.text(installation), .text(idle)])
      }
      try await functions.command("HSET \(FunctionCalls.lane) installation ours incarnation 1")
      let state = try #require(try await functions.load("s"))
      #expect(try await evict() == .null)
      let parts = id.split(separator: "-").compactMap { Int64($0) }
      try await functions.command("HSET \(FunctionCalls.lane) durable \(parts[0] - 1)-0")
      #expect(try await evict() == .null)
      try await functions.command("HSET \(FunctionCalls.lane) durable \(id)")
      #expect(try await evict("3600000") == .null)
      #expect(try await evict(by: "other") == .null)
      // A session that was just restored is not idle, however old its last change is.
      try await functions.command("HSET tidemark:{0}:session:s restored_at \(parts[0] + 3_600_000)")
      #expect(try await evict() == .null)
      try await functions.command("HDEL tidemark:{0}:session:s restored_at")
      #expect(try await functions.load("s") == state)
      // Its last change is another one by now.
      #expect(try await functions.call("evict", "s", ["ours", "0", "\(parts[0])-99"]) == .null)
      let found = try #require(try await functions.call("evictable", "s", ["ours", "0"]).elements)
      #expect(try await functions.call("evictable", "s", ["ours", "3600000"]) == .null)
      #expect(try await functions.load("s") == state)
      let answer = try #require(try await functions.call("evict", "s", ["ours", "0", .text(id)]).elements)
      #expect(answer.prefix(4) == found.prefix(4) && answer[5].elements == [])
      #expect(answer.prefix(4) == [.integer(5), .integer(Int64(state.session["epoch"] ?? "") ?? 0), .bulk(Array(id.utf8)), .bulk([48])])
      #expect((answer[4].number ?? 0) > 300)
      #expect(found[5].elements?.count == 2)
      #expect(found[5].elements?.first?.text == "e")
      #expect(try await functions.load("s") == nil)
      #expect(try await functions.command("KEYS tidemark:{0}:*:s").elements == [])
      #expect(try await evict() == .null)
    }
  }

  /// The arguments of a restore of one session with something of everything.
  static func restored(
    expect: String = "-", flags: String = "0", installation: String = "ours", seq: String = "7", entryID: String = "1-7",
    readAt: String = "9999999999999"
  ) -> [RedisArgument] {
    let session = ["seq", seq, "epoch", "5", "incarnation", "0", "entry_id", entryID, "status", "active", "kind.k", "goal"]
    let messages = [
      #"{"entry_id":"1-1","role":"user","content":"one","message_id":"m1"}"#, #"{"entry_id":"1-2","role":"user","content":"two"}"#,
    ]
    var arguments = [installation, expect, flags, readAt, "6"] + session
    arguments += ["1", "k", "[ ]"]
    arguments += ["2"] + messages
    arguments += ["1", "c", #"{"entry_id":"1-3","call_id":"c","tool":"t"}"#]
    arguments += ["2", "e", "3 5 1-2 0000", "f", "4 5 1-3 -"]
    return arguments.map { .text($0) }
  }

  @Test("A restored session goes on where it was, with its event ids and message ids")
  func restore() async throws {
    try await withFunctions(started: []) { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation ours")
      #expect(try await functions.call("restore", "s", Self.restored()).number == 1)
      let state = try #require(try await functions.load("s"))
      #expect(state.session["seq"] == "7" && state.session["kind.k"] == "goal" && state.session["fresh"] == nil)
      #expect(state.context == ["k": "[ ]"] && state.contents == ["one", "two"] && state.tools.count == 1)
      #expect(try await functions.append("s", "x", "event_id e").refusal == "CONFLICT event_id")
      // Of this one the content is not known.
      let known = try #require(try await functions.append("s", "x", "event_id f").change)
      #expect(known == (4, 5, "1-3"))
      #expect(try await functions.append("s", "x", "event_id g", expect: "7").change?.seq == 8)
      #expect(try await functions.append("s", "x", "event_id g").change?.seq == 8)
      try await functions.append("s", "message.appended", "role user content again message_id m1")
      #expect(try await functions.load("s")?.contents == ["two", "again"])
      try await functions.append("s", "tool.finished", "call_id c status ok")
      #expect(try await functions.load("s")?.tools == [:])
    }
  }

  @Test("A session that Postgres knows nothing of is restored empty, and is hot then")
  func empty() async throws {
    try await withFunctions(started: []) { functions in
      let arguments = "ours - 0 9999999999999 3 seq 0 epoch 9 incarnation 0 0 0 0 0".split(separator: " ").map {
        RedisArgument.text(String($0))
      }
      #expect(try await functions.call("restore", "s", arguments).number == 1)
      let change = try #require(try await functions.append("s", "messages.cleared", expect: "0").change)
      #expect(change.seq == 1 && change.epoch == 9)
    }
  }

  @Test("A restore never overwrites newer state unless it is forced, and only what is fresh and as expected otherwise")
  func newerState() async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation ours")
      let id = try #require(try await functions.load("s")?.session["entry_id"])
      let before = try await functions.everything()
      #expect(try await functions.call("restore", "s", Self.restored()).number == 0)
      #expect(try await functions.call("restore", "s", Self.restored(expect: "1-1")).number == 0)
      #expect(try await functions.call("restore", "s", Self.restored(expect: id, installation: "other")).refusal == "OTHER ours")
      #expect(try await functions.call("restore", "unknown", Self.restored(expect: id)).number == 0)
      #expect(try await functions.everything() == before)
      // A session that began while Postgres knew it already gets what Postgres knows.
      #expect(try await functions.call("restore", "s", Self.restored(expect: id)).number == 1)
      let completed = try #require(try await functions.load("s"))
      #expect(completed.session["seq"] == "1" && completed.context == ["k": "[ ]"])
      // It is not fresh any more.
      #expect(try await functions.call("restore", "s", Self.restored(expect: "1-7", seq: "3")).number == 0)
      let held = try #require(try await functions.load("s")?.session["epoch"].flatMap { Int64($0) })
      #expect(try await functions.call("restore", "s", Self.restored(flags: "1", seq: "3")).number == 1)
      // The numbers that were in use are not used again.
      let forced = try #require(try await functions.load("s")?.session)
      #expect(forced["seq"] == "0" && forced["epoch"].flatMap { Int64($0) } == held + 1)
    }
  }

  @Test("A session is rebuilt while its last change is the expected one, and goes on with its numbers and event ids")
  func rebuild() async throws {
    try await withFunctions { functions in
      let id = try await fill(functions)
      try await functions.command("HSET \(FunctionCalls.lane) installation ours")
      let held = try #require(try await functions.load("s")?.session)
      let before = try await functions.everything()
      #expect(try await functions.call("restore", "s", Self.restored(expect: "1-1", flags: "4")).number == 0)
      #expect(try await functions.call("restore", "s", Self.restored(expect: id)).number == 0)
      #expect(try await functions.call("restore", "unknown", Self.restored(expect: id, flags: "4")).number == 0)
      #expect(try await functions.everything() == before)
      #expect(try await functions.call("restore", "s", Self.restored(expect: id, flags: "4", entryID: id)).number == 1)
      let rebuilt = try #require(try await functions.load("s"))
      for name in ["seq", "epoch", "incarnation", "entry_id"] { #expect(rebuilt.session[name] == held[name], "\(name)") }
      #expect(rebuilt.context == ["k": "[ ]"] && rebuilt.contents == ["one", "two"])
      let seq = try #require(held["seq"].flatMap { Int64($0) })
      // What it answered before its rebuild.
      #expect(try #require(try await functions.append("s", "message.appended", "role user content two event_id e").change).seq < seq)
      #expect(try #require(try await functions.append("s", "x", "", expect: "\(seq)").change).seq == seq + 1)
    }
  }

  @Test("What a worker read of a session long ago is not put back")
  func staleRestore() async throws {
    try await withFunctions(started: []) { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation ours")
      let time = try #require(try await functions.command("TIME").elements?.first?.number) * 1_000
      #expect(try await functions.call("restore", "s", Self.restored(readAt: "\(time - 7_000)")).number == 0)
      #expect(try await functions.load("s") == nil)
      #expect(try await functions.call("restore", "s", Self.restored()).number == 1)
    }
  }

  @Test("Where it is wanted, a session is written only under the mark of its incarnation")
  func mark() async throws {
    try await withFunctions(started: []) { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation ours incarnation 1")
      let before = try await functions.everything()
      for flags in ["2", "3"] {
        #expect(try await functions.call("restore", "s", Self.restored(flags: flags)).number == -1)
      }
      #expect(try await functions.everything() == before)
      try await functions.command("HSET \(FunctionCalls.lane) incarnation 0")
      #expect(try await functions.call("restore", "s", Self.restored(flags: "2")).number == 1)
      #expect(try await functions.call("restore", "s", Self.restored(flags: "2")).number == 0)
      #expect(try await functions.call("restore", "t", Self.restored(flags: "8")).refusal == "INVALID flags: is not a number from 0 to 7")
    }
  }

  @Test("A session that began anew remembers the event ids from before its eviction, and its own behind them")
  func idsOfBefore() async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation ours")
      let own = try #require(try await functions.append("s", "x", "event_id g").change)
      let again = try #require(try await functions.append("s", "x", "event_id f").change)
      #expect(try await functions.call("restore", "s", Self.restored(expect: again.entryID)).number == 1)
      #expect(try #require(try await functions.append("s", "x", "event_id g").change) == own)
      #expect(try #require(try await functions.append("s", "x", "event_id f").change) == again)
      #expect(try await functions.append("s", "x", "event_id e").refusal == "CONFLICT event_id")
      #expect(try await functions.command("HMGET tidemark:{0}:ids:s #1 #2 #3 next").elements?.map(\.text) == ["e", "g", "f", "3"])
    }
  }

  @Test("A restore of thousands of values is one step")
  func large() async throws {
    try await withFunctions(started: []) { functions in
      let count = 20_000
      var arguments: [String] = ["ours", "-", "0", "9999999999999", "2", "seq", "1", "epoch", "1", "\(count)"]
      for number in 0..<count { arguments += ["k\(number)", "\(number)"] }
      arguments += ["\(count)"] + (0..<count).map { #"{"entry_id":"1-\#($0)","message_id":"m\#($0)"}"# } + ["0", "0"]
      #expect(try await functions.call("restore", "s", arguments.map { .text($0) }).number == 1)
      let state = try #require(try await functions.load("s"))
      #expect(state.context.count == count && state.messages.count == count)
      try await functions.append("s", "message.removed", "message_id m3")
      #expect(try await functions.command("LLEN tidemark:{0}:messages:s").number == Int64(count - 1))
    }
  }

  @Test("A server without free memory still evicts")
  func fullServer() async throws {
    try await withFunctions { functions in
      let id = try await fill(functions)
      try await functions.command("HSET \(FunctionCalls.lane) installation ours durable \(id)")
      try await functions.command("CONFIG SET maxmemory 1")
      #expect(try await functions.append("s", "x").refusal?.hasPrefix("OOM") == true)
      #expect(try await functions.call("durable", "s", [.text(id)]).number == 1)
      #expect(try await functions.call("evict", "s", ["ours", "0"]).elements?.count == 7)
    }
  }
}
