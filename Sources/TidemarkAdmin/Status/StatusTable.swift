internal import TidemarkConfiguration
internal import TidemarkCore

/// The status for a terminal: aligned columns, then totals, workers, accounting, settings, and problems.
package struct StatusTable {
  private let report: StatusReport

  package init(_ report: StatusReport) {
    self.report = report
  }

  /// Returns the lines without a line feed at the end.
  ///
  /// - Parameters:
  /// - height: the lines of the terminal; nil if there is none. Settings that would push the head off the screen are only counted.
  /// - isRepeated: whether the table is refreshed repeatedly. Lanes that don't fit are then left out, those with the least lag first.
  package func render(height: Int? = nil, isRepeated: Bool = false) -> String {
    let problems = open() + problems() + report.oddities() + pendingSettings()
    let others = [workers(), accounting(), problems].filter { !$0.isEmpty }
    // This counts the titles, the totals, the line about lanes that are left out, the empty lines between the blocks, and the cursor's
    // line.
    let rest = servers().count + others.reduce(0) { $0 + $1.count + 1 } + 4
    var settings = settings()
    if let height, rest + report.lanes.count + settings.count + 1 > height { settings = countedSettings() }
    let most = isRepeated ? height.map { max(1, $0 - rest - settings.count - 1) } : nil
    let blocks = [servers() + lanes(most: most), workers(), accounting(), settings, problems].filter { !$0.isEmpty }
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private func servers() -> [String] {
    [("Postgres", report.postgres), ("Redis", report.redis)].compactMap { name, server in
      server.isUp ? nil : "\(name) is unreachable: \(ForeignText.line(server.error ?? "no answer"))"
    }
  }

  /// Returns the lines about dead letters and gaps that wait for a person.
  private func open() -> [String] {
    report.openProblems.map { ["\($0): see `tidemark dead-letters list` and `tidemark lanes list`"] } ?? []
  }

  private func lanes(most: Int?) -> [String] {
    guard !report.lanes.isEmpty else { return ["No lanes yet: a worker registers them when it first runs."] }
    let shown = shown(most: most)
    let titles = ["LANE", "STATE", "LAG", "AGE", "RATE", "CURSOR", "DEAD", "BY"]
    var rows = shown.map { lane in
      [
        ForeignText.line(lane.lane), lane.state, Self.number(lane.lagEntries), Self.seconds(lane.lagSeconds),
        Self.rate(lane.appliedPerSecond), lane.entryID, Self.number(lane.deadLettersOpen.map { Int64($0) }), owner(lane),
      ]
    }
    rows.append(totals())
    var lines = AlignedText.lines([titles] + rows, numeric: 2...6)
    let hidden = report.lanes.count - shown.count
    if hidden > 0 { lines.insert("and \(hidden) more with less lag", at: lines.count - 1) }
    return lines
  }

  /// Returns the lanes in the order of the report; if not all of them fit, those with the most lag.
  private func shown(most: Int?) -> [StatusReport.Lane] {
    guard let most, report.lanes.count > most else { return report.lanes }
    func weight(_ lane: StatusReport.Lane) -> (Int, Int64) { (lane.lastError == nil ? 0 : 1, lane.lagEntries ?? 0) }
    let first = report.lanes.indices.sorted { weight(report.lanes[$0]) > weight(report.lanes[$1]) }.prefix(most)
    return first.sorted().map { report.lanes[$0] }
  }

  /// Returns the worker's number in the list below, or its name if it is not listed.
  private func owner(_ lane: StatusReport.Lane) -> String {
    guard let owner = lane.owner else { return "-" }
    return report.workers.firstIndex { $0.worker == owner }.map { "\($0 + 1)" } ?? ForeignText.line(owner)
  }

  private func totals() -> [String] {
    let lanes = report.lanes
    func all<Value>(_ values: [Value?]) -> [Value]? {
      let known = values.compactMap(\.self)
      return known.count == values.count ? known : nil
    }
    return [
      "\(lanes.count) \(lanes.count == 1 ? "lane" : "lanes")", "", Self.number(all(lanes.map(\.lagEntries))?.reduce(0, +)),
      Self.seconds(all(lanes.map(\.lagSeconds))?.max()), Self.rate(report.appliedPerSecond), "",
      Self.number(all(lanes.map(\.deadLettersOpen))?.reduce(0) { $0 + Int64($1) }), "",
    ]
  }

  private func workers() -> [String] {
    guard !report.workers.isEmpty else { return report.postgres.isUp ? ["No worker is running: start one with `tidemark run`."] : [] }
    let rows = report.workers.enumerated().map { place, worker in
      [
        "\(place + 1)", ForeignText.line(worker.worker), Self.number(worker.shards.map { Int64($0) }),
        Self.number(worker.lanes.map { Int64($0) }), ForeignText.line(worker.version ?? "-"), worker.seenAt ?? "-",
        worker.isAlive == false ? "gone" : "",
      ]
    }
    return AlignedText.lines([["", "WORKER", "SHARDS", "LANES", "VERSION", "SEEN", ""]] + rows, numeric: 2...3)
  }

  /// Returns both sides of the accounting's equation, summed over all lanes.
  private func accounting() -> [String] {
    guard !report.lanes.isEmpty else { return [] }
    func sum(_ count: KeyPath<StatusReport.Lane, Int>) -> Int { report.lanes.reduce(0) { $0 + $1[keyPath: count] } }
    let parts: [(String, KeyPath<StatusReport.Lane, Int>)] = [
      ("applied", \.applied), ("duplicates", \.duplicates), ("divergent", \.divergent), ("ephemeral", \.ephemeral), ("skipped", \.skipped),
      ("dead letters", \.deadLetters),
    ]
    let read = "read \(sum(\.read)) = " + parts.map { "\($0.0) \(sum($0.1))" }.joined(separator: " + ")
    let added =
      "added to Redis \(sum(\.read) + sum(\.missing) + sum(\.baseline)) = read + missing \(sum(\.missing)) + baseline \(sum(\.baseline))"
    let again = sum(\.reread) > 0 ? "; read again \(sum(\.reread))" : ""
    return [read, added + again]
  }

  private var ownSettings: [(key: String, value: StatusReport.Setting)] {
    report.settings.filter { $0.value.source != SettingSource.standard.description }.sorted { $0.key < $1.key }
  }

  /// Returns the settings that differ from their defaults.
  private func settings() -> [String] {
    let own = ownSettings.map { [$0.key, ForeignText.line($0.value.value ?? "-"), ForeignText.line(Self.source($0.value))] }
    let ofLanes = (report.tuning ?? []).compactMap { tuned in
      tuned.lanes.map { ["\(tuned.key) of \($0)", tuned.value, Self.source("tune", tuned.tuned)].map { ForeignText.line($0) } }
    }
    let rows = own + ofLanes
    let others = report.settings.count - own.count
    let rest = others > 0 ? ["\(others) settings are at their defaults: `tidemark status --json` lists them"] : []
    guard !rows.isEmpty else { return rest }
    return AlignedText.lines([["SETTING", "VALUE", "FROM"]] + rows, numeric: 9...9) + rest
  }

  private static func source(_ setting: StatusReport.Setting) -> String {
    setting.tuned.map { source(setting.source, $0) } ?? setting.source
  }

  private static func source(_ source: String, _ tuned: StatusReport.TunedValue.Origin) -> String {
    "\(source) by \(tuned.by) at \(tuned.at)"
  }

  /// Returns one line for each worker that must be restarted to apply settings that it has read, and for each that can't apply what was
  /// tuned.
  private func pendingSettings() -> [String] {
    report.workers.enumerated().filter { $0.element.isAlive != false }.flatMap { place, worker in
      [
        worker.notInForce.map { "Worker \(place + 1) must be restarted for \(ForeignText.line($0))" },
        worker.tuningRefused.map { "Worker \(place + 1) can't apply what was tuned: \(ForeignText.line($0))" },
      ].compactMap(\.self)
    }
  }

  private func countedSettings() -> [String] {
    ["\(ownSettings.count) settings are not at their defaults: `tidemark status --json` lists them"]
  }

  /// Returns the lanes' errors, each text once, without those of a server that are shown already.
  private func problems() -> [String] {
    var lanes: [(text: String, names: [String])] = []
    for lane in report.lanes {
      var parts: [String] = []
      if let error = lane.lastError, ![report.postgres.error, report.redis.error].contains(error) {
        parts.append(ForeignText.line(error))
        if let hint = lane.hint { parts.append(ForeignText.line(hint)) }
      }
      if lane.accountingError != 0 {
        parts.append("the accounting is off by \(lane.accountingError): please report this with the output of `tidemark status --json`")
      }
      guard !parts.isEmpty else { continue }
      let text = parts.joined(separator: "; ")
      if let place = lanes.firstIndex(where: { $0.text == text }) {
        lanes[place].names.append(lane.lane)
      } else {
        lanes.append((text, [lane.lane]))
      }
    }
    return lanes.map { text, names in
      let all = names.prefix(3).map { ForeignText.line($0) }.joined(separator: ", ")
      return "\(all)\(names.count > 3 ? " and \(names.count - 3) more" : ""): \(text)"
    }
  }

  // Formats of cells.

  /// Returns a rate in at most four characters, because lanes and cursors leave no more space: 0.4, 812, 9.1k, 45k, 1.2M.
  static func rate(_ value: Double?) -> String {
    guard let value else { return "?" }
    if value > 0, value < 0.05 { return "<0.1" }
    var (scaled, units) = (value, ["", "k", "M"])
    while scaled >= 999.5, units.count > 1 {
      scaled /= 1000
      units.removeFirst()
    }
    return (scaled == 0 || scaled >= 9.95 ? String(Int64(scaled.rounded())) : tenths(scaled)) + units[0]
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func number(_ value: Int64?) -> String { value.map { String($0) } ?? "?" }

  /// Returns seconds with as many digits as are useful.
  static func seconds(_ value: Double?) -> String {
    guard let value else { return "?" }
    if value == 0 || value >= 99.95 { return String(Int64(value.rounded())) }
    if value >= 9.9995 { return tenths(value) }
    let thousandths = Int((value * 1000).rounded())
    return "\(thousandths / 1000).\(String(1000 + thousandths % 1000).dropFirst())"
  }
}
