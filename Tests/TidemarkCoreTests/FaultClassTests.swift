import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct FaultClassTests {
  private static let table: [(FaultClass, [String])] = [
    (
      .world,
      [
        "08000", "08001", "08003", "08006", "08P01", "57P01", "57P03", "53000", "53100", "53300", "40000", "40001", "40002",
        "40P01", "55P03", "58000", "58030", "58P01", "25001", "25006", "25P02", "25P03", "25P04", "26000", "57000", "57P04", "57P05",
        "72000",
      ]
    ),
    (
      .record,
      ["22000", "22001", "22003", "22007", "22021", "22P02", "22P05", "23000", "23502", "23503", "23505", "23514", "54000", "54001"]
    ),
    (.interrupted, ["57014", "57P02", "P0004"]),
    (.limit, ["53400"]),
    (.configuration, ["42501", "42601", "42703", "42883", "42P01", "28000", "28P01", "3D000", "3F000", "F0000"]),
    (
      .ambiguous,
      [
        "XX000", "XX001", "53200", "P0001", "P0000", "0A000", "21000", "HV000", "99999", "TM001", "55000", "", "2",
      ]
    ),
  ]

  @Test func `a SQLSTATE decides the class of a fault`() {
    for (fault, states) in Self.table {
      for state in states { #expect(FaultClass(sqlstate: state) == fault, "\(state)") }
    }
  }
}

@Suite struct RetryPolicyTests {
  @Test func `every delay is between the base and the cap, and at most three times the previous one`() {
    var random = SeededGenerator(seed: 8)
    for _ in 0..<500 {
      let base = Duration.milliseconds(1 + random.below(2_000))
      let policy = RetryPolicy(base: base, cap: base * (1 + random.below(100)))
      var previous: Duration?
      for _ in 0..<20 {
        let wait = policy.wait(after: previous, random: Double.random(in: 0..<1, using: &random))
        #expect(wait >= policy.base)
        #expect(wait <= policy.cap)
        #expect(wait <= max(policy.base, (previous ?? base) * 3))
        previous = wait
      }
    }
  }

  @Test func `delays grow with each failure, and begin anew after a success`() {
    let policy = RetryPolicy(base: .milliseconds(100), cap: .seconds(1))
    var backoff = Backoff()
    func next() -> Duration { backoff.next(policy, random: 0.5) }
    #expect([next(), next(), next()] == [.milliseconds(200), .milliseconds(350), .milliseconds(575)])
    for _ in 0..<9 { _ = next() }
    #expect(backoff.next(policy, random: 0.99) == policy.cap)
    backoff.succeeded()
    #expect(next() == .milliseconds(200))
  }

  @Test func `the random number spreads the delays over the whole range`() {
    let policy = RetryPolicy(base: .milliseconds(100), cap: .seconds(60))
    #expect(policy.wait(after: .seconds(1), random: 0) == .milliseconds(100))
    #expect(policy.wait(after: .seconds(1), random: 0.5) == .milliseconds(1_550))
    #expect(policy.wait(after: .seconds(50), random: 0.99) == .seconds(60))
    // A cap below the base still limits the delay.
    #expect(RetryPolicy(base: .seconds(2), cap: .seconds(1)).wait(after: nil, random: 0) == .seconds(1))
  }
}
