-- The ledger: where a lane stands, what was applied, what could not be. Every commit of a batch touches these tables, whatever
-- tables its routes write.
--
-- What a commit calls is PL/pgSQL even where it is one statement: its plan is kept for the connection, while a function in SQL is planned
-- anew with every call, which takes longer than applying one change. A plan that is kept for a table that was nearly empty when it was made
-- must suit the table when it is large: what is kept looks single rows up by a key, and what joins a whole batch with a table is planned
-- for each batch (plan_cache_mode).

-- The text of an entry's id. Redis' ids are two unsigned numbers of 64 bits; a number of 2^63 or more, which only explicit ids have, is stored
-- as itself minus 2^64. Only cursors, marks and dead letters hold such ids: no entry with one is ever applied, so that the order by
-- (entry_ms, entry_no) is that of the stream wherever something was applied.
CREATE FUNCTION {{schema}}.entry_id(entry_ms bigint, entry_no bigint) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN CASE WHEN entry_ms < 0 THEN (entry_ms + 18446744073709551616)::text ELSE entry_ms::text END || '-'
      || CASE WHEN entry_no < 0 THEN (entry_no + 18446744073709551616)::text ELSE entry_no::text END;

-- The cursor of a lane is the truth about what is in Postgres. Hot rows: every batch updates them, so pages stay nearly empty
-- (updates in place, no index on a changing column) and are vacuumed early.
CREATE TABLE {{schema}}.lanes (
  lane_id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lane               text COLLATE "C" NOT NULL UNIQUE,
  shard              integer NOT NULL,
  entry_ms           bigint NOT NULL DEFAULT 0,
  entry_no           bigint NOT NULL DEFAULT 0,
  -- The furthest position of the incarnations before: what comes at or before it may be there already.
  furthest_ms        bigint NOT NULL DEFAULT 0,
  furthest_no        bigint NOT NULL DEFAULT 0,
  incarnation        bigint NOT NULL DEFAULT 1,
  -- Where reading began in this incarnation: nothing at or before it was ever read.
  began_ms           bigint NOT NULL DEFAULT 0,
  began_no           bigint NOT NULL DEFAULT 0,
  -- Through here what the stream holds was compared with what is in Postgres, in this incarnation; and when that was said last.
  verified_ms        bigint NOT NULL DEFAULT 0,
  verified_no        bigint NOT NULL DEFAULT 0,
  verified_at        timestamptz,
  -- Redis' entries-added at the cursor, and the digest of the cursor's own entry.
  ordinal            bigint NOT NULL DEFAULT 0,
  anchor             bytea,
  -- The mirroring consumer group was made in this incarnation.
  mirrored           boolean NOT NULL DEFAULT false,
  applied_no         bigint NOT NULL DEFAULT 0,
  read_total         bigint NOT NULL DEFAULT 0,
  applied_total      bigint NOT NULL DEFAULT 0,
  duplicates_total   bigint NOT NULL DEFAULT 0,
  divergent_total    bigint NOT NULL DEFAULT 0,
  ephemeral_total    bigint NOT NULL DEFAULT 0,
  skipped_total      bigint NOT NULL DEFAULT 0,
  dead_letters_total bigint NOT NULL DEFAULT 0,
  missing_total      bigint NOT NULL DEFAULT 0,
  baseline           bigint NOT NULL DEFAULT 0,
  reread_total       bigint NOT NULL DEFAULT 0,
  misrouted_total    bigint NOT NULL DEFAULT 0,
  owner              text,
  fence              bigint NOT NULL DEFAULT 0,
  state              text NOT NULL DEFAULT 'idle',
  since              timestamptz NOT NULL DEFAULT now(),
  last_error         text,
  hint               text,
  updated_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0);

-- The items of `lanes`, by name or pattern, and when each first took effect: what it says of where reading begins is for the streams that existed
-- then. Lanes of streams that could be looked at have their rows since; the others are `unmeasured`. One row an item that was ever configured.
CREATE TABLE {{schema}}.lane_items (
  streams        text COLLATE "C" PRIMARY KEY,
  start          text NOT NULL,
  took_effect_at timestamptz NOT NULL DEFAULT now(),
  worker         text NOT NULL,
  unmeasured     text[] NOT NULL DEFAULT '{}'
);

-- What a lane came to before its stream was recreated or rewound: the accounting is that of one incarnation.
CREATE TABLE {{schema}}.lane_incarnations (
  lane               text COLLATE "C" NOT NULL,
  incarnation        bigint NOT NULL,
  ended_at           timestamptz NOT NULL DEFAULT now(),
  cause              text NOT NULL,
  entry_ms           bigint NOT NULL,
  entry_no           bigint NOT NULL,
  ordinal            bigint NOT NULL,
  baseline           bigint NOT NULL,
  read_total         bigint NOT NULL,
  applied_total      bigint NOT NULL,
  duplicates_total   bigint NOT NULL,
  divergent_total    bigint NOT NULL,
  ephemeral_total    bigint NOT NULL,
  skipped_total      bigint NOT NULL,
  dead_letters_total bigint NOT NULL,
  missing_total      bigint NOT NULL,
  reread_total       bigint NOT NULL,
  misrouted_total    bigint NOT NULL,
  PRIMARY KEY (lane, incarnation)
);

-- Who owns which lanes: one row a shard, on Postgres' clock.
CREATE TABLE {{schema}}.leases (
  shard      integer PRIMARY KEY,
  worker     text,
  fence      bigint NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0);

INSERT INTO {{schema}}.leases (shard) SELECT generate_series(0, 63);

-- Who said when that it lives, over which backend, and whether it is able to serve lanes.
CREATE TABLE {{schema}}.workers (
  worker          text PRIMARY KEY,
  host            text NOT NULL,
  pid             integer NOT NULL,
  version         text NOT NULL,
  can_serve         boolean NOT NULL,
  started_at      timestamptz NOT NULL,
  seen_at         timestamptz NOT NULL,
  backend_pid     integer NOT NULL,
  backend_started timestamptz NOT NULL,
  -- Settings that a reload read and that wait for a restart, each with what is in force. Null: there are none.
  not_in_force    text
);

