import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

/// A replica that was promoted may lack the last changes, and until a worker has noticed that, the lane's mark is as it was.
@Suite("Numbers and restores after a promotion", .serialized)
struct FunctionHistoryTests {
  /// A session with the numbers 1 and 2 that is not fresh, on a lane with a mark.
  private func withSession(_ body: (FunctionCalls, Int64) async throws -> Void) async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) installation ours incarnation 1 durable 99999999999999-0")
      let change = try #require(try await functions.append("s", "x", "event_id e").change)
      try await functions.command("HDEL tidemark:{0}:session:s fresh")
      try await body(functions, change.epoch)
    }
  }

  @Test("An epoch begins, because the numbers that follow may be in use, and Postgres may know more of the session")
  func numbers() async throws {
    try await withSession { functions, epoch in
      #expect(try await functions.append("s", "x", expect: "2").change?.seq == 3)
      #expect(try await functions.load("s")?.session["fresh"] == nil)
      try await functions.beginHistory()
      let state = try #require(try await functions.load("s")?.session)
      #expect(state["seq"] == "0" && state["fresh"] == "1")
      // What is remembered of earlier changes stays true.
      #expect(try await functions.append("s", "x", "event_id e").change?.seq == 2)
      #expect(try await functions.append("s", "x", expect: "3").refusal == "CONFLICT 0")
      let next = try #require(try await functions.append("s", "x", expect: "0").change)
      #expect(next.seq == 1 && next.epoch > epoch)
      #expect(try await functions.append("s", "x", expect: "1").change?.epoch == next.epoch)
      #expect(try await functions.load("s")?.session["fresh"] == "1")
    }
  }

  @Test("A worker is told that Postgres may know more of the session, and what it restores is numbered anew")
  func restore() async throws {
    try await withSession { functions, epoch in
      func presence() async throws -> [RedisReply] { try await functions.call("presence", "s", []).elements ?? [] }
      #expect(try await presence().dropFirst() == [.integer(0), .integer(epoch), .integer(2), .integer(1)])
      try await functions.beginHistory()
      let found = try await presence()
      #expect(found.dropFirst() == [.integer(1), .integer(epoch), .integer(0), .integer(1)])
      let entry = try #require(found[0].text)
      #expect(try await functions.call("restore", "s", FunctionStateTests.restored()).number == 0)
      #expect(try await functions.call("restore", "s", FunctionStateTests.restored(expect: "1-1")).number == 0)
      #expect(try await functions.call("restore", "s", FunctionStateTests.restored(expect: entry)).number == 1)
      let state = try #require(try await functions.load("s")?.session)
      #expect(state["seq"] == "0" && state["fresh"] == nil)
      #expect(try await functions.append("s", "x", "event_id e").change?.seq == 2)
      let next = try #require(try await functions.append("s", "x", expect: "0").change)
      #expect(next.seq == 1 && next.epoch > epoch)
      #expect(try await presence()[1] == .integer(0))
      #expect(try await functions.call("presence", "unknown", []) == .null)
    }
  }

  @Test("The record of an eviction leads to numbers that nobody can have used")
  func evict() async throws {
    try await withSession { functions, epoch in
      try await functions.beginHistory()
      let evicted = try #require(try await functions.call("evict", "s", ["ours", "0"]).elements)
      #expect(evicted[0].number == 0)
      #expect(try #require(evicted[1].number) > epoch)
    }
  }

  @Test("An eviction tells the history in which the session left")
  func historyOfEviction() async throws {
    try await withSession { functions, _ in
      func history() async throws -> String? {
        RedisHistory.name(in: try await functions.connection.send(RedisHistory.command))
      }
      let first = try #require(try await history())
      #expect(try await functions.call("evictable", "s", ["ours", "0"]).elements?.last?.text == first)
      try await functions.beginHistory()
      let second = try #require(try await history())
      #expect(try await functions.call("evict", "s", ["ours", "0"]).elements?.last?.text == second)
      #expect(first != second && first.count == 10)
    }
  }

  @Test("Where a mark is needed, it must be of the present history")
  func markOfHistory() async throws {
    try await withSession { functions, _ in
      try await functions.command("HSET \(FunctionCalls.lane) incarnation 0")
      func restore(_ session: String) async throws -> Int64? {
        try await functions.call("restore", session, FunctionStateTests.restored(flags: "2")).number
      }
      // A mark that does not tell its history is taken as it is.
      #expect(try await restore("a") == 1)
      let history = try #require(RedisHistory.name(in: try await functions.connection.send(RedisHistory.command)))
      try await functions.command("HSET \(FunctionCalls.lane) history \(history)")
      #expect(try await restore("b") == 1)
      try await functions.beginHistory()
      #expect(try await restore("c") == -1)
      #expect(try await functions.load("c") == nil)
      // Where no worker holds anything, no mark is needed.
      #expect(try await functions.call("restore", "c", FunctionStateTests.restored()).number == 1)
    }
  }

  @Test("A session of another history is older also where the server was never promoted")
  func other() async throws {
    try await withSession { functions, epoch in
      try await functions.command("HSET tidemark:{0}:session:s history 0123456789")
      #expect(try await functions.load("s")?.session["fresh"] == "1")
      #expect(try await functions.append("s", "x", expect: "2").refusal == "CONFLICT 0")
      let next = try #require(try await functions.append("s", "x", expect: "0").change)
      #expect(next.seq == 1 && next.epoch > epoch)
    }
  }

  @Test("What a reading call has learned of the history serves no writing one")
  func replica() async throws {
    try await withSession { functions, _ in
      try await functions.command("REPLICAOF 127.0.0.1 1")
      try await functions.command("CONFIG SET replica-read-only no")
      try await functions.forgetHistory()
      // A replica answers reading calls, also while it is not connected.
      #expect(try await functions.load("s")?.session["fresh"] == nil)
      try await functions.command("REPLICAOF NO ONE")
      #expect(try await functions.append("s", "x", expect: "2").refusal == "CONFLICT 0")
    }
  }

  @Test("A restore of a fresh session leaves its numbers, whatever the worker knows")
  func freshNumbers() async throws {
    try await withSession { functions, epoch in
      try await functions.command("HSET tidemark:{0}:session:s fresh 1")
      let entry = try #require(try await functions.load("s")?.session["entry_id"])
      #expect(try await functions.call("restore", "s", FunctionStateTests.restored(expect: entry, seq: "0")).number == 1)
      let next = try #require(try await functions.append("s", "x", expect: "2").change)
      #expect(next.seq == 3 && next.epoch == epoch)
    }
  }

  @Test("A user who may not ask for the history writes as before")
  func withoutRight() async throws {
    try await withSession { functions, epoch in
      try await functions.command("ACL SETUSER default -info")
      try await functions.beginHistory()
      let next = try #require(try await functions.append("s", "x", expect: "2").change)
      #expect(next.seq == 3 && next.epoch == epoch)
      #expect(try await functions.load("s")?.session["fresh"] == nil)
    }
  }
}
