/// The statements of the command `lanes`, for one schema.
struct LaneSQL: Sendable {
  let pause: String
  let retry: String
  let known: String
  let gaps: String
  let acknowledge: String
  let knownGaps: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    let time = StatusSQL.time
    pause = "SELECT lane FROM \(schema).pause_lanes($1::text[], $2::boolean) AS lane"
    retry = "SELECT lane FROM \(schema).retry_lanes($1::text[]) AS lane"
    known = "SELECT lane FROM \(schema).lanes WHERE lane = ANY ($1::text[])"
    gaps = """
      SELECT id, lane, incarnation, \(schema).entry_id(after_ms, after_no) AS after, \(schema).entry_id(before_ms, before_no) AS before,
             missing, at_least, cause, \(time("detected_at")) AS detected_at, \(time("acknowledged_at")) AS acknowledged_at
        FROM \(schema).gaps
       WHERE ($1::text IS NULL OR lane = $1) AND ($2::boolean OR acknowledged_at IS NULL)
       ORDER BY id
      """
    acknowledge = """
      UPDATE \(schema).gaps SET acknowledged_at = now()
       WHERE acknowledged_at IS NULL AND ($1::bigint[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR lane = $2)
      RETURNING id
      """
    knownGaps = "SELECT id FROM \(schema).gaps WHERE id = ANY ($1::bigint[])"
  }
}
