import Testing
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkCore

/// The source in memory is worth what it has in common with the real ones: all of them pass ``SourceConformance``.
@Suite struct SourceConformanceTests {
  private let catalog = LaneCatalog(prefix: "tidemark", partitions: 1)
  private let lane = "tidemark:{0}:changes"

  @Test func `the simulated source behaves as a source must`() {
    let world = SimulatedWorld(seed: 1)
    // The streams of this suite have no ledger beside them.
    world.redis.onTrim = { _, _ in }
    let network = SimulatedNetwork(world.time)
    let source = SimulatedSource(world.redis, network, catalog)
    world.finish { [lane] in
      try await SourceConformance(
        source, lane: lane,
        append: { id in
          world.redis.change(lane) { stream in
            if stream == nil { stream = SimulatedStream(identity: 1) }
            _ = stream?.add(Int(id.ms), ms: id.ms)
          }
        },
        destroy: { world.redis.change(lane) { $0 = nil } }
      ).run()
    }
    #expect(world.problems == [])
  }

  private func conform(_ source: any LaneSource, _ server: RedisServer) async throws {
    try await SourceConformance(
      source, lane: lane, append: { try await server.command("XADD", lane, "\($0)", "value", "\($0.ms)") },
      destroy: { try await server.command("DEL", lane) }
    ).run()
  }

  @Test func `one Redis behaves as a source must`() async throws {
    try await withRedis { server in
      let source = RedisLaneSource(try RedisConfiguration(url: server.url), lanes: catalog)
      try await conform(source, server)
      await source.close()
    }
  }

  @Test func `a Redis that Sentinels name behaves as a source must`() async throws {
    try await withReplicatedRedis { redis in
      let hosts = redis.sentinelPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
      let url = "redis+sentinel://\(hosts)/\(redis.serviceName)"
      let source = RedisLaneSource(try RedisConfiguration(url: url), lanes: catalog)
      try await conform(source, redis.master())
      await source.close()
    }
  }

  @Test func `a Cluster behaves as a source must`() async throws {
    try await withRedisCluster { cluster in
      let url = "redis+cluster://127.0.0.1:\(cluster.nodes[0].port)"
      let source = RedisClusterSource(try RedisConfiguration(url: url), lanes: catalog)
      try await conform(source, cluster.master(of: cluster.slot(of: lane)))
      await source.close()
    }
  }
}
