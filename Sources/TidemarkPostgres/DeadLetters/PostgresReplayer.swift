package import TidemarkCore

/// Applies entries out of turn, over a connection of its own.
package struct PostgresReplayer: Sendable {
  /// How long it waits for a lock before it gives up and lets the others go first.
  static let patience = Duration.milliseconds(250)

  let connection: PostgresConnection
  let sql: LedgerSQL
  let statements: [DestinationStatements]
  let settings: SinkSettings

  /// Applies dead letters of one lane and resolves them, in one transaction. The lane's cursor stays; its audit trail grows, so a batch of
  /// the lane's owner that is under way is refused by its fence and is numbered anew.
  ///
  /// The rows of the lane and of the letters are locked first, so of several that would resolve a letter exactly one does. `make` builds
  /// the batch for the lane as it stands, of those letters that are still open: one entry for each, in their order.
  ///
  /// Answers what became of each letter that there is; nil where there is no such lane. Throws ``SinkError``, with nothing applied
  /// unless the outcome is unknown.
  package func replay(
    lane: String, _ letters: [Int64], make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LetterReplay]? {
    do {
      try await connection.ensureConnected(deadline: settings.connectDeadline)
      return try await apply(lane, letters, make)
    } catch let error as PostgresError {
      await connection.rollback()
      throw SinkError(error)
    }
  }

  private func apply(
    _ lane: String, _ letters: [Int64], _ make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LetterReplay]? {
    try await connection.script(
      "BEGIN; SET LOCAL lock_timeout = \(Self.patience.milliseconds)", deadline: settings.queryDeadline)
    let locked = try await connection.query(sql.lockedLane, [.string(lane)], deadline: settings.commitDeadline)
    guard let record = LaneRecord.all(of: locked).first else {
      await connection.rollback()
      return nil
    }
    var replays = try await resolved(of: letters, lane)
    let open = letters.filter { replays[$0] == .some(nil) }
    let batch = make(record, open)
    let parameters = BatchParameters(batch: batch)
    let exact = parameters.exact(batch.applied, statements: statements.map(\.row), window: settings.dedupeWindow, isolating: false)
    let outcomes =
      batch.applied.isEmpty
      ? []
      : parameters.outcomes(
        batch.applied, try await connection.query(sql.applyExactly, exact, deadline: settings.commitDeadline), schema: settings.schema)
    let kinds = Dictionary(outcomes.map { ($0.entry, $0.kind) }, uniquingKeysWith: { first, _ in first })
    for (index, (letter, entry)) in zip(open, batch.entries).enumerated() {
      switch (entry.disposition, kinds[index]) {
      case (.rejected(let rejection), _), (_, .rejected(let rejection)), (_, .rereadLetter(let rejection)):
        replays[letter] = .rejectedAgain(rejection)
      case (_, .divergent): replays[letter] = .rejectedAgain(.divergent)
      case (_, .reread), (_, .duplicate): replays[letter] = .alreadyThere
      case (_, nil): replays[letter] = .applied
      }
    }
    let done = open.filter { replays[$0] == .applied || replays[$0] == .alreadyThere }
    let resolutions = done.map { replays[$0] == .applied ? "replayed" : "replayed: it was there already" }
    var closing = [PostgresStatement(sql: sql.resolve, parameters: [.integerArray(done), .textArray(strings: resolutions)])]
    if let lane = BatchOutcome(batch, outcomes: outcomes).lanes.first {
      closing.append(
        PostgresStatement(sql: sql.appended, parameters: [.integer(Int64(lane.laneID)), .integer(lane.cursor.appliedNo)]))
    }
    _ = try await connection.pipeline(closing + [PostgresStatement(sql: "COMMIT")], deadline: settings.commitDeadline)
    return replays.compactMapValues { $0 }
  }

  /// Locks the letters. Those that are resolved say how; nil for those that are open.
  private func resolved(of letters: [Int64], _ lane: String) async throws -> [Int64: LetterReplay?] {
    let result = try await connection.query(
      sql.lockedLetters, [.integerArray(letters), .string(lane)], deadline: settings.commitDeadline)
    var replays: [Int64: LetterReplay?] = [:]
    for row in 0..<result.rowCount {
      guard let id = result.int64(row, "id") else { continue }
      let isResolved = result.bool(row, "is_resolved") == true
      replays[id] = .some(isResolved ? .resolvedBefore(result.string(row, "resolution") ?? "") : nil)
    }
    return replays
  }

  package func close() async {
    await connection.close()
  }
}

extension PostgresSink {
  /// Connects nothing yet.
  package func makeReplayer() throws -> PostgresReplayer {
    PostgresReplayer(
      connection: try PostgresConnection(configuration: configuration, logger: logger), sql: sql, statements: statements, settings: settings
    )
  }
}
