/// What the HTTP server tells. Every method answers within seconds, whatever state the servers are in, and may be called as often as
/// somebody likes: answers are kept for a moment.
package protocol AdminSource: Sendable {
  /// The status of all lanes; of what is away, what is known.
  func status() async -> StatusReport

  /// Why this worker should get no traffic; empty when it is ready. Each says what, where and how to fix it.
  func reasonsNotReady() async -> [String]

  /// In Prometheus' text format.
  func metrics() async -> String

  /// Whether the worker's own machinery makes progress; says nothing of the servers. Answers at once.
  func isAlive() -> Bool
}
