/// The state of several lanes on a server, read before something is written to them. It is valid for writes over the same connection.
package struct ObservedStreams: Sendable {
  package var connection: WriteConnection
  /// The observations, in the order in which the lanes were given.
  package var observations: [StreamObservation]

  package init(connection: WriteConnection, observations: [StreamObservation]) {
    self.connection = connection
    self.observations = observations
  }
}
