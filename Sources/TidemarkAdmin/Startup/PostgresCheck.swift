internal import Foundation
package import Logging
package import TidemarkCore
package import TidemarkPostgres

/// Checks the Postgres side: connection, version, schema, privileges, pooling, clock.
package struct PostgresCheck: Sendable {
  private let configuration: PostgresConfiguration
  private let schema: String
  private let destinations: [Destination]
  private let logger: Logger

  package init(_ configuration: PostgresConfiguration, schema: String, destinations: [Destination], logger: Logger) {
    self.configuration = configuration
    self.schema = schema
    self.destinations = destinations
    self.logger = logger
  }

  /// Returns all findings, problems and successes. Never throws: an error that ends the check is a finding.
  ///
  /// - Parameter triesStatements: also lets the server plan each statement of a worker, which takes one round trip per statement.
  package func findings(triesStatements: Bool = false) async -> [Finding] {
    await session(triesStatements) + (configuration.transport.risk.map { [Self.transport($0)] } ?? [])
  }

  /// Returns the finding about an unprotected connection to another machine, and its effect.
  static func transport(_ risk: PostgresTransport.Risk) -> Finding {
    let hosts = risk.hosts.joined(separator: ", ")
    let effect = risk.isEncrypted ? "another server can take its place" : "it can be read and changed on the way"
    return Finding(
      .warning, "postgres.tls", "with sslmode=\(risk.sslmode) the certificate of \(hosts) is not checked: \(effect)",
      hint: "write postgres.url with sslmode=verify-full, and sslrootcert=FILE with the certificate of its authority")
  }

  private func session(_ triesStatements: Bool) async -> [Finding] {
    do {
      let connection = try PostgresConnection(configuration: configuration, logger: logger)
      defer { Task { await connection.close() } }
      do {
        try await connection.connect(deadline: .seconds(10))
      } catch let error as PostgresError {
        return [Self.connecting(error, configuration)]
      }
      var findings = [Finding(.ok, "postgres", "connected to \(configuration.redactedDescription)")]
      findings += try await version(connection)
      let state = try await schemaState(connection)
      findings.append(state)
      if state.severity == .ok {
        let rights = try PostgresRightsCheck(connection, schema: schema, destinations: destinations)
        let privileges = try await rights.privileges()
        findings.append(privileges)
        if triesStatements, privileges.severity == .ok { findings += try await rights.statements() }
        findings += try await rowSecurity(connection, schema: schema)
      }
      findings += try await durability(connection)
      findings.append(try await clock(connection))
      return findings
    } catch let error as PostgresError {
      return [Finding(error.isRetryable ? .unreachable : .problem, "postgres", error.description, hint: error.limitHint)]
    } catch {
      return [Finding(.problem, "postgres", "\(error)")]
    }
  }

  /// Returns the finding for a failed connection. A refused login has a remedy; all other failures are waited for.
  static func connecting(_ error: PostgresError, _ configuration: PostgresConfiguration) -> Finding {
    let place = configuration.redactedDescription
    // libpq gives the reason of a failed login only as text, because the session has no SQLSTATE yet.
    let text = error.message
    // All of these failures have the SQLSTATE 28000, so the text decides first.
    if text.contains("role \""), text.contains("does not exist") {
      return Finding(
        .problem, "postgres", "\(place) has no such role", hint: "create it with createuser, or change the user in postgres.url")
    }
    if text.contains("pg_hba.conf") {
      return Finding(
        .problem, "postgres", "\(place) does not let this host or user in", hint: "add a line to the server's pg_hba.conf and reload it")
    }
    if error.sqlstate == "28P01" || error.sqlstate == "28000" || text.contains("authentication failed")
      || text.contains("no password supplied")
    {
      return Finding(
        .problem, "postgres", "\(place) refuses the login",
        hint: "set postgres.password (or TIDEMARK_POSTGRES_PASSWORD_FILE) and the user in postgres.url to what the server accepts")
    }
    if error.sqlstate == "3D000" || (text.contains("database") && text.contains("does not exist")) {
      return Finding(.problem, "postgres", "\(place) has no such database", hint: "create it with createdb, or change postgres.url")
    }
    if let hint = error.limitHint {
      return Finding(.problem, "postgres.limits", "\(place) takes a session and nothing in it: \(error.description)", hint: hint)
    }
    if case .unsuitable(let requirement) = error.kind {
      return Finding(.problem, "postgres.\(requirement.rawValue)", "\(place): \(text)", hint: error.hint)
    }
    if error.kind == .misuse {
      return Finding(.problem, "postgres", error.message, hint: error.hint ?? "correct postgres.url")
    }
    return Finding(
      .unreachable, "postgres", "can't reach \(place) (\(error.message.split(whereSeparator: \.isNewline).first ?? "no answer"))",
      hint: "start the server, or correct postgres.url")
  }

  private func version(_ connection: PostgresConnection) async throws -> [Finding] {
    let version = await connection.serverVersion
    guard version < 140_000 else { return [Finding(.ok, "postgres.version", "\(version / 10_000).\(version % 10_000)")] }
    return [
      Finding(
        .problem, "postgres.version", "the server is PostgreSQL \(version / 10_000)", hint: "upgrade it to PostgreSQL 14 or later")
    ]
  }

  private func schemaState(_ connection: PostgresConnection) async throws -> Finding {
    do {
      switch try await Migrator(connection: connection, schema: schema, logger: logger).status() {
      case .upToDate: return Finding(.ok, "postgres.schema", "\(schema) is up to date")
      case .missing:
        return Finding(.problem, "postgres.schema", "there is no schema \(schema) of Tidemark", hint: "run `tidemark migrate`")
      case .older(let pending):
        return Finding(
          .problem, "postgres.schema", "\(schema) is older than this release: \(pending.count) migration(s) are missing",
          hint: "run `tidemark migrate`")
      case .newer(let version):
        return Finding(
          .problem, "postgres.schema", "\(schema) is at version \(version), which this release does not know",
          hint: "run the release that migrated it, or a later one")
      }
    } catch let error as MigrationError where error.underlying?.sqlstate == "42501" {
      // The table of migrations may not be read: it is one of the rights that are missing, and not the only one as likely as not.
      let rights = try await PostgresRightsCheck(connection, schema: schema, destinations: destinations).privileges()
      return rights.severity == .ok ? Finding(.problem, "postgres.schema", error.description) : rights
    } catch let error as MigrationError {
      return Finding(.problem, "postgres.schema", error.description)
    }
  }

  /// Checks the values that the server, the database or the role would set if the session did not set its own.
  private func durability(_ connection: PostgresConnection) async throws -> [Finding] {
    let result = try await connection.query(
      """
      SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'
      UNION ALL
      SELECT name, setting FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit' AND reset_val = 'off'
      ORDER BY name
      """, deadline: .seconds(10))
    return (0..<result.rowCount).compactMap { row in
      guard let name = result.string(row, "name") else { return nil }
      guard result.string(row, "setting") == "off" else {
        return Finding(
          .warning, "postgres.\(name)", "\(name) is off for this role, database or server; Tidemark's own sessions set it to on",
          hint: "set \(name) = on if other sessions must not lose their commits either")
      }
      return Finding(
        .warning, "postgres.\(name)", "\(name) is off: a crash of the server can lose entries that were reported as durable",
        hint: "set \(name) = on")
    }
  }

  private func clock(_ connection: PostgresConnection) async throws -> Finding {
    let before = Date.now
    let result = try await connection.query(
      "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now", deadline: .seconds(10))
    let middle = before.addingTimeInterval(Date.now.timeIntervalSince(before) / 2)
    return Finding(clockOf: "postgres", skew: (result.int64(0, "now") ?? 0) - Int64(middle.timeIntervalSince1970 * 1000))
  }
}
