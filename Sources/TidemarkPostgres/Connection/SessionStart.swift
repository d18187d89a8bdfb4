internal import CLibPQ

/// Makes a fresh connection a session of Tidemark: its own backend, a database of Unicode text, and the settings that the statements rely on.
struct SessionStart {
  let configuration: PostgresConfiguration
  let request: PostgresRequest

  /// Throws ``PostgresError``: of kind `.unsuitable` where only a person can help.
  func run(on wire: PostgresWire, probe: PoolerProbe) throws -> BackendIdentity {
    wire.begin(request)
    defer { wire.end() }
    do {
      // Before anything is set: behind a pooler of transactions it would reach other applications.
      try probe.requireOwnBackend()
      _ = try wire.script(SessionSettings.script(configuration))
      try setWhereAllowed(SessionSettings.clientCheck, on: wire)
      return try identify(wire)
    } catch var error as PostgresError {
      if error.sqlstate == "57014", let interruption = wire.interruption { error.kind = interruption.kind }
      throw error
    }
  }

  private func setWhereAllowed(_ statement: String, on wire: PostgresWire) throws {
    do {
      _ = try wire.script(statement)
    } catch let error as PostgresError {
      guard case .server = error.kind else { throw error }
    }
  }

  private func identify(_ wire: PostgresWire) throws -> BackendIdentity {
    let row = try wire.script(
      """
      select pg_backend_pid() as pid, (select backend_start::text from pg_stat_activity where pid = pg_backend_pid()) as started,
        current_database()::text as database, current_user::text as role, current_setting('server_encoding') as encoding,
        current_setting('transaction_read_only') as read_only, current_setting('session_replication_role') as triggers
      """
    ).last
    guard let row, let pid = row.int64(0, "pid").flatMap({ Int32(exactly: $0) }), let started = row.string(0, "started") else {
      throw PostgresError(.connection, "the server did not say which backend serves this connection")
    }
    let (database, encoding) = (row.string(0, "database") ?? "", row.string(0, "encoding") ?? "")
    guard encoding == "UTF8" else {
      throw PostgresError(
        .unsuitable(.encoding), "the database \(database) stores text as \(encoding), which can't hold what agents write",
        hint: "make one with `createdb --encoding=UTF8 --template=template0 NAME`, and name it in postgres.url")
    }
    if configuration.wantsWritable, row.string(0, "read_only") != "off" {
      throw PostgresError(.connection, "the session is read-only", sqlstate: "25006")
    }
    if row.string(0, "triggers") != "origin" { try letTriggersFire(wire, role: row.string(0, "role") ?? "") }
    return BackendIdentity(pid: pid, startedAt: started)
  }

  private func letTriggersFire(_ wire: PostgresWire, role: String) throws {
    do {
      _ = try wire.script(SessionSettings.triggers)
    } catch let error as PostgresError {
      guard error.sqlstate == "42501" else { throw error }
      throw PostgresError(
        .unsuitable(.triggers), "session_replication_role keeps triggers and constraints from firing for the role \(role)",
        hint: "reset it, such as with: ALTER ROLE \(try PostgresIdentifier.quoted(role)) RESET session_replication_role")
    }
  }
}
