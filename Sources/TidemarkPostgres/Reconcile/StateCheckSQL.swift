/// The statements of the check of the state, for one schema.
struct StateCheckSQL: Sendable {
  let checkSessions: String
  let checkChanges: String
  let nextLane: String
  let evidence: String
  let changedSessions: String
  let fewestMessages: String
  let record: String
  let open: String
  let repairSession: String
  let repairChange: String
  let closeHot: String
  let closeRows: String
  let lanesOfSession: String
  let walks: String
  let recordWalk: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    func arrays(_ types: [String], from first: Int = 1) -> String {
      types.enumerated().map { "$\($0 + first)::\($1)[]" }.joined(separator: ", ")
    }
    checkSessions = """
      SELECT d.session_id, d.kind, d.detail, l.lane
        FROM \(schema).check_sessions($1::text[]) d
        LEFT JOIN \(schema).sessions s ON s.session_id = d.session_id
        LEFT JOIN \(schema).lanes l ON l.lane_id = s.first_lane
      """
    checkChanges = """
      SELECT c.session_id, c.kind, c.detail, c.entry_ms, c.entry_no, l.lane
        FROM \(schema).check_changes($1::integer, $2::bigint, $3::bigint, $4::integer, $5::text) c
        LEFT JOIN \(schema).lanes l ON l.lane_id = $1::integer
      """
    nextLane = "SELECT lane_id, lane FROM \(schema).lanes WHERE lane_id > $1::integer ORDER BY lane_id LIMIT 1"
    evidence = """
      SELECT session_id, is_known, is_recorded, is_bypassed, has_letter, knows_earlier, messages
        FROM \(schema).hot_evidence(\(arrays(["text", "text"] + Array(repeating: "bigint", count: 6))))
      """
    changedSessions = """
      SELECT DISTINCT c.session_id
        FROM (SELECT l.session_id FROM \(schema).change_log l
               WHERE l.lane_id = $1::integer AND (l.entry_ms, l.entry_no) > ($2::bigint, $3::bigint)
               ORDER BY l.entry_ms, l.entry_no LIMIT $4::integer) AS c
       WHERE c.session_id IS NOT NULL
      """
    fewestMessages = "SELECT \(schema).fewest_hot_messages($1::integer) AS fewest"
    record = """
      SELECT lane, session_id, kind, subject, entry_ms, entry_no, through_ms, through_no, detail
        FROM \(schema).record_divergences(
          ARRAY(SELECT (f.*)::\(schema).found_divergence
                  FROM unnest(\(arrays(["text", "text", "text", "text", "bigint", "bigint", "bigint", "bigint", "text"])))
                    AS f (lane, session_id, kind, subject, entry_ms, entry_no, through_ms, through_no, detail)))
      """
    open = """
      SELECT count(*) AS number FROM \(schema).divergences
       WHERE repaired_at IS NULL AND subject IS NOT NULL AND ($1::text IS NULL OR session_id = $1)
         AND (kind LIKE 'row\\_%' OR kind LIKE 'hot\\_%' OR kind = 'bypassed')
      """
    repairSession = "SELECT session_id, kind, detail FROM \(schema).repair_session($1)"
    repairChange = "SELECT \(schema).repair_change($1::integer, $2::bigint, $3::bigint) AS is_repaired"
    closeHot = """
      UPDATE \(schema).divergences SET repaired_at = now(), repair = $2
       WHERE session_id = ANY ($1::text[]) AND repaired_at IS NULL AND subject IS NOT NULL AND (kind LIKE 'hot\\_%' OR kind = 'bypassed')
      """
    // A row that is missing altogether is not looked for by session, except where another row says what it must be.
    closeRows = """
      UPDATE \(schema).divergences d SET repaired_at = now(), repair = 'not different any more'
       WHERE d.session_id = ANY ($1::text[]) AND d.repaired_at IS NULL AND d.subject IS NOT NULL
         AND (d.kind IN ('row_different', 'row_unexpected')
              OR d.kind = 'row_missing' AND (d.subject LIKE 'context:%' OR d.subject = 'sessions: no row'))
         AND NOT EXISTS (SELECT FROM unnest(\(arrays(["text", "text", "text"], from: 2))) AS f (session_id, kind, detail)
                          WHERE f.session_id = d.session_id AND f.kind = d.kind AND f.detail = d.subject)
      """
    // The time of a change is at most a day after its entry.
    lanesOfSession = """
      SELECT l.lane_id, 0 AS entry_no,
             greatest(0, coalesce((SELECT floor(extract(epoch FROM s.started_at) * 1000)::bigint - 86400001 FROM \(schema).sessions s
                                    WHERE s.session_id = $1 AND s.started_at > 'epoch'), 0)) AS entry_ms
        FROM (SELECT p.lane_id FROM \(schema).session_places($1) p
              UNION SELECT s.first_lane FROM \(schema).sessions s WHERE s.session_id = $1) AS l
       WHERE l.lane_id IS NOT NULL ORDER BY l.lane_id
      """
    walks = """
      SELECT walk, place, extract(epoch FROM now() - began_at) AS age, ended_at IS NOT NULL AS is_ended FROM \(schema).state_walks
      """
    recordWalk = """
      INSERT INTO \(schema).state_walks AS w (walk, place, ended_at) VALUES ($1, $2, CASE WHEN $2::text IS NULL THEN now() END)
      ON CONFLICT (walk) DO UPDATE
        SET place = excluded.place, began_at = CASE WHEN w.place IS NULL THEN now() ELSE w.began_at END,
            ended_at = coalesce(excluded.ended_at, w.ended_at)
      """
  }
}
