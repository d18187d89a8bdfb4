internal import TidemarkCore

/// Reads sessions for an export, over a connection of its own. All methods throw ``SinkError``.
package struct SessionExport: Sendable {
  package enum Format: String, Sendable, CaseIterable {
    case chat, raw
  }

  /// Selects sessions. A condition that is nil selects all. Times are as Postgres reads them.
  package struct Filter: Sendable, Equatable {
    package var agent: String?
    package var label: String?
    package var minScore: Double?
    package var startedFrom: String?
    package var startedBefore: String?

    package init(
      agent: String? = nil, label: String? = nil, minScore: Double? = nil, startedFrom: String? = nil, startedBefore: String? = nil
    ) {
      self.agent = agent
      self.label = label
      self.minScore = minScore
      self.startedFrom = startedFrom
      self.startedBefore = startedBefore
    }
  }

  let connection: PostgresConnection
  let sql: ExportSQL
  let settings: SinkSettings

  /// Returns the id of the ledger's installation; nil where `migrate` has not made one.
  package func installation() async throws -> String? { try await query(sql.installation).string(0, "id") }

  /// Returns where the lanes stand, as JSON.
  package func places() async throws -> String { try await query(sql.places).string(0, "places") ?? "{}" }

  /// Lists the sessions of an export on the server, in the order of their ids, after one of them.
  ///
  /// - Parameter range: the places between which they changed; nil: whenever they did.
  package func list(_ filter: Filter, between range: (earlier: String, later: String)?, after id: String) async throws {
    let conditions: [PostgresValue] = [
      .string(id), .string(filter.agent), .string(filter.label), .string(filter.minScore.map { "\($0)" }), .string(filter.startedFrom),
      .string(filter.startedBefore),
    ]
    if let range {
      _ = try await query(sql.changed, conditions + [.string(range.earlier), .string(range.later)])
    } else {
      _ = try await query(sql.all, conditions)
    }
  }

  /// Returns the next sessions of the list.
  package func next(_ count: Int) async throws -> [String] {
    let result = try await query("FETCH FORWARD \(count) FROM \(ExportSQL.cursor)")
    return (0..<result.rowCount).compactMap { result.string($0, "session_id") }
  }

  /// Returns these sessions as they are now, each as one JSON object; without those that are gone.
  package func lines(of sessions: [String], _ format: Format) async throws -> [String] {
    let result = try await query(format == .chat ? sql.chat : sql.raw, [.textArray(strings: sessions)])
    return (0..<result.rowCount).compactMap { result.string($0, "line") }
  }

  package func close() async { await connection.close() }

  private func query(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> PostgresResult {
    do {
      // Over another connection the list would be gone.
      if connection.backend == nil { try await connection.connect(deadline: settings.connectDeadline) }
      return try await connection.query(sql, parameters, deadline: settings.commitDeadline)
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }
}

extension PostgresSink {
  /// Connects nothing yet.
  package func makeExport() throws -> SessionExport {
    SessionExport(
      connection: try PostgresConnection(configuration: configuration, logger: logger), sql: try ExportSQL(schema: settings.schema),
      settings: settings)
  }
}
