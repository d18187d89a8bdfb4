-- Outcomes and snapshots, and what readers ask: a session's state now or at an entry, its transcript.

CREATE TABLE {{schema}}.outcomes (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  label      text,
  score      double precision,
  scorer     text,
  message_id text,
  call_id    text,
  meta       jsonb,
  ext        jsonb,
  at         timestamptz NOT NULL,
  PRIMARY KEY (session_id, entry_ms, entry_no)
);

CREATE TABLE {{schema}}.snapshots (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  seq        bigint,
  reason     text,
  taken_at   timestamptz NOT NULL,
  state      jsonb NOT NULL,
  digest     bytea NOT NULL,
  PRIMARY KEY (session_id, entry_ms, entry_no)
);

-- The session itself as it was at an entry: as it is, when nothing changed it since, else folded from its changes.
CREATE FUNCTION {{schema}}.session_at_position(session text, at_ms bigint, at_no bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  current {{schema}}.sessions;
  change record;
  state jsonb := jsonb_build_object('status', 'active', 'meta', '{}'::jsonb);
BEGIN
  SELECT * INTO current FROM {{schema}}.sessions s WHERE s.session_id = session;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF (current.entry_ms, current.entry_no) <= (at_ms, at_no) THEN
    RETURN jsonb_strip_nulls(jsonb_build_object(
      'agent', current.agent_id, 'user', current.user_id, 'tenant', current.tenant, 'title', current.title, 'parent', current.parent_id))
      || jsonb_build_object('status', current.status, 'meta', current.meta);
  END IF;
  FOR change IN
    SELECT {{schema}}.session_fields(c.type, c.fields) AS fields FROM {{schema}}.change_log c
     WHERE c.session_id = session AND c.type LIKE 'session.%' AND (c.entry_ms, c.entry_no) <= (at_ms, at_no)
       AND c.type IN ('session.started', 'session.updated', 'session.ended')
     ORDER BY c.entry_ms, c.entry_no
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
-- of messages: they are append-only, so a count and a position say which.
CREATE FUNCTION {{schema}}.state_at_position(session text, at_ms bigint, at_no bigint) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN {{schema}}.session_at_position(session, at_ms, at_no) IS NULL THEN NULL ELSE jsonb_build_object(
    'session_id', session,
    'entry_id', {{schema}}.entry_id(at_ms, at_no),
    'session', {{schema}}.session_at_position(session, at_ms, at_no),
    'context', coalesce((
      SELECT jsonb_object_agg(h.key, jsonb_build_object('kind', h.kind, 'value', h.value)) FROM (
        SELECT DISTINCT ON (key) key, kind, value, removed FROM {{schema}}.context_history
         WHERE session_id = session AND (entry_ms, entry_no) <= (at_ms, at_no)
         ORDER BY key, entry_ms DESC, entry_no DESC) AS h
       WHERE NOT h.removed), '{}'),
    'open_calls', coalesce((
      SELECT jsonb_agg(jsonb_build_object('call_id', t.call_id, 'attempt', t.attempt, 'tool', t.tool, 'arguments', t.arguments)
                       ORDER BY t.entry_ms, t.entry_no)
        FROM {{schema}}.tool_calls t
       WHERE t.session_id = session AND t.started_at IS NOT NULL AND (t.entry_ms, t.entry_no) <= (at_ms, at_no)
         AND (t.finished_ms IS NULL OR (t.finished_ms, t.finished_no) > (at_ms, at_no))), '[]'),
    'messages', (
      SELECT jsonb_build_object('count', count(*), 'last', (array_agg({{schema}}.entry_id(m.entry_ms, m.entry_no)
                                                          ORDER BY m.entry_ms DESC, m.entry_no DESC))[1])
        FROM {{schema}}.messages m
       WHERE m.session_id = session AND (m.entry_ms, m.entry_no) <= (at_ms, at_no)
         AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no) > (at_ms, at_no)))) END
$$;

CREATE FUNCTION {{schema}}.state(session_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$ SELECT {{schema}}.state_at_position($1, 9223372036854775807, 9223372036854775807) - 'entry_id' $$;

-- Takes an id as Redis does: without its second number, that is 0.
CREATE FUNCTION {{schema}}.state_at_entry(session_id text, entry_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  numbers text[] := regexp_match(entry_id, '^([0-9]{1,20})(?:-([0-9]{1,20}))?$');
  entry_ms numeric := numbers[1];
  entry_no numeric := coalesce(numbers[2], '0');
BEGIN
  IF numbers IS NULL OR greatest(entry_ms, entry_no) > 18446744073709551615 THEN
    RAISE EXCEPTION 'state_at_entry: "%" is not the id of an entry; write it as Redis does, such as 1795389463124-98',
      left(regexp_replace(entry_id, '[[:cntrl:]]', ' ', 'g'), 60) USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- No position is beyond bigint.
  RETURN {{schema}}.state_at_position(
    session_id, least(entry_ms, 9223372036854775807)::bigint, least(entry_no, 9223372036854775807)::bigint);
END $$;

-- After the last entry that is not younger than the moment.
CREATE FUNCTION {{schema}}.state_at(session_id text, moment timestamptz) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.state_at_position($1, floor(extract(epoch FROM $2) * 1000)::bigint, 9223372036854775807) - 'entry_id'
$$;

CREATE FUNCTION {{schema}}.take_snapshots(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], seqs bigint[], reasons text[], ats timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO {{schema}}.snapshots (session_id, entry_ms, entry_no, seq, reason, taken_at, state, digest)
  SELECT n.session_id, n.entry_ms, n.entry_no, n.seq, n.reason, n.at, s.state, sha256(convert_to(s.state::text, 'UTF8'))
    FROM unnest(session_ids, entry_mss, entry_nos, seqs, reasons, ats) AS n (session_id, entry_ms, entry_no, seq, reason, at)
   CROSS JOIN LATERAL (SELECT {{schema}}.state_at_position(n.session_id, n.entry_ms, n.entry_no) AS state) AS s;
END $$;

-- A session's visible messages and its calls, in order.
CREATE FUNCTION {{schema}}.transcript(session_id text)
RETURNS TABLE (entry_ms bigint, entry_no bigint, kind text, role text, content text, body jsonb, at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT m.entry_ms, m.entry_no, 'message', m.role, m.content,
         jsonb_strip_nulls(jsonb_build_object('message_id', m.message_id, 'parent_id', m.parent_id, 'call_id', m.call_id,
           'parts', m.parts, 'model', m.model, 'tokens', m.tokens, 'usage', m.usage, 'meta', m.meta)), m.at
    FROM {{schema}}.messages m WHERE m.session_id = $1 AND m.removed_at IS NULL
  UNION ALL
  SELECT t.entry_ms, t.entry_no, 'tool_call', NULL, NULL,
         jsonb_strip_nulls(jsonb_build_object('call_id', t.call_id, 'attempt', t.attempt, 'tool', t.tool, 'arguments', t.arguments,
           'status', t.status, 'result', t.result, 'error', t.error, 'cost', t.cost)), coalesce(t.started_at, t.finished_at)
    FROM {{schema}}.tool_calls t WHERE t.session_id = $1
  ORDER BY 1, 2
$$;
