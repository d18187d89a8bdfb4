/// One metric with its name, type, unit, labels and help text.
package struct MetricDefinition: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// The worker that reports a metric.
  package enum Scope: Sendable, Equatable {
    /// The lane's owner reports the metric, from the lane's record at the moment of the scrape.
    case lane
    /// Every worker reports the metric.
    case worker
  }

  /// The name without the prefix.
  package var name: String
  package var kind: Kind
  package var unit: MetricUnit
  package var labels: [String]
  package var scope: Scope
  /// The help text: one or two sentences without a line break.
  package var help: String
  /// Whether other programs export the metric under this name, too.
  private var isStandard = false

  init(_ name: String, _ kind: Kind, _ unit: MetricUnit = .count, labels: [String] = [], of scope: Scope, _ help: String) {
    self.name = name
    self.kind = kind
    self.unit = unit
    self.labels = labels
    self.scope = scope
    self.help = help
  }

  /// Creates a metric of the process, with the name that every Prometheus client uses.
  init(process name: String, _ kind: Kind, _ unit: MetricUnit, _ help: String) {
    self.init("process_" + name, kind, unit, of: .worker, help)
    isStandard = true
  }

  /// The prefix of all metrics that only this program has.
  package static let prefix = "tidemark_"

  package var fullName: String { isStandard ? name : Self.prefix + name }
}

/// The unit of a metric's value, which determines a histogram's buckets.
package enum MetricUnit: String, Sendable {
  case seconds, entries, bytes
  /// Unix seconds.
  case timestamp = "Unix seconds"
  /// 1 or 0.
  case flag = "0 or 1"
  case count

  /// The upper bounds, ascending, without infinity.
  package var buckets: [Double] {
    switch self {
    case .seconds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
    case .entries, .count: (0...8).map { Double(1 << (2 * $0)) }
    case .bytes: (4...13).map { Double(1 << (2 * $0)) }
    case .timestamp, .flag: []
    }
  }
}
