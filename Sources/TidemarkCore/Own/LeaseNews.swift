/// Hears of what may change the balance of leases: shards that were given back, workers that came, left, or are able or not any more.
///
/// Nothing depends on it but how soon others act. A sink that can't hear anything may throw from every call.
package protocol LeaseNews: Sendable {
  /// Returns when something was told since the last call, and when it has just begun to listen, since what was told before is not known.
  ///
  /// Throws ``SinkError``: call again after a pause. A cancelled call throws `CancellationError`.
  func next() async throws

  /// Ends the listening.
  func close() async
}
