import Testing

@testable import TidemarkCore

/// What is suggested from measured transactions.
@Suite struct TuneAdviceTests {
  private static let limits = BatchLimits(maxEntries: 5_000, maxBytes: 8 << 20, maxDelay: .zero)

  private static func advice(
    _ transactions: Int, full: Int, entries: Int, seconds: Double, waiting: Int64?, _ limits: BatchLimits = limits
  ) -> TuneAdvice {
    TuneAdvice(
      BatchMeasure(transactions: transactions, full: full, entries: entries, seconds: seconds, waiting: waiting), limits: limits)
  }

  @Test func `where full transactions leave entries waiting, larger ones are tried, by a factor of two and up to a limit`() {
    let advice = Self.advice(100, full: 90, entries: 480_000, seconds: 30, waiting: 200_000)
    #expect(advice.value == .maxEntries(10_000))
    #expect(
      advice.reason == "90 of 100 transactions had 5000 entries, the most that one may have, and 200000 entries wait: "
        + "larger transactions commit more entries per second")
    var limits = Self.limits
    limits.maxEntries = 15_000
    #expect(Self.advice(100, full: 90, entries: 1_400_000, seconds: 30, waiting: 200_000, limits).value == .maxEntries(20_000))
    limits.maxEntries = 20_000
    let most = Self.advice(100, full: 90, entries: 1_900_000, seconds: 30, waiting: 200_000, limits)
    #expect(most.value == nil && most.reason.contains("look at PostgreSQL"))
  }

  @Test func `where full transactions take long and nothing piles up, smaller ones are tried`() {
    #expect(Self.advice(30, full: 30, entries: 150_000, seconds: 60, waiting: 3_000).value == .maxEntries(2_500))
    #expect(Self.advice(30, full: 30, entries: 150_000, seconds: 20, waiting: 3_000).value == nil)
    var limits = Self.limits
    limits.maxEntries = 150
    #expect(Self.advice(30, full: 30, entries: 4_500, seconds: 60, waiting: 100, limits).value == nil)
  }

  @Test func `where many transactions are tiny, a short wait is tried, unless there is one`() {
    let advice = Self.advice(2_000, full: 0, entries: 3_000, seconds: 10, waiting: 1)
    #expect(advice.value == .maxDelay(.milliseconds(5)))
    #expect(advice.reason == "200.0 transactions a second had 1.5 entries each: with a short wait there are fewer")
    var limits = Self.limits
    limits.maxDelay = .milliseconds(5)
    #expect(Self.advice(2_000, full: 0, entries: 3_000, seconds: 10, waiting: 1, limits).value == nil)
    #expect(Self.advice(100, full: 0, entries: 150, seconds: 10, waiting: 1).value == nil)
  }

  @Test func `nothing is suggested from too little, or without knowing what waits`() {
    #expect(Self.advice(19, full: 19, entries: 95_000, seconds: 5, waiting: 1 << 20).reason.contains("19 transactions"))
    #expect(Self.advice(0, full: 0, entries: 0, seconds: 0, waiting: 0).value == nil)
    #expect(Self.advice(100, full: 100, entries: 500_000, seconds: 5, waiting: nil).reason.contains("Redis does not answer"))
  }

  /// Each suggestion, once it is followed, leads to an end and not back.
  @Test func `a backlog that stays leads to the largest size and ends there`() {
    var limits = Self.limits
    limits.maxEntries = 100
    var steps = 0
    while case .maxEntries(let next)? = Self.advice(
      100, full: 100, entries: 100 * limits.maxEntries, seconds: 10, waiting: 1_000_000, limits
    ).value {
      #expect(next > limits.maxEntries && next <= 2 * limits.maxEntries)
      limits.maxEntries = next
      steps += 1
    }
    #expect(limits.maxEntries == TuneAdvice.largest && steps == 8)
  }
}
