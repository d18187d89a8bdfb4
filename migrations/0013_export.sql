-- Export: sessions with their outcomes as one JSON text each, and which of them changed since an earlier export.
--
-- A cursor of an export says of each lane how far it was applied in one snapshot: the number of the last change, the furthest position and the
-- incarnation. What is committed later has a higher number, whenever it began; it stands behind that position, where it is found by the
-- key of the audit trail, or it is late, and is found in `late_changes`. So nothing needs an index by number, which every change would pay for.

-- Where the lanes stand: for each its number -> [incarnation, number of the last change, position]. A lane whose cursor is at an id that Postgres
-- can't hold stands behind all that can be applied.
CREATE FUNCTION {{schema}}.export_places() RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_object_agg(l.lane_id, jsonb_build_array(l.incarnation, l.applied_no, f.ms, f.no)), '{}')
    FROM {{schema}}.lanes l
   CROSS JOIN LATERAL (
     SELECT p.ms, p.no
       FROM (VALUES (CASE WHEN least(l.entry_ms, l.entry_no) < 0 THEN 9223372036854775807 ELSE l.entry_ms END,
                     CASE WHEN least(l.entry_ms, l.entry_no) < 0 THEN 9223372036854775807 ELSE l.entry_no END),
                    (l.furthest_ms, l.furthest_no)) AS p (ms, no)
      ORDER BY p.ms DESC, p.no DESC LIMIT 1) AS f
$$;

-- The sessions that changed between two places, each once. A lane whose incarnation is another one since counts as a whole: its ledger may have
-- gone back, so that numbers and positions were used again.
CREATE FUNCTION {{schema}}.changed_between(earlier jsonb, later jsonb) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  WITH places AS MATERIALIZED (
    SELECT l.key::integer AS lane_id, (l.value ->> 2)::bigint AS to_ms, (l.value ->> 3)::bigint AS to_no, (l.value ->> 1)::bigint AS last,
           CASE WHEN e.is_same THEN (earlier -> l.key ->> 2)::bigint ELSE -1 END AS from_ms,
           CASE WHEN e.is_same THEN (earlier -> l.key ->> 3)::bigint ELSE -1 END AS from_no,
           CASE WHEN e.is_same THEN (earlier -> l.key ->> 1)::bigint ELSE -1 END AS first
      FROM jsonb_each(later) AS l
     CROSS JOIN LATERAL (SELECT coalesce(earlier -> l.key -> 0 = l.value -> 0, false) AS is_same) AS e)
  SELECT c.session_id FROM places p
   CROSS JOIN LATERAL (
     SELECT k.session_id FROM {{schema}}.change_log k
      WHERE k.lane_id = p.lane_id AND (k.entry_ms, k.entry_no) > (p.from_ms, p.from_no) AND (k.entry_ms, k.entry_no) <= (p.to_ms, p.to_no)
        AND k.session_id IS NOT NULL) AS c
  UNION
  SELECT c.session_id FROM places p
    JOIN {{schema}}.late_changes l USING (lane_id)
    JOIN {{schema}}.change_log c ON (c.lane_id, c.entry_ms, c.entry_no) = (l.lane_id, l.entry_ms, l.entry_no)
   WHERE c.no > p.first AND c.no <= p.last AND c.session_id IS NOT NULL
$$;

-- What every export says of a session.
CREATE FUNCTION {{schema}}.export_outcomes(session text) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT coalesce(json_agg(json_build_object(
           'label', o.label, 'score', o.score, 'scorer', o.scorer, 'message_id', o.message_id, 'call_id', o.call_id, 'meta', o.meta,
           'at', o.at) ORDER BY o.entry_ms, o.entry_no, o.lane_id), '[]')
    FROM {{schema}}.outcomes o WHERE o.session_id = session
$$;

-- A session's transcript as chat models take it: a call belongs to the assistant's message before it, or to one without content, and is answered
-- right after it, once: with the message that the agent wrote for it (role `tool` and the call's id), else with its result. `omitted` counts
-- messages of the role `tool` that answer no call, which a model refuses. In PL/pgSQL its plan is kept; planning it takes as long as running it.
CREATE FUNCTION {{schema}}.chat_messages(session text, OUT messages json, OUT omitted bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  WITH items AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY t.entry_ms, t.entry_no, t.lane_id) AS place, t.kind, t.role, t.content, t.body
      FROM {{schema}}.transcript(session, complete => true) AS t),
  answers AS (
    SELECT DISTINCT ON (i.body ->> 'call_id') i.body ->> 'call_id' AS call_id, coalesce(i.content, i.body ->> 'parts') AS content
      FROM items i WHERE i.kind = 'message' AND i.role = 'tool' ORDER BY i.body ->> 'call_id', i.place DESC),
  shown AS (
    SELECT i.*, i.kind = 'tool_call' AS is_call,
           i.kind = 'tool_call' AND coalesce(lag(i.kind = 'tool_call' OR i.role = 'assistant') OVER (ORDER BY i.place), false) AS continues
      FROM items i WHERE i.kind = 'tool_call' OR i.role IS DISTINCT FROM 'tool'),
  turns AS (
    SELECT s.*, count(*) FILTER (WHERE NOT s.continues) OVER (ORDER BY s.place) AS turn FROM shown s),
  elements AS (
    SELECT t.turn, 0::bigint AS place,
           '{"role":' || coalesce(max(to_json(t.role)::text) FILTER (WHERE NOT t.is_call), CASE WHEN bool_and(t.is_call) THEN '"assistant"' ELSE 'null' END)
             || ',"content":' || coalesce(max(coalesce(to_json(t.content)::text, (t.body -> 'parts')::text, '""')) FILTER (WHERE NOT t.is_call), 'null')
             || coalesce(',"tool_calls":' || json_agg(json_build_object(
                  'id', t.body ->> 'call_id', 'type', 'function', 'function', json_build_object(
                    'name', coalesce(t.body ->> 'tool', ''), 'arguments', coalesce((t.body -> 'arguments')::text, '{}')))
                  ORDER BY t.place) FILTER (WHERE t.is_call)::text, '')
             || '}' AS element
      FROM turns t GROUP BY t.turn
    UNION ALL
    SELECT t.turn, t.place,
           json_build_object('role', 'tool', 'tool_call_id', t.body ->> 'call_id', 'content', coalesce(
             a.content, CASE jsonb_typeof(t.body -> 'result') WHEN 'string' THEN t.body ->> 'result' ELSE (t.body -> 'result')::text END,
             t.body ->> 'error', t.body ->> 'status'))::text
      FROM turns t LEFT JOIN answers a ON a.call_id = t.body ->> 'call_id' WHERE t.is_call)
  SELECT ('[' || coalesce((SELECT string_agg(e.element, ',' ORDER BY e.turn, e.place) FROM elements e), '') || ']')::json,
         (SELECT count(*) FROM items i
           WHERE i.kind = 'message' AND i.role = 'tool'
             AND NOT EXISTS (SELECT FROM items c WHERE c.kind = 'tool_call' AND c.body ->> 'call_id' = i.body ->> 'call_id'))
    INTO messages, omitted;
