import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("Functions in a Cluster while a slot moves", .serialized)
struct FunctionClusterTests {
  /// Sends one call to a node, as a client that was redirected there would.
  private func call(
    _ function: String, _ arguments: [String], on node: RedisServer, asking: Bool = false
  ) async throws -> RedisReply {
    let connection = try await RedisConnection.connect(try RedisConfiguration(url: node.url), name: "test")
    let keys = FunctionCalls.keys(Array("s".utf8))
    let words: [RedisArgument] = ["FCALL", .text("tidemark_\(function)"), "7"] + keys + ["s"] + arguments.map { .text($0) }
    let replies = try await connection.pipeline((asking ? [["ASKING"]] : []) + [words])
    await connection.close()
    return replies.last ?? .null
  }

  @Test("A slot that was at a server which had been promoted takes that along, and what may have been lost there ends the numbering")
  func movedOn() async throws {
    try await withRedisCluster { cluster in
      let url = "redis+cluster://127.0.0.1:\(cluster.nodes[0].port)"
      let installer = FunctionInstaller(prefix: "tidemark", redis: try RedisConfiguration(url: url))
      _ = try await installer.install()
      await installer.close()
      let slot = try await cluster.slot(of: FunctionCalls.changes)
      let source = try await cluster.master(of: slot)
      let target = try #require(try await cluster.masters().first { $0.port != source.port })
      let first = try #require(try await call("append", ["session.started", "-"], on: source).change)
      let changedAt = try #require(Int64(first.entryID.prefix { $0 != "-" }))
      try await source.command("HSET", FunctionCalls.lane, "promoted_at", "\(changedAt)")
      try await cluster.move(slot: slot, to: target, batch: 100) { _ in }
      // The promotion was before the session's last change.
      #expect(try await call("append", ["x", "1"], on: target).change?.seq == 2)
      try await target.command("HSET", "tidemark:{0}:session:s", "history", "0123456789")
      try await target.command("HSET", FunctionCalls.lane, "promoted_at", "9999999999999")
      #expect(try await call("append", ["x", "2"], on: target).refusal == "CONFLICT 0")
      #expect(try await call("load", [], on: target).elements?.first?.elements?.contains(.bulk(Array("fresh".utf8))) == true)
      let next = try #require(try await call("append", ["x", "0"], on: target).change)
      #expect(next.seq == 1 && next.epoch > first.epoch)
    }
  }

  @Test("Each call is taken once or answered with a redirection, so that the state is never split")
  func moving() async throws {
    try await withRedisCluster { cluster in
      let url = "redis+cluster://127.0.0.1:\(cluster.nodes[0].port)"
      let installer = FunctionInstaller(prefix: "tidemark", redis: try RedisConfiguration(url: url))
      _ = try await installer.install()
      await installer.close()
      let slot = try await cluster.slot(of: FunctionCalls.changes)
      let source = try await cluster.master(of: slot)
      let target = try #require(try await cluster.masters().first { $0.port != source.port })
      var taken = 1
      #expect(try await call("append", ["session.started", "-"], on: source).change?.seq == 1)
      var errors: Set<String> = []

      /// Tries every way to reach the session, and follows what was taken.
      func tryAll(_ step: String) async throws {
        for (node, asking) in [(source, false), (target, false), (target, true)] {
          for change in [
            ["message.appended", "-", "role", "user", "content", "\(taken)"],
            ["context.set", "-", "key", "k\(taken)", "value", "\(taken)"],
            ["tool.started", "-", "call_id", "c\(taken)", "tool", "t"], ["x", "-", "event_id", "e\(taken)"],
          ] {
            let reply = try await call("append", change, on: node, asking: asking)
            if let answer = reply.change {
              taken += 1
              #expect(answer.seq == Int64(taken), "\(step)")
            } else {
              let word = reply.refusal?.split(separator: " ").first.map { String($0) } ?? "\(reply)"
              // CLUSTERDOWN: a node that has just learnt of the move. Never COLD: that would be a second state.
              #expect(["TRYAGAIN", "ASK", "MOVED", "CLUSTERDOWN"].contains(word), "\(step): \(reply)")
              errors.insert(word)
            }
          }
        }
      }
      try await tryAll("before")
      try await cluster.move(slot: slot, to: target, batch: 1) { step in try await tryAll("\(step)") }
      try await tryAll("after")
      #expect(errors.isSuperset(of: ["TRYAGAIN", "MOVED"]))
      #expect(taken > 8)
      let change = try await call("append", ["x", "\(taken)"], on: target)
      #expect(change.change?.seq == Int64(taken + 1))
      #expect(try await target.command("XLEN", FunctionCalls.changes) == "\(taken + 1)")
      #expect(try await target.command("HGET", "tidemark:{0}:session:s", "seq") == "\(taken + 1)")
      #expect(try await source.command("CLUSTER", "COUNTKEYSINSLOT", "\(slot)") == "0")
    }
  }
}
