/// A server that holds lanes: they are read together, and fail together. One for all, or the masters of a Cluster.
package struct LaneServer: Hashable, Sendable {
  /// Its address, for logs; empty where there is only one.
  package var name: String

  package init(_ name: String) {
    self.name = name
  }

  package static let only = LaneServer("")
}
