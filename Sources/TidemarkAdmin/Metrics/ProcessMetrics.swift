package import Metrics

/// What the process reports of itself.
package struct ProcessMetrics: Sendable {
  private let reloadSuccess: Gauge

  /// The configuration that the process started with counts as read and in force.
  package init(factory: any MetricsFactory, version: String) {
    Gauge(label: MetricCatalog.buildInfo.fullName, dimensions: [("version", version)], factory: factory).record(1)
    reloadSuccess = Gauge(label: MetricCatalog.reloadSuccess.fullName, dimensions: [], factory: factory)
    reloaded(true)
  }

  /// After each attempt to read the configuration again.
  package func reloaded(_ succeeded: Bool) {
    reloadSuccess.record(succeeded ? 1 : 0)
  }
}
