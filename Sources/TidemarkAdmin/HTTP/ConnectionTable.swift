/// The open connections of the HTTP server, and which of them has to go when one more comes.
///
/// A new connection is never refused: where a peer, or all together, have too many, the one that has kept the server waiting longest is
/// closed. So a crowd of connections that say half a request, or read no answer, only ever pushes out its own kind, and a probe that says
/// what it wants at once is always answered.
struct ConnectionTable: Sendable {
  private struct Connection {
    var peer: String
    var isAnswered = false
    /// Rises with each connection and each request: the lower, the longer nothing was finished on it.
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

  /// A connection came. Returns its number, and that of another one which must be closed for it and counts no more.
  mutating func open(from peer: String) -> (number: UInt64, evicted: UInt64?) {
    let evicted = connectionToEvict(for: peer)
    if let evicted { connections[evicted] = nil }
    clock += 1
    connections[clock] = Connection(peer: peer, since: clock)
    return (clock, evicted)
  }

  /// Its request is there, and its answer is being written (`true`), or that is done (`false`).
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

  /// First those that have not said what they want, then those that are slow to read the answer.
  private static func longestWaiting(_ connections: [UInt64: Connection]) -> UInt64? {
    connections.min { left, right in
      left.value.isAnswered == right.value.isAnswered ? left.value.since < right.value.since : !left.value.isAnswered
    }?.key
  }
}