-- Workers whose backend is still there: of one that died, it ends at once. Of another role's backend only the pid can be seen. A backend
-- that ended with its server says nothing about its worker, which comes back when the server does.
CREATE VIEW {{schema}}.connected_workers AS
  SELECT w.worker, w.can_serve, w.seen_at, a.pid IS NOT NULL AS has_backend
    FROM {{schema}}.workers w
    LEFT JOIN pg_catalog.pg_stat_activity a
      ON a.pid = w.backend_pid AND coalesce(a.backend_start, w.backend_started) = w.backend_started
   WHERE a.pid IS NOT NULL OR w.backend_started < pg_catalog.pg_postmaster_start_time();

-- A lease is free when it was given back, ran out, or its owner is gone.
CREATE VIEW {{schema}}.lease_holders AS
  SELECT l.shard, l.fence, l.worker, l.expires_at,
         l.worker IS NULL OR l.expires_at < clock_timestamp() OR c.worker IS NULL AS is_free
    FROM {{schema}}.leases l LEFT JOIN {{schema}}.connected_workers c USING (worker);

-- The audit trail, one thin row for every entry applied. The lane is a number here: an index entry by number is a third of one
-- by name. Readers use the view `changes`.
CREATE TABLE {{schema}}.change_log (
  lane_id      integer NOT NULL,
  no           bigint NOT NULL,
  entry_ms     bigint NOT NULL,
  entry_no     bigint NOT NULL,
  session_id   text COLLATE "C",
  seq          bigint,
  epoch        bigint,
  event_id     text COLLATE "C",
  type         text NOT NULL,
  actor        text,
  trace        text,
  v            integer NOT NULL DEFAULT 1,
  occurred_at  timestamptz NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT now(),
  -- Over all fields of the entry: what is read again under its id is the same entry exactly when its digest is.
  digest       bytea NOT NULL,
  fields       jsonb,
  PRIMARY KEY (lane_id, entry_ms, entry_no)
);
-- What a session was at an earlier entry is folded from its session.* changes alone, which are few.
CREATE INDEX change_log_session_changes ON {{schema}}.change_log (session_id, entry_ms, entry_no) WHERE type LIKE 'session.%';

CREATE VIEW {{schema}}.changes AS
  SELECT l.lane, c.no, c.entry_ms, c.entry_no, c.session_id, c.seq, c.epoch, c.event_id, c.type, c.actor, c.trace, c.v,
         c.occurred_at, c.committed_at, c.digest, c.fields
    FROM {{schema}}.change_log c JOIN {{schema}}.lanes l USING (lane_id);

-- The producers' ids of the last `dedupe.window`, each with the latest position at which it was applied and the digest of the change's content
-- there: of all fields but event_id, ts and trace, which a producer that repeats a change may write anew, and seq and epoch, which the function
-- library gives anew. By event_id first: ids that rise with time (UUIDv7, ULID) append. There is no index by position: what is old is found by going over the table, page by page.
CREATE TABLE {{schema}}.event_ids (
  event_id   text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  digest     bytea NOT NULL,
  PRIMARY KEY (event_id, session_id)
);

-- The earlier positions of ids that were applied more than once, each time beyond the window. Few rows.
CREATE TABLE {{schema}}.earlier_event_ids (
  event_id   text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  digest     bytea NOT NULL,
  PRIMARY KEY (event_id, session_id, entry_ms)
);

CREATE TABLE {{schema}}.dead_letters (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lane         text COLLATE "C" NOT NULL,
  entry_ms     bigint NOT NULL,
  entry_no     bigint NOT NULL,
  session_id   text COLLATE "C",
  event_id     text COLLATE "C",
  reason       text NOT NULL,
  detail       text NOT NULL,
  sqlstate     text,
  raw          bytea[] NOT NULL,
  raw_complete boolean NOT NULL,
  -- As in changes; null where the entry was cut when it was read.
  digest       bytea,
  at           timestamptz NOT NULL DEFAULT now(),
  resolved_at  timestamptz,
  resolution   text
);
-- An entry that is read again is the same dead letter.
CREATE INDEX dead_letters_position ON {{schema}}.dead_letters (lane, entry_ms, entry_no);
CREATE INDEX dead_letters_open ON {{schema}}.dead_letters (lane, id) WHERE resolved_at IS NULL;
-- What was resolved long ago is removed, lane by lane.
CREATE INDEX dead_letters_resolved ON {{schema}}.dead_letters (lane, resolved_at, id) WHERE resolved_at IS NOT NULL;
-- What may be replayed must find the ids that it was repeated under, however long ago that was.
CREATE INDEX dead_letters_event_ids ON {{schema}}.dead_letters (event_id, session_id) WHERE resolved_at IS NULL AND event_id IS NOT NULL;

-- What operators want of lanes, for whichever worker owns them: a row for each lane of which anybody ever wanted anything. Both numbers only
-- rise, so that a worker sees what is new.
CREATE TABLE {{schema}}.lane_controls (
  lane        text COLLATE "C" PRIMARY KEY,
  is_paused   boolean NOT NULL DEFAULT false,
  -- How often somebody asked for the lane to be tried again.
  retries     bigint NOT NULL DEFAULT 0,
  -- How many of its dead letters were resolved.
  resolutions bigint NOT NULL DEFAULT 0,
  changed_at  timestamptz NOT NULL DEFAULT now()
);

-- A lane that too many dead letters have halted goes on once one of them is resolved, however that is done.
CREATE FUNCTION {{schema}}.note_resolutions() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {{schema}}.lane_controls AS c (lane, resolutions)
  SELECT p.lane, count(*) FROM present p JOIN earlier e USING (id)
   WHERE p.resolved_at IS NOT NULL AND e.resolved_at IS NULL GROUP BY p.lane ORDER BY p.lane
  ON CONFLICT (lane) DO UPDATE SET resolutions = c.resolutions + excluded.resolutions, changed_at = now();
  IF FOUND THEN PERFORM {{schema}}.tell_workers(); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER note_resolutions AFTER UPDATE ON {{schema}}.dead_letters
  REFERENCING OLD TABLE AS earlier NEW TABLE AS present
  FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.note_resolutions();

