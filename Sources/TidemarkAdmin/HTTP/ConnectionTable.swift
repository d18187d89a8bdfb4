/// The open connections of the HTTP server. It chooses the connection to close when a new one exceeds a limit.
///
/// A new connection is never refused: if its peer, or all peers together, have too many, the connection that has kept the server waiting
/// longest is closed. A crowd of connections with half a request, or with unread answers, therefore evicts only its own kind, and a probe
/// that sends its request at once is always answered.
struct ConnectionTable: Sendable {
  private struct Connection {
    var peer: String
    var isAnswered = false
    /// A number that increases with each connection and each request. The lowest number belongs to the connection that has been unfinished
    /// longest.
    var since: UInt64
  }

  private let total: Int
  private let perPeer: Int
  private var connections: [UInt64: Connection] = [:]
  private var clock: UInt64 = 0

  init(total: Int, perPeer: Int) {
    self.total = total
    self.perPeer = perPeer
  }

  var count: Int { connections.count }

  /// Adds a connection. Returns its number, and the number of a connection that must be closed for it and is no longer counted.
  mutating func open(from peer: String) -> (number: UInt64, evicted: UInt64?) {
    let evicted = connectionToEvict(for: peer)
    if let evicted { connections[evicted] = nil }
    clock += 1
    connections[clock] = Connection(peer: peer, since: clock)
    return (clock, evicted)
  }

  /// Records that a connection's request has arrived and is being answered (`true`), or that the answer is done (`false`).
  mutating func mark(_ number: UInt64, isAnswered: Bool) {
    guard connections[number] != nil else { return }
    clock += 1
    connections[number]?.isAnswered = isAnswered
    connections[number]?.since = clock
  }

  mutating func close(_ number: UInt64) { connections[number] = nil }

  private func connectionToEvict(for peer: String) -> UInt64? {
    let own = connections.filter { $0.value.peer == peer }
    if own.count >= perPeer { return Self.longestWaiting(own) }
    guard connections.count >= total else { return nil }
    let crowds = Dictionary(grouping: connections.values, by: \.peer).mapValues(\.count)
    let most = crowds.values.max() ?? 0
    return Self.longestWaiting(connections.filter { crowds[$0.value.peer] == most })
  }

  /// Returns the connection to evict: first those whose request is incomplete, then those that read their answer slowly.
  private static func longestWaiting(_ connections: [UInt64: Connection]) -> UInt64? {
    connections.min { left, right in
      left.value.isAnswered == right.value.isAnswered ? left.value.since < right.value.since : !left.value.isAnswered
    }?.key
  }
}
