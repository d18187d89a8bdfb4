import Foundation
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

/// The rights of `ops/redis/agent.acl` are enough for agents, and each of them is needed.
@Suite(.serialized) struct AgentRightsTests {
  /// A line of the file: the user's name and its rules. A selector in parentheses is one rule.
  private struct User {
    var name: String
    var rules: [String]

    static func all() throws -> [User] {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      return try String(contentsOf: root.appending(path: "ops/redis/agent.acl"), encoding: .utf8).split(separator: "\n").map { line in
        let words = line.matches(of: /\([^)]*\)|[^ ]+/).map { String($0.output) }
        #expect(words[0] == "user")
        return User(name: words[1], rules: words.dropFirst(2).map { $0 == ">PASSWORD" ? ">secret" : $0 })
      }
    }
  }

  /// Runs `body` over a connection of a user with these rules.
  private func connect<Value>(
    _ rules: [String], _ functions: FunctionCalls, _ port: Int, _ body: (FunctionCalls) async throws -> Value
  ) async throws -> Value {
    _ = try await functions.connection.send(["ACL", "SETUSER", "user", "reset"] + rules.map { .text($0) }).orThrow()
    let url = "redis://user:secret@127.0.0.1:\(port)/0"
    let connection = try await RedisConnection.connect(try RedisConfiguration(url: url), name: "test")
    let value = try await body(FunctionCalls(connection: connection))
    await connection.close()
    return value
  }

  /// Returns the refusals of everything that an agent does, in the words of Redis.
  private static func refusals(of functions: FunctionCalls, withFunctions: Bool) async throws -> [String] {
    var replies: [RedisReply] = []
    func command(_ words: String) async throws {
      replies.append(try await functions.connection.send(words.split(separator: " ").map { .text(String($0)) }))
    }
    try await command("PING")
    try await command("CLIENT SETNAME agent")
    try await command("XADD tidemark:{0}:changes * type x session plain")
    try await command("HGET tidemark:config partitions")
    try await command("HMGET tidemark:{0}:lane pressure pressure_until")
    try await command("HGET tidemark:{0}:rejected 1-1")
    if withFunctions {
      try await command("XADD tidemark:{0}:requests * op restore session s")
      for change in [
        "session.started agent a", "session.updated title t", "context.set key k value 1", "context.set key k value 1 kind goal",
        "context.removed key k", "message.appended role user content a message_id m event_id 1",
        "message.appended role user content b message_id m", "message.appended role user content c", "message.appended role user content d",
        "message.removed last 1", "messages.cleared", "tool.started call_id c tool t", "tool.finished call_id c status ok",
        "token ephemeral 1 ts 1795389463124",
      ] {
        let words = change.split(separator: " ").map { String($0) }
        replies.append(try await functions.append("s", words[0], Array(words.dropFirst())))
      }
      for number in 1...1_001 { replies.append(try await functions.append("s", "x", "event_id e\(number)")) }
      replies.append(try await functions.appendAll("s", ["x", "y"]))
      replies.append(try await functions.call("load", "s", []))
      replies.append(try await functions.call("durable", "s", ["1-1"]))
    } else {
      try await command("XREVRANGE tidemark:{0}:changes + - COUNT 1")
    }
    var refusals = replies.compactMap(\.refusal)
    do {
      try await functions.connection.subscribe(to: ["tidemark:{0}:durable"]) { _ in }
    } catch let error as RedisError {
      refusals.append(error.message)
    }
    return refusals
  }

  @Test(arguments: [0, 1]) func `the rights of an agent are enough, and without any one of them something is refused`(place: Int)
    async throws
  {
    let user = try User.all()[place]
    #expect(user.name == ["agent", "agent-with-functions"][place])
    try await withRedis { server in
      let connection = try await RedisConnection.connect(try RedisConfiguration(url: server.url), name: "test")
      let functions = FunctionCalls(connection: connection)
      _ = try await functions.library.install(on: connection)
      func refusals(_ rules: [String]) async throws -> [String] {
        try await functions.command("DEL tidemark:{0}:session:s tidemark:{0}:messages:s tidemark:{0}:ids:s tidemark:{0}:tools:s")
        // Messages leave the list.
        try await functions.command("HSET \(FunctionCalls.lane) hot_messages 1 installation ours")
        return try await connect(rules, functions, server.port) { try await Self.refusals(of: $0, withFunctions: place == 1) }
      }
      #expect(try await refusals(user.rules) == [])
      // The client's library ends a subscription; a connection of this test is closed instead. Without INFO functions do not notice a promotion.
      let optional: Set = ["on", ">secret", "resetkeys", "resetchannels", "-@all", "+unsubscribe", "+info"]
      for rule in user.rules where !optional.contains(rule) {
        let fewer = user.rules.filter { $0 != rule }
        #expect(try await !refusals(fewer).isEmpty, "\(rule) is not needed")
      }
      await connection.close()
    }
  }

  @Test func `an agent may not do what is for workers, nor touch what is another program's`() async throws {
    for user in try User.all() {
      try await withRedis { server in
        let admin = try await RedisConnection.connect(try RedisConfiguration(url: server.url), name: "test")
        let functions = FunctionCalls(connection: admin)
        _ = try await functions.library.install(on: admin)
        try await functions.append("s", "session.started")
        try await functions.command("HDEL tidemark:{0}:session:s fresh")
        try await functions.command("HSET \(FunctionCalls.lane) installation ours durable 99999999999999-0")
        let before = try await functions.everything()
        try await connect(user.rules, functions, server.port) { agent in
          for words in [
            "DEL tidemark:{0}:changes", "XTRIM tidemark:{0}:changes MAXLEN 0", "XDEL tidemark:{0}:changes 1-1",
            "HSET tidemark:{0}:lane durable 9-9", "HSET tidemark:config partitions 1", "HDEL tidemark:{0}:rejected 1-1", "KEYS *",
            "FLUSHALL",
            "FUNCTION DELETE tidemark", "FUNCTION FLUSH", "EVAL return 0", "CONFIG GET *", "XADD other * a b", "HGET other f",
            "XADD tidemark:{0}:lane * a b", "PUBLISH tidemark:{0}:durable 9-9", "SUBSCRIBE other", "SCAN 0", "ACL LIST",
          ] {
            let reply = try await agent.connection.send(words.split(separator: " ").map { .text(String($0)) })
            #expect(reply.refusal?.hasPrefix("NOPERM") == true, "\(user.name): \(words): \(reply)")
          }
          let evicted = try await agent.call("evict", "s", ["ours", "0"])
          #expect(evicted.refusal?.contains("can't run this command") == true || evicted.refusal?.hasPrefix("NOPERM") == true, "\(evicted)")
          let words = ["ours", "-", "1", "9999999999999", "2", "seq", "1", "epoch", "1", "0", "0", "0", "0"]
          let session = words.map { RedisArgument.text($0) }
          let restored = try await agent.call("restore", "s", session)
          #expect(
            restored.refusal?.contains("can't run this command") == true || restored.refusal?.hasPrefix("NOPERM") == true, "\(restored)")
        }
        #expect(try await functions.everything() == before)
        await admin.close()
      }
    }
  }
}
