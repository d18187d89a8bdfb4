-- Outcomes and snapshots, and what readers ask: a session's state now or at an entry, its transcript.

CREATE TABLE {{schema}}.outcomes (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  lane_id    integer NOT NULL,
  label      text,
  score      double precision,
  scorer     text,
  message_id text,
  call_id    text,
  meta       jsonb,
  ext        jsonb,
  at         timestamptz NOT NULL,
  PRIMARY KEY (session_id, entry_ms, entry_no, lane_id)
);

CREATE TABLE {{schema}}.snapshots (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  lane_id    integer NOT NULL,
  seq        bigint,
  reason     text,
  taken_at   timestamptz NOT NULL,
  state      jsonb NOT NULL,
  digest     bytea NOT NULL,
  -- The transaction that took it.
  taken_by   xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- The session's `late_at` before the state was read. While the session still has the same, nothing was applied late to it since.
  late_at    timestamptz,
  PRIMARY KEY (session_id, entry_ms, entry_no, lane_id)
);

-- The session itself as it was at an entry: as it is, when nothing changed it since, else folded from its changes, beginning with what an
-- earlier snapshot says of it where one is given.
CREATE FUNCTION {{schema}}.session_at_position(
  session text, base {{schema}}.snapshots, at_ms bigint, at_no bigint, at_lane integer) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  current {{schema}}.sessions;
  change record;
  state jsonb := coalesce(base.state -> 'session', jsonb_build_object('status', 'active', 'meta', '{}'::jsonb));
BEGIN
  SELECT * INTO current FROM {{schema}}.sessions s WHERE s.session_id = session;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF (current.entry_ms, current.entry_no, current.lane_id) <= (at_ms, at_no, at_lane) THEN
    RETURN jsonb_strip_nulls(jsonb_build_object(
      'agent', current.agent_id, 'user', current.user_id, 'tenant', current.tenant, 'title', current.title, 'parent', current.parent_id))
      || jsonb_build_object('status', current.status, 'meta', current.meta);
  END IF;
  FOR change IN
    SELECT {{schema}}.session_fields(c.type, c.fields) AS fields FROM {{schema}}.change_log c
     WHERE c.session_id = session AND c.type LIKE 'session.%' AND (c.entry_ms, c.entry_no, c.lane_id) <= (at_ms, at_no, at_lane)
       AND (c.entry_ms, c.entry_no, c.lane_id) > (coalesce(base.entry_ms, -1), coalesce(base.entry_no, -1), coalesce(base.lane_id, -1))
       AND c.type IN ('session.started', 'session.updated', 'session.ended')
     ORDER BY c.entry_ms, c.entry_no, c.lane_id
  LOOP
    state := state
      || (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(change.fields) AS f WHERE f.key NOT LIKE 'meta.%')
      || jsonb_build_object('meta', (state -> 'meta')
           || (SELECT coalesce(jsonb_object_agg(substr(f.key, 6), f.value), '{}') FROM jsonb_each(change.fields) AS f
                WHERE f.key LIKE 'meta.%'));
  END LOOP;
  RETURN state;
END $$;

