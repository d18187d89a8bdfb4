/// What a sink needs to know beside the way to its server.
package struct SinkSettings: Sendable, Equatable {
  package var schema: String
  /// How long a producer's id is remembered.
  package var dedupeWindow: Duration
  package var connectDeadline: Duration = .seconds(10)
  /// Of each query of the sink itself, at first: see ``CallDeadline``.
  package var queryDeadline: Duration = .seconds(15)
  /// Whether a query that was given up gets more time when it is asked again.
  package var extendsQueries = true
  /// How much later than the server's own limit the client gives up on it.
  package var patience: Duration = .seconds(30)
  /// Of each round trip of a transaction, at first. The sink derives it from the server's limit.
  package internal(set) var commitDeadline: Duration = .seconds(90)

  package init(schema: String, dedupeWindow: Duration) {
    self.schema = schema
    self.dedupeWindow = dedupeWindow
  }
}
