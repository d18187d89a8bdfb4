package import TidemarkCore

extension PostgresSink {
  /// Makes the ledger's installation where there is none. As long as no Redis is claimed for it, prefix and partitions may still change.
  package func makeInstallation(prefix: String, partitions: Int) async throws {
    try await query(sql.makeInstallation, [.string(prefix), .integer(Int64(partitions))])
  }

  /// The ledger's installation; nil where `migrate` has not made one.
  ///
  /// - Parameters:
  ///   - worker: who asks; nil for a command.
  ///   - within: how long ago another worker must have been heard of to count as serving.
  package func installation(askedBy worker: String?, within: Duration) async throws -> InstallationRecord? {
    do {
      return InstallationRecord(try await query(sql.installation, [.string(worker), .string(String(within.seconds))]))
    } catch let error as SinkError where error.sqlstate == "42P01" || error.sqlstate == "3F000" {
      return nil
    }
  }

  /// Gives the installation a new claim, and this prefix, in one transaction with what `write` does in Redis. Those who claim at the same
  /// time follow one another: each finds what the one before has written.
  ///
  /// - Parameter write: judges the ledger as it stands, writes the new claim to Redis, and answers whether it did; where it did not, nothing
  ///   changes.
  /// - Returns: the new claim; nil where nothing changed.
  package func claim(
    by worker: String?, within: Duration, prefix: String,
    _ write: @Sendable (_ ledger: InstallationRecord, _ claim: String) async throws -> Bool
  ) async throws -> String? {
    do {
      let connection = try PostgresConnection(configuration: configuration, logger: logger)
      defer { Task { await connection.close() } }
      try await connection.connect(deadline: settings.connectDeadline)
      do {
        return try await claim(by: worker, within: within, prefix: prefix, write, over: connection)
      } catch {
        await connection.rollback()
        throw error
      }
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  private func claim(
    by worker: String?, within: Duration, prefix: String, _ write: @Sendable (InstallationRecord, String) async throws -> Bool,
    over connection: PostgresConnection
  ) async throws -> String? {
    try await connection.script("BEGIN", deadline: settings.queryDeadline)
    let locked = try await connection.query(
      sql.lockedInstallation, [.string(worker), .string(String(within.seconds))], deadline: settings.queryDeadline)
    guard let ledger = InstallationRecord(locked) else { throw SinkError(.fault(.configuration), "the ledger has no installation") }
    let claimed = try await connection.query(
      sql.claim, [.string(prefix), .string(worker)], deadline: settings.queryDeadline)
    guard let claim = claimed.string(0, "claim"), try await write(ledger, claim) else {
      await connection.rollback()
      return nil
    }
    try await connection.script("COMMIT", deadline: settings.queryDeadline)
    return claim
  }
}

extension InstallationRecord {
  fileprivate init?(_ result: PostgresResult) {
    guard let id = result.string(0, "id"), let prefix = result.string(0, "prefix"), let partitions = result.int64(0, "partitions") else {
      return nil
    }
    self.init(
      id: InstallationID(id), prefix: prefix, partitions: Int(partitions), claim: result.string(0, "claim"),
      servedBy: result.string(0, "served_by"))
  }
}
