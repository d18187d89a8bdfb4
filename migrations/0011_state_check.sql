-- The tables of the state against the audit trail: what readers see must be what the changes give. Nothing here is on the write path.
--
-- Two walks see everything without an index that every change would pay for. `check_sessions` goes by sessions: it folds each again, and looks
-- each of its rows up in the audit trail by the row's own position. `check_changes` goes by the audit trail in the order of its key, and looks
-- the row of each change up. Each walk reads one snapshot, in which a change is there with all of its rows or not at all, so that a change in
-- flight is no difference.
--
-- A detail names the table, the column and the position, never what stands there. What only one table holds, such as a message's content, has
-- nothing that it could be compared with.

CREATE TYPE {{schema}}.difference AS (session_id text, kind text, detail text);

-- An entry as a detail names it.
CREATE FUNCTION {{schema}}.entry_place(ms bigint, no bigint, of_lane integer) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT 'entry ' || {{schema}}.entry_id(ms, no) || ' of ' || coalesce(
    (SELECT l.lane FROM {{schema}}.lanes l WHERE l.lane_id = of_lane), 'lane number ' || of_lane)
$$;

CREATE FUNCTION {{schema}}.entry_place_of(place bigint[]) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT {{schema}}.entry_place(place[1], place[2], place[3]::integer) $$;

-- What one session.* change sets, by name: as session_fields(), and `ext.KEY` for what it brought that nobody knows.
CREATE FUNCTION {{schema}}.session_values(type text, fields jsonb) RETURNS TABLE (name text, value jsonb)
LANGUAGE sql IMMUTABLE AS $$
  SELECT f.key, f.value FROM jsonb_each({{schema}}.session_fields(type, fields)) AS f
  UNION ALL
  SELECT 'ext.' || f.key, f.value FROM jsonb_each(fields) AS f
   WHERE CASE type WHEN 'session.started' THEN f.key NOT IN ('agent', 'user', 'tenant', 'title', 'parent') AND f.key NOT LIKE 'meta._%'
                   WHEN 'session.updated' THEN f.key NOT IN ('title', 'status') AND f.key NOT LIKE 'meta._%'
                   ELSE f.key <> 'status' END
$$;

-- The rows that their session.* changes give these sessions. What only the arrival of a session's first change decided is not among them:
-- when it started, and its first lane.
CREATE FUNCTION {{schema}}.folded_sessions(session_ids text[])
RETURNS TABLE (session_id text, agent_id text, user_id text, tenant text, title text, status text, parent_id text, meta jsonb, ext jsonb,
               updated_at timestamptz, ended_at timestamptz, place bigint[], set_at jsonb)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH changes AS MATERIALIZED (
    SELECT c.session_id, ARRAY[c.entry_ms, c.entry_no, c.lane_id] AS place, c.type, c.occurred_at, c.fields
      FROM unnest(session_ids) AS w (session_id)
      JOIN {{schema}}.change_log c ON c.session_id = w.session_id AND c.type LIKE 'session.%'
     WHERE c.type IN ('session.started', 'session.updated', 'session.ended')),
  given AS (
    SELECT DISTINCT ON (c.session_id, v.name) c.session_id, v.name, v.value, v.value #>> '{}' AS text, c.place, c.occurred_at
      FROM changes c CROSS JOIN LATERAL {{schema}}.session_values(c.type, c.fields) AS v
     ORDER BY c.session_id, v.name, c.place DESC),
  latest AS (SELECT DISTINCT ON (c.session_id) c.session_id, c.place, c.occurred_at FROM changes c ORDER BY c.session_id, c.place DESC)
  SELECT l.session_id, f.agent_id, f.user_id, f.tenant, f.title, coalesce(f.status, 'active'), f.parent_id, coalesce(f.meta, '{}'), f.ext,
         l.occurred_at, f.ended_at, l.place, coalesce(f.set_at, '{}')
    FROM latest l
   CROSS JOIN LATERAL (
     SELECT max(g.text) FILTER (WHERE g.name = 'agent') AS agent_id, max(g.text) FILTER (WHERE g.name = 'user') AS user_id,
            max(g.text) FILTER (WHERE g.name = 'tenant') AS tenant, max(g.text) FILTER (WHERE g.name = 'title') AS title,
            max(g.text) FILTER (WHERE g.name = 'status') AS status, max(g.text) FILTER (WHERE g.name = 'parent') AS parent_id,
            jsonb_object_agg(substr(g.name, 6), g.value) FILTER (WHERE g.name LIKE 'meta.%') AS meta,
            jsonb_object_agg(substr(g.name, 5), g.value) FILTER (WHERE g.name LIKE 'ext.%') AS ext,
            max(g.occurred_at) FILTER (WHERE g.name = 'status' AND g.text IN ('completed', 'failed', 'cancelled')) AS ended_at,
            jsonb_object_agg(g.name, to_jsonb(g.place)) AS set_at
       FROM given g WHERE g.session_id = l.session_id) AS f;
END $$;

