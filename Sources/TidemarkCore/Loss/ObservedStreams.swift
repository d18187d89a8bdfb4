/// What a server says of lanes before something of them is written to it. It holds for what is written over the same connection.
package struct ObservedStreams: Sendable {
  package var connection: WriteConnection
  /// In the order asked.
  package var observations: [StreamObservation]

  package init(connection: WriteConnection, observations: [StreamObservation]) {
    self.connection = connection
    self.observations = observations
  }
}
