internal import Synchronization
package import TidemarkCore
package import TidemarkRedis

/// Sample agents that write a realistic load with plain XADD, at a fixed rate regardless of the server's speed (open loop).
///
/// If Redis becomes unavailable after it was reached once, the agents wait and then write the unacknowledged changes again. Each change has
/// an `event_id`, so a change that had reached its lane is a duplicate without effect.
package final class SampleAgents: Sendable {
  package struct Load: Sendable {
    package var agents: Int
    /// Changes per second, of all agents together.
    package var rate: Int
    /// The time to write for; nil writes until cancelled.
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
  private let retry = RetryPolicy(base: .milliseconds(50), cap: .seconds(1))

  package init(redis: RedisConfiguration, lanes: BuiltInLanes, load: Load) {
    self.redis = redis
    self.lanes = lanes
    self.load = load
  }

  /// The number of changes that Redis has acknowledged.
  package var written: Int { count.load(ordering: .relaxed) }

  /// Writes until the load's time is over or the task is cancelled. Throws a ``Finding`` if Redis refuses a change, or if it can't be
  /// reached at the start or at the end.
  package func run() async throws {
    let tick = Duration.milliseconds(20)
    let names = lanes.names
    var agents = (0..<load.agents).map { SampleAgent(number: $0, seed: load.seed) }
    var turn = 0
    var due = 0.0
    // The ids of two runs differ, so that two runs with one seed write the same changes and each of them counts.
    let run = String(UInt64.random(in: .min ... .max), radix: 36)
    do {
      let keyspace = RedisKeyspace(redis, name: "tidemark-agents")
      defer { Task { await keyspace.close() } }
      let start = ContinuousClock.now
      var next = start
      let isOver = { @Sendable [load] in load.duration.map { start.duration(to: .now) >= $0 } ?? false }
      while !Task.isCancelled, !isOver() {
        // The number of due changes comes from the clock, so that the agents catch up after a stall instead of hiding it.
        due += Double(load.rate) * 0.02
        var commands: [(key: String, command: [RedisArgument])] = []
        while due >= 1 {
          due -= 1
          let change = agents[turn % agents.count].next()
          turn += 1
          let lane = names[lanes.partition(ofSession: change.session.utf8)]
          let fields = change.fields + ["event_id", "\(run)-\(turn)"]
          commands.append((lane, ["XADD", .text(lane), "*"] + fields.map { .text($0) }))
        }
        try await write(commands, to: keyspace, until: isOver)
        next = next.advanced(by: tick)
        try? await Task.sleep(until: next, clock: .continuous)
      }
    } catch let error as RedisError {
      if !Task.isCancelled { throw RedisCheck.finding(error, redis) }
    } catch is CancellationError {
      return
    }
  }

  /// Writes these changes, and retries while Redis is unavailable or refuses them temporarily.
  private func write(
    _ commands: [(key: String, command: [RedisArgument])], to keyspace: RedisKeyspace, until isOver: @Sendable () -> Bool
  ) async throws {
    var left = commands
    var backoff = Backoff()
    while !left.isEmpty {
      let failure: RedisError
      do {
        var refused: [(key: String, command: [RedisArgument])] = []
        var refusal: RedisError?
        for (command, reply) in zip(left, try await keyspace.pipeline(left)) {
          guard case .error(let message) = reply else { continue }
          refused.append(command)
          refusal = refusal ?? RedisError(.server, message)
        }
        count.wrappingAdd(left.count - refused.count, ordering: .relaxed)
        left = refused
        guard let refusal else { return }
        failure = refusal
      } catch let error as RedisError {
        failure = error
      }
      guard failure.isRetryable, written > 0, !isOver() else { throw failure }
      try await Task.sleep(for: backoff.next(retry, random: .random(in: 0..<1)))
    }
  }
}
