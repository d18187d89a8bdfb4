internal import TidemarkCore

/// Durations as operators write them: `0ms`, `5s`, `1m`, `24h`, `30d`, `1h30m`.
extension Duration {
  /// The units, largest first, in milliseconds.
  private static let units: [(name: String, milliseconds: Int)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// Parses numbers with units, the larger unit first, each at most once. A number without a unit is refused, except `0`, because
  /// milliseconds and seconds are easily confused.
  package init?(settingText text: some StringProtocol) {
    if text == "0" {
      self = .zero
      return
    }
    var rest = text[...]
    var units = Self.units[...]
    var total = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      let name = rest.dropFirst(digits.count).prefix { $0.isLetter }
      guard let count = Int(digits), let index = units.firstIndex(where: { $0.name == name }) else { return nil }
      let (product, overflowed) = count.multipliedReportingOverflow(by: units[index].milliseconds)
      let (sum, overflowedAgain) = total.addingReportingOverflow(product)
      guard !overflowed, !overflowedAgain else { return nil }
      total = sum
      units = units[(index + 1)...]
      rest = rest.dropFirst(digits.count + name.count)
    }
    guard !text.isEmpty else { return nil }
    self = .milliseconds(total)
  }

  /// The shortest text that ``init(settingText:)`` parses as this value. A single day is written `24h`, as people say it.
  package var settingText: String {
    var rest = Int(milliseconds)
    guard rest != 0 else { return "0s" }
    var text = ""
    for unit in Self.units where rest >= unit.milliseconds {
      if unit.name == "d", rest < 2 * unit.milliseconds { continue }
      text += "\(rest / unit.milliseconds)\(unit.name)"
      rest %= unit.milliseconds
    }
    return text
  }
}
