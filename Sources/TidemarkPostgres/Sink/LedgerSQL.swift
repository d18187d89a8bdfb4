internal import TidemarkCore

/// The statements of the ledger itself, for one schema.
struct LedgerSQL: Sendable {
  let fence: String
  let advance: String
  let appendChange: String
  let appendChanges: String
  let copyChanges: String
  let rememberEventIDs: String
  let deadLetters: String
  let divergences: String
  let gaps: String
  let beginIncarnation: String
  let raiseIncarnation: String
  let recordBreak: String
  let mirrored: String
  let applyExactly: String
  let alreadyThere: String
  let lanesByID: String
  let lanesByName: String
  let begunLanes: String
  let identity: String
  let rejected: String
  let renew: String
  let noteSettings: String
  let leases: String
  let take: String
  let release: String
  let leave: String
  let listen: String
  let register: String
  let reclaim: String
  let itemsInEffect: String
  let putInEffect: String
  let note: String
  let laneControls: String
  let tuning: String
  let checkpoint: String
  let noteUnknownTypes: String
  let eventIDLanes: String
  let removeEventIDs: String
  let removeCheckpoints: String
  let lanesOfLetters: String
  let removeDeadLetters: String
  let removeSnapshots: String
  let lockedLetters: String
  let resolve: String
  let lockedLane: String
  let appended: String
  let makeInstallation: String
  let installation: String
  let lockedInstallation: String
  let claim: String
  let snapshotProgress: String
  let recordSnapshotProgress: String
  let changedSessions: String
  let takeDueSnapshots: String
  let sealLanes: String
  let containedSeals: String

  /// Columns of the audit trail in the order in which they are sent: the numbers and the digest, then the entry's cells.
  static let changeColumns: [(name: String, type: BinaryType)] = [
    ("lane_id", .integer), ("no", .bigint), ("entry_ms", .bigint), ("entry_no", .bigint), ("digest", .bytea), ("session_id", .text),
    ("event_id", .text), ("seq", .bigint), ("epoch", .bigint), ("type", .text), ("actor", .text), ("trace", .text), ("v", .integer),
    ("occurred_at", .timestamptz), ("fields", .jsonb),
  ]

  /// A lane as the writer left it: number, fencing token, position, what Redis had added, number of changes.
  private static let fenceTypes = ["integer", "bigint", "bigint", "bigint", "bigint", "bigint"]

  /// The last of ``changeColumns``.
  @inline(__always)
  static func forEachCell(of entry: BatchEntry, _ body: (Cell, BinaryType) throws -> Void) rethrows {
    try body(entry.session, .text)
    try body(entry.eventID, .text)
    try body(entry.seq, .bigint)
    try body(entry.epoch, .bigint)
    try body(entry.type, .text)
    try body(entry.actor, .text)
    try body(entry.trace, .text)
    try body(entry.version, .integer)
    try body(entry.occurredAt, .timestamptz)
    try body(entry.fields, .jsonb)
  }

