/// Decides over which connection the marks of which lanes may be published: those over which the lanes were compared with what was read.
///
/// Behind a new connection may be another server: a replica that has become the master without the last entries. New entries may stand
/// there below what was committed of the old master, and its mark would call them durable.
///
/// A server that lost its data keeps its connections. So a mark that is published by trust may only follow another one
/// (``DurableMark/isSurveyed``); where there is none, the lane is surveyed again.
package struct MarkTrust: Sendable {
  /// The lanes that were compared over a connection.
  private struct Known: Sendable {
    var connection: WriteConnection
    var lanes: Set<String>
  }

  private var known: [LaneServer: Known] = [:]
  /// The number of times that trust was lost. A survey that began before the last one does not count.
  private(set) var losses = 0

  package init() {}

  /// Returns the lanes whose marks may be published over the connection that a server has now.
  package func lanes(over connection: WriteConnection?) -> Set<String> {
    guard let connection, let known = known[connection.server], known.connection == connection else { return [] }
    return known.lanes
  }

  /// Trusts lanes that a survey found sound. Returns false where trust was lost since the survey began.
  mutating func trust(_ lanes: [String], over connection: WriteConnection?, unlessLostSince losses: Int) -> Bool {
    guard self.losses == losses else { return false }
    guard let connection else { return true }
    let before = self.lanes(over: connection)
    known[connection.server] = Known(connection: connection, lanes: before.union(lanes))
    return true
  }

  /// Records that a lane's stream was replaced.
  mutating func distrust(_ lane: String) {
    losses += 1
    released(lane)
  }

  /// Records that a lane is not owned any more, so that its next mark is surveyed.
  mutating func released(_ lane: String) {
    for server in known.keys { known[server]?.lanes.remove(lane) }
  }

  /// Records that any lane may be at another server.
  mutating func forgetAll() {
    losses += 1
    known = [:]
  }
}
