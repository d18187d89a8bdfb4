internal import Crypto
import Logging
import TidemarkLog

/// Lets one migration of a schema run at a time, by a session's advisory lock.
///
/// Ends with the session: a migrator that dies leaves nothing behind.
struct MigrationLock {
  let connection: PostgresConnection
  let schema: String
  let logger: Logger

  /// The first eight bytes of a SHA-256 over the schema's name.
  static func key(schema: String) -> Int64 {
    let digest = SHA256.hash(data: Array("tidemark migrations of \(schema)".utf8))
    return digest.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
  }

  /// Runs `body` under the lock. Throws `.locked`, naming the holder, when another one keeps it beyond `patience`.
  func hold<T>(for patience: Duration, _ body: () async throws -> T) async throws -> T {
    let key = Self.key(schema: schema)
    try await take(key, patience)
    let result: T
    do {
      result = try await body()
    } catch {
      await release(key)
      throw error
    }
    await release(key)
    return result
  }

  private func take(_ key: Int64, _ patience: Duration) async throws {
    let first = try await connection.query(
      "select pg_catalog.pg_try_advisory_lock($1::bigint) as taken", [.integer(key)], deadline: Migrator.readDeadline)
    guard first.bool(0, "taken") != true else { return }
    let holder = await holder(key)
    logger.log(.migrationWaiting, [.postgresSchema: "\(schema)", .postgresHolder: "\(holder)"])
    do {
      // The session's own limits are meant for batches.
      try await connection.script("set lock_timeout = 0; set statement_timeout = 0", deadline: Migrator.readDeadline)
      _ = try await connection.query("select pg_catalog.pg_advisory_lock($1::bigint)", [.integer(key)], deadline: patience)
      try await restoreLimits()
    } catch let error as PostgresError where error.kind == .timeout {
      try? await restoreLimits()
      throw MigrationError(
        .locked, "waited \(patience) for another migration of the schema \(schema), held by \(holder); wait for it, or end that session",
        underlying: error)
    }
  }

  private func restoreLimits() async throws {
    let configuration = connection.configuration
    try await connection.script(
      "set lock_timeout = \(configuration.lockTimeout.milliseconds); set statement_timeout = \(configuration.statementTimeout.milliseconds)",
      deadline: Migrator.readDeadline)
  }

  /// In words. A bigint key lies in two halves in pg_locks, with objsubid 1.
  private func holder(_ key: Int64) async -> String {
    let result = try? await connection.query(
      """
      select l.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as role,
        coalesce(host(a.client_addr), 'local') as client
      from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
        and (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint
      """, [.integer(key)], deadline: Migrator.readDeadline)
    guard let result, result.rowCount > 0 else { return "a session that has just ended" }
    func text(_ column: String) -> String { result.string(0, column) ?? "" }
    return "pid \(text("pid")) (\(text("application")), role \(text("role")), from \(text("client")))"
  }

  private func release(_ key: Int64) async {
    // In a task of its own, since a cancelled one could not unlock. What fails here is dropped: the lock goes with the session.
    let unlock = Task {
      await connection.rollback()
      do {
        _ = try await connection.query("select pg_catalog.pg_advisory_unlock($1::bigint)", [.integer(key)], deadline: .seconds(5))
        try await restoreLimits()
      } catch {
        await connection.close()
      }
    }
    await unlock.value
  }
}
