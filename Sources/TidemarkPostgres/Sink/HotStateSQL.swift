/// The statements about the hot state of sessions, for one schema.
struct HotStateSQL: Sendable {
  let hotSessions: String
  let knownSessions: String
  let recordEvicted: String
  let recordNumbers: String
  let takeEvicted: String
  let forgetEvicted: String
  let forkChanges: String
  let begunSessions: String
  let servedLanes: String
  let fenceUnserved: String
  let rewindChanges: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    hotSessions = """
      SELECT session_id, entry_ms, entry_no, session, context, messages, calls FROM \(schema).hot_sessions($1::text[], $2::integer)
      """
    // A session is numbered if its latest change of the session itself or its latest message is; one that has neither may be.
    knownSessions = """
      SELECT s.session_id, changed.seq IS NOT NULL OR said.seq IS NOT NULL OR (changed.type IS NULL AND said.session_id IS NULL) AS is_numbered
        FROM \(schema).sessions s
        LEFT JOIN LATERAL (
          SELECT c.type, c.seq FROM \(schema).change_log c
           WHERE c.session_id = s.session_id AND c.type LIKE 'session.%' ORDER BY c.entry_ms DESC, c.entry_no DESC LIMIT 1) AS changed ON true
        LEFT JOIN LATERAL (
          SELECT m.session_id, m.seq FROM \(schema).messages m
           WHERE m.session_id = s.session_id ORDER BY m.entry_ms DESC, m.entry_no DESC, m.lane_id DESC LIMIT 1) AS said ON true
       WHERE s.session_id > $1 AND ($2::text IS NULL OR s.agent_id = $2) AND ($3::text IS NULL OR s.user_id = $3)
         AND ($4::text IS NULL OR s.tenant = $4) AND ($5::text IS NULL OR s.status = $5)
       ORDER BY s.session_id LIMIT $6::bigint
      """
    recordEvicted = """
      INSERT INTO \(schema).evicted_sessions AS k (session_id, lane, incarnation, history, epoch, seq, entry_ms, entry_no, event_ids)
      SELECT e.session_id, e.lane, e.incarnation, e.history, e.epoch, e.seq, e.entry_ms, e.entry_no, e.event_ids::text[]
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
          AS e (session_id, lane, incarnation, history, epoch, seq, entry_ms, entry_no, event_ids)
       ORDER BY e.session_id
      ON CONFLICT (session_id) DO UPDATE SET
        lane = excluded.lane, incarnation = excluded.incarnation, history = excluded.history, epoch = excluded.epoch, seq = excluded.seq,
        entry_ms = excluded.entry_ms, entry_no = excluded.entry_no, event_ids = excluded.event_ids, evicted_at = now()
       WHERE excluded.incarnation IS NOT NULL OR k.incarnation IS NULL
          OR (k.entry_ms, k.entry_no) < (excluded.entry_ms, excluded.entry_no)
      """
    // The event ids stay where they are stored, which is apart from the row where there are many.
    recordNumbers = """
      WITH held AS (
        SELECT e.*
          FROM \(schema).evicted_sessions k
          JOIN unnest(\(LedgerSQL.parameters(["text", "bigint", "text", "bigint", "bigint", "bigint", "bigint"])))
            AS e (session_id, incarnation, history, epoch, seq, entry_ms, entry_no)
            ON (k.session_id, k.entry_ms, k.entry_no) = (e.session_id, e.entry_ms, e.entry_no)
         ORDER BY k.session_id FOR UPDATE OF k
      )
      UPDATE \(schema).evicted_sessions k
         SET incarnation = h.incarnation, history = h.history, epoch = h.epoch, seq = h.seq, evicted_at = now()
        FROM held h WHERE k.session_id = h.session_id
      RETURNING k.session_id
      """
    takeEvicted = """
      WITH taken AS (
        SELECT e.session_id, e.lane, e.incarnation, e.history, e.epoch, e.seq, e.entry_ms, e.entry_no, e.event_ids
          FROM \(schema).evicted_sessions e WHERE e.session_id = ANY ($1::text[]) ORDER BY e.session_id FOR UPDATE
      ), voided AS (
        UPDATE \(schema).evicted_sessions e SET incarnation = NULL
          FROM taken t WHERE e.session_id = t.session_id AND t.incarnation IS NOT NULL
      )
      SELECT t.session_id, t.lane, t.incarnation, t.history, t.epoch, t.seq, t.entry_ms, t.entry_no, t.event_ids FROM taken t
      """
    forgetEvicted = "DELETE FROM \(schema).evicted_sessions WHERE session_id = ANY ($1::text[]) AND incarnation IS NULL"
    forkChanges = """
      SELECT f.type, f.fields FROM \(schema).fork_changes($1, $2::bigint, $3::bigint, 2147483647) WITH ORDINALITY AS f (type, fields, place)
       ORDER BY f.place
      """
    begunSessions = """
      SELECT s.session_id FROM \(schema).sessions s
       WHERE s.session_id = ANY ($1::text[]) AND s.started_at <= to_timestamp($2::double precision / 1000)
      """
    // A lease that ran out says nothing: its owner may merely be slow to renew it, and may still commit while no other worker has taken the shard.
    servedLanes = """
      SELECT l.lane
        FROM \(schema).lanes l JOIN \(schema).leases s ON s.shard = l.shard
        LEFT JOIN \(schema).connected_workers c ON c.worker = s.worker
       WHERE l.lane = ANY ($1::text[]) AND s.worker IS NOT NULL AND (s.expires_at > clock_timestamp() OR c.has_backend)
      """
    fenceUnserved = "SELECT \(schema).fence_unserved_lanes($1::text[])"
    rewindChanges = """
      SELECT r.type, r.fields
        FROM \(schema).rewind_changes($1, $2::bigint, $3::bigint, 2147483647) WITH ORDINALITY AS r (type, fields, place)
       ORDER BY r.place
      """
  }
}
