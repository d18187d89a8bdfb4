/// The statements of the command `dead-letters`, for one schema. In statements with a filter, ``DeadLetterStore/Filter/parameters`` are the
/// first three parameters.
struct DeadLetterSQL: Sendable {
  let list: String
  let counts: String
  let isKnownLane: String
  let letter: String
  let raw: String
  let open: String
  let letters: String
  let discard: String
  let discardAll: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    let condition = "($1::text IS NULL OR lane = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::boolean OR resolved_at IS NULL)"
    let columns =
      "id, lane, entry_ms, entry_no, session_id, reason, detail, sqlstate, at::text, resolved_at::text, resolution, raw_complete, "
      + "greatest(0, extract(epoch FROM clock_timestamp() - at))::bigint AS age"
    list = "SELECT \(columns) FROM \(schema).dead_letters WHERE \(condition) ORDER BY id LIMIT $4::bigint"
    counts =
      "SELECT reason, count(*) AS count FROM \(schema).dead_letters WHERE \(condition) GROUP BY reason ORDER BY count(*) DESC, reason"
    isKnownLane = """
      SELECT EXISTS (SELECT FROM \(schema).lanes WHERE lane = $1) OR EXISTS (SELECT FROM \(schema).dead_letters WHERE lane = $1) AS known
      """
    letter = "SELECT \(columns) FROM \(schema).dead_letters WHERE id = $1::bigint"
    raw = "SELECT part FROM \(schema).dead_letters, unnest(raw) WITH ORDINALITY AS r (part, place) WHERE id = $1::bigint ORDER BY place"
    open =
      "SELECT id FROM \(schema).dead_letters WHERE \(condition) AND resolved_at IS NULL AND id > $4::bigint ORDER BY id LIMIT $5::bigint"
    letters = "SELECT \(columns) FROM \(schema).dead_letters WHERE id = ANY ($1::bigint[])"
    // The statement discards all of the numbers or none.
    discard = """
      UPDATE \(schema).dead_letters d SET resolved_at = now(), resolution = $2
        FROM (SELECT id FROM \(schema).dead_letters WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE) AS locked
       WHERE d.id = locked.id AND d.resolved_at IS NULL
         AND (SELECT count(*) FROM \(schema).dead_letters WHERE id = ANY ($1::bigint[])) = cardinality($1::bigint[])
      RETURNING d.id
      """
    discardAll = """
      UPDATE \(schema).dead_letters d SET resolved_at = now(), resolution = $4
        FROM (SELECT id FROM \(schema).dead_letters WHERE \(condition) AND resolved_at IS NULL ORDER BY id FOR UPDATE) AS locked
       WHERE d.id = locked.id AND d.resolved_at IS NULL
      RETURNING d.id
      """
  }
}
