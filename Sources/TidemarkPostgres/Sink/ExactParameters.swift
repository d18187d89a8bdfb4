internal import TidemarkCore

/// A batch for the exact path: entry by entry, with each entry's rows.
extension BatchParameters {
  /// Parameters of `apply_exactly` for these entries of the batch; without the rows that are `committed` for good.
  ///
  /// - Parameter auditOnly: entries of which only the audit row is made.
  func exact(
    _ applied: [Int], statements: [String], committed: CommittedKeys = CommittedKeys(), auditOnly: Set<Int> = [], window: Duration,
    isolating: Bool
  ) -> [PostgresValue] {
    let entries = applied.map { batch.entries[$0] }
    var places: [Int: Int] = [:]
    for (place, index) in applied.enumerated() { places[index] = place + 1 }

    // By entry, and within one in the order of the destinations.
    var rows: [(place: Int, statement: Int, row: Int)] = []
    for (statement, set) in batch.rowSets.enumerated() {
      for row in 0..<set.rowCount {
        guard let place = places[Int(set.entries[row])], !auditOnly.contains(Int(set.entries[row])) else { continue }
        if set.destination.isOncePerKey, committed.contains(row, of: set, destination: statement, in: batch) { continue }
        rows.append((place, statement, row))
      }
    }
    rows.sort { ($0.place, $0.statement, $0.row) < ($1.place, $1.statement, $1.row) }

    var exact = ExactRows(batch: batch)
    var next = rows[...]
    for (place, entry) in entries.enumerated() {
      exact.append(
        [entry.seq, entry.epoch, entry.type, entry.actor, entry.trace, entry.version, entry.occurredAt, entry.fields], entry: place + 1,
        statement: 0)
      while let row = next.first, row.place == place + 1 {
        let set = batch.rowSets[row.statement]
        exact.append(
          (0..<set.columnCount).map { set.cell(row: row.row, column: $0) }, entry: row.place, statement: row.statement + 1)
        next = next.dropFirst()
      }
    }

    let firstNumbers = batch.segments.map { "\"\($0.laneID)\": \($0.before.appliedNo + 1)" }.joined(separator: ", ")
    return [
      .textArray(strings: statements),
      .integerArray(entries.map { Int64(batch.segments[$0.lane].laneID) }),
      .integerArray(entries.map { $0.id.ledgerMS }),
      .integerArray(entries.map { $0.id.ledgerNo }),
      cells.array(of: .text, count: entries.count) { entries[$0].session },
      cells.array(of: .text, count: entries.count) { entries[$0].eventID },
      digests(entries), contentDigests(entries),
    ] + exact.parameters() + [
      .string("{\(firstNumbers)}"),
      .integer(window.milliseconds),
      .string(FaultClass.isolatedStates(includingAmbiguous: isolating)),
    ]
  }

  /// Parameters of `prepare_repair` for these entries, all of one lane.
  func repair(_ applied: [Int]) -> [PostgresValue] {
    let entries = applied.map { batch.entries[$0] }
    return [
      .integer(Int64(batch.segments.first?.laneID ?? 0)), .integerArray(entries.map(\.id.ledgerMS)),
      .integerArray(entries.map(\.id.ledgerNo)), cells.array(of: .text, count: entries.count) { entries[$0].session },
      cells.array(of: .text, count: entries.count) { entries[$0].eventID }, contentDigests(entries),
    ]
  }

  /// Where these entries are, and their digests where they are known.
  func positions(_ indices: [Int]) -> [PostgresValue] {
    let entries = indices.map { batch.entries[$0] }
    return [
      .integerArray(entries.map { Int64(batch.segments[$0.lane].laneID) }), .integerArray(entries.map { $0.id.ledgerMS }),
      .integerArray(entries.map { $0.id.ledgerNo }),
      .byteaArray(entries.map { $0.digest == .none ? nil : $0.digest.bytes[...] }),
    ]
  }

  /// Which of these entries are in the audit trail, or are dead letters. One that was cut when it was read has no digest: then its position alone
  /// tells.
  func alreadyThere(_ indices: [Int], _ result: PostgresResult) -> [KnownEntry] {
    (0..<result.rowCount).compactMap { row in
      guard let place = result.int64(row, "place"), indices.indices.contains(Int(place) - 1) else { return nil }
      return KnownEntry(
        entry: indices[Int(place) - 1], isSame: result.bool(row, "is_same") == true, isLetter: result.bool(row, "is_letter") == true)
    }
  }

  /// What `apply_exactly` answered for these entries.
  ///
  /// - Parameter schema: Tidemark's own.
  func outcomes(_ applied: [Int], _ result: PostgresResult, schema: String) -> [EntryOutcome] {
    (0..<result.rowCount).compactMap { row in
      guard let place = result.int64(row, "entry"), applied.indices.contains(Int(place) - 1) else { return nil }
      let kind: EntryOutcome.Kind
      switch result.string(row, "outcome") {
      case "reread": kind = .reread
      case "divergent": kind = .divergent
      case "duplicate": kind = .duplicate
      case "forgotten": kind = .rejected(.forgotten)
      case "id_reused": kind = .rejected(Rejection(.idReused, "the event_id was used before, for another content"))
      default: kind = .rejected(rejection(result, row, schema))
      }
      return EntryOutcome(entry: applied[Int(place) - 1], kind: kind)
    }
  }

  private func rejection(_ result: PostgresResult, _ row: Int, _ schema: String) -> Rejection {
    let state = result.string(row, "failed_sqlstate") ?? "XX000"
    let name = SQLState.name(state).map { " (\($0))" } ?? ""
    let constraint = result.string(row, "failed_constraint").flatMap { $0.isEmpty ? nil : ", constraint \($0)" } ?? ""
    // A message of class 22 quotes the value.
    let message = state.hasPrefix("22") ? "" : ": \(result.string(row, "failed_message") ?? "")"
    let function = TriggerFault.function(in: result.string(row, "failed_context"), outside: schema)
    let trigger = function.map { "; it failed in \($0), which a trigger of yours calls" } ?? ""
    return Rejection(
      state.hasPrefix("23") ? .constraint : .rejectedByPostgres,
      "Postgres refused it with \(state)\(name)\(constraint)\(message)\(trigger)", sqlstate: state)
  }
}
