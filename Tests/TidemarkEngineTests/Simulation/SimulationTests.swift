import Foundation
import Testing

@testable import TidemarkCore

/// The engine as it ships, on a virtual clock. `TIDEMARK_SIMULATIONS` says how many schedules, `TIDEMARK_SIMULATION_SEED` runs one and tells
/// its story.
@Suite struct SimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  /// After the last fault everything must be committed, published and trimmed within this time.
  private static let patience = Duration.seconds(90)
  /// What must have happened in a run of some hundred schedules: faults, and lines of the workers' logs that tell how they were met.
  private static let hardMoments = [
    "MAXLEN", "XDEL", "DEL", "FLUSHALL", "failover", "slot moved", "Redis away", "Redis back", "connections cut", "ledger away",
    "ledger back",
    "promote", "restored disk", "kill", "freeze", "thaw", "stop", "replayed", "id from the future", "id in microseconds",
    "id beyond bigint", "counted loss",
    "trimmed", "commit.retry", "commit.resumed", "dead_letters.added", "lane.fenced", "lane.gap", "lane.replaced", "lane.replacement",
    "lanes.gone", "lanes.reclaimed", "leases.kept", "ledger.behind", "postgres.changed", "postgres.reachable", "postgres.rewound",
    "redis.readable", "redis.rearranged", "worker.not_serving", "worker.serving", "worker.stopped",
    "verified", "divergence entry_deleted",
  ]

  private func run(_ seed: UInt64, isTold: Bool = false) -> SimulatedWorld {
    let world = SimulatedWorld(seed: seed, isTold: isTold)
    let time = world.time
    world.finish { await world.live(for: .seconds(5 + time.seeded.below(25))) }
    world.heal()
    let end = time.now.advanced(by: Self.patience)
    world.finish {
      while time.now < end, !world.unfinished.isEmpty { try? await time.sleep(for: .milliseconds(500)) }
    }
    for what in world.unfinished { world.problem("after \(Self.patience) without a fault: \(what)") }
    if world.problems.isEmpty { world.verify() }
    for worker in world.workers { worker.kill() }
    world.finish { for worker in world.workers { await worker.task?.value } }
    return world
  }

  @Test func `in every schedule each entry is applied once, or is a dead letter, or is accounted for as lost`() async {
    if let seed = Self.environment["TIDEMARK_SIMULATION_SEED"].flatMap({ UInt64($0) }) {
      let world = run(seed, isTold: true)
      print(world.story.joined(separator: "\n"))
      #expect(world.problems == [])
      return
    }
    let schedules = Self.environment["TIDEMARK_SIMULATIONS"].flatMap { UInt64($0) } ?? 200
    let first = Self.environment["TIDEMARK_SIMULATION_FIRST"].flatMap { UInt64($0) } ?? 0
    let threads = UInt64(ProcessInfo.processInfo.activeProcessorCount)
    let (counts, failures) = await withTaskGroup(of: (counts: [String: Int], failures: [String]).self) { group in
      for part in 0..<threads {
        group.addTask {
          var counts: [String: Int] = [:]
          var failures: [String] = []
          for seed in stride(from: first + part, to: first + schedules, by: Int(threads)) where failures.count < 5 {
            let world = run(seed)
            counts.merge(world.counts) { $0 + $1 }
            counts["jobs", default: 0] += world.time.jobs
            if let problem = world.problems.first { failures.append("seed \(seed): \(problem)") }
          }
          return (counts, failures)
        }
      }
      return await group.reduce(into: (counts: [String: Int](), failures: [String]())) { total, part in
        total.counts.merge(part.counts) { $0 + $1 }
        total.failures += part.failures
      }
    }
    #expect(failures == [], "run one with SWIFT_DETERMINISTIC_HASHING=1 and TIDEMARK_SIMULATION_SEED to see its story")
    // An idle simulation would prove nothing: each of these happened, and not seldom.
    for kind in Self.hardMoments where counts[kind, default: 0] < max(1, Int(schedules) / 100) {
      Issue.record("\(kind) happened \(counts[kind, default: 0]) times in \(schedules) schedules")
    }
    print("simulated \(schedules) schedules: \(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
  }
}