-- A session's state at an entry: itself, its context, its open calls, and where its messages stand. Of constant size in the number
-- of messages: they are append-only, so a count and a position say which. With an earlier snapshot, of which everything up to it is known
-- to be there, only what came since is read; `calls` are all that may have been open, NULL where nobody knows.
CREATE FUNCTION {{schema}}.state_since(
  session text, base {{schema}}.snapshots, calls {{schema}}.tool_calls[], at_ms bigint, at_no bigint, at_lane integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
  about jsonb := {{schema}}.session_at_position(session, base, at_ms, at_no, at_lane);
  since_ms bigint := coalesce(base.entry_ms, -1);
  since_no bigint := coalesce(base.entry_no, -1);
  since_lane integer := coalesce(base.lane_id, -1);
  context jsonb;
  open_calls jsonb;
  message_count bigint;
  last_message {{schema}}.entry_position;
BEGIN
  IF about IS NULL THEN RETURN NULL; END IF;
  SELECT coalesce(base.state -> 'context', '{}') - coalesce(array_agg(c.key) FILTER (WHERE c.removed), '{}')
         || coalesce(jsonb_object_agg(c.key, jsonb_build_object('kind', c.kind, 'value', c.value)) FILTER (WHERE NOT c.removed), '{}')
    INTO context
    FROM (SELECT DISTINCT ON (h.key) h.key, h.kind, h.value, h.removed FROM {{schema}}.context_history h
           WHERE h.session_id = session AND (h.entry_ms, h.entry_no, h.lane_id) <= (at_ms, at_no, at_lane)
             AND (h.entry_ms, h.entry_no, h.lane_id) > (since_ms, since_no, since_lane)
           ORDER BY h.key, h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC) AS c;

  SELECT coalesce(jsonb_agg(jsonb_build_object('call_id', t.call_id, 'attempt', t.attempt, 'tool', t.tool, 'arguments', t.arguments)
                            ORDER BY t.entry_ms, t.entry_no, t.lane_id), '[]')
    INTO open_calls
    FROM (SELECT * FROM unnest(calls) UNION ALL SELECT * FROM {{schema}}.tool_calls c WHERE calls IS NULL AND c.session_id = session) AS t
   WHERE t.started_at IS NOT NULL AND (t.entry_ms, t.entry_no, t.lane_id) <= (at_ms, at_no, at_lane)
     AND (t.finished_ms IS NULL OR (t.finished_ms, t.finished_no, t.finished_lane) > (at_ms, at_no, at_lane));

  SELECT count(*) INTO message_count FROM {{schema}}.messages m
   WHERE m.session_id = session AND (m.entry_ms, m.entry_no, m.lane_id) <= (at_ms, at_no, at_lane)
     AND (m.entry_ms, m.entry_no, m.lane_id) > (since_ms, since_no, since_lane)
     AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (at_ms, at_no, at_lane));
  IF base.entry_ms IS NULL THEN
    SELECT m.entry_ms, m.entry_no, m.lane_id INTO last_message FROM {{schema}}.messages m
     WHERE m.session_id = session AND (m.entry_ms, m.entry_no, m.lane_id) <= (at_ms, at_no, at_lane)
       AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (at_ms, at_no, at_lane))
     ORDER BY m.entry_ms DESC, m.entry_no DESC, m.lane_id DESC LIMIT 1;
  ELSE
    message_count := message_count + (base.state #>> '{messages,count}')::bigint - (
      SELECT count(*) FILTER (WHERE (m.entry_ms, m.entry_no, m.lane_id) <= (since_ms, since_no, since_lane)) FROM {{schema}}.messages m
       WHERE m.session_id = session AND m.removed_ms IS NOT NULL
         AND (m.removed_ms, m.removed_no, m.removed_lane) > (since_ms, since_no, since_lane)
         AND (m.removed_ms, m.removed_no, m.removed_lane) <= (at_ms, at_no, at_lane));
    IF message_count > 0 THEN last_message := {{schema}}.last_visible_message(session, at_ms, at_no, at_lane); END IF;
  END IF;
  RETURN jsonb_build_object(
    'session_id', session, 'entry_id', {{schema}}.entry_id(at_ms, at_no), 'session', about, 'context', context, 'open_calls', open_calls,
    'messages', jsonb_build_object(
      'count', message_count, 'last', {{schema}}.entry_id(last_message.entry_ms, last_message.entry_no)));
END $$;

CREATE FUNCTION {{schema}}.state_at_position(session text, at_ms bigint, at_no bigint, at_lane integer) RETURNS jsonb
LANGUAGE sql STABLE AS $$ SELECT {{schema}}.state_since(session, NULL, NULL, at_ms, at_no, at_lane) $$;

