/// Receives notifications of changes that may affect the balance of leases: shards that were released, and workers that came, left, or
/// became able or unable to serve.
///
/// Only the speed of the reaction depends on it. A sink that can't receive notifications may throw from every call.
package protocol LeaseNews: Sendable {
  /// Returns when a notification came since the last call, and when it has just begun to listen, because earlier notifications are not
  /// known.
  ///
  /// - Throws: ``SinkError``, after which the caller should wait and call again. A cancelled call throws `CancellationError`.
  func next() async throws

  /// Stops listening.
  func close() async
}
