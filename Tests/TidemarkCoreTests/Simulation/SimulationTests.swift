import Foundation
import Testing

@testable import TidemarkCore

/// The proof on a virtual clock. `TIDEMARK_SIMULATIONS` says how many schedules, `TIDEMARK_SIMULATION_SEED` runs one and tells its story.
@Suite struct SimulationTests {
  private static let environment = ProcessInfo.processInfo.environment

  private func run(_ seed: UInt64, tells: Bool = false) -> WorldSimulation {
    var simulation = WorldSimulation(seed: seed, tells: tells)
    for _ in 0..<400 where simulation.problems.isEmpty { simulation.step() }
    simulation.heal()
    if simulation.problems.isEmpty { simulation.verify() }
    return simulation
  }

  @Test func `in every schedule each entry is applied once, or is a dead letter, or is accounted for as lost`() async {
    if let seed = Self.environment["TIDEMARK_SIMULATION_SEED"].flatMap({ UInt64($0) }) {
      let simulation = run(seed, tells: true)
      print(simulation.story.joined(separator: "\n"))
      #expect(simulation.problems == [])
      return
    }
    let schedules = Self.environment["TIDEMARK_SIMULATIONS"].flatMap { UInt64($0) } ?? 500
    let lanes = UInt64(ProcessInfo.processInfo.activeProcessorCount)
    let results = await withTaskGroup(of: (counts: [String: Int], failures: [String]).self) { group in
      for part in 0..<lanes {
        group.addTask {
          var counts: [String: Int] = [:]
          var failures: [String] = []
          for seed in stride(from: part, to: schedules, by: Int(lanes)) where failures.count < 5 {
            let simulation = run(seed)
            counts.merge(simulation.counts) { $0 + $1 }
            if let problem = simulation.problems.first { failures.append("seed \(seed): \(problem)") }
          }
          return (counts, failures)
        }
      }
      return await group.reduce(into: (counts: [String: Int](), failures: [String]())) { total, part in
        total.counts.merge(part.counts) { $0 + $1 }
        total.failures += part.failures
      }
    }
    #expect(results.failures == [], "run one with TIDEMARK_SIMULATION_SEED to see its story")
    let scheduler = results.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    print("simulated \(schedules) schedules: \(scheduler)")
    // An idle simulation would prove nothing: each of these happened, and often.
    for kind in [
      "MAXLEN", "XDEL", "DEL", "FLUSHALL", "rewind", "Postgres away", "crash", "freeze", "thaw", "promote", "restored disk", "lost reply",
      "lost commit",
      "lost answer", "late commit", "fenced", "resolved", "missing", "milestone", "incarnation", "another ledger", "trimmed",
      "dead letters",
      "stream gone", "set aside", "id from the future", "id in microseconds", "id beyond bigint",
      "lost", "breaks", "broken flushed", "broken recreated", "broken rewound",
    ] { #expect(results.counts[kind, default: 0] >= Int(schedules / 20), "\(kind): \(results.counts[kind, default: 0])") }
  }
}
