package import TidemarkCore

extension PostgresSink {
  /// Applies one entry out of turn and resolves its dead letter, in one transaction. The lane's cursor stays; its audit trail grows by
  /// one, so a batch of the lane's owner that is under way finds itself fenced and is made anew.
  ///
  /// Answers what `apply_exactly` said; empty means applied. Throws ``SinkError``.
  package func replay(_ batch: ChangeBatch, resolving letter: Int64) async throws -> [EntryOutcome] {
    do {
      let connection = try PostgresConnection(configuration: configuration, logger: logger)
      defer { Task { await connection.close() } }
      try await connection.connect(deadline: settings.connectDeadline)
      do {
        return try await replay(batch, resolving: letter, over: connection)
      } catch {
        await connection.rollback()
        throw error
      }
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  private func replay(_ batch: ChangeBatch, resolving letter: Int64, over connection: PostgresConnection) async throws -> [EntryOutcome] {
    let parameters = BatchParameters(batch: batch)
    let exact = parameters.exact(statements: statements.map(\.row), window: settings.dedupeWindow, isolating: false)
    let results = try await connection.pipeline(
      [
        PostgresStatement(sql: "BEGIN"), PostgresStatement(sql: sql.fence, parameters: parameters.fence()),
        PostgresStatement(sql: sql.applyExactly, parameters: exact),
      ], deadline: settings.commitDeadline)
    let outcomes = results.last.map { parameters.outcomes($0) } ?? []
    if case .rejected? = outcomes.first?.kind {
      await connection.rollback()
      return outcomes
    }
    let settlement = Settlement(batch, outcomes: outcomes)
    let resolution = outcomes.isEmpty ? "replayed" : "replayed: it was there already"
    var closing = [
      PostgresStatement(sql: sql.resolve, parameters: [.integer(letter), .string(resolution)])
    ]
    if let lane = settlement.lanes.first {
      closing.append(
        PostgresStatement(
          sql: sql.appended,
          parameters: [.integer(Int64(lane.laneID)), .integer(lane.cursor.appliedNo), .bytea(lane.cursor.seal)]))
    }
    _ = try await connection.pipeline(closing + [PostgresStatement(sql: "COMMIT")], deadline: settings.commitDeadline)
    return outcomes
  }
}
