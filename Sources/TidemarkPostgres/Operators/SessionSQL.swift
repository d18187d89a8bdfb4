/// The statements of the commands about sessions, for one schema.
struct SessionSQL: Sendable {
  let history: String
  let openCalls: String
  let isNumbered: String
  let deadLetters: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    let time = StatusSQL.time
    history = """
      SELECT h.lane, \(schema).entry_id(h.entry_ms, h.entry_no) AS entry, h.seq, h.epoch, h.type, h.actor, \(time("h.at")) AS at,
             h.body::text AS body
        FROM (SELECT * FROM \(schema).history($1) ORDER BY entry_ms DESC, entry_no DESC LIMIT $2::bigint) AS h
       ORDER BY h.entry_ms, h.entry_no
      """
    openCalls = """
      SELECT o.session_id, o.call_id, o.attempt, o.tool, o.arguments::text AS arguments, o.idempotency_key,
             \(time("o.started_at")) AS started_at, floor(extract(epoch FROM o.age))::bigint AS age, c.seq IS NOT NULL AS is_numbered
        FROM \(schema).open_calls o
        JOIN \(schema).tool_calls t USING (session_id, call_id, attempt)
        LEFT JOIN \(schema).change_log c ON (c.lane_id, c.entry_ms, c.entry_no) = (t.lane_id, t.entry_ms, t.entry_no)
       WHERE ($1::text IS NULL OR o.session_id = $1) AND ($2::text IS NULL OR o.call_id = $2)
         AND o.age >= make_interval(secs => $3::double precision)
       ORDER BY o.started_at, o.session_id, o.call_id, o.attempt LIMIT $4::bigint
      """
    deadLetters = """
      SELECT count(*) OVER () AS number, \(schema).entry_id(d.entry_ms, d.entry_no) AS entry, d.reason FROM \(schema).dead_letters d
       WHERE d.session_id = $1 AND d.lane = $2 AND d.resolved_at IS NULL ORDER BY d.entry_ms, d.entry_no LIMIT 1
      """
    isNumbered = """
      SELECT h.seq IS NOT NULL AS is_numbered FROM \(schema).history($1) AS h ORDER BY h.entry_ms DESC, h.entry_no DESC LIMIT 1
      """
  }
}