CREATE FUNCTION {{schema}}.state(session_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.state_at_position($1, 9223372036854775807, 9223372036854775807, 2147483647) - 'entry_id'
$$;

-- Takes an id as Redis does: without its second number, that is 0. An id is unique in its lane only: without a lane the state is that after
-- the entries of all lanes with this id.
CREATE FUNCTION {{schema}}.state_at_entry(session_id text, entry_id text, lane text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  numbers text[] := regexp_match(entry_id, '^([0-9]{1,20})(?:-([0-9]{1,20}))?$');
  entry_ms numeric := numbers[1];
  entry_no numeric := coalesce(numbers[2], '0');
  -- Beyond that of any lane.
  lane_number integer := 2147483647;
BEGIN
  IF session_id IS NULL OR entry_id IS NULL THEN RETURN NULL; END IF;
  IF numbers IS NULL OR greatest(entry_ms, entry_no) > 18446744073709551615 THEN
    RAISE EXCEPTION 'state_at_entry: "%" is not the id of an entry; write it as Redis does, such as 1795389463124-98',
      left(regexp_replace(entry_id, '[[:cntrl:]]', ' ', 'g'), 60) USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF lane IS NOT NULL THEN
    SELECT l.lane_id INTO lane_number FROM {{schema}}.lanes l WHERE l.lane = state_at_entry.lane;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'state_at_entry: there is no lane "%"; the table lanes has their names',
        left(regexp_replace(lane, '[[:cntrl:]]', ' ', 'g'), 60) USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END IF;
  -- No position is beyond bigint.
  RETURN {{schema}}.state_at_position(
    session_id, least(entry_ms, 9223372036854775807)::bigint, least(entry_no, 9223372036854775807)::bigint, lane_number);
END $$;

-- After the last entry that is not younger than the moment.
CREATE FUNCTION {{schema}}.state_at(session_id text, moment timestamptz) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.state_at_position($1, floor(extract(epoch FROM $2) * 1000)::bigint, 9223372036854775807, 2147483647) - 'entry_id'
$$;

-- The latest snapshot of a session at an earlier entry of a lane, if the session's state can be read on from it: NULL where something was
-- applied late to the session since `late_at` was read. Into a session of several lanes entries come behind those of another lane at any time;
-- of such a session only what this transaction took counts, whose entries of this lane are all there.
CREATE FUNCTION {{schema}}.snapshot_before(
  session text, late_at timestamptz, before_ms bigint, before_no bigint, before_lane integer) RETURNS {{schema}}.snapshots
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  latest {{schema}}.snapshots;
BEGIN
  SELECT * INTO latest FROM {{schema}}.snapshots s
   WHERE s.session_id = session AND s.lane_id = before_lane AND (s.entry_ms, s.entry_no) < (before_ms, before_no)
   ORDER BY s.entry_ms DESC, s.entry_no DESC, s.lane_id DESC LIMIT 1;
  IF latest.late_at IS DISTINCT FROM late_at THEN RETURN NULL; END IF;
  IF latest.taken_by <> pg_current_xact_id()
     AND NOT EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = session AND NOT s.is_shared) THEN
    RETURN NULL;
  END IF;
  RETURN latest;
END $$;

-- A snapshot continues from the one before it, so that it costs what changed in between, however long the session is.
CREATE FUNCTION {{schema}}.take_snapshots(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], lane_ids integer[], seqs bigint[], reasons text[], ats timestamptz[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  wanted record;
  known_late_at timestamptz;
  base {{schema}}.snapshots;
  taken {{schema}}.snapshots;
  calls {{schema}}.tool_calls[];
  state jsonb;
BEGIN
  FOR wanted IN
    SELECT * FROM unnest(session_ids, entry_mss, entry_nos, lane_ids, seqs, reasons, ats)
      AS n (session_id, entry_ms, entry_no, lane_id, seq, reason, at)
     ORDER BY session_id, entry_ms, entry_no, lane_id
  LOOP
    IF base.session_id IS DISTINCT FROM wanted.session_id THEN
      -- Before anything else is read of the session: what is applied late meanwhile must not count as known.
      known_late_at := (SELECT s.late_at FROM {{schema}}.sessions s WHERE s.session_id = wanted.session_id);
      base := {{schema}}.snapshot_before(wanted.session_id, known_late_at, wanted.entry_ms, wanted.entry_no, wanted.lane_id);
      calls := ARRAY(
        SELECT t FROM {{schema}}.tool_calls t
         WHERE t.session_id = wanted.session_id AND t.started_at IS NOT NULL
           AND (t.finished_ms IS NULL
                OR (t.finished_ms, t.finished_no, t.finished_lane) > (wanted.entry_ms, wanted.entry_no, wanted.lane_id)));
    END IF;
    state := {{schema}}.state_since(wanted.session_id, base, calls, wanted.entry_ms, wanted.entry_no, wanted.lane_id);
    INSERT INTO {{schema}}.snapshots (session_id, entry_ms, entry_no, lane_id, seq, reason, taken_at, state, digest, late_at)
    VALUES (wanted.session_id, wanted.entry_ms, wanted.entry_no, wanted.lane_id, wanted.seq, wanted.reason, wanted.at, state,
            sha256(convert_to(state::text, 'UTF8')), known_late_at)
    -- Two workers may want it, of which one has lost the lane without knowing.
    ON CONFLICT DO NOTHING
    RETURNING * INTO taken;
    base := taken;
  END LOOP;
END $$;

-- How far the changes of each lane are counted towards snapshots: all up to here are in a snapshot of their session. Whoever owns the lane
-- next counts on from here.
CREATE TABLE {{schema}}.snapshot_progress (
  lane_id  integer PRIMARY KEY,
  entry_ms bigint NOT NULL,
  entry_no bigint NOT NULL
) WITH (fillfactor = 50);

-- The sessions to which the next changes of a lane belong, at most `piece` changes. `changes` are those after the last one of them that has a
-- snapshot of its own, which only the types in `triggers` have; `is_taken` says that there is one. The first is the first of these changes.
CREATE FUNCTION {{schema}}.changed_sessions(of_lane integer, after_ms bigint, after_no bigint, triggers text[], piece integer)
RETURNS TABLE (session_id text, total bigint, changes bigint, is_taken boolean, first_ms bigint, first_no bigint, last_ms bigint, last_no bigint)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  -- The changes, each at its place in all four.
  ids text[];
  mss bigint[];
  nos bigint[];
  are_triggers boolean[];
BEGIN
  SELECT array_agg(c.session_id), array_agg(c.entry_ms), array_agg(c.entry_no), array_agg(c.type = ANY (triggers))
    INTO ids, mss, nos, are_triggers
    FROM (SELECT l.session_id, l.entry_ms, l.entry_no, l.type FROM {{schema}}.change_log l
           WHERE l.lane_id = of_lane AND (l.entry_ms, l.entry_no) > (after_ms, after_no)
           ORDER BY l.entry_ms, l.entry_no LIMIT piece) AS c;
  RETURN QUERY
  WITH taken AS MATERIALIZED (
    SELECT c.session_id, max(c.place) AS place
      FROM unnest(ids, are_triggers) WITH ORDINALITY AS c (session_id, is_trigger, place)
      JOIN {{schema}}.snapshots s
        ON (s.session_id, s.entry_ms, s.entry_no, s.lane_id) = (c.session_id, mss[c.place], nos[c.place], of_lane)
     WHERE c.is_trigger GROUP BY c.session_id),
  counted AS (
    SELECT c.session_id, count(*) AS total, count(*) FILTER (WHERE t.place IS NULL OR c.place > t.place) AS changes,
           t.place IS NOT NULL AS is_taken, min(c.place) FILTER (WHERE t.place IS NULL OR c.place > t.place) AS first_place,
           max(c.place) AS last_place
      FROM unnest(ids) WITH ORDINALITY AS c (session_id, place) LEFT JOIN taken t ON t.session_id = c.session_id
     GROUP BY c.session_id, t.place)
  SELECT c.session_id, c.total, c.changes, c.is_taken, mss[c.first_place], nos[c.first_place], mss[c.last_place], nos[c.last_place]
    FROM counted c;
END $$;

-- Takes snapshots at entries of lanes that are committed; leaves sessions out that have one at the entry or a later one, or are gone.
-- Returns how many it took.
CREATE FUNCTION {{schema}}.take_due_snapshots(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], lane_ids integer[], reasons text[]) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  due record;
BEGIN
  -- They can't be deleted while their state is read and kept.
  PERFORM FROM {{schema}}.sessions s WHERE s.session_id = ANY (session_ids) ORDER BY s.session_id FOR KEY SHARE;
  SELECT count(*) AS number, array_agg(d.session_id) AS session_ids, array_agg(d.entry_ms) AS entry_mss, array_agg(d.entry_no) AS entry_nos,
         array_agg(d.lane_id) AS lane_ids, array_agg(c.seq) AS seqs, array_agg(d.reason) AS reasons, array_agg(now()) AS ats
    INTO due
    FROM unnest(session_ids, entry_mss, entry_nos, lane_ids, reasons) AS d (session_id, entry_ms, entry_no, lane_id, reason)
    JOIN {{schema}}.change_log c ON (c.lane_id, c.entry_ms, c.entry_no) = (d.lane_id, d.entry_ms, d.entry_no)
   WHERE EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = d.session_id)
     AND NOT EXISTS (SELECT FROM {{schema}}.snapshots s
                      WHERE s.session_id = d.session_id AND s.lane_id = d.lane_id AND (s.entry_ms, s.entry_no) >= (d.entry_ms, d.entry_no));
  IF due.number > 0 THEN
    PERFORM {{schema}}.take_snapshots(
      due.session_ids, due.entry_mss, due.entry_nos, due.lane_ids, due.seqs, due.reasons, due.ats);
  END IF;
  RETURN due.number;
