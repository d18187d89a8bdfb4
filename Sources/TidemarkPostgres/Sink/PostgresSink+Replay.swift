package import TidemarkCore

extension PostgresSink {
  /// Applies one entry out of turn and resolves its dead letter, in one transaction. The lane's cursor stays; its audit trail grows by
  /// one, so a batch of the lane's owner that is under way finds itself fenced and is made anew.
  ///
  /// `make` builds the batch for the lane as it stands, under its lock. Answers what `apply_exactly` said; empty means applied; nil
  /// where there is no such lane. Throws ``SinkError``.
  package func replay(
    lane: String, resolving letter: Int64, make: @Sendable (LaneRecord) -> ChangeBatch
  ) async throws -> [EntryOutcome]? {
    do {
      let connection = try PostgresConnection(configuration: configuration, logger: logger)
      defer { Task { await connection.close() } }
      try await connection.connect(deadline: settings.connectDeadline)
      do {
        return try await replay(lane, letter, make, over: connection)
      } catch {
        await connection.rollback()
        throw error
      }
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  private func replay(
    _ lane: String, _ letter: Int64, _ make: @Sendable (LaneRecord) -> ChangeBatch, over connection: PostgresConnection
  ) async throws -> [EntryOutcome]? {
    try await connection.script("BEGIN", deadline: settings.queryDeadline)
    let locked = try await connection.query(sql.lockedLane, [.string(lane)], deadline: settings.commitDeadline)
    guard let record = LaneRecord.all(of: locked).first else {
      await connection.rollback()
      return nil
    }
    let batch = make(record)
    let parameters = BatchParameters(batch: batch)
    let exact = parameters.exact(batch.applied, statements: statements.map(\.row), window: settings.dedupeWindow, isolating: false)
    let outcomes = parameters.outcomes(
      batch.applied, try await connection.query(sql.applyExactly, exact, deadline: settings.commitDeadline))
    switch outcomes.first?.kind {
    case .rejected, .divergent:
      await connection.rollback()
      return outcomes
    case .reread, .duplicate, nil: break
    }
    let resolution = outcomes.isEmpty ? "replayed" : "replayed: it was there already"
    var closing = [PostgresStatement(sql: sql.resolve, parameters: [.integer(letter), .string(resolution)])]
    if let lane = Settlement(batch, outcomes: outcomes).lanes.first {
      closing.append(
        PostgresStatement(
          sql: sql.appended, parameters: [.integer(Int64(lane.laneID)), .integer(lane.cursor.appliedNo), .bytea(lane.cursor.seal)]))
    }
    _ = try await connection.pipeline(closing + [PostgresStatement(sql: "COMMIT")], deadline: settings.commitDeadline)
    return outcomes
  }
}
