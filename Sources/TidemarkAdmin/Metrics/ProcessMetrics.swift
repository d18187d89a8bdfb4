package import Metrics

/// The metrics that the process reports about itself.
package struct ProcessMetrics: Sendable {
  private let reloadSuccess: Gauge

  /// Creates the metrics; the configuration at the start counts as read and in force.
  package init(factory: any MetricsFactory, version: String) {
    Gauge(label: MetricCatalog.buildInfo.fullName, dimensions: [("version", version)], factory: factory).record(1)
    reloadSuccess = Gauge(label: MetricCatalog.reloadSuccess.fullName, dimensions: [], factory: factory)
    reloaded(true)
  }

  /// Records an attempt to read the configuration again.
  ///
  /// - Parameter isInForce: whether the whole configuration is in force; false if it was refused, or if a part of it requires a restart.
  package func reloaded(_ isInForce: Bool) {
    reloadSuccess.record(isInForce ? 1 : 0)
  }
}
