/// A connection for writes to a server, told apart from those that were there before: behind another one may be another server.
package struct WriteConnection: Hashable, Sendable {
  package var server: LaneServer
  /// No two connections have the same.
  package var number: Int

  package init(server: LaneServer, number: Int) {
    self.server = server
    self.number = number
  }
}

/// What a server says of lanes before something of them is written to it. It holds for what is written over the same connection.
package struct LaneSurvey: Sendable {
  package var connection: WriteConnection
  /// In the order asked.
  package var snapshots: [LaneSnapshot]

  package init(connection: WriteConnection, snapshots: [LaneSnapshot]) {
    self.connection = connection
    self.snapshots = snapshots
  }
}
