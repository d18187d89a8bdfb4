package import TidemarkCore

extension PostgresSink: StateCheckLedger {
  package func checkSessions(_ ids: [String]) async throws -> [TableDifference] {
    guard !ids.isEmpty else { return [] }
    return TableDifference.all(of: try await query(stateCheck.checkSessions, [.textArray(strings: ids)]))
  }

  package func checkChanges(of lane: Int32, after entry: EntryID, session: String?, limit: Int) async throws -> CheckedChanges {
    let result = try await query(
      stateCheck.checkChanges,
      [.integer(Int64(lane)), .integer(entry.ledgerMS), .integer(entry.ledgerNo), .integer(Int64(limit)), .string(session)])
    let last = (0..<result.rowCount).last { result.string($0, "kind") == nil }
    return CheckedChanges(differences: TableDifference.all(of: result), through: last.flatMap { result.entryID($0) })
  }

  package func lane(after id: Int32) async throws -> (id: Int32, name: String)? {
    let result = try await query(stateCheck.nextLane, [.integer(Int64(id))])
    guard let id = result.int64(0, "lane_id"), let name = result.string(0, "lane") else { return nil }
    return (Int32(clamping: id), name)
  }

  package func evidence(of suspects: [SuspectSession]) async throws -> [HotEvidence] {
    guard !suspects.isEmpty else { return [] }
    let result = try await query(
      stateCheck.evidence,
      [
        .textArray(strings: suspects.map(\.id)), .textArray(strings: suspects.map(\.lane)),
        .integerArray(suspects.map(\.entry.ledgerMS)), .integerArray(suspects.map(\.entry.ledgerNo)),
        .integerArray(suspects.map(\.start.ledgerMS)), .integerArray(suspects.map(\.start.ledgerNo)),
        .integerArray(suspects.map { $0.since?.ledgerMS }), .integerArray(suspects.map { $0.since?.ledgerNo }),
      ])
    let found = Dictionary(
      (0..<result.rowCount).map { row in
        let evidence = HotEvidence(
          isKnown: result.bool(row, "is_known") == true, isRecorded: result.bool(row, "is_recorded") == true,
          isBypassed: result.bool(row, "is_bypassed") == true, hasLetter: result.bool(row, "has_letter") == true,
          knowsEarlier: result.bool(row, "knows_earlier") == true, messages: Int(clamping: result.int64(row, "messages") ?? 0))
        return (SessionKey(result.string(row, "session_id") ?? ""), evidence)
      }
    ) { $1 }
    return try suspects.map { suspect in
      guard let evidence = found[SessionKey(suspect.id)] else {
        throw SinkError(.fault(.ambiguous), "Postgres answered for other sessions than asked")
      }
      return evidence
    }
  }

  package func changedSessions(of lane: Int32, after entry: EntryID, limit: Int) async throws -> [String] {
    let result = try await query(
      stateCheck.changedSessions,
      [.integer(Int64(lane)), .integer(entry.ledgerMS), .integer(entry.ledgerNo), .integer(Int64(limit))])
    return (0..<result.rowCount).compactMap { result.string($0, "session_id") }
  }

  package func fewestHotMessages(_ present: Int) async throws -> Int {
    Int(clamping: try await query(stateCheck.fewestMessages, [.integer(Int64(present))]).int64(0, "fewest") ?? 0)
  }

  package func recordDivergences(_ found: [Divergence]) async throws -> [Divergence] {
    guard !found.isEmpty else { return [] }
    return Divergence.all(
      of: try await query(
        stateCheck.record,
        [
          .textArray(strings: found.map(\.lane)), .textArray(strings: found.map(\.session)),
          .textArray(strings: found.map(\.kind.rawValue)), .textArray(strings: found.map(\.subject)),
          .integerArray(found.map { $0.entries?.lowerBound.ledgerMS }), .integerArray(found.map { $0.entries?.lowerBound.ledgerNo }),
          .integerArray(found.map { $0.entries?.upperBound.ledgerMS }), .integerArray(found.map { $0.entries?.upperBound.ledgerNo }),
          .textArray(strings: found.map(\.detail)),
        ]))
  }

  package func openStateDivergences(of session: String?) async throws -> Int {
    Int(clamping: try await query(stateCheck.open, [.string(session)]).int64(0, "number") ?? 0)
  }

  package func repairSession(_ id: String) async throws -> [TableDifference] {
    TableDifference.all(of: try await query(stateCheck.repairSession, [.string(id)]))
  }

  package func repairChange(of lane: Int32, at entry: EntryID) async throws -> Bool {
    let result = try await query(
      stateCheck.repairChange, [.integer(Int64(lane)), .integer(entry.ledgerMS), .integer(entry.ledgerNo)])
    return result.bool(0, "is_repaired") == true
  }

  package func recordRebuilt(_ ids: [String]) async throws {
    guard !ids.isEmpty else { return }
    try await query(stateCheck.closeHot, [.textArray(strings: ids), .string("written to Redis again from PostgreSQL")])
  }

  package func recordEqual(_ ids: [String]) async throws {
    guard !ids.isEmpty else { return }
    try await query(stateCheck.closeHot, [.textArray(strings: ids), .string("not different any more")])
  }

  package func recordChecked(_ ids: [String], _ found: [TableDifference]) async throws {
    guard !ids.isEmpty else { return }
    try await query(
      stateCheck.closeRows,
      [
        .textArray(strings: ids), .textArray(strings: found.map(\.session)), .textArray(strings: found.map(\.kind.rawValue)),
        .textArray(strings: found.map(\.detail)),
      ])
  }

  package func lanes(ofSession id: String) async throws -> [(id: Int32, after: EntryID)] {
    let result = try await query(stateCheck.lanesOfSession, [.string(id)])
    return (0..<result.rowCount).compactMap { row in
      guard let lane = result.int64(row, "lane_id"), let entry = result.entryID(row) else { return nil }
      return (Int32(clamping: lane), entry)
    }
  }

  package func walks() async throws -> [StateWalk: WalkProgress] {
    let result = try await query(stateCheck.walks)
    let walks = (0..<result.rowCount).compactMap { row -> (StateWalk, WalkProgress)? in
      guard let walk = result.string(row, "walk").flatMap({ StateWalk(rawValue: $0) }) else { return nil }
      let age = result.string(row, "age").flatMap { Double($0) }.map { Duration.seconds($0) }
      return (walk, WalkProgress(place: result.string(row, "place"), age: result.bool(row, "is_ended") == true ? age : nil))
    }
    return Dictionary(walks) { $1 }
  }

  package func recordWalk(_ walk: StateWalk, place: String?) async throws {
    try await query(stateCheck.recordWalk, [.string(walk.rawValue), .string(place)])
  }
}

extension TableDifference {
  /// The rows of differences, in their order; those without a kind are left out.
  static func all(of result: PostgresResult) -> [TableDifference] {
    (0..<result.rowCount).compactMap { row in
      guard let session = result.string(row, "session_id"), let kind = result.string(row, "kind").flatMap({ Divergence.Kind(rawValue: $0) })
      else { return nil }
      return TableDifference(
        session: session, kind: kind, lane: result.string(row, "lane"), detail: result.string(row, "detail") ?? "",
        entry: result.entryID(row))
    }
  }
}
