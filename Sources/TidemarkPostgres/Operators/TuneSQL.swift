/// The statements of `tune`, for one schema.
struct TuneSQL: Sendable {
  let change: String
  let history: String
  let latest: String
  let recentBatches: String

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
    // A transaction is told from the next by its time, which is the time of its start.
    recentBatches = """
      SELECT count(*) AS transactions, count(*) FILTER (WHERE b.entries >= $3::bigint) AS full_ones,
             coalesce(sum(b.entries), 0)::bigint AS entries,
             coalesce(extract(epoch FROM max(b.committed_at) - min(b.committed_at)), 0)::double precision AS seconds
        FROM (SELECT c.committed_at, count(*) AS entries
                FROM \(schema).lanes l
               CROSS JOIN LATERAL (
                 SELECT k.committed_at FROM \(schema).change_log k WHERE k.lane_id = l.lane_id
                  ORDER BY k.entry_ms DESC, k.entry_no DESC LIMIT $2::bigint) AS c
               WHERE l.lane = ANY ($1::text[]) AND c.committed_at > now() - interval '10 minutes'
               GROUP BY c.committed_at) AS b
      """
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