-- Pauses lanes, or lets them go on; answers those that there are.
CREATE FUNCTION {{schema}}.pause_lanes(names text[], pause boolean) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {{schema}}.lane_controls AS c (lane, is_paused)
  SELECT l.lane, pause FROM {{schema}}.lanes l WHERE l.lane = ANY (names) ORDER BY l.lane
  ON CONFLICT (lane) DO UPDATE SET is_paused = excluded.is_paused, changed_at = now();
  PERFORM {{schema}}.tell_workers();
  RETURN QUERY SELECT l.lane FROM {{schema}}.lanes l WHERE l.lane = ANY (names) ORDER BY l.lane;
END $$;

-- Asks for lanes to be tried again; answers those that there are.
CREATE FUNCTION {{schema}}.retry_lanes(names text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {{schema}}.lane_controls AS c (lane, retries)
  SELECT l.lane, 1 FROM {{schema}}.lanes l WHERE l.lane = ANY (names) ORDER BY l.lane
  ON CONFLICT (lane) DO UPDATE SET retries = c.retries + 1, changed_at = now();
  PERFORM {{schema}}.tell_workers();
  RETURN QUERY SELECT l.lane FROM {{schema}}.lanes l WHERE l.lane = ANY (names) ORDER BY l.lane;
END $$;

CREATE TABLE {{schema}}.divergences (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lane        text COLLATE "C" NOT NULL,
  session_id  text COLLATE "C",
  kind        text NOT NULL,
  -- Names what a comparison found, within its lane, session and kind. Null: a commit found it.
  subject     text COLLATE "C",
  -- The first and the last entry that it concerns, where it concerns entries.
  entry_ms    bigint,
  entry_no    bigint,
  through_ms  bigint,
  through_no  bigint,
  detail      text NOT NULL,
  found_at    timestamptz NOT NULL DEFAULT now(),
  repaired_at timestamptz,
  repair      text
);
-- What is found again is the same difference for as long as it is not repaired.
CREATE UNIQUE INDEX divergences_open ON {{schema}}.divergences (lane, kind, subject, coalesce(session_id, ''))
  WHERE repaired_at IS NULL AND subject IS NOT NULL;

CREATE TABLE {{schema}}.gaps (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lane            text COLLATE "C" NOT NULL,
  incarnation     bigint NOT NULL,
  after_ms        bigint NOT NULL,
  after_no        bigint NOT NULL,
  before_ms       bigint,
  before_no       bigint,
  missing         bigint,
  at_least        bigint,
  cause           text NOT NULL,
  detected_at     timestamptz NOT NULL DEFAULT now(),
  acknowledged_at timestamptz
);
CREATE INDEX gaps_open ON {{schema}}.gaps (lane, id) WHERE acknowledged_at IS NULL;

-- Types of entries that the catalog does not know, and how many entries had them, about: a worker that dies takes its last second's with it. At
-- most about a thousand.
CREATE TABLE {{schema}}.unknown_types (
  type          text COLLATE "C" PRIMARY KEY,
  entries       bigint NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE {{schema}}.checkpoints (
  lane          text COLLATE "C" NOT NULL,
  taken_at      timestamptz NOT NULL DEFAULT now(),
  entry_ms      bigint NOT NULL,
  entry_no      bigint NOT NULL,
  incarnation   bigint NOT NULL,
  applied_no    bigint NOT NULL,
  read_total    bigint NOT NULL,
  applied_total bigint NOT NULL,
  lag_entries   bigint,
  lag_seconds   double precision,
  worker        text NOT NULL,
  -- The newest link of the lane in `seals`.
  seal          bytea NOT NULL,
  PRIMARY KEY (lane, taken_at)
);

-- A fencing token for a new owner: above the last one, and above any that a server gave whose standby was promoted without it, or the
-- owner from before the promotion and the one from behind it could hold the same.
CREATE FUNCTION {{schema}}.next_fence(last bigint) RETURNS bigint
  LANGUAGE sql VOLATILE
  RETURN greatest(last + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);

-- Raises (TM001, the lanes' numbers in DETAIL) unless every lane is exactly where the caller left it and under its fencing token;
-- locks the rows in one order until the transaction ends. It raises rather than updating nothing, because a pipeline commits
-- the rest after an update of 0 rows.
CREATE FUNCTION {{schema}}.fence(
  lane_ids integer[], fences bigint[], entry_mss bigint[], entry_nos bigint[], ordinals bigint[], applied_nos bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  lost integer[] := {{schema}}.fenced_lanes(lane_ids, fences, entry_mss, entry_nos, ordinals, applied_nos);
BEGIN
  IF cardinality(lost) > 0 THEN
    RAISE EXCEPTION 'fenced' USING ERRCODE = 'TM001', DETAIL = lost::text;
  END IF;
END $$;

-- Locks the lanes, and answers those that stand elsewhere or are not there.
CREATE FUNCTION {{schema}}.fenced_lanes(
  lane_ids integer[], fences bigint[], entry_mss bigint[], entry_nos bigint[], ordinals bigint[], applied_nos bigint[])
RETURNS integer[]
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  found_lanes bigint;
  lost integer[];
BEGIN
  SELECT count(*), coalesce(array_agg(held.lane_id) FILTER (WHERE NOT held.matches), '{}') INTO found_lanes, lost
    FROM (
      SELECT l.lane_id,
             l.fence = w.fence AND l.entry_ms = w.entry_ms AND l.entry_no = w.entry_no AND l.ordinal = w.ordinal
               AND l.applied_no = w.applied_no AS matches
        FROM {{schema}}.lanes l
        JOIN unnest(lane_ids, fences, entry_mss, entry_nos, ordinals, applied_nos)
               AS w (lane_id, fence, entry_ms, entry_no, ordinal, applied_no)
          ON w.lane_id = l.lane_id
       ORDER BY l.lane_id
         FOR NO KEY UPDATE OF l) AS held;
  IF found_lanes < cardinality(lane_ids) THEN
    SELECT lost || array_agg(w.lane_id) INTO lost FROM unnest(lane_ids) AS w (lane_id)
     WHERE NOT EXISTS (SELECT FROM {{schema}}.lanes l WHERE l.lane_id = w.lane_id);
  END IF;
  RETURN lost;
END $$;

-- Another number whenever rows of `sessions` were deleted. A writer knows of sessions that have a row already, and does not send them again:
-- what it knows holds for one number. It begins with the time, so that a schema that is made anew has another one, too.
CREATE TABLE {{schema}}.session_rows (version bigint NOT NULL);
INSERT INTO {{schema}}.session_rows VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- Moves cursors from where the caller left them, or raises as fence() does, and adds what the batch counts. Where that is known before
-- its rows are written, this comes first and is the fence. A quiet lane's change travels alone: one lane is moved without a join, in a
-- fifth of the time. Raises (TM002) where the caller left sessions out whose rows may have been deleted since `known_version`; answers the
-- version of now.
CREATE FUNCTION {{schema}}.advance(
  lane_ids integer[], fences bigint[], from_mss bigint[], from_nos bigint[], from_ordinals bigint[], from_applied_nos bigint[],
  entry_mss bigint[], entry_nos bigint[], anchors bytea[], applied_nos bigint[], reads bigint[], applied bigint[], duplicates bigint[],
  divergent bigint[], ephemeral bigint[], skipped bigint[], dead_letters bigint[], missings bigint[], rereads bigint[],
  misrouted bigint[], known_version bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  current_version bigint;
  is_moved boolean := false;
BEGIN
  IF cardinality(lane_ids) = 1 THEN
    UPDATE {{schema}}.lanes l
       SET entry_ms = entry_mss[1], entry_no = entry_nos[1], anchor = anchors[1], applied_no = applied_nos[1],
           ordinal = l.ordinal + reads[1] + rereads[1] + missings[1], baseline = l.baseline + rereads[1],
           read_total = l.read_total + reads[1], applied_total = l.applied_total + applied[1],
           duplicates_total = l.duplicates_total + duplicates[1], divergent_total = l.divergent_total + divergent[1],
           ephemeral_total = l.ephemeral_total + ephemeral[1], skipped_total = l.skipped_total + skipped[1],
           dead_letters_total = l.dead_letters_total + dead_letters[1], missing_total = l.missing_total + missings[1],
           reread_total = l.reread_total + rereads[1], misrouted_total = l.misrouted_total + misrouted[1], last_error = NULL, hint = NULL, updated_at = now()
     WHERE l.lane_id = lane_ids[1] AND l.fence = fences[1] AND l.entry_ms = from_mss[1] AND l.entry_no = from_nos[1]
       AND l.ordinal = from_ordinals[1] AND l.applied_no = from_applied_nos[1];
    is_moved := FOUND;
  END IF;
  IF NOT is_moved THEN
    PERFORM {{schema}}.fence(lane_ids, fences, from_mss, from_nos, from_ordinals, from_applied_nos);
    PERFORM {{schema}}.advance_all(
      lane_ids, entry_mss, entry_nos, anchors, applied_nos, reads, applied, duplicates, divergent, ephemeral, skipped,
      dead_letters, missings, rereads, misrouted);
  END IF;
  -- Once the lanes' rows are locked: an erasure deletes the sessions' rows and then waits for these locks, so that no transaction that began
  -- before and left sessions out can still write when it goes on.
  current_version := (SELECT r.version FROM {{schema}}.session_rows r);
  IF known_version <> current_version THEN
    RAISE EXCEPTION 'rows of sessions were deleted' USING ERRCODE = 'TM002';
  END IF;
  RETURN current_version;
END $$;

CREATE FUNCTION {{schema}}.advance_all(
  lane_ids integer[], entry_mss bigint[], entry_nos bigint[], anchors bytea[], applied_nos bigint[], reads bigint[],
  applied bigint[], duplicates bigint[], divergent bigint[], ephemeral bigint[], skipped bigint[], dead_letters bigint[],
  missings bigint[], rereads bigint[], misrouted bigint[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
  UPDATE {{schema}}.lanes l
     SET entry_ms = w.entry_ms, entry_no = w.entry_no, anchor = w.anchor, applied_no = w.applied_no,
         ordinal = l.ordinal + w.reads + w.rereads + w.missings, baseline = l.baseline + w.rereads,
         read_total = l.read_total + w.reads, applied_total = l.applied_total + w.applied,
         duplicates_total = l.duplicates_total + w.duplicates, divergent_total = l.divergent_total + w.divergent,
         ephemeral_total = l.ephemeral_total + w.ephemeral, skipped_total = l.skipped_total + w.skipped,
         dead_letters_total = l.dead_letters_total + w.dead_letters, missing_total = l.missing_total + w.missings,
         reread_total = l.reread_total + w.rereads, misrouted_total = l.misrouted_total + w.misrouted, last_error = NULL, hint = NULL, updated_at = now()
    FROM unnest(lane_ids, entry_mss, entry_nos, anchors, applied_nos, reads, applied, duplicates, divergent, ephemeral,
                skipped, dead_letters, missings, rereads, misrouted)
         AS w (lane_id, entry_ms, entry_no, anchor, applied_no, reads, applied, duplicates, divergent, ephemeral,
               skipped, dead_letters, missings, rereads, misrouted)
   WHERE l.lane_id = w.lane_id;
END $$;

-- Records that a lane's stream is not the one that was read. What was in it and had not been read is not known to the entry: Redis'
-- own counters are gone. Once an incarnation, however often it is noticed. Raises as fence() does where the lane has another owner or
-- incarnation by now: what the caller has compared with the stream is not what counts any more.
CREATE FUNCTION {{schema}}.record_break(
  of_lane integer, of_fence bigint, of_incarnation bigint, after_ms bigint, after_no bigint, at_least bigint, cause text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  held {{schema}}.lanes;
BEGIN
  SELECT * INTO held FROM {{schema}}.lanes l WHERE l.lane_id = of_lane FOR NO KEY UPDATE;
  IF (held.fence, held.incarnation) IS DISTINCT FROM (of_fence, of_incarnation) THEN
    RAISE EXCEPTION 'fenced' USING ERRCODE = 'TM001', DETAIL = ARRAY[of_lane]::text;
  END IF;
  INSERT INTO {{schema}}.gaps (lane, incarnation, after_ms, after_no, at_least, cause)
  SELECT held.lane, of_incarnation, after_ms, after_no, at_least, cause
   WHERE NOT EXISTS (SELECT FROM {{schema}}.gaps g WHERE g.lane = held.lane AND g.incarnation = of_incarnation AND g.missing IS NULL);
END $$;

-- Ends an incarnation and begins the next at a position, where Redis had added `start_ordinal` entries. What was lost is behind `after_ms` and
-- `after_no`; the cursor may be further on, in the next stream. Raises as fence() does.
CREATE FUNCTION {{schema}}.begin_incarnation(
  of_lane integer, of_fence bigint, from_ms bigint, from_no bigint, from_ordinal bigint, from_applied_no bigint, start_ms bigint, start_no bigint,
  start_ordinal bigint, at_least bigint, after_ms bigint, after_no bigint, cause text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  ended {{schema}}.lanes;
  reached_ms bigint;
  reached_no bigint;
BEGIN
  PERFORM {{schema}}.fence(ARRAY[of_lane], ARRAY[of_fence], ARRAY[from_ms], ARRAY[from_no], ARRAY[from_ordinal], ARRAY[from_applied_no]);
  SELECT * INTO ended FROM {{schema}}.lanes l WHERE l.lane_id = of_lane;
  INSERT INTO {{schema}}.lane_incarnations
    (lane, incarnation, cause, entry_ms, entry_no, ordinal, baseline, read_total, applied_total, duplicates_total, divergent_total,
     ephemeral_total, skipped_total, dead_letters_total, missing_total, reread_total, misrouted_total)
  VALUES
    (ended.lane, ended.incarnation, cause, ended.entry_ms, ended.entry_no, ended.ordinal, ended.baseline, ended.read_total,
     ended.applied_total, ended.duplicates_total, ended.divergent_total, ended.ephemeral_total, ended.skipped_total,
     ended.dead_letters_total, ended.missing_total, ended.reread_total, ended.misrouted_total);
  PERFORM {{schema}}.record_break(of_lane, of_fence, ended.incarnation, after_ms, after_no, at_least, cause);
  -- Of an id that `changes` can't hold nothing is there, and if the next stream were told to go on behind it, all its ids were like that.
  IF ended.entry_ms < 0 OR ended.entry_no < 0 THEN
    SELECT c.entry_ms, c.entry_no INTO reached_ms, reached_no FROM {{schema}}.change_log c
     WHERE c.lane_id = of_lane ORDER BY c.entry_ms DESC, c.entry_no DESC LIMIT 1;
  ELSE
    reached_ms := ended.entry_ms; reached_no := ended.entry_no;
  END IF;
  UPDATE {{schema}}.lanes l
     SET (furthest_ms, furthest_no) = (
           SELECT f.ms, f.no
             FROM (VALUES (coalesce(reached_ms, 0), coalesce(reached_no, 0)), (ended.furthest_ms, ended.furthest_no)) AS f (ms, no)
            ORDER BY f.ms DESC, f.no DESC LIMIT 1),
         incarnation = ended.incarnation + 1, entry_ms = start_ms, entry_no = start_no, anchor = NULL, mirrored = false,
         began_ms = start_ms, began_no = start_no, verified_ms = start_ms, verified_no = start_no, verified_at = NULL,
         ordinal = start_ordinal, baseline = start_ordinal, read_total = 0, applied_total = 0, duplicates_total = 0, divergent_total = 0,
         ephemeral_total = 0, skipped_total = 0, dead_letters_total = 0, missing_total = 0, reread_total = 0, misrouted_total = 0,
         last_error = NULL, hint = NULL, updated_at = now()
   WHERE l.lane_id = of_lane;
END $$;

-- Takes lanes from owners whose leases ran out and whose backends are gone. Such an owner may be alive, cut off from here, and hold entries that
-- it has read; it commits nothing of them any more. If it comes back, it reclaims the lanes and reads them again.
CREATE FUNCTION {{schema}}.fence_unserved_lanes(lane_names text[]) RETURNS void
LANGUAGE sql AS $$
  UPDATE {{schema}}.lanes l SET owner = NULL, fence = {{schema}}.next_fence(l.fence), updated_at = now()
    FROM (SELECT k.lane_id
            FROM {{schema}}.lanes k JOIN {{schema}}.leases s ON s.shard = k.shard
           WHERE k.lane = ANY (lane_names) AND k.owner IS NOT NULL AND s.expires_at <= clock_timestamp()
             AND NOT EXISTS (SELECT FROM {{schema}}.connected_workers c WHERE c.worker = s.worker AND c.has_backend)
           ORDER BY k.lane_id FOR NO KEY UPDATE OF k) AS unserved
   WHERE l.lane_id = unserved.lane_id
$$;

-- Wakes the workers: leases were given back, or there are other workers to share them with. Every worker listens to the channel that is
-- named as the schema; a notification of several in one transaction is one.
CREATE FUNCTION {{schema}}.tell_workers() RETURNS void
LANGUAGE sql AS $$
  SELECT pg_catalog.pg_notify({{schema_literal}}, 'leases');
$$;

-- Says that a worker lives, and renews what it holds. The others are told of one that is new, whose ability changed, or that comes back
-- over another backend: meanwhile they may have taken it for dead. Workers that were not seen for an hour are forgotten.
CREATE FUNCTION {{schema}}.renew_leases(
  me text, my_host text, my_pid integer, my_version text, able boolean, ttl interval) RETURNS TABLE (shard integer, fence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  earlier {{schema}}.workers;
  present {{schema}}.workers;
BEGIN
  SELECT * INTO earlier FROM {{schema}}.workers w WHERE w.worker = me;
  DELETE FROM {{schema}}.workers w WHERE w.seen_at < clock_timestamp() - interval '1 hour';
  INSERT INTO {{schema}}.workers AS w
         (worker, host, pid, version, can_serve, started_at, seen_at, backend_pid, backend_started)
  SELECT me, my_host, my_pid, my_version, able, clock_timestamp(), clock_timestamp(), a.pid, a.backend_start
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_backend_pid()
  ON CONFLICT (worker) DO UPDATE
     SET can_serve = excluded.can_serve, seen_at = excluded.seen_at, backend_pid = excluded.backend_pid,
         backend_started = excluded.backend_started
  RETURNING * INTO present;
  IF (earlier.can_serve, earlier.backend_pid, earlier.backend_started)
     IS DISTINCT FROM (present.can_serve, present.backend_pid, present.backend_started) THEN
    PERFORM {{schema}}.tell_workers();
  END IF;
  RETURN QUERY
    UPDATE {{schema}}.leases l SET expires_at = clock_timestamp() + ttl WHERE l.worker = me RETURNING l.shard, l.fence;
END $$;

-- Takes those of the wanted shards that are free: a lease that changed since it was looked at is left alone.
-- A new owner raises the fencing token of every lane of the shard; from then on nothing of the old one can commit. An owner that froze
-- within a transaction (SIGSTOP, a stopped machine) would keep the lanes' rows locked for as long as its backend lives, which no timeout
-- of the server ends in the middle of a COPY: the backend is ended. Whoever else holds a lane's row for a moment, such as a replay of a
-- dead letter, is told and can try again.
CREATE FUNCTION {{schema}}.take_shards(me text, wanted integer[], ttl interval) RETURNS TABLE (shard integer, fence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  taken integer[];
BEGIN
  SELECT array_agg(free.shard) INTO taken
    FROM (SELECT l.shard
            FROM {{schema}}.leases l
            JOIN {{schema}}.lease_holders h ON h.shard = l.shard AND h.fence = l.fence AND h.expires_at = l.expires_at
           WHERE l.shard = ANY (wanted) AND h.is_free AND l.worker IS DISTINCT FROM me
           ORDER BY l.shard FOR UPDATE OF l SKIP LOCKED) AS free;
  IF taken IS NULL THEN RETURN; END IF;
  PERFORM pg_catalog.pg_terminate_backend(holder.pid, 5000)
     FROM (SELECT DISTINCT k.pid
             FROM {{schema}}.lanes l
             JOIN pg_catalog.pg_locks k ON k.locktype = 'transactionid' AND k.transactionid = l.xmax AND k.granted
             JOIN pg_catalog.pg_stat_activity a ON a.pid = k.pid
            WHERE l.shard = ANY (taken) AND a.usename = current_user AND k.pid <> pg_backend_pid()) AS holder;
  -- All in one statement: the lanes of a shard have no index, and there may be thousands.
  UPDATE {{schema}}.lanes l SET owner = me, fence = {{schema}}.next_fence(l.fence), updated_at = now() WHERE l.shard = ANY (taken);
  RETURN QUERY
    UPDATE {{schema}}.leases l SET worker = me, fence = l.fence + 1, expires_at = clock_timestamp() + ttl
     WHERE l.shard = ANY (taken)
    RETURNING l.shard, l.fence;
END $$;

-- The leases first, as whoever takes them does, or the two could wait for each other.
CREATE FUNCTION {{schema}}.release_shards(me text, shards integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {{schema}}.leases l SET worker = NULL, expires_at = '-infinity' WHERE l.worker = me AND l.shard = ANY (shards);
  UPDATE {{schema}}.lanes l SET owner = NULL, state = 'unowned', since = now(), updated_at = now()
   WHERE l.owner = me AND l.shard = ANY (shards);
  PERFORM {{schema}}.tell_workers();
END $$;

CREATE FUNCTION {{schema}}.leave(me text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {{schema}}.release_shards(me, ARRAY(SELECT l.shard FROM {{schema}}.leases l WHERE l.worker = me));
  DELETE FROM {{schema}}.workers w WHERE w.worker = me;
END $$;

-- Remembers a producer's id at a position, or answers why the entry has no effect: `duplicate` or `id_reused`, where the id was applied with
-- the same or another content less than the window before or after it. Of two transactions that bring one id at the same time, the second
-- waits for the first.
CREATE FUNCTION {{schema}}.claim_event_id(
  of_event text, of_session text, at_ms bigint, of_digest bytea, window_ms bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  latest {{schema}}.event_ids;
  is_same boolean;
BEGIN
  LOOP
    INSERT INTO {{schema}}.event_ids (event_id, session_id, entry_ms, digest) VALUES (of_event, of_session, at_ms, of_digest)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN RETURN NULL; END IF;
    SELECT * INTO latest FROM {{schema}}.event_ids e WHERE e.event_id = of_event AND e.session_id = of_session FOR UPDATE;
    -- It may just have been forgotten.
    EXIT WHEN FOUND;
  END LOOP;
  SELECT bool_or(s.digest = of_digest) INTO is_same
    FROM (SELECT latest.entry_ms, latest.digest
          UNION ALL
          SELECT e.entry_ms, e.digest FROM {{schema}}.earlier_event_ids e
           WHERE e.event_id = of_event AND e.session_id = of_session) AS s
   WHERE abs(s.entry_ms - at_ms) < window_ms;
  IF is_same THEN RETURN 'duplicate'; END IF;
  IF NOT is_same THEN RETURN 'id_reused'; END IF;
  INSERT INTO {{schema}}.earlier_event_ids (event_id, session_id, entry_ms, digest)
  SELECT of_event, of_session, e.entry_ms, e.digest
    FROM (VALUES (latest.entry_ms, latest.digest), (at_ms, of_digest)) AS e (entry_ms, digest) ORDER BY e.entry_ms LIMIT 1;
  UPDATE {{schema}}.event_ids e SET entry_ms = at_ms, digest = of_digest
   WHERE e.event_id = of_event AND e.session_id = of_session AND e.entry_ms < at_ms;
  RETURN NULL;
END $$;

-- What one call of a function that removes rows came to: how many are gone, and where the next call goes on; null: all was looked at. Each
-- call is one short transaction over a bounded piece of a table, and goes by an index or by pages, whatever the size of the table.
CREATE TYPE {{schema}}.removal AS (removed bigint, next jsonb);

-- Removes the ids of some pages whose positions nobody needs any more. It waits for nobody: what is locked stays for the next time, and what
-- an open dead letter bears stays until that is resolved: a replay may bring it. Of an id that was applied several times the latest position
-- goes last, since it is the one at which a repetition is noticed; whether there are earlier ones is asked only once the row is locked, from
-- when on nobody can add one. A place is whether it is in the earlier positions, and the page.
CREATE FUNCTION {{schema}}.remove_event_ids(forgettable int8multirange, place jsonb, page_count integer) RETURNS {{schema}}.removal
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  result {{schema}}.removal;
  from_earlier boolean := coalesce((place ->> 0)::boolean, true);
  first_page bigint := coalesce((place ->> 1)::bigint, 0);
  next_page bigint := first_page + page_count;
  low tid := format('(%s,0)', first_page);
  high tid := format('(%s,0)', next_page);
  old tid[];
  page_total bigint;
BEGIN
  IF from_earlier THEN
    old := ARRAY(
      SELECT e.ctid FROM {{schema}}.earlier_event_ids e
       WHERE e.ctid >= low AND e.ctid < high AND e.entry_ms <@ forgettable FOR UPDATE SKIP LOCKED);
    DELETE FROM {{schema}}.earlier_event_ids e
     WHERE e.ctid = ANY (old) AND e.entry_ms <@ forgettable
       AND NOT EXISTS (SELECT FROM {{schema}}.dead_letters d
                        WHERE d.event_id = e.event_id AND d.session_id = e.session_id AND d.resolved_at IS NULL);
  ELSE
    old := ARRAY(
      SELECT e.ctid FROM {{schema}}.event_ids e
       WHERE e.ctid >= low AND e.ctid < high AND e.entry_ms <@ forgettable FOR UPDATE SKIP LOCKED);
    DELETE FROM {{schema}}.event_ids e
     WHERE e.ctid = ANY (old) AND e.entry_ms <@ forgettable
       AND NOT EXISTS (SELECT FROM {{schema}}.earlier_event_ids o WHERE o.event_id = e.event_id AND o.session_id = e.session_id)
       AND NOT EXISTS (SELECT FROM {{schema}}.dead_letters d
                        WHERE d.event_id = e.event_id AND d.session_id = e.session_id AND d.resolved_at IS NULL);
  END IF;
  GET DIAGNOSTICS result.removed = ROW_COUNT;
  page_total := pg_catalog.pg_relation_size(
    format('%I.%I', {{schema_literal}}, CASE WHEN from_earlier THEN 'earlier_event_ids' ELSE 'event_ids' END)::regclass)
    / current_setting('block_size')::bigint;
  IF next_page < page_total THEN
    result.next := jsonb_build_array(from_earlier, next_page);
  ELSIF from_earlier THEN
    result.next := jsonb_build_array(false, 0);
  END IF;
  RETURN result;
END $$;

-- Removes checkpoints that are older than `kept`, lane by lane, but of each lane never the newest. A place is the lane that comes next, and the
-- last checkpoint of it that is gone: until they are vacuumed, its entries in the index would be gone over again with each piece.
CREATE FUNCTION {{schema}}.remove_checkpoints(kept interval, place jsonb, piece integer) RETURNS {{schema}}.removal
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  result {{schema}}.removal := (0, NULL);
  of_lane text;
  after_at timestamptz := coalesce((place ->> 1)::timestamptz, '-infinity');
  newest timestamptz;
  gone bigint;
BEGIN
  SELECT min(c.lane) INTO of_lane FROM {{schema}}.checkpoints c WHERE c.lane >= coalesce(place ->> 0, '');
  FOR visited IN 1 .. piece LOOP
    EXIT WHEN of_lane IS NULL;
    SELECT max(c.taken_at) INTO newest FROM {{schema}}.checkpoints c WHERE c.lane = of_lane;
    -- By their places in the table, in the order of which rows are deleted: two that do this at once can't wait for each other.
    WITH removed AS (
           DELETE FROM {{schema}}.checkpoints c
            WHERE c.ctid = ANY (ARRAY(
                    SELECT o.ctid FROM {{schema}}.checkpoints o
                     WHERE o.lane = of_lane AND o.taken_at > after_at AND o.taken_at < least(newest, now() - kept)
                     ORDER BY o.taken_at LIMIT piece - result.removed)) RETURNING c.taken_at)
    SELECT count(*), max(r.taken_at) INTO gone, after_at FROM removed r;
    result.removed := result.removed + gone;
    EXIT WHEN result.removed >= piece;
    after_at := '-infinity';
    SELECT min(c.lane) INTO of_lane FROM {{schema}}.checkpoints c WHERE c.lane > of_lane;
  END LOOP;
  IF of_lane IS NOT NULL THEN result.next := jsonb_build_array(of_lane, after_at); END IF;
  RETURN result;
END $$;

-- Removes dead letters of these lanes that were resolved longer ago than `kept`, but none at or after the oldest entry that the lane's stream
-- holds (null: it holds none): it may be read again, and is known by its row. An open one stays whatever its age, and so does one that
-- somebody holds. A place is the lane, by its number among these, and the last letter of it that was looked at.
CREATE FUNCTION {{schema}}.remove_dead_letters(
  kept interval, lanes text[], first_mss bigint[], first_nos bigint[], place jsonb, piece integer) RETURNS {{schema}}.removal
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  result {{schema}}.removal := (0, NULL);
  after_at timestamptz := coalesce((place ->> 1)::timestamptz, '-infinity');
  after_id bigint := coalesce((place ->> 2)::bigint, 0);
  rest bigint := piece;
  gone bigint;
  looked_at bigint;
BEGIN
  FOR i IN coalesce((place ->> 0)::integer, 1) .. cardinality(lanes) LOOP
    WITH due AS MATERIALIZED (
           SELECT d.ctid AS place, d.id, d.resolved_at,
                  first_mss[i] IS NOT NULL AND (d.entry_ms < 0, d.entry_ms, d.entry_no < 0, d.entry_no)
                    >= (first_mss[i] < 0, first_mss[i], first_nos[i] < 0, first_nos[i]) AS is_held
             FROM {{schema}}.dead_letters d
            WHERE d.lane = lanes[i] AND d.resolved_at < now() - kept AND (d.resolved_at, d.id) > (after_at, after_id)
            ORDER BY d.resolved_at, d.id LIMIT rest FOR UPDATE SKIP LOCKED),
         removed AS (
           DELETE FROM {{schema}}.dead_letters d
            WHERE d.ctid = ANY (ARRAY(SELECT l.place FROM due l WHERE NOT l.is_held)) RETURNING d.id)
    SELECT (SELECT count(*) FROM removed), count(*), max(l.resolved_at), (array_agg(l.id ORDER BY l.resolved_at DESC, l.id DESC))[1]
      INTO gone, looked_at, after_at, after_id FROM due l;
    result.removed := result.removed + gone;
    rest := rest - looked_at;
    IF rest <= 0 THEN
      result.next := jsonb_build_array(i, after_at, after_id);
      EXIT;
    END IF;
    after_at := '-infinity';
    after_id := 0;
  END LOOP;
  RETURN result;
END $$;

-- The slow, exact path: entry by entry, each in a subtransaction of its own, in order. It answers for every entry that was not
-- simply applied: `reread` (already there), `divergent` (another content at this position), `duplicate` and `id_reused` (the
-- producer's id is known, with the same or other content), `forgotten` (its session was), `rejected` (only Postgres could see why). What an entry can't be blamed for
-- is raised again: `isolated_states` says for which SQLSTATEs an entry may be blamed, by whole code, by class, and under '' for all others.
-- The worker hands it in, so that this function and the worker can't judge a failure differently. `statements` come from the routes; each takes one row as text[] and is prepared once a
-- session, since planning it anew for every row takes longer than executing it. The entries of a lane stand together.
--
-- `row_values` are text[] literals: of each entry first its audit row (statement 0), then the rows of its routes. Large cells come beside
-- them, as they are and once however often they are used: quoting them would double what both sides hold in memory. `large_rows`,
-- `large_columns` and `large_cells` say where each belongs, in the order of the rows.
CREATE FUNCTION {{schema}}.apply_exactly(
  statements text[], lanes integer[], entry_mss bigint[], entry_nos bigint[], sessions text[], event_ids text[], digests bytea[],
  content_digests bytea[], row_entries integer[], row_statements integer[], row_values text[], large_rows integer[], large_columns integer[], large_cells integer[],
  large_values text[], first_nos jsonb, dedupe_window_ms bigint, isolated_states jsonb)
RETURNS TABLE (entry integer, outcome text, failed_sqlstate text, failed_message text, failed_constraint text,
  failed_context text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  names text[] := '{}';
  lane integer;
  next_no bigint;
  next_row integer := 1;
  first_row integer;
  row_count integer := coalesce(cardinality(row_entries), 0);
  next_large integer := 1;
  known_digest bytea;
  row_value text[];
  is_any_forgotten boolean := {{schema}}.is_any_forgotten();
BEGIN
  FOR s IN 1 .. cardinality(statements) LOOP
    names := names || ('tidemark_' || md5(statements[s]));
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements p WHERE p.name = names[s]) THEN
      EXECUTE format('PREPARE %I (text[]) AS %s', names[s], statements[s]);
    END IF;
  END LOOP;

  FOR i IN 1 .. cardinality(lanes) LOOP
    IF lane IS DISTINCT FROM lanes[i] THEN
      lane := lanes[i];
      next_no := (first_nos ->> lane::text)::bigint;
    END IF;
    first_row := next_row;
    WHILE next_row <= row_count AND row_entries[next_row] = i LOOP next_row := next_row + 1; END LOOP;
    WHILE large_rows[next_large] < first_row LOOP next_large := next_large + 1; END LOOP;
    entry := i; failed_sqlstate := NULL; failed_message := NULL; failed_constraint := NULL;
    failed_context := NULL;

    IF is_any_forgotten AND {{schema}}.is_forgotten(sessions[i], entry_mss[i]) THEN
      outcome := 'forgotten';
      RETURN NEXT;
      CONTINUE;
    END IF;

    -- Before the producer's id, which an entry that is read again finds to be its own. Without one the audit trail's key tells, below.
    IF event_ids[i] IS NOT NULL THEN
      SELECT c.digest INTO known_digest FROM {{schema}}.change_log c
       WHERE c.lane_id = lanes[i] AND c.entry_ms = entry_mss[i] AND c.entry_no = entry_nos[i];
      IF FOUND THEN
        outcome := CASE WHEN known_digest = digests[i] THEN 'reread' ELSE 'divergent' END;
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;

    BEGIN
      IF event_ids[i] IS NOT NULL THEN
        outcome := {{schema}}.claim_event_id(event_ids[i], sessions[i], entry_mss[i], content_digests[i], dedupe_window_ms);
        IF outcome IS NOT NULL THEN
          RETURN NEXT;
          CONTINUE;
        END IF;
      END IF;
      FOR r IN first_row .. next_row - 1 LOOP
        IF row_statements[r] > 0 AND large_rows[next_large] IS DISTINCT FROM r THEN
          EXECUTE format('EXECUTE %I (%L)', names[row_statements[r]], row_values[r]);
          CONTINUE;
        END IF;
        row_value := row_values[r]::text[];
        WHILE large_rows[next_large] = r LOOP
          row_value[large_columns[next_large]] := large_values[large_cells[next_large]];
          next_large := next_large + 1;
        END LOOP;
        IF row_statements[r] > 0 THEN
          EXECUTE statements[row_statements[r]] USING row_value;
        ELSE
          INSERT INTO {{schema}}.change_log
            (lane_id, no, entry_ms, entry_no, session_id, event_id, digest, seq, epoch, type, actor, trace, v, occurred_at, fields)
            VALUES (lanes[i], next_no, entry_mss[i], entry_nos[i], sessions[i], event_ids[i], digests[i], row_value[1]::bigint,
                    row_value[2]::bigint, row_value[3], row_value[4], row_value[5], row_value[6]::integer,
                    row_value[7]::timestamptz, row_value[8]::jsonb);
        END IF;
      END LOOP;
      PERFORM {{schema}}.note_late_change(sessions[i], lanes[i], entry_mss[i], entry_nos[i], next_no);
      next_no := next_no + 1;
    EXCEPTION WHEN OTHERS THEN
      IF coalesce(isolated_states -> SQLSTATE, isolated_states -> left(SQLSTATE, 2), isolated_states -> '')::boolean IS NOT TRUE THEN
        RAISE;
      END IF;
      GET STACKED DIAGNOSTICS failed_sqlstate = RETURNED_SQLSTATE, failed_message = MESSAGE_TEXT,
                              failed_constraint = CONSTRAINT_NAME, failed_context = PG_EXCEPTION_CONTEXT;
      outcome := 'rejected';
      IF failed_sqlstate = '23505' THEN
        SELECT c.digest INTO known_digest FROM {{schema}}.change_log c
         WHERE c.lane_id = lanes[i] AND c.entry_ms = entry_mss[i] AND c.entry_no = entry_nos[i];
        IF FOUND THEN
          outcome := CASE WHEN known_digest = digests[i] THEN 'reread' ELSE 'divergent' END;
          failed_sqlstate := NULL; failed_message := NULL; failed_constraint := NULL; failed_context := NULL;
        END IF;
      END IF;
      RETURN NEXT;
    END;
  END LOOP;
END $$;
