/// Writes Prometheus' text exposition format 0.0.4.
struct ExpositionText {
  /// What the scraper is told it gets.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  struct Sample {
    var labels: [(name: String, value: String)]
    var value: Double

    init(_ value: Double, _ labels: [(name: String, value: String)] = []) {
      self.labels = labels
      self.value = value
    }
  }

  private(set) var text = ""

  /// All samples of one metric; nothing at all where there are none.
  mutating func family(_ definition: MetricDefinition, _ samples: [Sample]) {
    guard !samples.isEmpty else { return }
    head(name: definition.fullName, kind: definition.kind, help: definition.help)
    for sample in samples { line(definition.fullName, sample.labels, sample.value) }
  }

  mutating func head(name: String, kind: MetricDefinition.Kind, help: String) {
    text += "# HELP \(name) \(Self.escapedHelp(help))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
    text += name
    if !labels.isEmpty {
      text += "{"
      for (index, label) in labels.enumerated() {
        text += "\(index == 0 ? "" : ",")\(label.name)=\"\(Self.escapedLabel(label.value))\""
      }
      text += "}"
    }
    text += " \(Self.number(value))\n"
  }

  /// Whole numbers without a fraction, as people read them.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return value.description
  }

  static func escapedLabel(_ text: String) -> String {
    // By scalar: a quote with a combining mark behind it is one Character.
    String(String.UnicodeScalarView(text.unicodeScalars.flatMap { escape($0, quotes: true) }))
  }

  private static func escapedHelp(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.flatMap { escape($0, quotes: false) }))
  }

  private static func escape(_ scalar: Unicode.Scalar, quotes: Bool) -> [Unicode.Scalar] {
    switch scalar {
    case "\\": ["\\", "\\"]
    case "\n": ["\\", "n"]
    case "\"" where quotes: ["\\", "\""]
    default: [scalar]
    }
  }
}
