/// What a sink needs to know beside the way to its server.
package struct SinkSettings: Sendable, Equatable {
  package var schema: String
  /// How long a producer's id is remembered.
  package var dedupeWindow: Duration
  package var connectDeadline: Duration = .seconds(10)
  /// Of each round trip of a transaction.
  package var commitDeadline: Duration = .seconds(90)
  package var queryDeadline: Duration = .seconds(15)

  package init(schema: String, dedupeWindow: Duration) {
    self.schema = schema
    self.dedupeWindow = dedupeWindow
  }
}
