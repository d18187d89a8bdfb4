-- The way back: what a session's hot state in Redis is made of, and the sessions that workers removed from Redis because they were idle.

-- Where the numbering of an evicted session stood, and the event ids that it remembered. The numbering goes on there when the session returns;
-- without a row it may have gone further than Postgres knows, and begins anew in a later epoch. The row is made before its session leaves
-- Redis and removed after it came back, so that no event id is forgotten however an eviction or a restore ends. In between it loses its
-- incarnation, so that no number is used twice.
CREATE TABLE {{schema}}.evicted_sessions (
  session_id  text COLLATE "C" PRIMARY KEY,
  lane        text COLLATE "C" NOT NULL,
  -- Of the lane when the session was evicted: in a later one Redis may have lost changes that came after it. Null while the session may be in
  -- Redis, where its numbering goes on.
  incarnation bigint,
  -- Of the data of the server that the session left, as Redis names it. A server that was promoted since may have lost changes of a session
  -- that came back and was lost again. Null where it is not known.
  history     text,
  epoch       bigint NOT NULL,
  seq         bigint NOT NULL,
  -- The session's last change.
  entry_ms    bigint NOT NULL,
  entry_no    bigint NOT NULL,
  -- The producers' ids that the functions of Redis remember, each followed by their answer.
  event_ids   text[] NOT NULL DEFAULT '{}',
  evicted_at  timestamptz NOT NULL DEFAULT now()
);

