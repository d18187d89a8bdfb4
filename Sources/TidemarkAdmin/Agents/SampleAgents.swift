internal import Synchronization
package import TidemarkCore
package import TidemarkRedis

/// Sample agents that write a realistic load with plain XADD, at a fixed rate whatever the server does (open loop).
package final class SampleAgents: Sendable {
  package struct Load: Sendable {
    package var agents: Int
    /// Changes a second, of all agents together.
    package var rate: Int
    /// Nil: until cancelled.
    package var duration: Duration?
    package var seed: UInt64

    package init(agents: Int, rate: Int, duration: Duration?, seed: UInt64) {
      self.agents = agents
      self.rate = rate
      self.duration = duration
      self.seed = seed
    }
  }

  private let redis: RedisConfiguration
  private let lanes: BuiltInLanes
  private let load: Load
  private let count = Atomic<Int>(0)

  package init(redis: RedisConfiguration, lanes: BuiltInLanes, load: Load) {
    self.redis = redis
    self.lanes = lanes
    self.load = load
  }

  /// Changes that Redis acknowledged so far.
  package var written: Int { count.load(ordering: .relaxed) }

  /// Writes until the load's time is over or the task is cancelled. Throws ``Finding`` where Redis refuses.
  package func run() async throws {
    let tick = Duration.milliseconds(20)
    let names = lanes.names
    var agents = (0..<load.agents).map { SampleAgent(number: $0, seed: load.seed) }
    var turn = 0
    var due = 0.0
    do {
      let keyspace = RedisKeyspace(redis, name: "tidemark-agents")
      defer { Task { await keyspace.close() } }
      let start = ContinuousClock.now
      var next = start
      while !Task.isCancelled, load.duration.map({ start.duration(to: .now) < $0 }) ?? true {
        // What is due by the clock, so that a stall is made up for instead of hidden.
        due += Double(load.rate) * 0.02
        var commands: [(key: String, command: [RedisArgument])] = []
        while due >= 1 {
          due -= 1
          let change = agents[turn % agents.count].next()
          turn += 1
          let lane = names[lanes.partition(ofSession: change.session.utf8)]
          commands.append((lane, ["XADD", .text(lane), "*"] + change.fields.map { .text($0) }))
        }
        for reply in try await keyspace.pipeline(commands) { _ = try reply.orThrow() }
        count.wrappingAdd(commands.count, ordering: .relaxed)
        next = next.advanced(by: tick)
        try? await Task.sleep(until: next, clock: .continuous)
      }
    } catch let error as RedisError {
      if !Task.isCancelled { throw RedisCheck.finding(error, redis) }
    } catch is CancellationError {
      return
    }
  }
}
