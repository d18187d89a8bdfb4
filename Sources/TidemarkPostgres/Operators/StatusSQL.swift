/// The queries of the status.
struct StatusSQL: Sendable {
  let lanes: String
  let workers: String
  let unknownTypes: String
  let unowned: String
  let tuning: String

  /// Returns the expression for a time as text: RFC 3339, in UTC, with milliseconds.
  static func time(_ expression: String) -> String {
    "to_char(\(expression) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
  }

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    let time = Self.time
    // Two seconds are enough to compute a rate; a newer checkpoint would make it jump. The query uses now(), because an index is not used
    // for clock_timestamp(). A lane has an owner only while the lease of its shard is live: the row of a dead worker still shows its last
    // state.
    lanes = """
      SELECT l.lane_id, l.lane, l.shard, l.fence, l.incarnation, l.entry_ms, l.entry_no, l.applied_no, l.ordinal, l.baseline,
             l.read_total, l.applied_total, l.duplicates_total, l.divergent_total, l.ephemeral_total, l.skipped_total,
             l.dead_letters_total, l.missing_total, l.reread_total, l.misrouted_total, l.last_error, l.hint, coalesce(d.open, 0) AS open,
             coalesce(g.open, 0) AS gaps_open, coalesce(v.open, 0) AS divergences_open, \(time("l.verified_at")) AS verified_at,
             CASE WHEN l.verified_at IS NOT NULL THEN \(schema).entry_id(l.verified_ms, l.verified_no) END AS verified_through,
             CASE WHEN s.live THEN s.worker END AS owner,
             CASE WHEN s.live THEN l.state ELSE 'unowned' END AS state,
             c.incarnation AS checkpoint_incarnation, c.read_total AS checkpoint_read, c.applied_total AS checkpoint_applied,
             extract(epoch FROM now() - c.taken_at)::double precision AS checkpoint_age,
             \(time("CASE WHEN s.live OR s.expires_at IN ('-infinity', 'infinity') OR s.expires_at IS NULL THEN l.since ELSE greatest(l.since, s.expires_at) END")) AS since
        FROM \(schema).lanes l
        LEFT JOIN (SELECT shard, worker, expires_at, worker IS NOT NULL AND expires_at > clock_timestamp() AS live
                     FROM \(schema).leases) s USING (shard)
        LEFT JOIN (SELECT lane, count(*) AS open FROM \(schema).dead_letters WHERE resolved_at IS NULL GROUP BY lane) d USING (lane)
        LEFT JOIN (SELECT lane, count(*) AS open FROM \(schema).gaps WHERE acknowledged_at IS NULL GROUP BY lane) g USING (lane)
        LEFT JOIN (SELECT lane, count(*) AS open FROM \(schema).divergences WHERE repaired_at IS NULL AND subject IS NOT NULL
                    GROUP BY lane) v USING (lane)
        LEFT JOIN LATERAL (
          SELECT k.incarnation, k.read_total, k.applied_total, k.taken_at FROM \(schema).checkpoints k
           WHERE k.lane = l.lane AND k.taken_at <= now() - interval '2 s' ORDER BY k.taken_at DESC LIMIT 1) c ON true
       ORDER BY length(l.lane), l.lane
      """
    unknownTypes = "SELECT type, entries FROM \(schema).unknown_types ORDER BY entries DESC, type LIMIT 100"
    // For a lane without a live lease, the time since which it has had none, by Postgres' clock.
    unowned = """
      SELECT l.lane, count(*) OVER () AS lanes
        FROM \(schema).lanes l LEFT JOIN \(schema).leases s USING (shard)
       WHERE (s.worker IS NULL OR s.expires_at <= clock_timestamp())
         AND greatest(l.since, nullif(s.expires_at, 'infinity')) < clock_timestamp() - make_interval(secs => $1::double precision)
       ORDER BY length(l.lane), l.lane
       LIMIT 3
      """
    tuning = TuneSQL.tuning(in: schema)
    workers = """
      SELECT w.worker, w.host, w.pid, w.version, \(time("w.started_at")) AS started_at, \(time("w.seen_at")) AS seen_at, w.not_in_force,
             w.tuning_refused,
             w.seen_at > clock_timestamp() - make_interval(secs => $1::double precision) AS alive,
             (SELECT count(*) FROM \(schema).leases s WHERE s.worker = w.worker AND s.expires_at > clock_timestamp()) AS shards,
             (SELECT count(*) FROM \(schema).lanes l JOIN \(schema).leases s USING (shard)
               WHERE s.worker = w.worker AND s.expires_at > clock_timestamp()) AS lanes
        FROM \(schema).workers w
       ORDER BY w.started_at, w.worker
      """
  }
}
