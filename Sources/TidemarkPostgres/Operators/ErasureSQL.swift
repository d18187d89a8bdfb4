/// The statements of the command `forget`, for one schema: calls of functions that run with the rights of the schema's owner.
struct ErasureSQL: Sendable {
  let begin: String
  let sessionsOfSubject: String
  let mark: String
  let sessionsOfErasure: String
  let waitForWriters: String
  let eraseSessions: String
  let erasePages: String
  let tables: String
  let count: String
  let note: String
  let finish: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    begin = "SELECT id, is_resumed FROM \(schema).begin_erasure($1, $2, $3::boolean, $4)"
    sessionsOfSubject = """
      SELECT s AS session_id FROM \(schema).sessions_of_subject($1, $2, $3::bigint, $4, $5::integer) WITH ORDINALITY AS f (s, place)
       ORDER BY f.place
      """
    mark = "SELECT \(schema).mark_forgotten($1::bigint, $2::text[]) AS deleted"
    sessionsOfErasure = """
      SELECT s AS session_id FROM \(schema).sessions_of_erasure($1::bigint, $2, $3::integer) WITH ORDINALITY AS f (s, place)
       ORDER BY f.place
      """
    waitForWriters = "SELECT \(schema).wait_for_writers($1::integer, $2::integer) AS last_lane"
    eraseSessions = "SELECT \(schema).erase_sessions($1::bigint, $2, $3::integer) AS last_session"
    erasePages = "SELECT \(schema).erase_pages($1::bigint, $2, $3::bigint, $4::bigint) AS next"
    tables = "SELECT name FROM \(schema).session_tables() ORDER BY name"
    count = "SELECT row_total, next FROM \(schema).count_rows($1::text[], $2, $3::bigint, $4::bigint)"
    note = "SELECT \(schema).note_erased($1::bigint, $2, $3::bigint)"
    let time = StatusSQL.time
    finish = """
      SELECT e.id, e.what, e.is_refused, e.counts::text AS counts, \(time("e.at")) AS at, e.by, \(time("e.finished_at")) AS finished_at,
             e.left_over::text AS left_over, encode(e.subject, 'hex') AS subject
        FROM \(schema).finish_erasure($1::bigint, $2::bigint, $3::jsonb) AS e
      """
  }
}
