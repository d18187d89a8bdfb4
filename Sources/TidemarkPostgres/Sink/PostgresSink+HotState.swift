package import TidemarkCore

extension PostgresSink: HotStateLedger {
  package func hotSessions(_ ids: [String], messages: Int) async throws -> [HotSession] {
    let result = try await query(hotSQL.hotSessions, [.textArray(strings: ids), .integer(Int64(messages))])
    return (0..<result.rowCount).compactMap { row in
      result.string(row, "session_id").map { id in
        HotSession(
          id: id, entry: result.entryID(row) ?? .zero, fields: result.strings(row, "session") ?? [],
          context: result.strings(row, "context") ?? [], messages: result.strings(row, "messages") ?? [],
          calls: result.strings(row, "calls") ?? [])
      }
    }
  }

  package func sessions(_ filter: SessionFilter, after id: String, limit: Int) async throws -> [KnownSession] {
    let result = try await query(
      hotSQL.knownSessions,
      [
        .string(id), .string(filter.agent), .string(filter.user), .string(filter.tenant), .string(filter.status), .integer(Int64(limit)),
      ])
    return (0..<result.rowCount).compactMap { row in
      result.string(row, "session_id").map { KnownSession(id: $0, isNumbered: result.bool(row, "is_numbered") ?? true) }
    }
  }

  package func servedLanes(_ lanes: [String]) async throws -> Set<String> {
    let result = try await query(hotSQL.servedLanes, [.textArray(strings: lanes)])
    return Set((0..<result.rowCount).compactMap { result.string($0, "lane") })
  }

  package func fenceUnserved(_ lanes: [String]) async throws {
    guard !lanes.isEmpty else { return }
    try await query(hotSQL.fenceUnserved, [.textArray(strings: lanes)])
  }

  package func forkChanges(of session: String, at entry: EntryID?) async throws -> [SessionChange] {
    try await changes(hotSQL.forkChanges, session, entry)
  }

  package func rewindChanges(of session: String, to entry: EntryID) async throws -> [SessionChange] {
    try await changes(hotSQL.rewindChanges, session, entry)
  }

  private func changes(_ statement: String, _ session: String, _ entry: EntryID?) async throws -> [SessionChange] {
    let result = try await query(
      statement, [.string(session), .integer(entry?.ledgerMS ?? .max), .integer(entry?.ledgerNo ?? .max)])
    return (0..<result.rowCount).compactMap { row in
      result.string(row, "type").map { SessionChange(type: $0, fields: result.strings(row, "fields") ?? []) }
    }
  }

  package func begunSessions(_ ids: [String], by entry: EntryID) async throws -> [String] {
    let result = try await query(hotSQL.begunSessions, [.textArray(strings: ids), .string("\(entry.ledgerMS)")])
    return (0..<result.rowCount).compactMap { result.string($0, "session_id") }
  }

  package func recordEvicted(_ sessions: [EvictedSession]) async throws {
    guard !sessions.isEmpty else { return }
    try await query(
      hotSQL.recordEvicted,
      [
        .textArray(strings: sessions.map(\.id)), .textArray(strings: sessions.map(\.lane)), .integerArray(sessions.map(\.incarnation)),
        .textArray(strings: sessions.map(\.history)), .integerArray(sessions.map(\.epoch)), .integerArray(sessions.map(\.seq)),
        .integerArray(sessions.map(\.entry.ledgerMS)),
        .integerArray(sessions.map(\.entry.ledgerNo)), .textArray(sessions.map { Self.arrayText($0.eventIDs) }),
      ])
  }

  package func recordNumbers(of sessions: [EvictedSession]) async throws -> [EvictedSession] {
    guard !sessions.isEmpty else { return [] }
    let result = try await query(
      hotSQL.recordNumbers,
      [
        .textArray(strings: sessions.map(\.id)), .integerArray(sessions.map(\.incarnation)), .textArray(strings: sessions.map(\.history)),
        .integerArray(sessions.map(\.epoch)), .integerArray(sessions.map(\.seq)), .integerArray(sessions.map(\.entry.ledgerMS)),
        .integerArray(sessions.map(\.entry.ledgerNo)),
      ])
    let recorded = Set((0..<result.rowCount).compactMap { result.string($0, "session_id").map { SessionKey($0) } })
    return sessions.filter { !recorded.contains(SessionKey($0.id)) }
  }

  package func takeEvicted(_ ids: [String]) async throws -> [EvictedSession] {
    guard !ids.isEmpty else { return [] }
    let result = try await query(hotSQL.takeEvicted, [.textArray(strings: ids)])
    return (0..<result.rowCount).compactMap { row in
      guard let id = result.string(row, "session_id"), let lane = result.string(row, "lane"),
        let epoch = result.int64(row, "epoch"), let seq = result.int64(row, "seq"),
        let entry = result.entryID(row)
      else { return nil }
      return EvictedSession(
        id: id, lane: lane, incarnation: result.int64(row, "incarnation"), history: result.string(row, "history"), epoch: epoch, seq: seq,
        entry: entry, eventIDs: result.strings(row, "event_ids") ?? [])
    }
  }

  package func forgetEvicted(_ ids: [String]) async throws {
    guard !ids.isEmpty else { return }
    try await query(hotSQL.forgetEvicted, [.textArray(strings: ids)])
  }

  /// The texts as a literal of an array, which is an element of another array.
  private static func arrayText(_ texts: [String]) -> [UInt8] {
    var literal = ArrayLiteral()
    for text in texts { literal.append(text) }
    return literal.finish()
  }
}
