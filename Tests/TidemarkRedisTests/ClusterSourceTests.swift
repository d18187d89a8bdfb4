import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("A Cluster as a source of lanes", .serialized)
struct ClusterSourceTests {
  private static let catalog = LaneCatalog(prefix: "tidemark", partitions: 16)

  private func withSource(_ body: (RedisCluster, RedisClusterSource) async throws -> Void) async throws {
    try await withRedisCluster { cluster in
      let url = "redis+cluster://127.0.0.1:\(cluster.nodes[0].port)"
      let source = RedisClusterSource(try RedisConfiguration(url: url), lanes: Self.catalog)
      try await body(cluster, source)
      await source.close()
    }
  }

  private static func position(_ lane: String) -> LaneReadRequest.Position { .init(lane: lane, after: .zero) }
  private static func check(_ lane: String) -> ExpectedStream { ExpectedStream(asking: lane) }

  /// Returns the answer of a call once the source has followed the slot.
  private func settled<Value>(_ body: () async throws -> Value) async throws -> Value {
    for _ in 0..<20 {
      do {
        return try await body()
      } catch let error as SourceError where error.kind == .moved {
        continue
      }
    }
    return try await body()
  }

  @Test("Two lanes of one slot are found wherever they are, while their slot is half moved")
  func halfMoved() async throws {
    try await withSource { cluster, source in
      let lanes = ["a{x}", "b{x}"]
      let slot = try await cluster.slot(of: "a{x}")
      let holder = try await cluster.master(of: slot)
      for lane in lanes { try await holder.command("XADD", lane, "1-1", "k", lane) }
      #expect(Set(try await source.servers(of: lanes)).count == 1)
      let target = try #require(try await cluster.masters().first { $0.port != holder.port })
      var steps: [RedisCluster.MoveStep] = []
      try await cluster.move(slot: slot, to: target, batch: 1) { step in
        steps.append(step)
        for lane in lanes + lanes.reversed() {
          let inspection = try await settled { try await source.inspect([Self.check(lane)])[0] }
          #expect(inspection.observed?.stream?.entriesAdded == 1, "\(lane) after \(step)")
          let comparison = try await settled { try await source.observe([Self.check(lane)])[0] }
          #expect(comparison.observed?.stream != nil, "\(lane) after \(step)")
          let request = LaneReadRequest(positions: [Self.position(lane)], count: 10, block: nil, budget: 1 << 20, maxEntryBytes: 1 << 20)
          let read = try await settled { try await source.read(request) }
          #expect(read.block?.readable.map(\.id) == ["1-1"], "\(lane) after \(step)")
        }
        // A new client asks for both lanes at once while each may be on another node. The redirection of one lane applies to both, and the
        // answer is never that a stream is gone.
        let newcomer = RedisClusterSource(
          try RedisConfiguration(url: "redis+cluster://127.0.0.1:\(cluster.nodes[0].port)"), lanes: Self.catalog)
        let both = try? await newcomer.observe(lanes.map(Self.check))
        #expect(both?.contains { $0.observed?.stream == nil } != true, "after \(step)")
        await newcomer.close()
      }
      #expect(steps.contains(.moved(keys: 1)) && steps.contains(.moved(keys: 2)))
      let following = Task { while true { try await source.rearranged() } }
      try await waitUntil("the slot has arrived") {
        try await source.servers(of: lanes).map(\.name) == Array(repeating: "127.0.0.1:\(target.port)", count: 2)
      }
      following.cancel()
    }
  }