CREATE FUNCTION {{schema}}.check_session_rows(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH wanted AS MATERIALIZED (SELECT DISTINCT w.session_id FROM unnest(session_ids) AS w (session_id)),
  folded AS MATERIALIZED (SELECT * FROM {{schema}}.folded_sessions(session_ids)),
  present AS MATERIALIZED (SELECT s.* FROM wanted w JOIN {{schema}}.sessions s ON s.session_id = w.session_id)
  SELECT f.session_id, 'row_missing', 'sessions: no row'
    FROM folded f WHERE NOT EXISTS (SELECT FROM present s WHERE s.session_id = f.session_id)
  UNION ALL
  -- A worker notes the lane of the first change in the row that it makes.
  SELECT s.session_id, 'row_unexpected', 'sessions: no change made the row' FROM present s WHERE s.first_lane IS NULL
  UNION ALL
  SELECT s.session_id, 'row_different', 'sessions.' || d.name || CASE
           WHEN f.set_at -> d.field IS NOT NULL THEN ': not what ' || {{schema}}.entry_place_of(
             ARRAY(SELECT p::bigint FROM jsonb_array_elements_text(f.set_at -> d.field) AS p)) || ' gives'
           WHEN f.place IS NULL THEN ': no change of the session gives it'
           ELSE ': not what the changes up to ' || {{schema}}.entry_place_of(f.place) || ' give' END
    FROM present s LEFT JOIN folded f ON f.session_id = s.session_id
   CROSS JOIN LATERAL (
     VALUES ('agent_id', 'agent', s.agent_id IS DISTINCT FROM f.agent_id), ('user_id', 'user', s.user_id IS DISTINCT FROM f.user_id),
            ('tenant', 'tenant', s.tenant IS DISTINCT FROM f.tenant), ('title', 'title', s.title IS DISTINCT FROM f.title),
            ('status', 'status', s.status IS DISTINCT FROM coalesce(f.status, 'active')),
            ('parent_id', 'parent', s.parent_id IS DISTINCT FROM f.parent_id),
            ('meta', NULL, s.meta IS DISTINCT FROM coalesce(f.meta, '{}')), ('ext', NULL, s.ext IS DISTINCT FROM f.ext),
            ('updated_at', NULL, s.updated_at IS DISTINCT FROM f.updated_at), ('ended_at', 'status', s.ended_at IS DISTINCT FROM f.ended_at),
            ('entry_ms', NULL, ARRAY[s.entry_ms, s.entry_no, s.lane_id] <> coalesce(f.place, ARRAY[0, 0, 0]::bigint[])),
            ('set_at', NULL, s.set_at <> coalesce(f.set_at, '{}'))) AS d (name, field, is_different)
   WHERE d.is_different;
END $$;

-- The current values of the context are the newest of the history, key by key. Between lanes nothing is promised: what one lane removed may
-- have come back by a value of another lane that arrived later with an earlier position.
CREATE FUNCTION {{schema}}.check_context(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE
-- The planner adds a fixed, enormous cost where there is no other join, for which compiling a query would seem worth its seconds.
SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH history AS MATERIALIZED (
    SELECT h.session_id, h.key, h.kind, h.value, h.removed, h.at, ARRAY[h.entry_ms, h.entry_no, h.lane_id] AS place,
           row_number() OVER (PARTITION BY h.session_id, h.key ORDER BY h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC) AS number,
           row_number() OVER (PARTITION BY h.session_id, h.key, h.lane_id ORDER BY h.entry_ms DESC, h.entry_no DESC) AS number_of_lane
      FROM {{schema}}.context_history h WHERE h.session_id = ANY (session_ids)),
  current AS MATERIALIZED (
    SELECT c.session_id, c.key, c.kind, c.value, c.updated_at, ARRAY[c.entry_ms, c.entry_no, c.lane_id] AS place
      FROM {{schema}}.context c WHERE c.session_id = ANY (session_ids)),
  compared AS (
    SELECT coalesce(c.session_id, n.session_id) AS session_id, c.place, n.place AS newest_place, n.removed,
           c.kind IS DISTINCT FROM o.kind AS is_kind, c.value IS DISTINCT FROM o.value AS is_value,
           c.updated_at IS DISTINCT FROM o.at AS is_time, o.place IS NOT NULL AS has_origin,
           coalesce(o.number_of_lane = 1 AND n.removed AND n.place[3] <> o.place[3], false) AS came_back
      FROM current c
      FULL JOIN (SELECT * FROM history WHERE number = 1) AS n ON n.session_id = c.session_id AND n.key = c.key
      LEFT JOIN history o ON o.session_id = c.session_id AND o.key = c.key AND o.place = c.place AND NOT o.removed)
  SELECT c.session_id, 'row_missing', 'context: no row for the value of ' || {{schema}}.entry_place_of(c.newest_place)
    FROM compared c WHERE c.place IS NULL AND NOT c.removed
  UNION ALL
  SELECT c.session_id, 'row_unexpected', 'context: the row of ' || {{schema}}.entry_place_of(c.place) || CASE
           WHEN c.newest_place IS NULL THEN ': context_history has no value of its key'
           ELSE ': ' || {{schema}}.entry_place_of(c.newest_place) || ' removed its key' END
    FROM compared c WHERE c.place IS NOT NULL AND coalesce(c.removed, true) AND NOT c.came_back
  UNION ALL
  SELECT c.session_id, 'row_different', 'context.entry_ms: the row of ' || {{schema}}.entry_place_of(c.place) || ' is older than '
           || {{schema}}.entry_place_of(c.newest_place)
    FROM compared c WHERE c.place <> c.newest_place AND NOT c.removed
  UNION ALL
  SELECT c.session_id, 'row_different', 'context.' || d.name || ' of ' || {{schema}}.entry_place_of(c.place)
    FROM compared c
   CROSS JOIN LATERAL (VALUES ('kind', c.is_kind), ('value', c.is_value), ('updated_at', c.is_time)) AS d (name, is_different)
   WHERE c.has_origin AND d.is_different AND (c.came_back OR c.place = c.newest_place);
END $$;

-- Each row has the change that made it, at its position, of its session and of a type that makes such rows.
CREATE FUNCTION {{schema}}.check_origins(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH stored AS (
    SELECT 'context_history' AS name, h.session_id, h.entry_ms, h.entry_no, h.lane_id, h.at, 'at' AS time_name, NULL::bigint AS seq,
           CASE WHEN h.removed THEN 'context.removed' ELSE 'context.set' END AS type,
           CASE WHEN h.removed <> (h.value IS NULL) OR h.removed <> (h.kind IS NULL) THEN 'removed' END AS wrong
      FROM {{schema}}.context_history h WHERE h.session_id = ANY (session_ids)
    UNION ALL
    SELECT 'messages', m.session_id, m.entry_ms, m.entry_no, m.lane_id, m.at, 'at', m.seq, 'message.appended', NULL
      FROM {{schema}}.messages m WHERE m.session_id = ANY (session_ids)
    UNION ALL
    SELECT 'message_hides', h.session_id, h.entry_ms, h.entry_no, h.lane_id, h.at, 'at', NULL,
           CASE WHEN h.kind = 'clear' THEN 'messages.cleared' ELSE 'message.removed' END, NULL
      FROM {{schema}}.message_hides h WHERE h.session_id = ANY (session_ids)
    UNION ALL
    SELECT 'tool_calls', t.session_id, t.entry_ms, t.entry_no, t.lane_id, coalesce(t.started_at, t.finished_at),
           CASE WHEN t.started_at IS NULL THEN 'finished_at' ELSE 'started_at' END, NULL,
           CASE WHEN t.started_at IS NULL THEN 'tool.finished' ELSE 'tool.started' END,
           CASE WHEN t.started_at IS NULL AND (t.entry_ms, t.entry_no, t.lane_id) IS DISTINCT FROM (t.finished_ms, t.finished_no, t.finished_lane)
                THEN 'started_at'
                WHEN (t.status = 'started') <> (t.finished_ms IS NULL) OR (t.status = 'started') <> (t.finished_at IS NULL) THEN 'status'
                WHEN t.started_at IS NOT NULL AND t.tool IS NULL THEN 'tool' END
      FROM {{schema}}.tool_calls t WHERE t.session_id = ANY (session_ids)
    UNION ALL
    SELECT 'tool_calls', t.session_id, t.finished_ms, t.finished_no, t.finished_lane, t.finished_at, 'finished_at', NULL, 'tool.finished', NULL
      FROM {{schema}}.tool_calls t WHERE t.session_id = ANY (session_ids) AND t.finished_ms IS NOT NULL AND t.started_at IS NOT NULL
    UNION ALL
    SELECT 'outcomes', o.session_id, o.entry_ms, o.entry_no, o.lane_id, o.at, 'at', NULL, 'outcome.recorded', NULL
      FROM {{schema}}.outcomes o WHERE o.session_id = ANY (session_ids))
  SELECT s.session_id, CASE WHEN c.is_origin THEN 'row_different' ELSE 'row_unexpected' END,
         s.name || CASE WHEN c.is_origin THEN '.' || d.name || ' of ' ELSE ': no change made the row of ' END
           || {{schema}}.entry_place(s.entry_ms, s.entry_no, s.lane_id)
    FROM stored s
    LEFT JOIN {{schema}}.change_log l ON (l.lane_id, l.entry_ms, l.entry_no) = (s.lane_id, s.entry_ms, s.entry_no)
   CROSS JOIN LATERAL (SELECT coalesce(l.session_id = s.session_id AND l.type = s.type, false) AS is_origin) AS c
   CROSS JOIN LATERAL (
     VALUES (s.time_name, s.at IS DISTINCT FROM l.occurred_at),
            ('seq', s.name = 'messages' AND s.seq IS DISTINCT FROM l.seq), (s.wrong, s.wrong IS NOT NULL)) AS d (name, is_different)
   WHERE CASE WHEN c.is_origin THEN d.is_different ELSE d.name = s.time_name END;
END $$;

-- What hid a message is the first that could, and what a `last` hid is the last message that was visible. In a session of several lanes a
-- message may have arrived behind what should have hidden it; there only what its own lane says is certain.
CREATE FUNCTION {{schema}}.check_hidden_messages(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE
-- The planner adds a fixed, enormous cost where there is no other join, for which compiling a query would seem worth its seconds.
SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH events AS MATERIALIZED (
    SELECT m.session_id, 'message' AS kind, m.message_id, ARRAY[m.entry_ms, m.entry_no, m.lane_id] AS place, m.at,
           CASE WHEN m.removed_ms IS NOT NULL OR m.removed_at IS NOT NULL
                THEN ARRAY[m.removed_ms, m.removed_no, m.removed_lane] END AS removed_place,
           m.removed_at, NULL::bigint[] AS hidden_from
      FROM {{schema}}.messages m WHERE m.session_id = ANY (session_ids)
    UNION ALL
    SELECT h.session_id, h.kind, h.message_id, ARRAY[h.entry_ms, h.entry_no, h.lane_id], h.at, NULL, NULL,
           ARRAY[(h.hidden_from).entry_ms, (h.hidden_from).entry_no, (h.hidden_from).lane_id]
      FROM {{schema}}.message_hides h WHERE h.session_id = ANY (session_ids)),
  counted AS (
    SELECT e.session_id, min(e.place[3]) <> max(e.place[3]) AS is_shared,
           -- Whoever looks for what a `last` hid goes back from one to the one before it, and would never end.
           bool_and(e.kind <> 'last' OR coalesce(e.hidden_from < e.place, false)) AS goes_back
      FROM events e GROUP BY e.session_id),
  followed AS (
    SELECT e.*,
           min(e.place) FILTER (WHERE e.kind = 'clear') OVER later AS clear_place,
           min(e.place) FILTER (WHERE e.message_id IS NOT NULL) OVER later_of_id AS id_place,
           min(e.place) FILTER (WHERE e.kind = 'clear') OVER later_of_lane AS lane_clear_place,
           min(e.place) FILTER (WHERE e.message_id IS NOT NULL) OVER later_of_lane_and_id AS lane_id_place
      FROM events e
    WINDOW later AS (PARTITION BY e.session_id ORDER BY e.place DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           later_of_id AS (PARTITION BY e.session_id, e.message_id ORDER BY e.place DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           later_of_lane AS (
             PARTITION BY e.session_id, e.place[3] ORDER BY e.place DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           later_of_lane_and_id AS (
             PARTITION BY e.session_id, e.place[3], e.message_id ORDER BY e.place DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
  judged AS (
    SELECT m.session_id, m.place, m.removed_place, m.removed_at, c.is_shared, h.at AS hide_at,
           least(m.clear_place, m.id_place, l.place) AS first_place, least(m.lane_clear_place, m.lane_id_place) AS lane_place,
           h.place IS NOT NULL AND h.place > m.place AND CASE h.kind
             WHEN 'clear' THEN true WHEN 'last' THEN h.hidden_from = m.place ELSE h.message_id = m.message_id END AS is_hide
      FROM followed m
      JOIN counted c ON c.session_id = m.session_id
      LEFT JOIN (SELECT e.session_id, e.hidden_from, min(e.place) AS place FROM events e WHERE e.kind = 'last' GROUP BY 1, 2) AS l
        ON l.session_id = m.session_id AND l.hidden_from = m.place
      LEFT JOIN events h ON h.session_id = m.session_id AND h.place = m.removed_place
     WHERE m.kind = 'message')
  SELECT j.session_id, 'row_different', 'messages.removed_at of ' || {{schema}}.entry_place_of(j.place) || CASE
           WHEN j.first_place IS NULL THEN ': no change hides the message'
           ELSE ': ' || {{schema}}.entry_place_of(j.first_place) || ' hides the message' END
    FROM judged j
   WHERE CASE WHEN j.is_shared
              THEN (j.removed_place IS NOT NULL AND NOT j.is_hide) OR j.lane_place < j.removed_place
                   OR (j.removed_place IS NULL AND j.lane_place IS NOT NULL)
              ELSE j.removed_place IS DISTINCT FROM j.first_place END
      OR (j.removed_place IS NOT NULL AND j.is_hide AND j.removed_at IS DISTINCT FROM j.hide_at)
  UNION ALL
  SELECT e.session_id, 'row_different', 'message_hides.hidden_from of ' || {{schema}}.entry_place_of(e.place)
    FROM events e JOIN counted c ON c.session_id = e.session_id
   CROSS JOIN LATERAL (
     -- Just before the entry, so that what it hid itself counts as visible.
     SELECT CASE WHEN e.kind = 'last' AND NOT c.is_shared AND c.goes_back
                 THEN {{schema}}.last_visible_message(e.session_id, e.place[1], e.place[2], e.place[3]::integer - 1) END AS visible) AS v
   WHERE CASE e.kind
           WHEN 'clear' THEN e.hidden_from IS DISTINCT FROM ARRAY[0, 0, 0]::bigint[]
           WHEN 'last' THEN coalesce(e.hidden_from >= e.place, true) OR (
             NOT c.is_shared AND c.goes_back
             AND e.hidden_from <> ARRAY[(v.visible).entry_ms, (v.visible).entry_no, (v.visible).lane_id]::bigint[])
           ELSE false END;
END $$;

-- What the audit trail keeps whole of a change that is in a table, too: what a removal removed, and what a call's end brought that nobody knows.
CREATE FUNCTION {{schema}}.check_kept_fields(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT h.session_id, 'row_different', 'message_hides.' || d.name || ' of ' || {{schema}}.entry_place(h.entry_ms, h.entry_no, h.lane_id)
    FROM {{schema}}.message_hides h
    JOIN {{schema}}.change_log l ON (l.lane_id, l.entry_ms, l.entry_no) = (h.lane_id, h.entry_ms, h.entry_no)
   CROSS JOIN LATERAL (
     VALUES ('message_id', h.message_id IS DISTINCT FROM l.fields ->> 'message_id'),
            ('kind', h.kind <> CASE WHEN l.fields ->> 'message_id' IS NULL THEN 'last' ELSE 'remove' END)) AS d (name, is_different)
   WHERE h.session_id = ANY (session_ids) AND l.type = 'message.removed' AND h.kind <> 'clear' AND d.is_different;
  RETURN QUERY
  SELECT t.session_id, 'row_different',
         'tool_calls.ext of attempt ' || t.attempt || ' that ' || {{schema}}.entry_place(t.finished_ms, t.finished_no, t.finished_lane) || ' ended'
    FROM {{schema}}.tool_calls t
    JOIN {{schema}}.change_log l ON (l.lane_id, l.entry_ms, l.entry_no) = (t.finished_lane, t.finished_ms, t.finished_no)
   WHERE t.session_id = ANY (session_ids) AND l.type = 'tool.finished'
     AND (t.finished_ext IS DISTINCT FROM l.fields
          OR (t.finished_ext IS NOT NULL AND t.ext IS DISTINCT FROM coalesce(t.started_ext, '{}') || t.finished_ext));
END $$;

-- The attempts of a call have the numbers of their order, and each end closed the latest attempt that was open.
CREATE FUNCTION {{schema}}.check_attempts(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH attempts AS MATERIALIZED (
    SELECT t.session_id, t.call_id, t.attempt, t.started_at IS NOT NULL AS is_started, ARRAY[t.entry_ms, t.entry_no, t.lane_id] AS place,
           CASE WHEN t.finished_ms IS NOT NULL THEN ARRAY[t.finished_ms, t.finished_no, t.finished_lane] END AS finished_place,
           row_number() OVER of_call AS number, lead(ARRAY[t.entry_ms, t.entry_no, t.lane_id]) OVER of_call AS next_place
      FROM {{schema}}.tool_calls t WHERE t.session_id = ANY (session_ids)
    WINDOW of_call AS (PARTITION BY t.session_id, t.call_id ORDER BY t.entry_ms, t.entry_no, t.lane_id))
  SELECT a.session_id, 'row_different', 'tool_calls.attempt of ' || {{schema}}.entry_place_of(a.place)
    FROM attempts a WHERE a.attempt <> a.number
  UNION ALL
  SELECT a.session_id, 'row_different', 'tool_calls.finished_ms of ' || {{schema}}.entry_place_of(a.place) || ': '
           || {{schema}}.entry_place_of(a.finished_place) || ' ended another attempt'
    FROM attempts a
   -- Of attempts that follow one another no other is open.
   WHERE a.is_started AND a.next_place < a.finished_place
     AND EXISTS (SELECT FROM {{schema}}.tool_calls o
                  WHERE o.session_id = a.session_id AND o.call_id = a.call_id AND o.attempt > a.attempt AND o.started_at IS NOT NULL
                    AND ARRAY[o.entry_ms, o.entry_no, o.lane_id] < a.finished_place
                    AND (o.finished_ms IS NULL OR ARRAY[o.finished_ms, o.finished_no, o.finished_lane] > a.finished_place))
  UNION ALL
  SELECT a.session_id, 'row_different', 'tool_calls.started_at of ' || {{schema}}.entry_place_of(a.place) || ': an attempt was open that it ends'
    FROM attempts a
   WHERE NOT a.is_started AND a.attempt > 1
     AND EXISTS (SELECT FROM {{schema}}.tool_calls o
                  WHERE o.session_id = a.session_id AND o.call_id = a.call_id AND o.attempt < a.attempt AND o.started_at IS NOT NULL
                    AND (o.finished_ms IS NULL OR ARRAY[o.finished_ms, o.finished_no, o.finished_lane] > a.place));
END $$;

-- The differences between the rows of some sessions and what the audit trail gives. A row that is missing altogether is found by
-- check_changes().
CREATE FUNCTION {{schema}}.check_sessions(session_ids text[]) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT * FROM {{schema}}.check_session_rows(session_ids);
  RETURN QUERY SELECT * FROM {{schema}}.check_context(session_ids);
  RETURN QUERY SELECT * FROM {{schema}}.check_origins(session_ids);
  RETURN QUERY SELECT * FROM {{schema}}.check_hidden_messages(session_ids);
  RETURN QUERY SELECT * FROM {{schema}}.check_kept_fields(session_ids);
  RETURN QUERY SELECT * FROM {{schema}}.check_attempts(session_ids);
END $$;

-- The rows that are missing of the next changes of a lane, at most `piece` changes after a position, of one session where that is given. The
-- last row has no kind: it says how far the changes were looked at; it is missing where there are none.
CREATE FUNCTION {{schema}}.check_changes(of_lane integer, after_ms bigint, after_no bigint, piece integer, of_session text DEFAULT NULL)
RETURNS TABLE (session_id text, kind text, detail text, entry_ms bigint, entry_no bigint)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH looked_at AS MATERIALIZED (
    SELECT l.session_id, l.type, l.entry_ms, l.entry_no FROM {{schema}}.change_log l
     WHERE l.lane_id = of_lane AND (l.entry_ms, l.entry_no) > (after_ms, after_no)
     ORDER BY l.entry_ms, l.entry_no LIMIT piece),
  changes AS MATERIALIZED (
    SELECT * FROM looked_at c WHERE c.session_id IS NOT NULL AND (of_session IS NULL OR c.session_id = of_session)),
  attempts AS MATERIALIZED (
    SELECT p.ms, p.no FROM (SELECT DISTINCT c.session_id FROM changes c WHERE c.type IN ('tool.started', 'tool.finished')) AS w
      JOIN {{schema}}.tool_calls t ON t.session_id = w.session_id
     CROSS JOIN LATERAL (
       VALUES (t.entry_ms, t.entry_no, t.lane_id), (t.finished_ms, t.finished_no, t.finished_lane)) AS p (ms, no, lane)
     WHERE p.lane = of_lane),
  missing AS (
    SELECT c.*, 'messages' AS name FROM changes c
     WHERE c.type = 'message.appended'
       AND NOT EXISTS (SELECT FROM {{schema}}.messages m
                        WHERE (m.session_id, m.entry_ms, m.entry_no, m.lane_id) = (c.session_id, c.entry_ms, c.entry_no, of_lane))
    UNION ALL
    SELECT c.*, 'message_hides' FROM changes c
     WHERE c.type IN ('message.removed', 'messages.cleared')
       AND NOT EXISTS (SELECT FROM {{schema}}.message_hides h
                        WHERE (h.session_id, h.entry_ms, h.entry_no, h.lane_id) = (c.session_id, c.entry_ms, c.entry_no, of_lane))
    UNION ALL
    SELECT c.*, 'context_history' FROM changes c
     WHERE c.type IN ('context.set', 'context.removed')
       AND NOT EXISTS (SELECT FROM {{schema}}.context_history h
                        WHERE (h.session_id, h.entry_ms, h.entry_no, h.lane_id) = (c.session_id, c.entry_ms, c.entry_no, of_lane))
    UNION ALL
    SELECT c.*, 'outcomes' FROM changes c
     WHERE c.type = 'outcome.recorded'
       AND NOT EXISTS (SELECT FROM {{schema}}.outcomes o
                        WHERE (o.session_id, o.entry_ms, o.entry_no, o.lane_id) = (c.session_id, c.entry_ms, c.entry_no, of_lane))
    UNION ALL
    SELECT c.*, 'tool_calls' FROM changes c
     WHERE c.type IN ('tool.started', 'tool.finished') AND (c.entry_ms, c.entry_no) NOT IN (SELECT a.ms, a.no FROM attempts a))
  SELECT m.session_id, 'row_missing', m.name || ': no row for ' || {{schema}}.entry_place(m.entry_ms, m.entry_no, of_lane), m.entry_ms, m.entry_no
    FROM missing m
  UNION ALL
  SELECT c.session_id, 'row_missing', 'sessions: no row', c.entry_ms, c.entry_no
    FROM (SELECT DISTINCT ON (c.session_id) c.session_id, c.entry_ms, c.entry_no FROM changes c ORDER BY c.session_id, c.entry_ms, c.entry_no) AS c
   WHERE NOT EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = c.session_id)
  UNION ALL
  (SELECT NULL, NULL, NULL, l.entry_ms, l.entry_no FROM looked_at l ORDER BY l.entry_ms DESC, l.entry_no DESC LIMIT 1);
END $$;

-- Where the rows of a session stand, and the lanes and times of the changes that made them.
CREATE FUNCTION {{schema}}.session_places(of_session text)
RETURNS TABLE (entry_ms bigint, entry_no bigint, lane_id integer, at timestamptz)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT m.entry_ms, m.entry_no, m.lane_id, m.at FROM {{schema}}.messages m WHERE m.session_id = of_session
  UNION ALL
  SELECT h.entry_ms, h.entry_no, h.lane_id, h.at FROM {{schema}}.message_hides h WHERE h.session_id = of_session
  UNION ALL
  SELECT h.entry_ms, h.entry_no, h.lane_id, h.at FROM {{schema}}.context_history h WHERE h.session_id = of_session
  UNION ALL
  SELECT t.entry_ms, t.entry_no, t.lane_id, t.started_at FROM {{schema}}.tool_calls t WHERE t.session_id = of_session AND t.started_at IS NOT NULL
  UNION ALL
  SELECT t.finished_ms, t.finished_no, t.finished_lane, t.finished_at FROM {{schema}}.tool_calls t
   WHERE t.session_id = of_session AND t.finished_ms IS NOT NULL
  UNION ALL
  SELECT o.entry_ms, o.entry_no, o.lane_id, o.at FROM {{schema}}.outcomes o WHERE o.session_id = of_session
  UNION ALL
  SELECT c.entry_ms, c.entry_no, c.lane_id, c.occurred_at FROM {{schema}}.change_log c
   WHERE c.session_id = of_session AND c.type LIKE 'session.%'
$$;

-- Locks what a commit of the session's changes would write, in the order in which commits lock it: from here on nothing of the session changes
-- until the transaction ends.
CREATE FUNCTION {{schema}}.lock_session(of_session text, of_lane integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM {{schema}}.lanes l
   WHERE l.lane_id = of_lane OR l.lane_id IN (SELECT p.lane_id FROM {{schema}}.session_places(of_session) p)
   ORDER BY l.lane_id FOR NO KEY UPDATE;
  PERFORM FROM {{schema}}.sessions s WHERE s.session_id = of_session FOR UPDATE;
END $$;

-- The open differences of a session are found by it.
CREATE INDEX divergences_open_sessions ON {{schema}}.divergences (session_id) WHERE repaired_at IS NULL;

-- Folds the rows of a session again that can be had from other rows: its own from the session.* changes, the current context from the history,
-- what is hidden from what hid it, the order of attempts from their positions, and of messages and attempts the times and numbers that the audit
-- trail has, too. Answers the differences that remain; the others are recorded as repaired in the same transaction. What no change made stays,
-- since only a person can say what it is; and so does what is wrong in the tables to which rows are only ever added, which no worker may change.
CREATE FUNCTION {{schema}}.repair_session(of_session text) RETURNS SETOF {{schema}}.difference
LANGUAGE plpgsql AS $$
DECLARE
  differences {{schema}}.difference[];
  folded record;
  ops record;
  call text;
  entry record;
  is_first boolean;
BEGIN
  PERFORM {{schema}}.lock_session(of_session, NULL);
  differences := ARRAY(SELECT d FROM {{schema}}.check_sessions(ARRAY[of_session]) AS d);

  INSERT INTO {{schema}}.sessions (session_id, started_at, first_lane, is_shared)
  SELECT of_session, min(p.at), (array_agg(p.lane_id ORDER BY p.entry_ms, p.entry_no, p.lane_id))[1], count(DISTINCT p.lane_id) > 1
    FROM {{schema}}.session_places(of_session) p HAVING count(*) > 0
  ON CONFLICT (session_id) DO NOTHING;
  SELECT * INTO folded FROM {{schema}}.folded_sessions(ARRAY[of_session]);
  UPDATE {{schema}}.sessions s
     SET agent_id = folded.agent_id, user_id = folded.user_id, tenant = folded.tenant, title = folded.title,
         status = coalesce(folded.status, 'active'), parent_id = folded.parent_id, meta = coalesce(folded.meta, '{}'), ext = folded.ext,
         updated_at = folded.updated_at, ended_at = folded.ended_at, entry_ms = coalesce(folded.place[1], 0),
         entry_no = coalesce(folded.place[2], 0), lane_id = coalesce(folded.place[3], 0), set_at = coalesce(folded.set_at, '{}'),
         -- No snapshot goes on from an earlier one that knew what was wrong.
         late_at = greatest(clock_timestamp(), s.late_at + interval '1 microsecond')
   WHERE s.session_id = of_session;

  IF EXISTS (SELECT FROM unnest(differences) AS d WHERE d.detail LIKE 'context%') THEN
    DELETE FROM {{schema}}.context c WHERE c.session_id = of_session;
    INSERT INTO {{schema}}.context (session_id, key, kind, value, entry_ms, entry_no, lane_id, updated_at)
    SELECT of_session, n.key, n.kind, n.value, n.entry_ms, n.entry_no, n.lane_id, n.at
      FROM (SELECT DISTINCT ON (h.key) h.* FROM {{schema}}.context_history h
             WHERE h.session_id = of_session ORDER BY h.key, h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC) AS n
     WHERE NOT n.removed AND n.kind IS NOT NULL AND n.value IS NOT NULL;
  END IF;

  IF EXISTS (SELECT FROM unnest(differences) AS d WHERE d.detail LIKE 'message%') THEN
    UPDATE {{schema}}.messages m SET at = c.occurred_at, seq = c.seq FROM {{schema}}.change_log c
     WHERE m.session_id = of_session AND (c.lane_id, c.entry_ms, c.entry_no) = (m.lane_id, m.entry_ms, m.entry_no)
       AND c.session_id = of_session AND c.type = 'message.appended' AND (m.at, m.seq) IS DISTINCT FROM (c.occurred_at, c.seq);
    -- What the audit trail has of each removal counts, and else the removal's own row.
    SELECT array_agg(o.entry_ms) AS mss, array_agg(o.entry_no) AS nos, array_agg(o.lane_id) AS lanes, array_agg(o.at) AS ats,
           array_agg(o.kind) AS kinds, array_agg(o.message_id) AS ids INTO ops
      FROM (SELECT m.entry_ms, m.entry_no, m.lane_id, m.at, 'replace' AS kind, m.message_id
              FROM {{schema}}.messages m WHERE m.session_id = of_session AND m.message_id IS NOT NULL
            UNION ALL
            SELECT h.entry_ms, h.entry_no, h.lane_id, coalesce(c.occurred_at, h.at),
                   CASE c.type WHEN 'messages.cleared' THEN 'clear'
                               WHEN 'message.removed' THEN CASE WHEN c.fields ->> 'message_id' IS NULL THEN 'last' ELSE 'remove' END
                               ELSE h.kind END,
                   CASE WHEN c.type IS NULL THEN h.message_id ELSE c.fields ->> 'message_id' END
              FROM {{schema}}.message_hides h
              LEFT JOIN {{schema}}.change_log c
                ON (c.lane_id, c.entry_ms, c.entry_no) = (h.lane_id, h.entry_ms, h.entry_no) AND c.session_id = of_session
               AND c.type IN ('message.removed', 'messages.cleared')
             WHERE h.session_id = of_session) AS o;
    DELETE FROM {{schema}}.message_hides h WHERE h.session_id = of_session;
    UPDATE {{schema}}.messages m SET removed_at = NULL, removed_ms = NULL, removed_no = NULL, removed_lane = NULL
     WHERE m.session_id = of_session AND (m.removed_ms IS NOT NULL OR m.removed_at IS NOT NULL);
    IF ops.mss IS NOT NULL THEN
      PERFORM {{schema}}.hide_messages(
        array_fill(of_session, ARRAY[cardinality(ops.mss)]), ops.mss, ops.nos, ops.lanes, ops.ats, ops.kinds, ops.ids);
    END IF;
  END IF;

  IF EXISTS (SELECT FROM unnest(differences) AS d WHERE d.detail LIKE 'tool_calls%') THEN
    UPDATE {{schema}}.tool_calls t SET started_at = c.occurred_at FROM {{schema}}.change_log c
     WHERE t.session_id = of_session AND (c.lane_id, c.entry_ms, c.entry_no) = (t.lane_id, t.entry_ms, t.entry_no)
       AND c.session_id = of_session AND c.type = 'tool.started' AND t.started_at IS DISTINCT FROM c.occurred_at;
    UPDATE {{schema}}.tool_calls t
       SET finished_at = c.occurred_at, finished_ext = c.fields,
           ext = CASE WHEN c.fields IS NULL THEN CASE WHEN t.finished_ext IS NULL THEN t.ext ELSE t.started_ext END
                      ELSE coalesce(CASE WHEN t.finished_ext IS NULL THEN t.ext ELSE t.started_ext END, '{}') || c.fields END,
           started_ext = CASE WHEN c.fields IS NULL THEN NULL WHEN t.finished_ext IS NULL THEN t.ext ELSE t.started_ext END
      FROM {{schema}}.change_log c
     WHERE t.session_id = of_session AND (c.lane_id, c.entry_ms, c.entry_no) = (t.finished_lane, t.finished_ms, t.finished_no)
       AND c.session_id = of_session AND c.type = 'tool.finished'
       AND (t.finished_at IS DISTINCT FROM c.occurred_at OR t.finished_ext IS DISTINCT FROM c.fields
            OR (c.fields IS NOT NULL AND t.ext IS DISTINCT FROM coalesce(t.started_ext, '{}') || c.fields));
    FOR call IN SELECT DISTINCT t.call_id FROM {{schema}}.tool_calls t WHERE t.session_id = of_session LOOP
      is_first := true;
      FOR entry IN SELECT * FROM {{schema}}.tool_entries(of_session, call) ORDER BY 1, 2, 3 LOOP
        -- The query goes on seeing what was there when it began.
        IF is_first THEN DELETE FROM {{schema}}.tool_calls t WHERE t.session_id = of_session AND t.call_id = call; END IF;
        is_first := false;
        PERFORM {{schema}}.apply_tool_entry(
          of_session, call, entry.entry_ms, entry.entry_no, entry.lane_id, entry.at, entry.type, entry.tool, entry.arguments,
          entry.idempotency_key, entry.status, entry.result, entry.error, entry.cost, entry.usage, entry.ext);
      END LOOP;
    END LOOP;
  END IF;

  differences := ARRAY(SELECT d FROM {{schema}}.check_sessions(ARRAY[of_session]) AS d);
  UPDATE {{schema}}.divergences d SET repaired_at = now(), repair = 'folded again from the audit trail'
   WHERE d.session_id = of_session AND d.repaired_at IS NULL AND d.subject IS NOT NULL
     AND (d.kind IN ('row_different', 'row_unexpected') OR d.kind = 'row_missing' AND (d.detail LIKE 'context:%' OR d.detail = 'sessions: no row'))
     AND NOT EXISTS (SELECT FROM unnest(differences) AS r WHERE r.kind = d.kind AND r.detail = d.detail);
  RETURN QUERY SELECT (r).* FROM unnest(differences) AS r;
END $$;

-- Applies a removal of messages again whose row is missing: of all changes whose rows may be missing, the audit trail keeps only these whole.
-- Answers whether it did; the difference is recorded as repaired in the same transaction.
CREATE FUNCTION {{schema}}.repair_change(of_lane integer, at_ms bigint, at_no bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  change {{schema}}.change_log;
BEGIN
  SELECT * INTO change FROM {{schema}}.change_log c WHERE (c.lane_id, c.entry_ms, c.entry_no) = (of_lane, at_ms, at_no);
  IF change.type IN ('message.removed', 'messages.cleared') IS NOT TRUE THEN RETURN false; END IF;
  PERFORM {{schema}}.lock_session(change.session_id, of_lane);
  IF NOT EXISTS (SELECT FROM {{schema}}.message_hides h
                  WHERE (h.session_id, h.entry_ms, h.entry_no, h.lane_id) = (change.session_id, at_ms, at_no, of_lane)) THEN
    -- Which rows it hid may be noted with them still; they are hidden again in order.
    UPDATE {{schema}}.messages m SET removed_at = NULL, removed_ms = NULL, removed_no = NULL, removed_lane = NULL
     WHERE m.session_id = change.session_id AND (m.removed_ms, m.removed_no, m.removed_lane) = (at_ms, at_no, of_lane);
    PERFORM {{schema}}.hide_messages(
      ARRAY[change.session_id], ARRAY[at_ms], ARRAY[at_no], ARRAY[of_lane], ARRAY[change.occurred_at],
      ARRAY[CASE WHEN change.type = 'messages.cleared' THEN 'clear' WHEN change.fields ->> 'message_id' IS NULL THEN 'last' ELSE 'remove' END],
      ARRAY[change.fields ->> 'message_id']);
    PERFORM {{schema}}.note_late_change(change.session_id, of_lane, at_ms, at_no, NULL);
  END IF;
  UPDATE {{schema}}.divergences d SET repaired_at = now(), repair = 'applied again from the audit trail'
   WHERE d.session_id = change.session_id AND d.repaired_at IS NULL AND d.kind = 'row_missing'
     AND d.detail = 'message_hides: no row for ' || {{schema}}.entry_place(at_ms, at_no, of_lane);
  RETURN true;
END $$;

-- What is known of sessions whose state in Redis differs from what hot_sessions() says, beside that. Of each: its lane, the entry of its last
-- change in Redis, the entry from which on Redis has its changes, and a message.
CREATE FUNCTION {{schema}}.hot_evidence(
  session_ids text[], lanes text[], entry_mss bigint[], entry_nos bigint[], start_mss bigint[], start_nos bigint[], since_mss bigint[],
  since_nos bigint[])
RETURNS TABLE (session_id text, is_known boolean, is_recorded boolean, is_bypassed boolean, has_letter boolean, knows_earlier boolean,
               messages bigint)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT w.session_id, EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = w.session_id),
         EXISTS (SELECT FROM {{schema}}.change_log c WHERE (c.lane_id, c.entry_ms, c.entry_no) = (l.lane_id, w.entry_ms, w.entry_no)),
         -- The function library numbers each change; a session's changes in another lane it did not write.
         EXISTS (SELECT FROM {{schema}}.session_places(w.session_id) p
                   LEFT JOIN {{schema}}.change_log c ON (c.lane_id, c.entry_ms, c.entry_no) = (p.lane_id, p.entry_ms, p.entry_no)
                  WHERE (p.entry_ms, p.entry_no) >= (w.start_ms, w.start_no)
                    AND (p.lane_id IS DISTINCT FROM l.lane_id OR (c.lane_id IS NOT NULL AND c.seq IS NULL))),
         EXISTS (SELECT FROM {{schema}}.dead_letters d
                  WHERE d.lane = w.lane AND (d.entry_ms, d.entry_no) >= (w.start_ms, w.start_no) AND d.session_id = w.session_id
                    AND d.resolution IS DISTINCT FROM 'replayed'),
         EXISTS (SELECT FROM {{schema}}.session_places(w.session_id) p WHERE (p.entry_ms, p.entry_no) < (w.start_ms, w.start_no)),
         (SELECT count(*) FROM {{schema}}.messages m
           WHERE m.session_id = w.session_id AND (m.entry_ms, m.entry_no) > (w.since_ms, w.since_no))
    FROM unnest(session_ids, lanes, entry_mss, entry_nos, start_mss, start_nos, since_mss, since_nos)
      AS w (session_id, lane, entry_ms, entry_no, start_ms, start_no, since_ms, since_no)
    LEFT JOIN {{schema}}.lanes l ON l.lane = w.lane;
END $$;

-- How far each walk over the state has come, so that the next worker goes on there.
CREATE TABLE {{schema}}.state_walks (
  walk     text PRIMARY KEY,
  -- Where it goes on; null: from the beginning.
  place    text,
  began_at timestamptz NOT NULL DEFAULT now(),
  -- When it last came to its end.
  ended_at timestamptz
) WITH (fillfactor = 50);

-- The smallest `hot.messages` that was ever in force: a list that was written under it may be shorter than it would be now.
CREATE TABLE {{schema}}.hot_message_limits (
  fewest integer NOT NULL,
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);

CREATE FUNCTION {{schema}}.fewest_hot_messages(present integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  known integer := (SELECT l.fewest FROM {{schema}}.hot_message_limits l);
BEGIN
  IF known <= present THEN RETURN known; END IF;
  INSERT INTO {{schema}}.hot_message_limits AS l (fewest) VALUES (present)
  ON CONFLICT (is_only) DO UPDATE SET fewest = least(l.fewest, excluded.fewest) RETURNING l.fewest INTO known;
  RETURN known;
END $$;
