/// Identifies a connection for writes to a server. Another server may be behind another connection.
package struct WriteConnection: Hashable, Sendable {
  package var server: LaneServer
  /// A number that no other connection has.
  package var number: Int

  package init(server: LaneServer, number: Int) {
    self.server = server
    self.number = number
  }
}