  static func parameters(_ types: [String], from first: Int = 1) -> String {
    types.enumerated().map { "$\($0 + first)::\($1)[]" }.joined(separator: ", ")
  }

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    let columns = Self.changeColumns.map(\.name).joined(separator: ", ")
    let lane = """
      lane_id, lane, shard, fence, incarnation, entry_ms, entry_no, applied_no, ordinal, baseline, owner, read_total, applied_total,
      duplicates_total, divergent_total, ephemeral_total, skipped_total, dead_letters_total, missing_total, reread_total, misrouted_total,
      anchor, furthest_ms, furthest_no, mirrored, (SELECT i.id::text FROM \(schema).installation i) AS installation
      """
    fence = "SELECT \(schema).fence(\(Self.parameters(Self.fenceTypes)))"
    advance =
      "SELECT \(schema).advance(\(Self.parameters(Self.fenceTypes + ["bigint", "bigint", "bytea", "bigint"] + Array(repeating: "bigint", count: 10))), $21::bigint)"
    let values = Self.changeColumns.enumerated().map { "$\($0 + 1)::\($1.type.rawValue)" }.joined(separator: ", ")
    appendChange = "INSERT INTO \(schema).change_log (\(columns)) VALUES (\(values))"
    appendChanges =
      "INSERT INTO \(schema).change_log (\(columns)) SELECT * FROM unnest(\(Self.parameters(Self.changeColumns.map(\.type.rawValue))))"
    copyChanges = "COPY \(schema).change_log (\(columns)) FROM STDIN (FORMAT binary)"
    rememberEventIDs = """
      INSERT INTO \(schema).event_ids (event_id, session_id, entry_ms, digest)
      SELECT * FROM unnest(\(Self.parameters(["text", "text", "bigint", "bytea"]))) ORDER BY 1, 2
      """
    deadLetters = """
      INSERT INTO \(schema).dead_letters
             (lane, entry_ms, entry_no, session_id, event_id, reason, detail, sqlstate, raw, raw_complete, digest)
      SELECT d.lane, d.ms, d.no, d.session, d.event, d.reason, d.detail, d.sqlstate, ($13::bytea[])[d.first:d.last], d.complete, d.digest
        FROM unnest(\(Self.parameters(
          ["text", "bigint", "bigint", "text", "text", "text", "text", "text", "boolean", "bytea", "bigint", "bigint"])))
          AS d (lane, ms, no, session, event, reason, detail, sqlstate, complete, digest, first, last)
      """
    divergences = """
      INSERT INTO \(schema).divergences (lane, session_id, kind, detail)
      SELECT * FROM unnest(\(Self.parameters(["text", "text", "text", "text"])))
      """
    gaps = """
      INSERT INTO \(schema).gaps (lane, incarnation, after_ms, after_no, before_ms, before_no, missing, cause)
      SELECT * FROM unnest(\(Self.parameters(["text", "bigint", "bigint", "bigint", "bigint", "bigint", "bigint", "text"])))
      """
    beginIncarnation = """
      SELECT \(schema).begin_incarnation($1::integer, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint,
        $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13)
      """
    raiseIncarnation = """
      UPDATE \(schema).lanes SET incarnation = $4::bigint, updated_at = now()
       WHERE lane_id = $1::integer AND fence = $2::bigint AND incarnation = $3::bigint
      RETURNING lane_id
      """
    recordBreak = """
      SELECT \(schema).record_break($1::integer, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7)
      """
    // Not of a lane that was given back, as with `note`.
    mirrored = """
      UPDATE \(schema).lanes l SET mirrored = true
        FROM (SELECT k.lane_id FROM \(schema).lanes k
                JOIN unnest(\(Self.parameters(["integer", "bigint", "bigint"]))) AS w (lane_id, fence, incarnation)
                  ON w.lane_id = k.lane_id AND w.fence = k.fence AND w.incarnation = k.incarnation
               WHERE k.owner IS NOT NULL
               ORDER BY k.lane_id FOR NO KEY UPDATE OF k) AS n
       WHERE l.lane_id = n.lane_id
      """
    applyExactly = """
      SELECT * FROM \(schema).apply_exactly($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[],
        $8::bytea[], $9::integer[], $10::integer[], $11::text[], $12::integer[], $13::integer[], $14::integer[], $15::text[], $16::jsonb,
        $17::bigint, $18::jsonb)
      """
    alreadyThere = """
      SELECT * FROM (
        SELECT w.place, c.entry_ms IS NOT NULL AS is_change, c.entry_ms IS NOT NULL AND coalesce(c.digest = w.digest, true) AS is_same,
               EXISTS (SELECT FROM \(schema).dead_letters d JOIN \(schema).lanes l USING (lane)
                        WHERE l.lane_id = w.lane_id AND d.entry_ms = w.entry_ms AND d.entry_no = w.entry_no
                          AND d.digest IS NOT DISTINCT FROM w.digest) AS is_letter
          FROM unnest(\(Self.parameters(["integer", "bigint", "bigint", "bytea"])))
               WITH ORDINALITY AS w (lane_id, entry_ms, entry_no, digest, place)
          LEFT JOIN \(schema).change_log c USING (lane_id, entry_ms, entry_no)) AS known
       WHERE is_change OR is_letter
      """
    lanesByID = "SELECT \(lane) FROM \(schema).lanes WHERE lane_id = ANY ($1::integer[]) ORDER BY lane_id"
    lanesByName = "SELECT \(lane) FROM \(schema).lanes WHERE lane = ANY ($1::text[]) ORDER BY lane"
    begunLanes = "SELECT lane FROM \(schema).lanes WHERE shard = ANY ($1::integer[]) AND ordinal > 0"
    identity = """
      SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
             substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline
      """
    // An id of 2^63 or more is a negative number here, and comes after the others.
    rejected = """
      SELECT entry_ms, entry_no, reason FROM \(schema).dead_letters
       WHERE lane = $1
         AND (entry_ms < 0, entry_ms, entry_no < 0, entry_no) > ($2::bigint < 0, $2::bigint, $3::bigint < 0, $3::bigint)
         AND (entry_ms < 0, entry_ms, entry_no < 0, entry_no) <= ($4::bigint < 0, $4::bigint, $5::bigint < 0, $5::bigint)
         AND resolved_at IS NULL
      """
    renew = """
      SELECT shard, fence FROM \(schema).renew_leases($1, $2, $3::integer, $4, $5::boolean, make_interval(secs => $6::double precision))
      """
    noteSettings = """
      UPDATE \(schema).workers SET not_in_force = $2, tuning_refused = $3
       WHERE worker = $1 AND (not_in_force, tuning_refused) IS DISTINCT FROM ($2, $3)
      """
    // Shards, and workers in rows without one.
    leases = """
      SELECT h.shard, h.worker, h.is_free, s.shard IS NOT NULL AS has_lanes, NULL AS can_serve
        FROM \(schema).lease_holders h LEFT JOIN (SELECT DISTINCT shard FROM \(schema).lanes) s USING (shard)
      UNION ALL
      SELECT NULL, c.worker, NULL, NULL, c.can_serve
        FROM \(schema).connected_workers c
       WHERE c.seen_at > clock_timestamp() - make_interval(secs => $1::double precision)
      """
    take = "SELECT shard, fence FROM \(schema).take_shards($1, $2::integer[], make_interval(secs => $3::double precision))"
    release = "SELECT \(schema).release_shards($1, $2::integer[])"
    leave = "SELECT \(schema).leave($1)"
    listen = "LISTEN \(schema)"
    func registering(if condition: String) -> String {
      """
      INSERT INTO \(schema).lanes
             (lane, shard, entry_ms, entry_no, began_ms, began_no, verified_ms, verified_no, ordinal, baseline, owner, fence)
      SELECT n.lane, n.shard, n.ms, n.no, n.ms, n.no, n.ms, n.no, n.baseline, n.baseline, l.worker, \(schema).next_fence(0)
        FROM unnest(\(Self.parameters(["text", "integer", "bigint", "bigint", "bigint"]))) AS n (lane, shard, ms, no, baseline)
        JOIN \(schema).leases l USING (shard)
       WHERE \(condition)
       ORDER BY n.lane
      ON CONFLICT (lane) DO NOTHING
      """
    }
    register = registering(if: "true")
    itemsInEffect = """
      SELECT i.streams, u.lane FROM \(schema).lane_items i LEFT JOIN unnest(i.unmeasured) AS u (lane) ON true
       WHERE i.streams = ANY ($1::text[])
      """
    // Of two workers that find an item new the second one waits here for the first, and then leaves the lanes alone.
    putInEffect = """
      WITH item AS (
        INSERT INTO \(schema).lane_items (streams, start, worker, unmeasured) VALUES ($6, $7, $8, $9::text[])
        ON CONFLICT DO NOTHING RETURNING streams),
      registered AS (\(registering(if: "EXISTS (SELECT FROM item)")))
      SELECT EXISTS (SELECT FROM item) AS is_first
      """
    // The lease is locked, so that nobody takes the shard meanwhile.
    reclaim = """
      UPDATE \(schema).lanes l SET owner = $1, fence = \(schema).next_fence(l.fence), updated_at = now()
        FROM (SELECT shard FROM \(schema).leases WHERE worker = $1 ORDER BY shard FOR SHARE) AS held
       WHERE l.shard = held.shard AND l.lane = ANY ($2::text[]) AND l.owner IS DISTINCT FROM $1
      """
    laneControls = "SELECT lane, is_paused, retries, resolutions FROM \(schema).lane_controls"
    tuning = TuneSQL.tuning(in: schema)
    // In the order in which a commit's fence locks them, or the two could wait for each other. A lane that was given back is left alone:
    // whoever takes it ends the backend that it finds at its row.
    note = """
      UPDATE \(schema).lanes l
         SET state = n.state, since = CASE WHEN l.state = n.state THEN l.since ELSE now() END, last_error = n.error, hint = n.hint
        FROM (SELECT k.lane_id, w.state, w.error, w.hint
                FROM \(schema).lanes k
                JOIN unnest(\(Self.parameters(["text", "bigint", "text", "text", "text"]))) AS w (lane, fence, state, error, hint)
                  ON w.lane = k.lane AND w.fence = k.fence
               WHERE k.owner IS NOT NULL AND (k.state, k.last_error, k.hint) IS DISTINCT FROM (w.state, w.error, w.hint)
               ORDER BY k.lane_id FOR NO KEY UPDATE OF k) AS n
       WHERE l.lane_id = n.lane_id
      """
    snapshotProgress = "SELECT lane_id, entry_ms, entry_no FROM \(schema).snapshot_progress WHERE lane_id = ANY ($1::integer[])"
    recordSnapshotProgress = """
      INSERT INTO \(schema).snapshot_progress (lane_id, entry_ms, entry_no)
      SELECT * FROM unnest(\(Self.parameters(["integer", "bigint", "bigint"]))) AS p (lane_id, entry_ms, entry_no) ORDER BY p.lane_id
      ON CONFLICT (lane_id) DO UPDATE SET entry_ms = excluded.entry_ms, entry_no = excluded.entry_no
      """
    changedSessions = """
      SELECT session_id, total, changes, is_taken, first_ms, first_no, last_ms, last_no
        FROM \(schema).changed_sessions($1::integer, $2::bigint, $3::bigint, $4::text[], $5::integer)
      """
    takeDueSnapshots = """
      SELECT \(schema).take_due_snapshots(\(Self.parameters(["text", "bigint", "bigint", "integer", "text"]))) AS taken
      """
    noteUnknownTypes = """
      INSERT INTO \(schema).unknown_types AS u (type, entries)
      SELECT n.type, n.entries FROM unnest($1::text[], $2::bigint[]) AS n (type, entries)
       WHERE (SELECT count(*) FROM \(schema).unknown_types) < 1000
          OR EXISTS (SELECT FROM \(schema).unknown_types k WHERE k.type = n.type)
       ORDER BY n.type
      ON CONFLICT (type) DO UPDATE SET entries = u.entries + excluded.entries, last_seen_at = now()
      """
    checkpoint = """
      INSERT INTO \(schema).checkpoints
        (lane, entry_ms, entry_no, incarnation, applied_no, read_total, applied_total, lag_entries, lag_seconds, worker, seal)
      SELECT l.lane, l.entry_ms, l.entry_no, l.incarnation, l.applied_no, l.read_total, l.applied_total, n.lag_entries, n.lag_seconds, $5,
             coalesce((SELECT s.link FROM \(schema).seals s WHERE s.lane = l.lane ORDER BY s.from_no DESC LIMIT 1), '')
        FROM \(schema).lanes l
        JOIN unnest($1::text[], $2::bigint[], $3::bigint[], $4::double precision[]) AS n (lane, fence, lag_entries, lag_seconds)
          ON n.lane = l.lane AND n.fence = l.fence
      ON CONFLICT DO NOTHING
      """
    sealLanes = """
      SELECT lane_id, through_no, link, extract(epoch FROM committed_at)::double precision AS committed_at, is_complete, missing
        FROM \(schema).seal_lanes($1::integer[], $2::integer)
      """
    containedSeals = """
      SELECT h.place, EXISTS (SELECT FROM \(schema).seals s
                               WHERE s.lane = h.lane AND s.from_no <= h.through_no AND s.through_no = h.through_no AND s.link = h.link) AS is_contained
        FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS h (lane, through_no, link, place) ORDER BY h.place
      """
    lockedLane = "SELECT \(lane) FROM \(schema).lanes WHERE lane = $1 FOR NO KEY UPDATE"
    // Whoever resolves a letter holds its row: another one that wants to waits, and finds it resolved.
    lockedLetters = """
      SELECT id, resolved_at IS NOT NULL AS is_resolved, resolution FROM \(schema).dead_letters
       WHERE id = ANY ($1::bigint[]) AND lane = $2 ORDER BY id FOR UPDATE
      """
    resolve = """
      UPDATE \(schema).dead_letters d SET resolved_at = now(), resolution = r.resolution
        FROM unnest($1::bigint[], $2::text[]) AS r (id, resolution)
       WHERE d.id = r.id AND d.resolved_at IS NULL
      """
    appended = "UPDATE \(schema).lanes SET applied_no = $2::bigint WHERE lane_id = $1::integer"
    makeInstallation = "SELECT \(schema).make_installation($1, $2::integer)"
    installation = """
      SELECT id::text AS id, prefix, partitions, claim::text AS claim,
             \(schema).serving_worker($1, make_interval(secs => $2::double precision)) AS served_by
        FROM \(schema).installation
      """
    lockedInstallation = "\(installation) FOR UPDATE"
    claim = """
      UPDATE \(schema).installation
         SET claim = gen_random_uuid(), claimed_at = clock_timestamp(), claimed_by = $2, prefix = $1
      RETURNING claim::text AS claim
      """
    eventIDLanes = """
      SELECT l.lane, l.entry_ms, l.entry_no, (extract(epoch FROM l.updated_at) * 1000)::bigint AS moved_at,
             (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
        FROM (VALUES (0)) AS one LEFT JOIN \(schema).lanes l ON true
      """
    let kept = "make_interval(secs => $1::double precision)"
    removeEventIDs = "SELECT removed, next::text FROM \(schema).remove_event_ids($1::int8multirange, $2::jsonb, $3::integer)"
    removeCheckpoints = "SELECT removed, next::text FROM \(schema).remove_checkpoints(\(kept), $2::jsonb, $3::integer)"
    // From one lane to the next by the index: their letters may be many.
    lanesOfLetters = """
      WITH RECURSIVE of_lane AS (
        SELECT min(d.lane) AS lane FROM \(schema).dead_letters d WHERE d.resolved_at IS NOT NULL
        UNION ALL
        SELECT (SELECT min(d.lane) FROM \(schema).dead_letters d WHERE d.resolved_at IS NOT NULL AND d.lane > o.lane)
          FROM of_lane o WHERE o.lane IS NOT NULL)
      SELECT o.lane FROM of_lane o
        CROSS JOIN LATERAL (SELECT d.resolved_at FROM \(schema).dead_letters d WHERE d.lane = o.lane AND d.resolved_at IS NOT NULL
                             ORDER BY d.resolved_at LIMIT 1) AS oldest
       WHERE oldest.resolved_at < now() - \(kept)
      """
    removeDeadLetters = """
      SELECT removed, next::text
        FROM \(schema).remove_dead_letters(\(kept), $2::text[], $3::bigint[], $4::bigint[], $5::jsonb, $6::integer)
      """
    removeSnapshots = "SELECT removed, next::text FROM \(schema).remove_snapshots($1::integer, $2::jsonb, $3::integer)"
  }
}