-- The fields of an entry as the function library keeps them in Redis: texts, also those that hold JSON.
CREATE FUNCTION {{schema}}.hot_fields(known json, ext jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN ext IS NULL OR ext - ARRAY['entry_id', 'seq', 'epoch'] = '{}' THEN k.fields
              ELSE left(k.fields, -1) || ',' || (
                SELECT string_agg(to_json(e.key)::text || ':' || to_json(e.value)::text, ',') FROM jsonb_each_text(ext - ARRAY['entry_id', 'seq', 'epoch']) AS e) || '}' END
    FROM (SELECT json_strip_nulls(known)::text AS fields) AS k
$$;

-- The hot state of sessions, those that Postgres knows, in the shape in which the function library keeps it. Names and values alternate in
-- `session`, `context` and `calls`; a call's value has a line for each open attempt. The entry is the latest that the state shows.
CREATE FUNCTION {{schema}}.hot_sessions(session_ids text[], message_limit integer)
RETURNS TABLE (session_id text, entry_ms bigint, entry_no bigint, session text[], context text[], messages text[], calls text[])
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT s.session_id, latest.entry[1], latest.entry[2],
         array_cat(array_cat(about.pairs, meta.pairs), c.kinds), c.pairs, m.elements, t.pairs
    FROM unnest(session_ids) AS wanted (session_id)
    JOIN {{schema}}.sessions s ON s.session_id = wanted.session_id
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(p.part ORDER BY f.place, p.place), '{}') AS pairs
       FROM (VALUES (1, 'status', s.status), (2, 'agent', s.agent_id), (3, 'user', s.user_id), (4, 'tenant', s.tenant),
                    (5, 'title', s.title), (6, 'parent', s.parent_id)) AS f (place, name, value)
      CROSS JOIN LATERAL (VALUES (1, f.name), (2, f.value)) AS p (place, part)
      WHERE f.value IS NOT NULL) AS about
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(p.part ORDER BY f.key, p.place), '{}') AS pairs
       FROM jsonb_each(s.meta) AS f
      CROSS JOIN LATERAL (VALUES (1, 'meta.' || f.key), (2, f.value::text)) AS p (place, part)) AS meta
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(p.part ORDER BY x.key, p.place) FILTER (WHERE p.place <= 2), '{}') AS pairs,
            coalesce(array_agg(p.part ORDER BY x.key, p.place) FILTER (WHERE p.place > 2 AND x.kind <> 'note'), '{}') AS kinds,
            max(ARRAY[x.entry_ms, x.entry_no, x.lane_id]) AS latest
       FROM {{schema}}.context x
      CROSS JOIN LATERAL (VALUES (1, x.key::text), (2, x.value::text), (3, 'kind.' || x.key), (4, x.kind)) AS p (place, part)
      WHERE x.session_id = wanted.session_id) AS c
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(r.element ORDER BY r.entry_ms, r.entry_no, r.lane_id), '{}') AS elements,
            max(ARRAY[r.entry_ms, r.entry_no, r.lane_id]) AS latest
       -- Written out, because a restore spends most of its time here: json_build_object with hot_fields takes three times as long.
       FROM (SELECT v.entry_ms, v.entry_no, v.lane_id,
                    '{"entry_id":"'
                      || CASE WHEN v.entry_ms >= 0 AND v.entry_no >= 0 THEN v.entry_ms || '-' || v.entry_no
                              ELSE {{schema}}.entry_id(v.entry_ms, v.entry_no) END || '"'
                      || coalesce(',"seq":"' || v.seq || '"', '') || coalesce(',"role":' || to_json(v.role), '')
                      || coalesce(',"content":' || to_json(v.content), '') || coalesce(',"parts":' || to_json(v.parts::text), '')
                      || coalesce(',"message_id":' || to_json(v.message_id), '') || coalesce(',"parent_id":' || to_json(v.parent_id), '')
                      || coalesce(',"call_id":' || to_json(v.call_id), '') || coalesce(',"model":' || to_json(v.model), '')
                      || coalesce(',"tokens":"' || v.tokens || '"', '') || coalesce(',"usage":' || to_json(v.usage::text), '')
                      || coalesce(',"meta":' || to_json(v.meta::text), '')
                      || CASE WHEN v.ext <> '{}' THEN coalesce((
                           SELECT string_agg(',' || to_json(e.key) || ':' || to_json(e.value), '' ORDER BY e.key)
                             FROM jsonb_each_text(v.ext - ARRAY['entry_id', 'seq', 'epoch']) AS e), '') ELSE '' END || '}' AS element
               FROM {{schema}}.messages v
              WHERE v.session_id = wanted.session_id AND v.removed_at IS NULL
              ORDER BY v.entry_ms DESC, v.entry_no DESC, v.lane_id DESC LIMIT message_limit) AS r) AS m
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(p.part ORDER BY o.call_id, p.place) FILTER (WHERE o.lines IS NOT NULL), '{}') AS pairs,
            max(o.latest) AS latest
       FROM (SELECT a.call_id, string_agg(
                      {{schema}}.hot_fields(
                        json_build_object(
                          'entry_id', {{schema}}.entry_id(a.entry_ms, a.entry_no), 'call_id', a.call_id, 'tool', a.tool,
                          'arguments', a.arguments::text, 'idempotency_key', a.idempotency_key),
                        a.ext), E'\n' ORDER BY a.entry_ms, a.entry_no, a.lane_id) FILTER (WHERE a.status = 'started') AS lines,
                    max(CASE WHEN a.finished_ms IS NULL THEN ARRAY[a.entry_ms, a.entry_no, a.lane_id]
                             ELSE ARRAY[a.finished_ms, a.finished_no, a.finished_lane] END) AS latest
               FROM {{schema}}.tool_calls a WHERE a.session_id = wanted.session_id GROUP BY a.call_id) AS o
      CROSS JOIN LATERAL (VALUES (1, o.call_id), (2, o.lines)) AS p (place, part)) AS t
   CROSS JOIN LATERAL (
     SELECT max(ARRAY[r.entry_ms, r.entry_no, r.lane_id]) AS latest FROM {{schema}}.outcomes r
      WHERE r.session_id = wanted.session_id) AS outcome
   CROSS JOIN LATERAL (
     SELECT greatest(ARRAY[s.entry_ms, s.entry_no, s.lane_id], c.latest, m.latest, t.latest, outcome.latest) AS entry) AS latest;
END $$;

-- Names and values alternating, without the pairs whose value is null.
CREATE FUNCTION {{schema}}.given_pairs(VARIADIC parts text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(p.part ORDER BY i.place, p.place), '{}')
    FROM generate_series(1, cardinality(parts), 2) AS i (place)
   CROSS JOIN LATERAL (VALUES (1, parts[i.place]), (2, parts[i.place + 1])) AS p (place, part)
   WHERE parts[i.place + 1] IS NOT NULL
$$;

-- The extra fields of an entry, as names and values alternating.
CREATE FUNCTION {{schema}}.extra_pairs(ext jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(p.part ORDER BY e.key, p.place), '{}') FROM jsonb_each_text(ext) AS e
   CROSS JOIN LATERAL (VALUES (1, e.key), (2, e.value)) AS p (place, part)
