/// One metric as the reference page and the exposition describe it.
package struct MetricDefinition: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// Who reports it.
  package enum Scope: Sendable, Equatable {
    /// The worker that owns the lane, at the moment of the scrape, from the lane's record.
    case lane
    /// Every worker.
    case worker
  }

  /// Without the prefix.
  package var name: String
  package var kind: Kind
  package var unit: MetricUnit
  package var labels: [String]
  package var scope: Scope
  /// One sentence or two, without a line break.
  package var help: String
  /// Other programs have it, too, under the same name.
  private var isStandard = false

  init(_ name: String, _ kind: Kind, _ unit: MetricUnit = .count, labels: [String] = [], of scope: Scope, _ help: String) {
    self.name = name
    self.kind = kind
    self.unit = unit
    self.labels = labels
    self.scope = scope
    self.help = help
  }

  /// Of the process as such, under the name that every Prometheus client gives it.
  init(process name: String, _ kind: Kind, _ unit: MetricUnit, _ help: String) {
    self.init("process_" + name, kind, unit, of: .worker, help)
    isStandard = true
  }

  /// Of every metric that only this program has.
  package static let prefix = "tidemark_"

  package var fullName: String { isStandard ? name : Self.prefix + name }
}

/// What a metric's value counts; it decides a histogram's buckets.
package enum MetricUnit: String, Sendable {
  case seconds, entries, bytes
  /// Unix seconds.
  case timestamp = "Unix seconds"
  /// 1 or 0.
  case flag = "0 or 1"
  case count

  /// Upper bounds, ascending, without infinity.
  package var buckets: [Double] {
    switch self {
    case .seconds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
    case .entries, .count: (0...8).map { Double(1 << (2 * $0)) }
    case .bytes: (4...13).map { Double(1 << (2 * $0)) }
    case .timestamp, .flag: []
    }
  }
}
