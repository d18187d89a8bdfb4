import TidemarkCore

@testable import TidemarkPostgres

/// What the tables say of some sessions, beside what the naive model says.
struct StateComparison {
  let sink: SinkFixture
  let model: NaiveModel
  /// LIKE pattern of the sessions.
  let sessions: String
  var comparesStarts = true

  private func milliseconds(_ column: String) -> String { "round(extract(epoch from \(column)) * 1000)::bigint::text" }

  /// The first difference, or nil.
  func difference() async throws -> String? {
    for (table, actual, expected) in try await tables() {
      let expected = try await normalised(expected)
      let (actual, sorted) = (actual.map(Self.line).sorted(), expected.map(Self.line).sorted())
      if actual == sorted { continue }
      let missing = sorted.first { !actual.contains($0) }
      let surplus = actual.first { !sorted.contains($0) }
      return "\(table): expected \(missing ?? "no more"), found \(surplus ?? "nothing else")"
    }
    return nil
  }

  private static func line(_ row: [String?]) -> String { row.map { $0 ?? "NULL" }.joined(separator: " | ") }

  private func tables() async throws -> [(String, [[String?]], [[String?]])] {
    let mine = "where session_id like '\(sessions)'"
    return [
      (
        "sessions",
        try await sink.rows(
          """
          select session_id, agent_id, user_id, tenant, title, parent_id, status, '!' || meta::text, '!' || ext::text,
            \(comparesStarts ? milliseconds("started_at") : "'-'"), \(milliseconds("updated_at")), \(milliseconds("ended_at"))
            from tide.sessions \(mine)
          """),
        model.sessions.map { name, session in
          [name] + ["agent", "user", "tenant", "title", "parent"].map { session.fields[$0] } + [
            session.status, "!" + JSONWriter.object(session.meta), session.ext.map { "!" + JSONWriter.object(texts: $0) },
            comparesStarts ? "\(session.startedAt)" : "-", session.updatedAt.map { "\($0)" }, session.endedAt.map { "\($0)" },
          ]
        }
      ),
      (
        "messages",
        try await sink.rows(
          """
          select session_id, entry_ms, seq, message_id, parent_id, call_id, role, content, '!' || parts::text, model, tokens,
            '!' || usage::text, '!' || meta::text, '!' || ext::text, \(milliseconds("at")), \(milliseconds("removed_at"))
            from tide.messages \(mine)
          """),
        model.messages.map { message in
          let fields = message.fields
          return [message.session, "\(message.position)"]
            + ["seq", "message_id", "parent_id", "call_id", "role", "content"].map { fields[$0] }
            + [fields["parts"].map { "!" + $0 }, fields["model"], fields["tokens"], fields["usage"].map { "!" + $0 }]
            + [fields["meta"].map { "!" + $0 }, message.ext.map { "!" + JSONWriter.object(texts: $0) }]
            + ["\(message.at)", message.removedAt.map { "\($0)" }]
        }
      ),
      (
        "context",
        try await sink.rows(
          "select session_id, key, kind, '!' || value::text, entry_ms, \(milliseconds("updated_at")) from tide.context \(mine)"),
        model.context.flatMap { session, values in
          values.map { [session, $0, $1.kind, "!" + $1.value, "\($1.position)", "\($1.at)"] }
        }
      ),
      (
        "context_history",
        try await sink.rows(
          """
          select session_id, entry_ms, key, kind, '!' || value::text, removed::text, \(milliseconds("at"))
            from tide.context_history \(mine)
          """),
        model.history.map { row in row.indices.map { $0 == 4 ? row[$0].map { "!" + $0 } : row[$0] } }
      ),
      ("tool_calls", try await calls(mine), expectedCalls),
      (
        "outcomes",
        try await sink.rows(
          """
          select session_id, entry_ms, label, score, scorer, message_id, call_id, '!' || meta::text, '!' || ext::text,
            \(milliseconds("at")) from tide.outcomes \(mine)
          """),
        model.outcomes.map { row in row.indices.map { $0 == 7 || $0 == 8 ? row[$0].map { "!" + $0 } : row[$0] } }
      ),
      (
        "snapshots",
        try await sink.rows(
          """
          select session_id, entry_ms, seq, reason, \(milliseconds("taken_at")), '!' || state::text from tide.snapshots \(mine)
          """),
        model.snapshots.map { row in row.indices.map { $0 == 5 ? row[$0].map { "!" + $0 } : row[$0] } }
      ),
    ]
  }

  private func calls(_ mine: String) async throws -> [[String?]] {
    try await sink.rows(
      """
      select session_id, call_id, attempt, entry_ms, tool, '!' || arguments::text, status, '!' || result::text, error, cost,
        '!' || usage::text, idempotency_key, '!' || ext::text, \(milliseconds("started_at")), \(milliseconds("finished_at"))
        from tide.tool_calls \(mine)
      """)
  }

  private var expectedCalls: [[String?]] {
    model.calls.map { call in
      let fields = call.fields
      return [call.session, fields["call_id"], "\(call.attempt)", "\(call.position)", fields["tool"]]
        + [fields["arguments"].map { "!" + $0 }, call.status, fields["result"].map { "!" + $0 }, fields["error"], fields["cost"]]
        + [fields["usage"].map { "!" + $0 }, fields["idempotency_key"], call.ext.map { "!" + JSONWriter.object(texts: $0) }]
        + [call.startedAt.map { "\($0)" }, call.finishedAt.map { "\($0)" }]
    }
  }

  /// Cells that begin with `!` are JSON, brought into the form in which jsonb writes it.
  private func normalised(_ rows: [[String?]]) async throws -> [[String?]] {
    let texts = rows.flatMap { $0 }.compactMap { $0 }.filter { $0.hasPrefix("!") }
    let result = try await sink.connection.query(
      "select value::jsonb::text from unnest($1::text[]) with ordinality t (value, n) order by n",
      [.textArray(strings: texts.map { String($0.dropFirst()) })], deadline: generous)
    var next = 0
    return rows.map { row in
      row.map { cell in
        guard let cell, cell.hasPrefix("!") else { return cell }
        defer { next += 1 }
        return "!" + (result.string(next, 0) ?? "NULL")
      }
    }
  }
}
