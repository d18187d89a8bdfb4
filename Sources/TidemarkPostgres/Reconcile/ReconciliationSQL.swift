/// The statements of the comparison of lanes' logs, for one schema.
struct ReconciliationSQL: Sendable {
  let verifiedLanes: String
  let contents: String
  let changes: String
  let traces: String
  let record: String
  let missingEntries: String
  let openDivergences: String
  let lockedDivergences: String
  let prepareRepair: String
  let repaired: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    func arrays(_ types: [String], from first: Int) -> String {
      types.enumerated().map { "$\($0 + first)::\($1)[]" }.joined(separator: ", ")
    }
    verifiedLanes = """
      SELECT lane_id, incarnation, began_ms, began_no, verified_ms AS entry_ms, verified_no AS entry_no FROM \(schema).lanes
       WHERE lane_id = ANY ($1::integer[])
      """
    let range = "$1::integer, $2::text, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::integer"
    contents = """
      SELECT changes, last_ms AS entry_ms, last_no AS entry_no, digest, fence, incarnation, furthest_ms, furthest_no
        FROM \(schema).lane_contents(\(range))
      """
    changes = """
      SELECT entry_ms, entry_no, digest, session_id, epoch, seq
        FROM (SELECT * FROM \(schema).change_log
               WHERE lane_id = $1::integer AND (entry_ms, entry_no) > ($3::bigint, $4::bigint)
                 AND (entry_ms, entry_no) <= ($5::bigint, $6::bigint)
               ORDER BY entry_ms, entry_no LIMIT $7::integer) AS c
       WHERE $2::text IS NULL OR session_id = $2
       ORDER BY entry_ms, entry_no
      """
    traces = """
      SELECT is_letter, is_own_id, is_same_id, is_other_id, is_certain, is_forgotten_id
        FROM \(schema).entry_traces($1::integer, \(arrays(["bigint", "bigint", "bytea", "text", "text", "bytea"], from: 2)), $8::bigint)
       ORDER BY place
      """
    let found = arrays(["text", "text", "text", "text", "bigint", "bigint", "bigint", "bigint", "text"], from: 8)
    let numbers = ["text"] + Array(repeating: "bigint", count: 8) + ["text"] + Array(repeating: "bigint", count: 7)
    record = """
      SELECT lane, session_id, kind, subject, entry_ms, entry_no, through_ms, through_no, detail
        FROM \(schema).record_reconciled(
          $1::integer, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint,
          ARRAY(SELECT (f.*)::\(schema).found_divergence FROM unnest(\(found))
                  AS f (lane, session_id, kind, subject, entry_ms, entry_no, through_ms, through_no, detail)),
          \(arrays(numbers, from: 17)), $34::boolean)
      """
    missingEntries = """
      SELECT id, entry_ms, entry_no FROM \(schema).divergences
       WHERE lane = $1 AND kind = 'missing_in_postgres' AND subject IS NOT NULL AND repaired_at IS NULL AND id > $2::bigint
         AND ($4::text IS NULL OR session_id = $4)
       ORDER BY id LIMIT $3::bigint
      """
    openDivergences = """
      SELECT id, lane, session_id, kind, subject, entry_ms, entry_no, through_ms, through_no, detail, \(StatusSQL.time("found_at")) AS found_at
        FROM \(schema).divergences
       WHERE lane = $1 AND subject IS NOT NULL AND repaired_at IS NULL AND ($2::text IS NULL OR session_id = $2)
       ORDER BY id
      """
    // Whoever repairs a difference holds its row: another one that wants to waits, and finds it repaired.
    lockedDivergences = """
      SELECT id, repaired_at IS NOT NULL AS is_resolved, repair AS resolution FROM \(schema).divergences
       WHERE id = ANY ($1::bigint[]) AND lane = $2 ORDER BY id FOR UPDATE
      """
    prepareRepair = """
      SELECT unnest(\(schema).prepare_repair($1::integer, \(arrays(["bigint", "bigint", "text", "text", "bytea"], from: 2)))) AS place
      """
    repaired = """
      UPDATE \(schema).divergences d SET repaired_at = now(), repair = r.repair
        FROM unnest($1::bigint[], $2::text[]) AS r (id, repair)
       WHERE d.id = r.id AND d.repaired_at IS NULL
      """
  }
}
