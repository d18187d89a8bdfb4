/// The data that the HTTP server shows. Every method returns within seconds, whatever state the servers are in, and may be called at any
/// rate, because answers are cached briefly.
package protocol AdminSource: Sendable {
  /// Returns the status of all lanes; of a server that is away, the facts that are still known.
  func status() async -> StatusReport

  /// Returns the reasons why this worker must not get traffic; empty when it is ready. Each says what is wrong, where, and how to fix it.
  func reasonsNotReady() async -> [String]

  /// Returns the metrics in Prometheus' text format.
  func metrics() async -> String

  /// Returns the settings that can be tuned, and the history of their changes. Throws ``SinkError``.
  func tuning() async throws -> TuneListing

  /// Changes settings. Throws ``TuneRefusal`` if nothing was changed because of what was ordered, and ``SinkError``.
  func tune(_ order: TuneOrder) async throws -> TuneChange

  /// Returns at once whether the worker itself is making progress, regardless of the servers.
  func isAlive() -> Bool
}
