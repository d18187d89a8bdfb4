package import TidemarkCore

/// Commits batches over one connection, each in one transaction: fence, audit trail, rows, dead letters, cursor.
package actor PostgresWriter: ChangeWriter {
  /// Entries and bytes up to which everything goes in one pipeline; beyond, tables that only grow are filled by COPY, which streams:
  /// a pipeline's parameters are in memory three times.
  static let pipelineLimit = (entries: 400, bytes: 1 << 20)
  /// SQLSTATE by which the table of sessions says that one of them was forgotten.
  static let forgottenState = "TM003"

  let connection: PostgresConnection
  let sql: LedgerSQL
  let statements: [DestinationStatements]
  let settings: SinkSettings
  /// The last backend that may still hold a transaction of ours.
  var lastBackend: BackendIdentity?
  private(set) var deadline: CallDeadline
  private var keys = CommittedKeys()

  package nonisolated var unownedExecutor: UnownedSerialExecutor { connection.unownedExecutor }
  package nonisolated var callers: (any TaskExecutor)? { connection.taskExecutor }

  init(
    connection: PostgresConnection, sql: LedgerSQL, statements: [DestinationStatements], settings: SinkSettings, deadline: CallDeadline
  ) {
    self.deadline = deadline
    self.connection = connection
    self.sql = sql
    self.statements = statements
    self.settings = settings
  }

  package func commit(_ batch: ChangeBatch, _ mode: CommitMode) async throws -> BatchOutcome {
    do {
      try await connect()
    } catch let error as PostgresError {
      throw SinkError(error)
    }
    do {
      return try await applyPatiently(batch, mode)
    } catch let error as PostgresError {
      deadline.ended(error)
      keys.abandon()
      await connection.rollback()
      throw await explained(SinkError(error, isUnderWay: true), from: error)
    } catch let line as FailedLine {
      deadline.ended(line.error)
      keys.abandon()
      await connection.rollback()
      var error = await explained(SinkError(line.error, isUnderWay: true), from: line.error)
      error.failingEntry = await failingEntry(line, of: batch)
      throw error
    }
  }

  /// Applies a batch, and again where the rows of sessions are others than this writer knew, or sessions were forgotten. Of these each entry
  /// is decided by itself.
  private func applyPatiently(_ batch: ChangeBatch, _ mode: CommitMode, isSecond: Bool = false) async throws -> BatchOutcome {
    do {
      return try await apply(batch, mode)
    } catch let error as PostgresError where error.sqlstate == CommittedKeys.deletedState && !isSecond {
      await connection.rollback()
      keys.forget()
      return try await applyPatiently(batch, mode, isSecond: true)
    } catch let error as PostgresError where error.sqlstate == Self.forgottenState && mode == .fast {
      await connection.rollback()
      keys.abandon()
      return try await applyPatiently(batch, .exact, isSecond: isSecond)
    }
  }

  private func apply(_ batch: ChangeBatch, _ mode: CommitMode) async throws -> BatchOutcome {
    guard mode == .fast else { return try await commitExactly(batch, isolating: mode == .isolating) }
    let outcome = BatchOutcome(batch)
    let isSmall = batch.entries.count <= Self.pipelineLimit.entries && batch.byteCount <= Self.pipelineLimit.bytes
    let version = isSmall ? try await commitInPipeline(batch, outcome) : try await commitByCopy(batch, outcome)
    keys.committed(batch, version: version)
    deadline.ended(nil)
    return outcome
  }

  /// One round trip. Answers the version of the sessions' rows.
  private func commitInPipeline(_ batch: ChangeBatch, _ outcome: BatchOutcome) async throws -> Int64? {
    let parameters = BatchParameters(batch: batch)
    var pipeline = [begin, advance(outcome, parameters)]
    if outcome.numbers.count == 1 {
      pipeline.append(PostgresStatement(sql: sql.appendChange, name: "append_change", parameters: parameters.change(outcome.numbers[0])))
    } else if !outcome.numbers.isEmpty {
      pipeline.append(
        PostgresStatement(sql: sql.appendChanges, name: "append_changes", parameters: parameters.changes(outcome.numbers)))
    }
    pipeline += rows(batch, parameters, copied: false)
    pipeline += closing(outcome, parameters, remembersEventIDs: true)
    return Self.version(try await connection.pipeline(pipeline, deadline: deadline.limit(statements: pipeline.count)))
  }

  /// A few round trips, amortised over a large batch. Answers the version of the sessions' rows.
  private func commitByCopy(_ batch: ChangeBatch, _ outcome: BatchOutcome) async throws -> Int64? {
    let parameters = BatchParameters(batch: batch)
    let beginning = try await connection.pipeline([begin, advance(outcome, parameters)], deadline: deadline.limit(statements: 2))
    if !outcome.numbers.isEmpty {
      try await naming(outcome.numbers.count) {
        outcome.numbers[$0].entry
      } of: {
        _ = try await connection.copyIn(sql.copyChanges, deadline: deadline.limit()) { stream in
          try CopyBinary.writeChanges(outcome.numbers, of: batch, to: &stream)
        }
      }
    }
    for (rows, statements) in zip(batch.rowSets, statements) where rows.rowCount > 0 {
      guard let copy = statements.copy else { continue }
      let order = rows.ordered(in: batch)
      let types = statements.types.compactMap { $0 }
      try await naming(order.count) {
        Int(rows.entries[order[$0].row])
      } of: {
        _ = try await connection.copyIn(copy, deadline: deadline.limit()) { stream in
          if types.count == rows.columnCount {
            try CopyBinary.write(rows, order: order, types: types, of: batch, to: &stream)
          } else {
            try CopyText.write(rows, order: order, of: batch, to: &stream)
          }
        }
      }
    }
    let rest = rows(batch, parameters, copied: true) + closing(outcome, parameters, remembersEventIDs: true)
    _ = try await connection.pipeline(rest, deadline: deadline.limit(statements: rest.count))
    return Self.version(beginning)
  }

  /// What `advance` answered, which is the second statement.
  private static func version(_ results: [PostgresResult]) -> Int64? {
    results.count > 1 ? results[1].int64(0, "advance") : nil
  }

  private func commitExactly(_ batch: ChangeBatch, isolating: Bool) async throws -> BatchOutcome {
    let parameters = BatchParameters(batch: batch)
    let fence = PostgresStatement(sql: sql.fence, name: "fence", parameters: parameters.fence())
    // What Postgres has decides before today's rules do: before anything of the batch is written, as `apply_exactly` would not know either.
    let repeated = batch.entriesThatMayRepeat
    let results = try await connection.pipeline(
      [
        begin, fence, PostgresStatement(sql: sql.alreadyThere, name: "already_there", parameters: parameters.positions(repeated)),
        // Its parameters are no value of their own here: they are as large as the batch, and are gone before its dead letters are sent.
        PostgresStatement(
          sql: sql.applyExactly, name: "apply_exactly",
          parameters: parameters.exact(
            batch.applied, statements: statements.map(\.row), committed: keys, window: settings.dedupeWindow, isolating: isolating)),
      ], deadline: deadline.limit(statements: 4))
    let known = parameters.alreadyThere(repeated, results[2])
    let tried = parameters.outcomes(batch.applied, results[3], schema: settings.schema)
    let outcome = BatchOutcome(batch, outcomes: EntryOutcome.all(tried, known: known, in: batch))
    let rest = [advance(outcome, parameters)] + closing(outcome, parameters, remembersEventIDs: false)
    _ = try await connection.pipeline(rest, deadline: deadline.limit(statements: rest.count))
    keys.committed(Set(outcome.numbers.map(\.entry)), of: batch)
    deadline.ended(nil)
    return outcome
  }

  var begin: PostgresStatement { PostgresStatement(sql: "BEGIN") }

  /// Moves the lanes' cursors from where we left them, or fails: the fence, which comes before any row.
  private func advance(_ outcome: BatchOutcome, _ parameters: BatchParameters) -> PostgresStatement {
    PostgresStatement(sql: sql.advance, name: "advance", parameters: parameters.advance(outcome, knownVersion: keys.version))
  }

  private func rows(_ batch: ChangeBatch, _ parameters: BatchParameters, copied: Bool) -> [PostgresStatement] {
    batch.rowSets.indices.compactMap { index in
      let rows = batch.rowSets[index]
      guard rows.rowCount > 0, !copied || statements[index].copy == nil else { return nil }
      let order = keys.missing(rows.ordered(in: batch), of: rows, destination: index, in: batch)
      guard !order.isEmpty else { return nil }
      if order.count == 1, let single = statements[index].single {
        let types = statements[index].types.compactMap { $0 }
        return PostgresStatement(sql: single, name: "row_\(index)", parameters: parameters.values(of: order[0], in: rows, types: types))
      }
      return PostgresStatement(
        sql: statements[index].arrays, name: "rows_\(index)",
        parameters: parameters.columns(of: rows, order: order, types: statements[index].types))
    }
  }

  /// What ends every transaction.
  private func closing(
    _ outcome: BatchOutcome, _ parameters: BatchParameters, remembersEventIDs: Bool
  ) -> [PostgresStatement] {
    var closing: [PostgresStatement] = []
    if remembersEventIDs, let ids = parameters.eventIDs(outcome.numbers) {
      closing.append(PostgresStatement(sql: sql.rememberEventIDs, name: "remember_event_ids", parameters: ids))
    }
    if !outcome.deadLetters.isEmpty {
      closing.append(
        PostgresStatement(sql: sql.deadLetters, name: "dead_letters", parameters: parameters.deadLetters(outcome.deadLetters)))
    }
    if let divergences = parameters.divergences(outcome) {
      closing.append(PostgresStatement(sql: sql.divergences, name: "divergences", parameters: divergences))
    }
    if let gaps = parameters.gaps() { closing.append(PostgresStatement(sql: sql.gaps, name: "gaps", parameters: gaps)) }
    closing.append(PostgresStatement(sql: "COMMIT"))
    return closing
  }

  package func settledLanes(_ laneIDs: [Int32]) async throws -> [LaneRecord] {
    do {
      try await connect()
      let result = try await connection.query(
        sql.lanesByID, [.integerArray(laneIDs.map { Int64($0) })], deadline: settings.queryDeadline)
      return LaneRecord.all(of: result)
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  /// Connects where there is no usable connection, and makes sure then that no transaction of an earlier one is still open. The server may not
  /// know yet that the earlier connection is gone: in the middle of a COPY no timeout of its own ends the transaction, which holds the
  /// lanes' rows; and one whose COMMIT was sent could commit after the cursor was read.
  func connect() async throws {
    try await connection.ensureConnected(deadline: settings.connectDeadline)
    if let before = lastBackend, connection.backend != before {
      keys.forget()
      try await end(before)
    }
    lastBackend = connection.backend
  }

  private func end(_ backend: BackendIdentity) async throws {
    // Before the server's own limit for the statement that waits.
    let patience = min(.seconds(5), connection.configuration.statementTimeout / 2)
    let result = try await connection.query(
      """
      SELECT pg_terminate_backend(pid, $3::bigint) AS ended FROM pg_stat_activity
       WHERE pid = $1::integer AND backend_start = $2::timestamptz
      """, [.integer(Int64(backend.pid)), .string(backend.startedAt), .integer(patience.milliseconds)], deadline: patience + .seconds(5))
    guard result.rowCount == 0 || result.bool(0, "ended") == true else {
      throw PostgresError(.timeout, "an earlier transaction of this worker (backend \(backend.pid)) has not ended yet")
    }
  }

  package func rejected(_ lane: String, after: EntryID, through: EntryID) async throws -> [DurableMark.Rejection] {
    do {
      try await connect()
      let bounds = [after.ledgerMS, after.ledgerNo, through.ledgerMS, through.ledgerNo].map { PostgresValue.integer($0) }
      let result = try await connection.query(sql.rejected, [.string(lane)] + bounds, deadline: settings.queryDeadline)
      return (0..<result.rowCount).compactMap { row in
        guard let id = result.entryID(row), let reason = result.string(row, "reason") else { return nil }
        return DurableMark.Rejection(id: id, reason: reason)
      }
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  package func close() async {
    await connection.close()
  }
}
