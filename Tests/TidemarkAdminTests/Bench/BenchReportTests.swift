import Foundation
import Testing

@testable import TidemarkAdmin

/// The report computes ratios, medians and spreads from its figures.
@Suite struct BenchReportTests {
  private static func lag(_ p50: Double, _ p99: Double) -> LagSummary {
    LagSummary(count: 10, p50Microseconds: p50, p90Microseconds: p50, p99Microseconds: p99, maxMicroseconds: p99)
  }

  private static func sweep(_ rates: [(size: Int, rate: Double)]) throws -> SweepResult {
    let points = rates.map { SweepResult.Point(maxEntries: $0.size, changesPerSecond: $0.rate, lag: lag(700, 5_000)) }
    return try #require(SweepResult(rate: 2_000, points: points))
  }

  private static func drain(seconds: Double) -> DrainResult {
    let limit = CopyLimitResult(changes: 1_000, source: .connection, secondsInWrittenOrder: 0.5, secondsInKeyOrder: 0.25)
    return DrainResult(
      load: .mix, changes: 1_000, bytesPerChange: 320, seconds: seconds, usage: WorkerUsage(cpuSeconds: 0.01, peakBytes: 100 << 20),
      tables: ["change_log": 1_000, "messages": 1_000], limit: limit)
  }

  private static func round(drain seconds: Double = 0.5, p99: Double = 2_000, fastest: Double = 50_000) throws -> BenchRound {
    let lags = [LagResult(rate: 500, seconds: 10, lag: lag(p99 * 0.3, p99), sentLate: lag(50, 100), roundTrip: lag(200, 400))]
    return BenchRound(
      roundTrips: [lag(200, 400), lag(250, 900)], drains: [drain(seconds: seconds)], lags: lags,
      sweep: try sweep([(100, 20_000), (1_000, fastest)]))
  }

  private static func report(_ rounds: BenchRound...) throws -> BenchReport {
    let about = BenchAbout(
      tidemark: "1", isOptimized: true, redis: "7", postgres: "15", postgresSettings: ["fsync": "on"], cores: 2, changes: 1_000,
      sessions: 10, lanes: 16, batchMaxEntries: 5_000, writers: 2)
    return BenchReport(about: about, rounds: rounds.isEmpty ? [try round()] : rounds)
  }

  @Test func theKneeIsTheSmallestSizeThatIsNearlyAsFastAsTheBest() throws {
    #expect(try Self.sweep([(100, 10), (500, 94), (1_000, 96), (5_000, 100), (20_000, 90)]).kneeMaxEntries == 1_000)
    #expect(try Self.sweep([(20_000, 95), (500, 100), (100, 95)]).kneeMaxEntries == 100)
    #expect(try Self.sweep([(5_000, 0.5)]).advice == ["batch.max_entries": "5000"])
    #expect(SweepResult(rate: 1, points: []) == nil)
  }

  @Test func theLimitIsTheBetterOrderAndRatiosAreToIt() throws {
    let drain = try #require(Self.report().drains.first)
    #expect(drain.limit.order == .key)
    #expect(drain.limit.changesPerSecond == 4_000)
    #expect(drain.changesPerSecond == 2_000)
    #expect(drain.ofLimit == 0.5)
    #expect(drain.workerCPUMicrosecondsPerChange == 10)
    #expect(drain.workerCPUMicrosecondsPerRow == 5)
    let lag = try #require(Self.report().lags.first)
    // Both percentiles are given in median round trips.
    #expect(lag.p50InRoundTrips == 3)
    #expect(lag.p99InRoundTrips == 10)
  }

  @Test func theTableTellsEachFigureWithItsRatio() throws {
    let lines = try BenchTable(Self.report()).render().split(separator: "\n").map { String($0) }
    func cells(_ start: String) -> [Substring] {
      lines.first { $0.hasPrefix(start) }?.split(separator: " ") ?? []
    }
    #expect(cells("mix") == ["mix", "2,000", "0.50", "10.00", "5.00", "100", "0.50"])
    #expect(cells("  the limit").suffix(3) == ["4,000", "1.00", "0.25"])
    #expect(cells("500 changes/s").suffix(4) == ["3.0", "10.0", "0.10", "ms"])
    #expect(lines.contains { $0.hasSuffix("<- knee") && $0.contains("1,000") && $0.contains("50,000") })
    #expect(lines.contains("advice: batch.max_entries=1000"))
    #expect(!lines.contains { $0.contains("debug build") })
  }

  @Test func ofSeveralRoundsEachMeasurementIsThatOfItsMedianRound() throws {
    let report = try Self.report(
      Self.round(drain: 1, p99: 9_000, fastest: 21_000), Self.round(drain: 0.25, p99: 1_000, fastest: 80_000),
      Self.round(drain: 0.5, p99: 2_000, fastest: 40_000))
    #expect(report.drains.map(\.ofLimit) == [0.5])
    #expect(report.spread(of: .mix) == Spread([1, 0.25, 0.5]))
    #expect(report.lags.map(\.lag.p99Microseconds) == [2_000])
    // The knee is computed from the medians.
    #expect(report.sweep?.points.map(\.changesPerSecond) == [20_000, 40_000])
    let table = BenchTable(report).render()
    #expect(table.contains("0.50 (0.25-1.00)"))
    #expect(table.contains("10.0 (5.0-45.0)"))
    #expect(table.contains("3 rounds"))
    #expect(try !BenchTable(Self.report()).render().contains("rounds:"))
  }

  @Test func roundTripsThatLieFarApartTellOfOthersAtWork() throws {
    var report = try Self.report()
    #expect(report.unrest == 1.25)
    #expect(!BenchTable(report).render().contains("Others were at work"))
    report.rounds[0].roundTrips.append(Self.lag(800, 9_000))
    #expect(BenchTable(report).render().contains("the round trip changed by a factor of 4.0"))
    #expect(BenchTable(report).render().contains("took 0.20 ms to 0.80 ms at the median"))
    report.rounds[0].roundTrips = []
    #expect(report.unrest == 1)
  }

  @Test func jsonHasStableNames() throws {
    let object = try #require(try JSONSerialization.jsonObject(with: Data(Self.report().json().utf8)) as? [String: Any])
    #expect(Set(object.keys) == ["about", "drains", "lags", "rounds", "sweep"])
    let drain = try #require((object["drains"] as? [[String: Any]])?.first)
    #expect(drain["of_limit"] as? Double == 0.5)
    #expect(drain["worker_cpu_microseconds_per_change"] as? Double == 10)
    #expect((drain["tables"] as? [String: Int])?["change_log"] == 1_000)
    let sweep = try #require(object["sweep"] as? [String: Any])
    #expect(sweep["advice"] as? [String: String] == ["batch.max_entries": "1000"])
    #expect(sweep["knee_max_entries"] as? Int == 1_000)
  }

  @Test func numbersAreWrittenAsPeopleReadThem() {
    #expect(NumberText.grouped(0.4) == "0")
    #expect(NumberText.grouped(999) == "999")
    #expect(NumberText.grouped(1_234_567) == "1,234,567")
    #expect(NumberText.grouped(1_000) == "1,000")
    #expect(NumberText.decimal(1.005, 1) == "1.0")
    #expect(NumberText.decimal(0.096, 2) == "0.10")
    #expect(NumberText.decimal(12.5, 0) == "13")
    #expect(NumberText.milliseconds(1_234) == "1.23 ms")
  }
}