$$;

-- The changes that make a new session of what a session was at a position: itself with the old one as its parent, its visible messages and
-- its calls in their order, those that were open as cancelled, and its context.
CREATE FUNCTION {{schema}}.fork_changes(session text, at_ms bigint, at_no bigint, at_lane integer)
RETURNS TABLE (type text, fields text[])
LANGUAGE sql STABLE AS $$
  SELECT c.type, c.fields FROM (
    SELECT 0 AS part, 0::bigint AS entry_ms, 0::bigint AS entry_no, 0 AS step, '' AS name, 'session.started' AS type,
           {{schema}}.given_pairs('agent', b.state ->> 'agent', 'user', b.state ->> 'user', 'tenant', b.state ->> 'tenant',
                                  'title', b.state ->> 'title', 'parent', $1)
             || ARRAY(SELECT p.part FROM jsonb_each(b.state -> 'meta') AS m
                      CROSS JOIN LATERAL (VALUES (1, 'meta.' || m.key), (2, m.value::text)) AS p (place, part)
                      ORDER BY m.key, p.place) AS fields
      FROM (SELECT {{schema}}.session_at_position($1, NULL, at_ms, at_no, at_lane) AS state) AS b WHERE b.state IS NOT NULL
    UNION ALL
    SELECT 1, m.entry_ms, m.entry_no, 0, '', 'message.appended',
           {{schema}}.given_pairs(
             'role', m.role, 'content', m.content, 'parts', m.parts::text, 'message_id', m.message_id, 'parent_id', m.parent_id,
             'call_id', m.call_id, 'model', m.model, 'tokens', m.tokens::text, 'usage', m.usage::text, 'meta', m.meta::text,
             'ts', floor(extract(epoch FROM m.at) * 1000)::bigint::text) || {{schema}}.extra_pairs(m.ext)
      FROM {{schema}}.messages m
     WHERE m.session_id = $1 AND (m.entry_ms, m.entry_no, m.lane_id) <= (at_ms, at_no, at_lane)
       AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (at_ms, at_no, at_lane))
    UNION ALL
    SELECT 1, t.entry_ms, t.entry_no, 1, t.call_id, 'tool.started',
           {{schema}}.given_pairs(
             'call_id', t.call_id, 'tool', t.tool, 'arguments', t.arguments::text, 'idempotency_key', t.idempotency_key,
             'ts', floor(extract(epoch FROM t.started_at) * 1000)::bigint::text)
      FROM {{schema}}.tool_calls t
     WHERE t.session_id = $1 AND t.started_at IS NOT NULL AND (t.entry_ms, t.entry_no, t.lane_id) <= (at_ms, at_no, at_lane)
    UNION ALL
    -- The answer of a call that was open comes right after its start.
    SELECT 1, CASE WHEN e.is_finished THEN t.finished_ms ELSE t.entry_ms END, CASE WHEN e.is_finished THEN t.finished_no ELSE t.entry_no END,
           2, t.call_id, 'tool.finished',
           CASE WHEN e.is_finished
             THEN {{schema}}.given_pairs(
                    'call_id', t.call_id, 'status', t.status, 'result', t.result::text, 'error', t.error, 'cost', t.cost::text,
                    'usage', t.usage::text, 'ts', floor(extract(epoch FROM t.finished_at) * 1000)::bigint::text)
             ELSE ARRAY['call_id', t.call_id, 'status', 'cancelled', 'error', 'the call was open when the session was forked'] END
      FROM {{schema}}.tool_calls t
     CROSS JOIN LATERAL (
       SELECT coalesce((t.finished_ms, t.finished_no, t.finished_lane) <= (at_ms, at_no, at_lane), false) AS is_finished) AS e
     WHERE t.session_id = $1 AND (t.entry_ms, t.entry_no, t.lane_id) <= (at_ms, at_no, at_lane)
    UNION ALL
    SELECT 2, 0, 0, 0, x.key, 'context.set', ARRAY['key', x.key, 'value', x.value::text, 'kind', x.kind]
      FROM (SELECT DISTINCT ON (h.key) h.key, h.kind, h.value, h.removed FROM {{schema}}.context_history h
             WHERE h.session_id = $1 AND (h.entry_ms, h.entry_no, h.lane_id) <= (at_ms, at_no, at_lane)
             ORDER BY h.key, h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC) AS x
     WHERE NOT x.removed) AS c
   ORDER BY c.part, c.entry_ms, c.entry_no, c.step, c.name
