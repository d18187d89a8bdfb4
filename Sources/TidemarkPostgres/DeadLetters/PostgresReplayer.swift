package import TidemarkCore

/// Applies entries out of turn, over a connection of its own: dead letters that are replayed, and entries that Postgres lacks.
package struct PostgresReplayer: ChangeRepairer {
  /// How long it waits for a lock before it gives up and lets the others go first.
  static let patience = Duration.milliseconds(250)
  /// The time for which ``patiently(_:)`` waits for a lane that is locked by others.
  private static let longPatience = Duration.seconds(60)
  private static let retry = RetryPolicy(base: .milliseconds(20), cap: .seconds(1))

  /// The rows that ask for entries, each with the number of its row, and how they are resolved.
  struct Requests {
    /// Locks the rows of these numbers in a lane, and answers for each whether it is resolved, and how.
    var lock: String
    /// Resolves rows by their numbers, each with a text.
    var resolve: String
    var applied: String
    var alreadyThere: String
    /// Whether the entries may have been applied before: then what is left of that is respected, and one that is rejected gets the dead letter that is
    /// missing.
    var isRepair: Bool
  }

  let connection: PostgresConnection
  let sql: LedgerSQL
  let reconciliation: ReconciliationSQL
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
  ) async throws -> [Int64: LateEntryOutcome]? {
    let requests = Requests(
      lock: sql.lockedLetters, resolve: sql.resolve, applied: "replayed", alreadyThere: "replayed: it was there already", isRepair: false)
    return try await resolve(requests, lane, letters, make)
  }

  package func repair(
    lane: String, _ numbers: [Int64], make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LateEntryOutcome]? {
    let requests = Requests(
      lock: reconciliation.lockedDivergences, resolve: reconciliation.repaired, applied: "applied again from Redis",
      alreadyThere: "it was there already", isRepair: true)
    return try await resolve(requests, lane, numbers, make)
  }

  private func resolve(
    _ requests: Requests, _ lane: String, _ numbers: [Int64], _ make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LateEntryOutcome]? {
    do {
      try await connection.ensureConnected(deadline: settings.connectDeadline)
      return try await apply(requests, lane, numbers, make)
    } catch let error as PostgresError {
      await connection.rollback()
      throw SinkError(error)
    }
  }

  private func apply(
    _ requests: Requests, _ lane: String, _ numbers: [Int64], _ make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LateEntryOutcome]? {
    try await connection.script(
      "BEGIN; SET LOCAL lock_timeout = \(Self.patience.milliseconds)", deadline: settings.queryDeadline)
    let locked = try await connection.query(sql.lockedLane, [.string(lane)], deadline: settings.commitDeadline)
    guard let record = LaneRecord.all(of: locked).first else {
      await connection.rollback()
      return nil
    }
    var results = try await resolved(requests, numbers, lane)
    let open = numbers.filter { results[$0] == .some(nil) }
    let batch = make(record, open)
    let parameters = BatchParameters(batch: batch)
    let outcomes = try await apply(batch, parameters, isRepair: requests.isRepair)
    let kinds = Dictionary(outcomes.map { ($0.entry, $0.kind) }, uniquingKeysWith: { first, _ in first })
    for (index, (number, entry)) in zip(open, batch.entries).enumerated() {
      switch (entry.disposition, kinds[index]) {
      case (.rejected(let rejection), _), (_, .rejected(let rejection)), (_, .rereadLetter(let rejection)):
        results[number] = .rejectedAgain(rejection)
      case (_, .divergent): results[number] = .rejectedAgain(.divergent)
      case (_, .reread), (_, .duplicate): results[number] = .alreadyThere
      case (_, nil): results[number] = .applied
      }
    }
    let outcome = BatchOutcome(batch, outcomes: outcomes)
    let done = open.compactMap { number -> (number: Int64, text: String)? in
      switch results[number] {
      case .applied?: (number, requests.applied)
      case .alreadyThere?: (number, requests.alreadyThere)
      case .rejectedAgain?: requests.isRepair ? (number, "made a dead letter") : nil
      case .resolvedBefore?, nil, .some(nil): nil
      }
    }
    var closing = [
      PostgresStatement(sql: requests.resolve, parameters: [.integerArray(done.map(\.number)), .textArray(strings: done.map(\.text))])
    ]
    if requests.isRepair, !outcome.deadLetters.isEmpty {
      closing.append(PostgresStatement(sql: sql.deadLetters, parameters: parameters.deadLetters(outcome.deadLetters)))
    }
    if let lane = outcome.lanes.first {
      closing.append(
        PostgresStatement(sql: sql.appended, parameters: [.integer(Int64(lane.laneID)), .integer(lane.cursor.appliedNo)]))
    }
    _ = try await connection.pipeline(closing + [PostgresStatement(sql: "COMMIT")], deadline: settings.commitDeadline)
    return results.compactMapValues { $0 }
  }

  /// Applies the entries of a batch that are to be applied. Of one that was applied before and still has its rows, only the audit row is made.
  private func apply(_ batch: ChangeBatch, _ parameters: BatchParameters, isRepair: Bool) async throws -> [EntryOutcome] {
    let applied = batch.applied
    guard !applied.isEmpty else { return [] }
    var withRows: Set<Int> = []
    if isRepair {
      let kept = try await connection.query(
        reconciliation.prepareRepair, parameters.repair(applied), deadline: settings.commitDeadline)
      withRows = Set((0..<kept.rowCount).compactMap { kept.int64($0, "place").map { applied[Int($0) - 1] } })
    }
    let exact = parameters.exact(
      applied, statements: statements.map(\.row), auditOnly: withRows, window: settings.dedupeWindow, isolating: false)
    return parameters.outcomes(
      applied, try await connection.query(sql.applyExactly, exact, deadline: settings.commitDeadline), schema: settings.schema)
  }

  /// Locks the requests. Those that are resolved say how; nil for those that are open.
  private func resolved(_ requests: Requests, _ numbers: [Int64], _ lane: String) async throws -> [Int64: LateEntryOutcome?] {
    let result = try await connection.query(
      requests.lock, [.integerArray(numbers), .string(lane)], deadline: settings.commitDeadline)
    var results: [Int64: LateEntryOutcome?] = [:]
    for row in 0..<result.rowCount {
      guard let id = result.int64(row, "id") else { continue }
      let isResolved = result.bool(row, "is_resolved") == true
      results[id] = .some(isResolved ? .resolvedBefore(result.string(row, "resolution") ?? "") : nil)
    }
    return results
  }

  package func close() async {
    await connection.close()
  }

  /// Retries while other sessions hold the locks.
  static func patiently<Result>(_ body: () async throws -> Result) async throws -> Result {
    let deadline = ContinuousClock.now.advanced(by: longPatience)
    var backoff = Backoff()
    while true {
      do {
        return try await body()
      } catch let error as SinkError {
        guard let state = error.sqlstate, FaultClass.isConflict(state), !error.isOutcomeUnknown, ContinuousClock.now < deadline else {
          throw error
        }
        try await Task.sleep(for: backoff.next(retry, random: .random(in: 0..<1)))
      }
    }
  }
}

extension PostgresSink {
  /// Connects nothing yet.
  package func makeReplayer() throws -> PostgresReplayer {
    PostgresReplayer(
      connection: try PostgresConnection(configuration: configuration, logger: logger), sql: sql, reconciliation: reconciliation,
      statements: statements, settings: settings)
  }
}