END $$;

-- Removes of each session all snapshots but the `kept` newest by position. A piece is so many rows that are looked at, in the order of the key,
-- each together with the one that comes `kept` later. A place is the last row that was looked at.
CREATE FUNCTION {{schema}}.remove_snapshots(kept integer, place jsonb, piece integer) RETURNS {{schema}}.removal
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  result {{schema}}.removal;
  after_session text := coalesce(place ->> 0, '');
  after_ms bigint := coalesce((place ->> 1)::bigint, -1);
  after_no bigint := coalesce((place ->> 2)::bigint, -1);
  after_lane integer := coalesce((place ->> 3)::integer, -1);
BEGIN
  WITH near AS MATERIALIZED (
         SELECT n.*, row_number() OVER (ORDER BY n.session_id, n.entry_ms, n.entry_no, n.lane_id) AS number,
                lead(true, kept) OVER (PARTITION BY n.session_id ORDER BY n.entry_ms, n.entry_no, n.lane_id) AS is_old
           FROM (SELECT s.ctid AS place, s.session_id, s.entry_ms, s.entry_no, s.lane_id FROM {{schema}}.snapshots s
                  WHERE (s.session_id, s.entry_ms, s.entry_no, s.lane_id) > (after_session, after_ms, after_no, after_lane)
                  ORDER BY s.session_id, s.entry_ms, s.entry_no, s.lane_id LIMIT piece + kept) AS n),
       removed AS (
         DELETE FROM {{schema}}.snapshots s
          WHERE s.ctid = ANY (ARRAY(SELECT n.place FROM near n WHERE n.is_old AND n.number <= piece)) RETURNING s.session_id)
  SELECT (SELECT count(*) FROM removed),
         (SELECT jsonb_build_array(n.session_id, n.entry_ms, n.entry_no, n.lane_id) FROM near n
           WHERE n.number = piece AND (SELECT count(*) FROM near) = piece + kept)
    INTO result.removed, result.next;
  RETURN result;
