/// The statements of the audit, for one schema.
struct AuditSQL: Sendable {
  let lanes: String
  let check: String
  let sealedBefore: String
  let functions: String
  let tables: String
  let wrongErasures: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    lanes = """
      SELECT l.lane, coalesce(s.through_no, 0) AS sealed_no, s.link,
             (SELECT count(*) FROM \(schema).erased_changes e WHERE e.lane_id = l.lane_id) AS erased
        FROM \(schema).lanes l
        LEFT JOIN LATERAL (SELECT k.through_no, k.link FROM \(schema).seals k WHERE k.lane = l.lane ORDER BY k.from_no DESC LIMIT 1) AS s ON true
       ORDER BY l.lane
      """
    check = """
      SELECT through_no, link, is_complete, kind, no, \(schema).entry_id(entry_ms, entry_no) AS entry, session_id
        FROM \(schema).check_seals($1::integer, $2::bigint, $3::bigint)
      """
    sealedBefore = """
      SELECT coalesce(max(s.through_no), 0) AS through_no FROM \(schema).seals s WHERE s.lane = $1 AND s.sealed_at < $2::timestamptz
      """
    functions = """
      SELECT p.proname AS name, p.prosrc AS body
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       WHERE n.nspname = $1 AND p.proname = ANY ($2::text[])
      """
    tables = """
      SELECT w.name
        FROM unnest($2::text[]) AS w (name)
        LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1) ON c.relname = w.name
       WHERE c.relkind IS DISTINCT FROM 'r'
          OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid) OR c.relrowsecurity
       ORDER BY w.name
      """
    wrongErasures = """
      SELECT e.erasure_id, e.changes, coalesce((r.counts ->> 'change_log')::bigint, 0) AS receipted
        FROM (SELECT c.erasure_id, count(*) AS changes FROM \(schema).erased_changes c GROUP BY c.erasure_id) AS e
        LEFT JOIN \(schema).erasures r ON r.id = e.erasure_id
       WHERE e.changes IS DISTINCT FROM (r.counts ->> 'change_log')::bigint ORDER BY e.erasure_id
      """
  }
}
