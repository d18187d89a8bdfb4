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
  ///
  /// - Parameter isInForce: whether all that was read is. False where it was refused, and where a part of it waits for a restart.
  package func reloaded(_ isInForce: Bool) {
    reloadSuccess.record(isInForce ? 1 : 0)
  }
}
