/// A server that holds lanes. They are read together, and fail together. It is the only server, or one of the masters of a Cluster.
package struct LaneServer: Hashable, Sendable {
  /// The server's address, for logs; empty where there is only one server.
  package var name: String

  package init(_ name: String) {
    self.name = name
  }

  package static let only = LaneServer("")
}
