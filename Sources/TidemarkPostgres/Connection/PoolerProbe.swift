internal import CLibPQ

/// Finds out whether a pooler stands between us and the server that hands a session's transactions to several backends.
///
/// Such a session has no settings, no prepared statements, no locks and no notifications of its own: what it sets reaches other applications,
/// and what others prepared reaches it. A pooler that keeps a backend for each session (PgBouncer's `pool_mode = session`) is fine.
struct PoolerProbe {
  /// How often a backend is held and the session is asked again for its own. The first time tells, unless others use the pool just then.
  private static let attempts = 3
  /// How long a second session may wait for its backend. A pooler that keeps backends for sessions may have none left.
  private static let patience = Duration.seconds(1)

  let wire: PostgresWire
  let request: PostgresRequest
  /// Opens another session in the same way, until this moment.
  let open: (ContinuousClock.Instant) throws -> PostgresWire

  /// Throws ``PostgresError`` of kind `.unsuitable(.pooling)`.
  func requireOwnBackend() throws {
    let pid = try Self.pid(of: wire)
    // The server itself named its process when the connection was made. A pooler names what it likes, and never that process.
    guard pid != Int64(PQbackendPID(wire.handle)) else { return }
    for _ in 0..<Self.attempts {
      guard try isShared(pid) else { continue }
      throw PostgresError(
        .unsuitable(.pooling), "the pooler at this address hands a session's transactions to several backends",
        hint: "point postgres.url at the server itself, or set pool_mode = session for this database in the pooler")
    }
  }

  /// Whether another session gets this session's backend while this session is open, or, while the other session holds one, this session
  /// gets another backend than before.
  private func isShared(_ pid: Int64) throws -> Bool {
    let until = min(ContinuousClock.now + Self.patience, request.deadline)
    // Closed with the end of this function, which ends its transaction.
    guard let other = try? open(until) else { return false }
    other.begin(PostgresRequest(deadline: until, bell: wire.bell))
    defer { other.end() }
    do {
      _ = try other.script("begin")
      if try Self.pid(of: other) == pid { return true }
    } catch let error as PostgresError {
      // There is no backend left for it.
      guard error.kind != .timeout, error.sqlstateClass != "53" else { return false }
      // It is thrown out for its transaction (PgBouncer's `pool_mode = statement`), unless the server itself is gone.
      _ = try Self.pid(of: wire)
      return true
    }
    return try Self.pid(of: wire) != pid
  }

  private static func pid(of wire: PostgresWire) throws -> Int64 {
    guard let pid = try wire.script("select pg_catalog.pg_backend_pid() as pid").last?.int64(0, "pid") else {
      throw PostgresError(.connection, "the server did not say which backend serves this connection")
    }
    return pid
  }
}
