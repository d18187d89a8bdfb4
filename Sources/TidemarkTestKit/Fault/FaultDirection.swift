/// Which way bytes go through a ``FaultProxy``.
package enum FaultDirection: String, Sendable, Hashable, CaseIterable {
  /// From the client to the server.
  case up
  /// From the server to the client.
  case down

  var opposite: FaultDirection { self == .up ? .down : .up }
  /// The end that bytes of this direction go to.
  var receiver: FaultCore.Side { self == .up ? .server : .client }
}
