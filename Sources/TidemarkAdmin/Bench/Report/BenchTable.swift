/// Formats the report for a terminal.
package struct BenchTable {
  private let report: BenchReport

  package init(_ report: BenchReport) {
    self.report = report
  }

  /// Returns the report's lines without a line feed at the end.
  package func render() -> String {
    let blocks = [drains(), lags(), sweep(), facts()]
    return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private func drains() -> [String] {
    guard !report.drains.isEmpty else { return [] }
    let titles = ["DRAIN", "CHANGES/S", "OF THE LIMIT", "CPU US/CHANGE", "CPU US/ROW", "PEAK MIB", "SECONDS"]
    let rows = report.drains.flatMap { drain in
      [
        [
          drain.load.rawValue, NumberText.grouped(drain.changesPerSecond),
          NumberText.decimal(drain.ofLimit, 2) + spread(report.spread(of: drain.load), 2),
          NumberText.decimal(drain.workerCPUMicrosecondsPerChange, 2), NumberText.decimal(drain.workerCPUMicrosecondsPerRow, 2),
          "\(drain.workerPeakBytes >> 20)", NumberText.decimal(drain.seconds, 2),
        ],
        [
          "  the limit: COPY, \(drain.limit.order.rawValue) order", NumberText.grouped(drain.limit.changesPerSecond), "1.00", "", "", "",
          NumberText.decimal(drain.limit.seconds, 2),
        ],
      ]
    }
    return AlignedText.lines([titles] + rows, numeric: 1...6)
  }

  private func lags() -> [String] {
    guard !report.lags.isEmpty else { return [] }
    let titles = ["LAG AT", "P50", "P90", "P99", "MAX", "P50 IN ROUND TRIPS", "P99 IN ROUND TRIPS", "SENT LATE P99"]
    let rows = report.lags.map { result in
      [
        "\(NumberText.grouped(result.rate)) changes/s", NumberText.milliseconds(result.lag.p50Microseconds),
        NumberText.milliseconds(result.lag.p90Microseconds), NumberText.milliseconds(result.lag.p99Microseconds),
        NumberText.milliseconds(result.lag.maxMicroseconds),
        NumberText.decimal(result.p50InRoundTrips, 1) + spread(report.spread(at: result.rate, \.p50InRoundTrips), 1),
        NumberText.decimal(result.p99InRoundTrips, 1) + spread(report.spread(at: result.rate, \.p99InRoundTrips), 1),
        NumberText.milliseconds(result.sentLate.p99Microseconds),
      ]
    }
    return AlignedText.lines([titles] + rows, numeric: 1...7)
  }

  private func sweep() -> [String] {
    guard let sweep = report.sweep else { return [] }
    let titles = ["BATCH.MAX_ENTRIES", "CHANGES/S", "OF THE BEST", "P50 AT \(NumberText.grouped(sweep.rate))/S", "P99", "MAX", ""]
    let best = sweep.points.map(\.changesPerSecond).max() ?? 1
    let rows = sweep.points.map { point in
      [
        NumberText.grouped(point.maxEntries), NumberText.grouped(point.changesPerSecond),
        NumberText.decimal(point.changesPerSecond / best, 2),
        NumberText.milliseconds(point.lag.p50Microseconds), NumberText.milliseconds(point.lag.p99Microseconds),
        NumberText.milliseconds(point.lag.maxMicroseconds), point.maxEntries == sweep.kneeMaxEntries ? "<- knee" : "",
      ]
    }
    let advice = [
      "The knee is the smallest size that reaches 95 % of the best throughput.",
      "advice: batch.max_entries=\(sweep.kneeMaxEntries)",
      "as YAML: batch: { max_entries: \(sweep.kneeMaxEntries) }",
    ]
    return AlignedText.lines([titles] + rows, numeric: 0...5) + advice
  }

  /// The ratio of round trips from which other activity, not chance, is the likely cause.
  private static let restless = 1.5

  private func roundTrips() -> [String] {
    guard let spread = report.roundTrips else { return [] }
    return [
      "A one-row INSERT with its commit took \(NumberText.milliseconds(spread.lowest)) to \(NumberText.milliseconds(spread.highest)) at the "
        + "median. Lag runs from a change's scheduled time to its durable mark; its round trips were measured just before."
    ]
  }

  private func facts() -> [String] {
    let about = report.about
    var lines = roundTrips()
    if let drain = report.drains.first {
      let way = drain.limit.source == .serverFiles ? "files on the server" : "the connection, from memory"
      lines.append(
        "The limit: binary COPY from \(way) of all rows that the drain wrote. \(NumberText.grouped(about.changes)) changes per drain, "
          + report.drains.map { "\($0.load.rawValue) \($0.bytesPerChange) bytes" }.joined(separator: ", ") + ".")
    }
    if report.rounds.count > 1 {
      lines.append("\(report.rounds.count) rounds: each figure is from the median round, with the lowest and the highest of its ratio.")
    }
    let settings = about.postgresSettings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    lines.append(
      "Tidemark \(about.tidemark), Redis \(about.redis), PostgreSQL \(about.postgres) (\(settings)); \(about.lanes) lanes, "
        + "\(NumberText.grouped(about.sessions)) sessions, batch.max_entries \(about.batchMaxEntries), \(about.writers) writers; "
        + "\(about.cores) cores here.")
    if report.unrest > Self.restless {
      lines.append(
        "The servers or this machine were not idle: the round trip changed by a factor of \(NumberText.decimal(report.unrest, 1)). "
          + "Measure again when they are idle.")
    }
    if !about.isOptimized { lines.append("This is a debug build: its figures are meaningless. Build with `swift build -c release`.") }
    return lines
  }

  /// Returns the spread as text; empty for a single round.
  private func spread(_ spread: Spread?, _ places: Int) -> String {
    guard report.rounds.count > 1, let spread else { return "" }
    return " (\(NumberText.decimal(spread.lowest, places))-\(NumberText.decimal(spread.highest, places)))"
  }
}
