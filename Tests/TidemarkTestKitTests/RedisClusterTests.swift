import Testing
import TidemarkServers

@testable import TidemarkTestKit

struct RedisClusterTests {
  @Test func `a slot is moved step by step while clients write`() async throws {
    try await withRedisCluster { cluster in
      let masters = try await cluster.masters()
      #expect(masters.count == 3)
      let slot = try await cluster.slot(of: "{a}1")
      let source = try await cluster.master(of: slot)
      let target = try #require(masters.first { $0 !== source })
      try await source.command("MSET", "{a}1", "x", "{a}2", "x", "{a}3", "x")
      await #expect(throws: ServerError.self) { try await target.command("GET", "{a}1") }

      var steps: [RedisCluster.MoveStep] = []
      try await cluster.move(slot: slot, to: target, batch: 2) { step in
        steps.append(step)
        // While half of the slot is moved, a request for a new key is redirected to the target once.
        guard step == .moved(keys: 2) else { return }
        let error = await #expect(throws: ServerError.self) { try await source.command("SET", "{a}new", "y") }
        #expect(error?.message.contains("ASK \(slot) 127.0.0.1:\(target.port)") == true)
        let answers = try await target.commands("ASKING\nSET {a}new y\n")
        #expect(answers == "OK\nOK")
      }

      #expect(steps == [.importing, .migrating, .moved(keys: 2), .moved(keys: 3), .ownedByTarget, .leftSource])
      #expect(try await cluster.master(of: slot) === target)
      #expect(try await target.command("MGET", "{a}1", "{a}2", "{a}3", "{a}new") == "x\nx\nx\ny")

      try await cluster.reshard(slots: 5, from: source, to: target)
      #expect(try await cluster.masters().count == 3)
    }
  }

  @Test func `a replica takes over from a master that is killed`() async throws {
    try await withRedisCluster { cluster in
      let slot = try await cluster.slot(of: "a")
      let first = try await cluster.master(of: slot)
      let replica = try await cluster.waitForReplica(of: first)
      // Both commands use one connection, because WAIT is about the writes of its own client.
      try await first.commands("SET a 1\nWAIT 1 60000\n")

      let second = try await cluster.failOver(slot: slot)

      #expect(second === replica)
      #expect(try await second.command("GET", "a") == "1")
      // The old master comes back as a replica.
      try await first.start()
      try await cluster.waitUntilSettled()
      #expect(try await cluster.master(of: slot) === second)
      try await waitUntil("the old master is a replica", within: .seconds(60)) { try await first.command("ROLE").hasPrefix("slave") }
    }
  }

  @Test func `the reply to CLUSTER NODES is parsed`() throws {
    let view = ClusterView(
      """
      a1 127.0.0.1:7000@17000 myself,master - 0 1 1 connected 0-5 7 9-10 [11->-b1]
      b1 127.0.0.1:7001@17001,name master,fail - 0 1 2 connected 11
      c1 127.0.0.1:7002@17002 slave a1 0 1 1 connected
      """)
    #expect(view.nodes.map(\.port) == [7000, 7001, 7002])
    #expect(view.nodes.map(\.hasFailed) == [false, true, false])
    #expect(view.nodes.map(\.masterID) == [nil, nil, "a1"])
    #expect(view.owners == ["a1": [0...5, 7...7, 9...10], "b1": [11...11]])
    #expect(view.owner(of: 10)?.id == "a1" && view.owner(of: 6) == nil)
  }
}