$$;

-- The changes that bring a session back to what it was at a position, by going on from what it is: nothing of its past is lost. Calls that ended since stay ended; those that began since are cancelled; keys of `meta` that came since stay.
CREATE FUNCTION {{schema}}.rewind_changes(session text, at_ms bigint, at_no bigint, at_lane integer)
RETURNS TABLE (type text, fields text[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  present jsonb := {{schema}}.session_at_position(session, NULL, 9223372036854775807, 9223372036854775807, 2147483647);
  past jsonb := {{schema}}.session_at_position(session, NULL, at_ms, at_no, at_lane);
  about text[];
  hidden_since bigint;
  shown_since bigint;
BEGIN
  about := {{schema}}.given_pairs(
    'title', CASE WHEN past ->> 'title' IS DISTINCT FROM present ->> 'title' THEN coalesce(past ->> 'title', '') END,
    'status', CASE WHEN past ->> 'status' <> present ->> 'status' THEN past ->> 'status' END)
    || ARRAY(SELECT p.part FROM jsonb_each(past -> 'meta') AS m
             CROSS JOIN LATERAL (VALUES (1, 'meta.' || m.key), (2, m.value::text)) AS p (place, part)
             WHERE present #> ARRAY['meta', m.key] IS DISTINCT FROM m.value ORDER BY m.key, p.place);
  IF cardinality(about) > 0 THEN
    type := 'session.updated'; fields := about;
    RETURN NEXT;
  END IF;

  SELECT count(*) FILTER (WHERE m.removed_ms IS NOT NULL AND v.was_visible), count(*) FILTER (WHERE m.removed_ms IS NULL AND NOT v.was_visible)
    INTO hidden_since, shown_since
    FROM {{schema}}.messages m
   CROSS JOIN LATERAL (
     SELECT (m.entry_ms, m.entry_no, m.lane_id) <= (at_ms, at_no, at_lane)
            AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (at_ms, at_no, at_lane)) AS was_visible) AS v
   WHERE m.session_id = session;
  IF hidden_since = 0 THEN
    -- What came since is at the end.
    RETURN QUERY SELECT 'message.removed', ARRAY['last', '1'] FROM generate_series(1, shown_since);
  ELSE
    RETURN QUERY SELECT 'messages.cleared', '{}'::text[];
    RETURN QUERY
      SELECT f.type, f.fields FROM {{schema}}.fork_changes(session, at_ms, at_no, at_lane) WITH ORDINALITY AS f (type, fields, place)
       WHERE f.type = 'message.appended' ORDER BY f.place;
  END IF;

  RETURN QUERY
    SELECT 'tool.finished', ARRAY['call_id', t.call_id, 'status', 'cancelled', 'error', 'the session was taken back to an earlier state']
      FROM {{schema}}.tool_calls t
     WHERE t.session_id = session AND t.status = 'started' AND (t.entry_ms, t.entry_no, t.lane_id) > (at_ms, at_no, at_lane)
     ORDER BY t.entry_ms, t.entry_no, t.lane_id;
  RETURN QUERY
    SELECT CASE WHEN p.key IS NULL THEN 'context.removed' ELSE 'context.set' END,
           CASE WHEN p.key IS NULL THEN ARRAY['key', c.key] ELSE ARRAY['key', p.key, 'value', p.value::text, 'kind', p.kind] END
      FROM (SELECT k.key, k.kind, k.value FROM {{schema}}.context k WHERE k.session_id = session) AS c
      FULL JOIN (SELECT x.key, x.kind, x.value
                   FROM (SELECT DISTINCT ON (h.key) h.key, h.kind, h.value, h.removed FROM {{schema}}.context_history h
                          WHERE h.session_id = session AND (h.entry_ms, h.entry_no, h.lane_id) <= (at_ms, at_no, at_lane)
                          ORDER BY h.key, h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC) AS x
                  WHERE NOT x.removed) AS p
        ON c.key = p.key
     WHERE (c.kind, c.value) IS DISTINCT FROM (p.kind, p.value)
     ORDER BY coalesce(c.key, p.key);
END $$;