  @Test("Marks go to the nodes of their lanes, those of other lanes to that of their hash; all nodes are searched for a pattern")
  func marksAndPatterns() async throws {
    try await withSource { cluster, source in
      let lanes = (0..<8).map { "jobs:\($0)" }
      for lane in lanes {
        let node = try await cluster.master(of: try await cluster.slot(of: lane))
        try await node.command("XADD", lane, "1-1", "k", "v")
      }
      #expect(Set(try await source.discover("jobs:*")) == Set(lanes))
      let all = lanes + (0..<8).map { "tidemark:{\($0)}:changes" }
      let marks = all.map { DurableMark(lane: $0, durable: EntryID(ms: 7, no: 1), incarnation: 1, rejected: [], installation: ours) }
      #expect(try await source.publish(marks, over: nil) == [:])
      for number in 0..<8 {
        let key = "tidemark:{\(number)}:lane"
        let node = try await cluster.master(of: try await cluster.slot(of: key))
        #expect(try await node.command("HGET", key, "durable") == "7-1")
      }
      let node = try await cluster.master(of: try await cluster.slot(of: "tidemark:durable"))
      #expect(try await node.command("HGET", "tidemark:durable", "jobs:3") == "7-1")
    }
  }

  @Test("What was decided at one node is not done at another to which the lane has moved")
  func boundWrites() async throws {
    try await withSource { cluster, source in
      let lane = "tidemark:{3}:changes"
      let slot = try await cluster.slot(of: lane)
      let holder = try await cluster.master(of: slot)
      for id in ["1-1", "2-1"] { try await holder.command("XADD", lane, id, "k", "v") }
      let cut = [TrimCut(lane: lane, below: EntryID(ms: 2, no: 0), installation: ours)]
      let server = try #require(try await source.servers(of: [lane]).first)
      let survey = try await source.survey([Self.check(lane)], on: server)
      #expect(survey.observations.first?.observed?.stream?.length == 2)

      let target = try #require(try await cluster.masters().first { $0.port != holder.port })
      try await cluster.move(slot: slot, to: target) { _ in }
      let trimmed = await failure { _ = try await source.trim(cut, over: survey.connection) }
      #expect(trimmed?.kind == .moved)
      let mark = DurableMark(lane: lane, durable: EntryID(ms: 2, no: 1), incarnation: 1, rejected: [], installation: ours)
      let marked = await failure { _ = try await source.publish([mark], over: survey.connection) }
      #expect(marked?.kind == .moved)
      #expect(try await target.command("XLEN", lane) == "2")
      #expect(try await target.command("EXISTS", "tidemark:{3}:lane") == "0")

      let now = try #require(try await source.servers(of: [lane]).first)
      let again = try await source.survey([Self.check(lane)], on: now)
      #expect(try await source.trim(cut, over: again.connection) == [.success(1)])
      #expect(try await source.publish([mark], over: again.connection) == [:])
    }
  }

  @Test("A node's doorbell notifies of its own lanes")
  func doorbell() async throws {
    try await withSource { cluster, source in
      let lane = "tidemark:{5}:changes"
      let server = try #require(try await source.servers(of: [lane]).first)
      #expect(try await source.changedLanes(["tidemark:"], on: server) == .any)
      let node = try await cluster.master(of: try await cluster.slot(of: lane))
      try await node.command("XADD", lane, "*", "k", "v")
      #expect(try await source.changedLanes(["tidemark:"], on: server) == .of([lane]))
    }
  }

  @Test("No node that answers, and a server that is no Cluster, are one clear line")
  func unreachable() async throws {
    let nobody = RedisClusterSource(try RedisConfiguration(url: "redis+cluster://127.0.0.1:1"), lanes: Self.catalog)
    let away = await failure { _ = try await nobody.servers(of: ["a"]) }
    #expect(away?.kind == .unavailable)
    #expect(away?.description.contains("no node of the Cluster reports its slots") == true)
    try await withRedis { server in
      let single = RedisClusterSource(try RedisConfiguration(url: "redis+cluster://127.0.0.1:\(server.port)"), lanes: Self.catalog)
      let error = await failure { _ = try await single.servers(of: ["a"]) }
      #expect(error?.description.contains("cluster support disabled") == true)
    }
  }
}