END $$;

-- Calls that began and have not ended.
CREATE VIEW {{schema}}.open_calls AS
  SELECT t.session_id, t.call_id, t.attempt, t.tool, t.arguments, t.idempotency_key, t.started_at, now() - t.started_at AS age
    FROM {{schema}}.tool_calls t WHERE t.status = 'started';

-- The object without those of its own fields that are null. Unlike jsonb_strip_nulls it leaves what the fields hold as it is.
CREATE FUNCTION {{schema}}.given_fields(object jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(object) AS f WHERE jsonb_typeof(f.value) <> 'null'
$$;

-- A session's visible messages and its calls, in order. With `complete`, each call is there once, in the place of its first attempt and with
-- its last result; a call without a result is answered as cancelled, because chat models refuse a call without an answer.
CREATE FUNCTION {{schema}}.transcript(session_id text, complete boolean DEFAULT false)
RETURNS TABLE (entry_ms bigint, entry_no bigint, lane_id integer, kind text, role text, content text, body jsonb, at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT m.entry_ms, m.entry_no, m.lane_id, 'message', m.role, m.content,
         {{schema}}.given_fields(jsonb_build_object('message_id', m.message_id, 'parent_id', m.parent_id, 'call_id', m.call_id,
           'parts', m.parts, 'model', m.model, 'tokens', m.tokens, 'usage', m.usage, 'meta', m.meta)), m.at
    FROM {{schema}}.messages m WHERE m.session_id = $1 AND m.removed_at IS NULL
  UNION ALL
  SELECT t.entry_ms, t.entry_no, t.lane_id, 'tool_call', NULL, NULL,
         {{schema}}.given_fields(jsonb_build_object('call_id', t.call_id, 'attempt', t.attempt, 'tool', t.tool, 'arguments', t.arguments,
           'status', t.status, 'result', t.result, 'error', t.error, 'cost', t.cost)), coalesce(t.started_at, t.finished_at)
    FROM {{schema}}.tool_calls t WHERE t.session_id = $1 AND NOT complete
  UNION ALL
  SELECT f.entry_ms, f.entry_no, f.lane_id, 'tool_call', NULL, NULL,
         {{schema}}.given_fields(jsonb_build_object('call_id', l.call_id, 'attempt', l.attempt, 'tool', coalesce(l.tool, f.tool),
           'arguments', coalesce(l.arguments, f.arguments), 'status', CASE l.status WHEN 'started' THEN 'cancelled' ELSE l.status END,
           'result', l.result, 'error', CASE l.status WHEN 'started' THEN 'the call never finished' ELSE l.error END, 'cost', l.cost)),
         coalesce(f.started_at, f.finished_at)
    FROM (SELECT DISTINCT ON (a.call_id) a.* FROM {{schema}}.tool_calls a
           WHERE a.session_id = $1 AND complete ORDER BY a.call_id, a.attempt) AS f
    JOIN (SELECT DISTINCT ON (a.call_id) a.* FROM {{schema}}.tool_calls a
           WHERE a.session_id = $1 AND complete ORDER BY a.call_id, (a.status = 'started'), a.attempt DESC) AS l USING (call_id)
  ORDER BY 1, 2, 3
$$;

-- A session's changes in order, each with what it wrote. The audit trail has no index by session, because every change would pay for it: the
-- part of the session's lane from its start on is read, or that of all lanes where several changed it.
CREATE FUNCTION {{schema}}.history(session_id text)
RETURNS TABLE (lane text, entry_ms bigint, entry_no bigint, seq bigint, epoch bigint, type text, actor text, trace text, at timestamptz,
               committed_at timestamptz, body jsonb)
LANGUAGE sql STABLE AS $$
  SELECT l.lane, c.entry_ms, c.entry_no, c.seq, c.epoch, c.type, c.actor, c.trace, c.occurred_at, c.committed_at,
         {{schema}}.given_fields(jsonb_build_object(
           'message_id', m.message_id, 'role', m.role, 'content', m.content, 'parts', m.parts,
           'key', x.key, 'kind', x.kind,
           'call_id', t.call_id, 'attempt', t.attempt, 'tool', t.tool, 'arguments', t.arguments,
           'status', t.status, 'result', t.result, 'error', t.error,
           'label', o.label, 'score', o.score))
           || CASE WHEN x.value IS NULL THEN '{}' ELSE jsonb_build_object('value', x.value) END || coalesce(c.fields, '{}')
    FROM {{schema}}.sessions s
    JOIN {{schema}}.change_log c
      ON c.session_id = s.session_id AND (s.is_shared OR c.lane_id = s.first_lane)
         -- The time of a change is at most a day after its entry.
         AND c.entry_ms >= floor(extract(epoch FROM coalesce(s.started_at, '-infinity')) * 1000)::numeric - 86400000
    JOIN {{schema}}.lanes l ON l.lane_id = c.lane_id
    LEFT JOIN {{schema}}.messages m
      ON c.type = 'message.appended' AND (m.session_id, m.entry_ms, m.entry_no, m.lane_id) = ($1, c.entry_ms, c.entry_no, c.lane_id)
    LEFT JOIN {{schema}}.context_history x
      ON c.type LIKE 'context.%' AND (x.session_id, x.entry_ms, x.entry_no, x.lane_id) = ($1, c.entry_ms, c.entry_no, c.lane_id)
    LEFT JOIN {{schema}}.outcomes o
      ON c.type = 'outcome.recorded' AND (o.session_id, o.entry_ms, o.entry_no, o.lane_id) = ($1, c.entry_ms, c.entry_no, c.lane_id)
    LEFT JOIN LATERAL (
      SELECT a.call_id, a.attempt, CASE WHEN c.type = 'tool.started' THEN a.tool END AS tool,
             CASE WHEN c.type = 'tool.started' THEN a.arguments END AS arguments,
             CASE WHEN c.type = 'tool.finished' THEN a.status END AS status, CASE WHEN c.type = 'tool.finished' THEN a.result END AS result,
             CASE WHEN c.type = 'tool.finished' THEN a.error END AS error
        FROM {{schema}}.tool_calls a
       WHERE c.type LIKE 'tool.%' AND a.session_id = $1
         AND ((a.entry_ms, a.entry_no, a.lane_id) = (c.entry_ms, c.entry_no, c.lane_id)
              OR (a.finished_ms, a.finished_no, a.finished_lane) = (c.entry_ms, c.entry_no, c.lane_id))
       LIMIT 1) AS t ON true
   WHERE s.session_id = $1
   ORDER BY c.entry_ms, c.entry_no, c.lane_id
$$;
