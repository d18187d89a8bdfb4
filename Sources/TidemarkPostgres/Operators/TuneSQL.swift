/// The statements of `tune`, for one schema.
struct TuneSQL: Sendable {
  let change: String
  let history: String
  let latest: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    change = """
      SELECT \(schema).tune($1::bigint, $2::text, $3::text, $4::bigint, $5::text[], $6::text[], $7::text[]) AS change
      """
    history = """
      SELECT change, lane, key, from_value, to_value, \(StatusSQL.time("changed_at")) AS at, changed_by, why, undoes
        FROM \(schema).tuning_history
       ORDER BY change DESC, lane, key LIMIT $1::bigint
      """
    latest = "SELECT coalesce(max(change), 0) AS change FROM \(schema).tuning_history"
  }

  /// Returns the query of what is tuned, which workers and readers of the status share.
  ///
  /// - Parameter schema: quoted.
  static func tuning(in schema: String) -> String {
    """
    SELECT lane, key, value, change, \(StatusSQL.time("changed_at")) AS at, changed_by, why
      FROM \(schema).tuning ORDER BY change, lane, key
    """
  }
}
