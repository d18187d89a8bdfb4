/// Writes Prometheus' text exposition format 0.0.4.
struct ExpositionText {
  /// The content type for the scraper.
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

  /// Writes all samples of one metric; writes nothing if there are none.
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

  /// Returns a number as text, whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return value.description
  }

  static func escapedLabel(_ text: String) -> String {
    // The text is escaped by scalars, because a quote followed by a combining mark is one Character.
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
