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
