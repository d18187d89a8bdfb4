internal import TidemarkCore

/// The status for a terminal: aligned columns, then totals, workers, and what is wrong.
package struct StatusTable {
  private let report: StatusReport

  package init(_ report: StatusReport) {
    self.report = report
  }

  /// Lines without a line feed at the end.
  package func render() -> String {
    var blocks = [servers() + lanes()]
    let workers = self.workers()
    if !workers.isEmpty { blocks.append(workers) }
    let problems = open() + self.problems() + report.oddities()
    if !problems.isEmpty { blocks.append(problems) }
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private func servers() -> [String] {
    [("Postgres", report.postgres), ("Redis", report.redis)].compactMap { name, server in
      server.isUp ? nil : "\(name) is away: \(ForeignText.line(server.error ?? "no answer"))"
    }
  }

  /// What waits for a person although everything flows.
  private func open() -> [String] {
    report.openProblems.map { ["\($0): see `tidemark dead-letters list` and `tidemark lanes list`"] } ?? []
  }

  private func lanes() -> [String] {
    guard !report.lanes.isEmpty else { return ["No lanes yet: a worker registers them when it first runs."] }
    let titles = ["LANE", "STATE", "LAG", "SECONDS", "READ", "APPLIED", "DEAD LETTERS", "OWNER"]
    var rows = report.lanes.map { lane in
      [
        ForeignText.line(lane.lane), lane.state, Self.number(lane.lagEntries), Self.seconds(lane.lagSeconds), String(lane.read),
        String(lane.applied), Self.deadLetters(lane.deadLetters, open: lane.deadLettersOpen), ForeignText.line(lane.owner ?? "-"),
      ]
    }
    rows.append(totals())
    return AlignedText.lines([titles] + rows, numeric: 2...6)
  }

  private func totals() -> [String] {
    let lanes = report.lanes
    func all<Value>(_ values: [Value?]) -> [Value]? {
      let known = values.compactMap(\.self)
      return known.count == values.count ? known : nil
    }
    return [
      "\(lanes.count) \(lanes.count == 1 ? "lane" : "lanes")", "", Self.number(all(lanes.map(\.lagEntries))?.reduce(0, +)),
      Self.seconds(all(lanes.map(\.lagSeconds))?.max()), String(lanes.reduce(0) { $0 + $1.read }),
      String(lanes.reduce(0) { $0 + $1.applied }),
      Self.deadLetters(lanes.reduce(0) { $0 + $1.deadLetters }, open: all(lanes.map(\.deadLettersOpen))?.reduce(0, +)), "",
    ]
  }

  private func workers() -> [String] {
    guard !report.workers.isEmpty else { return report.postgres.isUp ? ["No worker is running: `tidemark run` starts one."] : [] }
    let rows = report.workers.map { worker in
      [
        ForeignText.line(worker.worker), ForeignText.line(worker.host ?? "-"), worker.pid.map { String($0) } ?? "-",
        ForeignText.line(worker.version ?? "-"),
        Self.number(worker.shards.map { Int64($0) }), Self.number(worker.lanes.map { Int64($0) }), worker.seenAt ?? "-",
        worker.isAlive == false ? "gone without a word" : "",
      ]
    }
    return AlignedText.lines([["WORKER", "HOST", "PID", "VERSION", "SHARDS", "LANES", "SEEN", ""]] + rows, numeric: 4...5)
  }

  private func problems() -> [String] {
    report.lanes.compactMap { lane in
      guard lane.lastError != nil || lane.accountingError != 0 else { return nil }
      var parts: [String] = []
      if let error = lane.lastError { parts.append(ForeignText.line(error)) }
      if let hint = lane.hint { parts.append(ForeignText.line(hint)) }
      if lane.accountingError != 0 {
        parts.append("the accounting is off by \(lane.accountingError): please report it, with the output of `tidemark status --json`")
      }
      return "\(ForeignText.line(lane.lane)): \(parts.joined(separator: "; "))"
    }
  }

  // How cells are written

  private static func number(_ value: Int64?) -> String { value.map { String($0) } ?? "?" }

  /// With as many digits as anybody reads.
  static func seconds(_ value: Double?) -> String {
    guard let value else { return "?" }
    if value == 0 || value >= 100 { return String(Int64(value.rounded())) }
    let thousandths = Int((value * 1000).rounded())
    return "\(thousandths / 1000).\(String(1000 + thousandths % 1000).dropFirst())"
  }

  private static func deadLetters(_ all: Int, open: Int?) -> String {
    switch open {
    case nil: "\(all) (? open)"
    case 0?: "\(all)"
    case let open?: "\(all) (\(open) open)"
    }
  }
}
