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