END $$;

-- The lines of an export, of those of these sessions that there are: the session, and beside it what the format has.
CREATE FUNCTION {{schema}}.export_line(about {{schema}}.sessions, contents text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT left(json_strip_nulls(json_build_object(
           'session_id', about.session_id, 'agent', about.agent_id, 'user', about.user_id, 'tenant', about.tenant, 'title', about.title,
           'status', about.status, 'parent', about.parent_id, 'started_at', about.started_at, 'updated_at', about.updated_at,
           'ended_at', about.ended_at))::text, -1)
         || ',"meta":' || about.meta::text || contents || ',"outcomes":' || {{schema}}.export_outcomes(about.session_id)::text || '}'
$$;

CREATE FUNCTION {{schema}}.export_chat(ids text[]) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.export_line(s, ',"messages":' || c.messages::text || ',"omitted":' || c.omitted)
    FROM unnest(ids) WITH ORDINALITY AS i (id, place) JOIN {{schema}}.sessions s ON s.session_id = i.id
   CROSS JOIN LATERAL {{schema}}.chat_messages(s.session_id) AS c ORDER BY i.place
$$;

-- The rows as they are, the hidden messages and earlier attempts among them.
CREATE FUNCTION {{schema}}.export_raw(ids text[]) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.export_line(
           s, ',"messages":' || m.items || ',"tool_calls":' || t.items || ',"context":' || x.items)
    FROM unnest(ids) WITH ORDINALITY AS i (id, place) JOIN {{schema}}.sessions s ON s.session_id = i.id
   CROSS JOIN LATERAL (
     SELECT coalesce(json_agg(json_build_object(
              'entry_id', {{schema}}.entry_id(r.entry_ms, r.entry_no), 'seq', r.seq, 'message_id', r.message_id, 'parent_id', r.parent_id,
              'call_id', r.call_id, 'role', r.role, 'content', r.content, 'parts', r.parts, 'model', r.model, 'tokens', r.tokens,
              'usage', r.usage, 'meta', r.meta, 'ext', r.ext, 'at', r.at, 'removed_at', r.removed_at)
              ORDER BY r.entry_ms, r.entry_no, r.lane_id), '[]')::text AS items
       FROM {{schema}}.messages r WHERE r.session_id = s.session_id) AS m
   CROSS JOIN LATERAL (
     SELECT coalesce(json_agg(json_build_object(
              'entry_id', {{schema}}.entry_id(r.entry_ms, r.entry_no), 'call_id', r.call_id, 'attempt', r.attempt, 'tool', r.tool,
              'arguments', r.arguments, 'status', r.status, 'result', r.result, 'error', r.error, 'cost', r.cost, 'usage', r.usage,
              'idempotency_key', r.idempotency_key, 'ext', r.ext, 'started_at', r.started_at, 'finished_at', r.finished_at)
              ORDER BY r.entry_ms, r.entry_no, r.lane_id), '[]')::text AS items
       FROM {{schema}}.tool_calls r WHERE r.session_id = s.session_id) AS t
   CROSS JOIN LATERAL (
     SELECT coalesce(json_agg(json_build_object(
              'key', r.key, 'kind', r.kind, 'value', r.value, 'entry_id', {{schema}}.entry_id(r.entry_ms, r.entry_no),
              'updated_at', r.updated_at) ORDER BY r.key), '[]')::text AS items
       FROM {{schema}}.context r WHERE r.session_id = s.session_id) AS x
   ORDER BY i.place
$$;

-- Whether a session is one that an export asks for; a condition that is null selects all. Label and score are those of one outcome.
CREATE FUNCTION {{schema}}.is_exported(about {{schema}}.sessions, agent text, label text, min_score double precision) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT (agent IS NULL OR about.agent_id = agent)
     AND (label IS NULL AND min_score IS NULL
          OR EXISTS (SELECT FROM {{schema}}.outcomes o
                      WHERE o.session_id = about.session_id AND (is_exported.label IS NULL OR o.label = is_exported.label)
                        AND (min_score IS NULL OR o.score >= min_score)))
$$;
