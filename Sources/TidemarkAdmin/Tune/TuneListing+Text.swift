internal import TidemarkCore

extension TuneListing {
  /// Returns the tables of the settings for a terminal, without a line feed at the end.
  package func text() -> String {
    let rows = settings.map { setting in
      [
        setting.key, ForeignText.line(setting.value ?? "-"), ForeignText.line(Self.source(setting.source, setting.tuned)),
        setting.bounds ?? setting.unit, setting.applies,
      ]
    }
    var blocks = [AlignedText.lines([["SETTING", "VALUE", "FROM", "ALLOWED", "APPLIES"]] + rows, numeric: 9...9)]
    if !lanes.isEmpty {
      let rows = lanes.map { [$0.lanes ?? "", $0.key, $0.value, Self.source("tune", $0.tuned)].map { ForeignText.line($0) } }
      blocks.append(AlignedText.lines([["LANES", "SETTING", "VALUE", "FROM"]] + rows, numeric: 9...9))
    }
    if !refused.isEmpty { blocks.append(refused.map { "Not in force: \($0.problem)" }) }
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  /// Returns the history for a terminal, the newest change first.
  package func historyText() -> String {
    guard !history.isEmpty else { return "Nothing was tuned yet." }
    let rows = history.map { entry in
      let why = [entry.undoes.map { "takes back \($0)" }, entry.why.map { ForeignText.line($0) }].compactMap(\.self)
      return [
        String(entry.change), entry.at, ForeignText.line(entry.by), ForeignText.line(entry.lanes ?? "all"), entry.key,
        ForeignText.line(entry.from ?? "-"), ForeignText.line(entry.to ?? "-"), why.joined(separator: ": "),
      ]
    }
    return AlignedText.lines([["CHANGE", "AT", "BY", "LANES", "SETTING", "FROM", "TO", "WHY"]] + rows, numeric: 0...0)
      .joined(separator: "\n")
  }

  private static func source(_ source: String, _ tuned: StatusReport.TunedValue.Origin?) -> String {
    tuned.map { "\(source) by \($0.by) at \($0.at)" } ?? source
  }
}
