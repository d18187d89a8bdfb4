-- The state of agents, as readers see it, and the set functions that the built-in routes call. Every function decides by
-- position, never by order of arrival: an entry that is applied late keeps its own place and never overwrites a later value.

CREATE TABLE {{schema}}.sessions (
  session_id text COLLATE "C" PRIMARY KEY,
  agent_id   text,
  user_id    text,
  tenant     text,
  title      text,
  status     text NOT NULL DEFAULT 'active',
  parent_id  text,
  meta       jsonb NOT NULL DEFAULT '{}',
  ext        jsonb,
  started_at timestamptz,
  updated_at timestamptz,
  ended_at   timestamptz,
  -- Of the last session.* change; 0-0 for a session that only its other changes made known.
  entry_ms   bigint NOT NULL DEFAULT 0,
  entry_no   bigint NOT NULL DEFAULT 0
);

CREATE TABLE {{schema}}.messages (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  seq        bigint,
  message_id text COLLATE "C",
  parent_id  text,
  call_id    text,
  role       text,
  content    text,
  parts      jsonb,
  model      text,
  tokens     bigint,
  usage      jsonb,
  meta       jsonb,
  ext        jsonb,
  at         timestamptz NOT NULL,
  removed_at timestamptz,
  -- The entry that hid it.
  removed_ms bigint,
  removed_no bigint,
  PRIMARY KEY (session_id, entry_ms, entry_no)
);
CREATE INDEX messages_by_id ON {{schema}}.messages (session_id, message_id) WHERE message_id IS NOT NULL;

CREATE TABLE {{schema}}.context (
  session_id text COLLATE "C" NOT NULL,
  key        text COLLATE "C" NOT NULL,
  kind       text NOT NULL,
  value      jsonb NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (session_id, key)
) WITH (fillfactor = 80);

CREATE TABLE {{schema}}.context_history (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  key        text COLLATE "C" NOT NULL,
  kind       text,
  value      jsonb,
  removed    boolean NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (session_id, entry_ms, entry_no)
);

CREATE TABLE {{schema}}.tool_calls (
  session_id      text COLLATE "C" NOT NULL,
  call_id         text COLLATE "C" NOT NULL,
  attempt         integer NOT NULL,
  -- Of tool.started; of tool.finished where nothing started it.
  entry_ms        bigint NOT NULL,
  entry_no        bigint NOT NULL,
  tool            text,
  arguments       jsonb,
  status          text NOT NULL,
  result          jsonb,
  error           text,
  cost            numeric,
  usage           jsonb,
  idempotency_key text,
  ext             jsonb,
  started_at      timestamptz,
  finished_at     timestamptz,
  finished_ms     bigint,
  finished_no     bigint,
  PRIMARY KEY (session_id, call_id, attempt)
) WITH (fillfactor = 80);

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

-- Any change makes its session known; its first change is its start.
CREATE FUNCTION {{schema}}.ensure_sessions(session_ids text[], ats timestamptz[]) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO {{schema}}.sessions (session_id, started_at)
  SELECT n.session_id, n.at FROM unnest(session_ids, ats) AS n (session_id, at) ORDER BY n.session_id
  ON CONFLICT (session_id) DO NOTHING
$$;

-- What one session.* change sets, by the names of its fields. What else its `fields` hold nobody knows: `ext`.
CREATE FUNCTION {{schema}}.session_fields(type text, fields jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}')
         || CASE type WHEN 'session.started' THEN '{"status": "active"}'
                      WHEN 'session.ended' THEN jsonb_build_object('status', coalesce(fields -> 'status', '"completed"'))
                      ELSE '{}' END
    FROM jsonb_each(fields) AS f
   WHERE CASE type WHEN 'session.started' THEN f.key IN ('agent', 'user', 'tenant', 'title', 'parent') OR f.key LIKE 'meta._%'
                   WHEN 'session.updated' THEN f.key IN ('title', 'status') OR f.key LIKE 'meta._%'
                   ELSE false END
$$;

-- session.started, session.updated, session.ended: each fills the fields it gives, in the order of positions.
CREATE FUNCTION {{schema}}.apply_session_changes(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], ats timestamptz[], types text[], agents text[], users text[],
  tenants text[], titles text[], parents text[], statuses text[], metas jsonb[], exts jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  change record;
  later text[];
  later_ext text[];
BEGIN
  FOR change IN
    SELECT * FROM unnest(session_ids, entry_mss, entry_nos, ats, types, agents, users, tenants, titles, parents, statuses, metas, exts)
      AS c (session_id, entry_ms, entry_no, at, type, agent, usr, tenant, title, parent, status, meta, ext)
      ORDER BY session_id, entry_ms, entry_no
  LOOP
    INSERT INTO {{schema}}.sessions AS s
      (session_id, agent_id, user_id, tenant, title, status, parent_id, meta, ext, started_at, updated_at, ended_at, entry_ms, entry_no)
    VALUES
      (change.session_id, change.agent, change.usr, change.tenant, change.title, coalesce(change.status, 'active'), change.parent,
       coalesce(change.meta, '{}'), change.ext, change.at, change.at,
       CASE WHEN change.status IN ('completed', 'failed', 'cancelled') THEN change.at END, change.entry_ms, change.entry_no)
    ON CONFLICT (session_id) DO UPDATE SET
      agent_id = coalesce(excluded.agent_id, s.agent_id),
      user_id = coalesce(excluded.user_id, s.user_id),
      tenant = coalesce(excluded.tenant, s.tenant),
      title = coalesce(excluded.title, s.title),
      parent_id = coalesce(excluded.parent_id, s.parent_id),
      status = coalesce(change.status, s.status),
      ended_at = CASE WHEN change.status IN ('completed', 'failed', 'cancelled') THEN change.at
                      WHEN change.status IS NOT NULL THEN NULL ELSE s.ended_at END,
      meta = s.meta || excluded.meta,
      ext = CASE WHEN excluded.ext IS NULL THEN s.ext ELSE coalesce(s.ext, '{}') || excluded.ext END,
      updated_at = excluded.updated_at,
      entry_ms = excluded.entry_ms,
      entry_no = excluded.entry_no
    WHERE (s.entry_ms, s.entry_no) < (excluded.entry_ms, excluded.entry_no);
    CONTINUE WHEN FOUND;

    -- A late one (a replay): it sets only what no later change has set. The audit trail knows which that is.
    SELECT coalesce(array_agg(k.key) FILTER (WHERE NOT k.is_ext), '{}'), coalesce(array_agg(k.key) FILTER (WHERE k.is_ext), '{}')
      INTO later, later_ext
      FROM {{schema}}.change_log c
     CROSS JOIN LATERAL {{schema}}.session_fields(c.type, c.fields) AS f (own)
     CROSS JOIN LATERAL (
       SELECT jsonb_object_keys(f.own), false UNION ALL SELECT jsonb_object_keys(c.fields - ARRAY(SELECT jsonb_object_keys(f.own))), true)
       AS k (key, is_ext)
     WHERE c.session_id = change.session_id AND c.type LIKE 'session.%'
       AND c.type IN ('session.started', 'session.updated', 'session.ended')
       AND (c.entry_ms, c.entry_no) > (change.entry_ms, change.entry_no);
    UPDATE {{schema}}.sessions s SET
      agent_id = CASE WHEN 'agent' = ANY (later) THEN s.agent_id ELSE coalesce(change.agent, s.agent_id) END,
      user_id = CASE WHEN 'user' = ANY (later) THEN s.user_id ELSE coalesce(change.usr, s.user_id) END,
      tenant = CASE WHEN 'tenant' = ANY (later) THEN s.tenant ELSE coalesce(change.tenant, s.tenant) END,
      title = CASE WHEN 'title' = ANY (later) THEN s.title ELSE coalesce(change.title, s.title) END,
      parent_id = CASE WHEN 'parent' = ANY (later) THEN s.parent_id ELSE coalesce(change.parent, s.parent_id) END,
      status = CASE WHEN 'status' = ANY (later) THEN s.status ELSE coalesce(change.status, s.status) END,
      ended_at = CASE WHEN 'status' = ANY (later) OR change.status IS NULL THEN s.ended_at
                      WHEN change.status IN ('completed', 'failed', 'cancelled') THEN change.at END,
      meta = s.meta || (SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') FROM jsonb_each(change.meta) AS m
                         WHERE 'meta.' || m.key <> ALL (later)),
      ext = CASE WHEN change.ext IS NULL THEN s.ext ELSE coalesce(s.ext, '{}') || (change.ext - later_ext) END
    WHERE s.session_id = change.session_id;
  END LOOP;
END $$;

-- Hides messages: `replace` (a repeated message_id), `remove`, `last`, `clear`. In the order of positions, because what is the
-- last message depends on what was hidden before.
CREATE FUNCTION {{schema}}.hide_messages(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], ats timestamptz[], kinds text[], message_ids text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  op record;
BEGIN
  FOR op IN
    SELECT * FROM unnest(session_ids, entry_mss, entry_nos, ats, kinds, message_ids)
      AS o (session_id, entry_ms, entry_no, at, kind, message_id)
     -- Nearly every message_id is new: those need no visit.
     WHERE kind <> 'replace' OR EXISTS (
       SELECT FROM {{schema}}.messages m WHERE m.session_id = o.session_id AND m.message_id = o.message_id
          AND (m.entry_ms, m.entry_no) <> (o.entry_ms, o.entry_no))
     ORDER BY session_id, entry_ms, entry_no
  LOOP
    IF op.kind = 'clear' THEN
      UPDATE {{schema}}.messages m SET removed_at = op.at, removed_ms = op.entry_ms, removed_no = op.entry_no
       WHERE m.session_id = op.session_id AND (m.entry_ms, m.entry_no) < (op.entry_ms, op.entry_no)
         AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no) > (op.entry_ms, op.entry_no));
    ELSIF op.kind = 'last' THEN
      UPDATE {{schema}}.messages m SET removed_at = op.at, removed_ms = op.entry_ms, removed_no = op.entry_no
       WHERE (m.session_id, m.entry_ms, m.entry_no) = (
         SELECT l.session_id, l.entry_ms, l.entry_no FROM {{schema}}.messages l
          WHERE l.session_id = op.session_id AND (l.entry_ms, l.entry_no) < (op.entry_ms, op.entry_no)
            AND (l.removed_ms IS NULL OR (l.removed_ms, l.removed_no) > (op.entry_ms, op.entry_no))
          ORDER BY l.entry_ms DESC, l.entry_no DESC LIMIT 1);
    ELSE
      UPDATE {{schema}}.messages m SET removed_at = op.at, removed_ms = op.entry_ms, removed_no = op.entry_no
       WHERE m.session_id = op.session_id AND m.message_id = op.message_id
         AND (m.entry_ms, m.entry_no) < (op.entry_ms, op.entry_no)
         AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no) > (op.entry_ms, op.entry_no));
    END IF;
    -- A message that is applied late is hidden by the repetition that came after it.
    IF op.kind = 'replace' THEN
      UPDATE {{schema}}.messages m SET removed_at = n.at, removed_ms = n.entry_ms, removed_no = n.entry_no
        FROM (SELECT l.at, l.entry_ms, l.entry_no FROM {{schema}}.messages l
               WHERE l.session_id = op.session_id AND l.message_id = op.message_id
                 AND (l.entry_ms, l.entry_no) > (op.entry_ms, op.entry_no)
               ORDER BY l.entry_ms, l.entry_no LIMIT 1) AS n
       WHERE m.session_id = op.session_id AND m.entry_ms = op.entry_ms AND m.entry_no = op.entry_no AND m.removed_ms IS NULL;
    END IF;
  END LOOP;
END $$;

-- The current value of a key: the upsert and the removal guard by position; only one that is applied late could still bring back
-- what a later removal took, which the history knows.
CREATE FUNCTION {{schema}}.set_context(
  session_ids text[], keys text[], kinds text[], vals jsonb[], entry_mss bigint[], entry_nos bigint[], ats timestamptz[]) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO {{schema}}.context AS c (session_id, key, kind, value, entry_ms, entry_no, updated_at)
  SELECT n.session_id, n.key, n.kind, n.value, n.entry_ms, n.entry_no, n.at
    FROM unnest(session_ids, keys, kinds, vals, entry_mss, entry_nos, ats) AS n (session_id, key, kind, value, entry_ms, entry_no, at)
   WHERE NOT EXISTS (
     SELECT FROM {{schema}}.context_history h
      WHERE h.session_id = n.session_id AND (h.entry_ms, h.entry_no) > (n.entry_ms, n.entry_no) AND h.key = n.key)
   ORDER BY n.session_id, n.key
  ON CONFLICT (session_id, key) DO UPDATE SET
    kind = excluded.kind, value = excluded.value, entry_ms = excluded.entry_ms, entry_no = excluded.entry_no,
    updated_at = excluded.updated_at
  WHERE (c.entry_ms, c.entry_no) < (excluded.entry_ms, excluded.entry_no)
$$;

CREATE FUNCTION {{schema}}.remove_context(session_ids text[], keys text[], entry_mss bigint[], entry_nos bigint[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM {{schema}}.context c
   USING unnest(session_ids, keys, entry_mss, entry_nos) AS n (session_id, key, entry_ms, entry_no)
   WHERE c.session_id = n.session_id AND c.key = n.key AND (c.entry_ms, c.entry_no) < (n.entry_ms, n.entry_no)
$$;

-- tool.started opens an attempt, tool.finished closes the last open one or records a finished one.
CREATE FUNCTION {{schema}}.apply_tool_calls(
  session_ids text[], call_ids text[], entry_mss bigint[], entry_nos bigint[], ats timestamptz[], types text[], tools text[],
  arguments jsonb[], idempotency_keys text[], statuses text[], results jsonb[], errors text[], costs numeric[], usages jsonb[],
  exts jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  op record;
BEGIN
  FOR op IN
    SELECT * FROM unnest(session_ids, call_ids, entry_mss, entry_nos, ats, types, tools, arguments, idempotency_keys, statuses,
                         results, errors, costs, usages, exts)
      AS o (session_id, call_id, entry_ms, entry_no, at, type, tool, arguments, idempotency_key, status, result, error, cost, usage, ext)
     ORDER BY session_id, call_id, entry_ms, entry_no
  LOOP
    IF op.type = 'tool.finished' THEN
      UPDATE {{schema}}.tool_calls t SET
        status = op.status, result = op.result, error = op.error, cost = op.cost, usage = op.usage,
        ext = CASE WHEN op.ext IS NULL THEN t.ext ELSE coalesce(t.ext, '{}') || op.ext END,
        finished_at = op.at, finished_ms = op.entry_ms, finished_no = op.entry_no
       WHERE t.session_id = op.session_id AND t.call_id = op.call_id AND t.attempt = (
         SELECT max(a.attempt) FROM {{schema}}.tool_calls a
          WHERE a.session_id = op.session_id AND a.call_id = op.call_id AND a.status = 'started'
            AND (a.entry_ms, a.entry_no) < (op.entry_ms, op.entry_no));
      CONTINUE WHEN FOUND;
    END IF;
    INSERT INTO {{schema}}.tool_calls
      (session_id, call_id, attempt, entry_ms, entry_no, tool, arguments, status, result, error, cost, usage, idempotency_key, ext,
       started_at, finished_at, finished_ms, finished_no)
    SELECT op.session_id, op.call_id, coalesce(max(a.attempt), 0) + 1, op.entry_ms, op.entry_no, op.tool, op.arguments,
           coalesce(op.status, 'started'), op.result, op.error, op.cost, op.usage, op.idempotency_key, op.ext,
           CASE WHEN op.type = 'tool.started' THEN op.at END,
           CASE WHEN op.type = 'tool.finished' THEN op.at END,
           CASE WHEN op.type = 'tool.finished' THEN op.entry_ms END,
           CASE WHEN op.type = 'tool.finished' THEN op.entry_no END
      FROM {{schema}}.tool_calls a WHERE a.session_id = op.session_id AND a.call_id = op.call_id;
  END LOOP;
END $$;

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

CREATE FUNCTION {{schema}}.state_at_entry(session_id text, entry_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.state_at_position($1, split_part($2, '-', 1)::bigint, split_part($2, '-', 2)::bigint)
$$;

-- After the last entry that is not younger than the moment.
CREATE FUNCTION {{schema}}.state_at(session_id text, moment timestamptz) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT {{schema}}.state_at_position($1, floor(extract(epoch FROM $2) * 1000)::bigint, 9223372036854775807) - 'entry_id'
$$;

CREATE FUNCTION {{schema}}.take_snapshots(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], seqs bigint[], reasons text[], ats timestamptz[]) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO {{schema}}.snapshots (session_id, entry_ms, entry_no, seq, reason, taken_at, state, digest)
  SELECT n.session_id, n.entry_ms, n.entry_no, n.seq, n.reason, n.at, s.state, sha256(convert_to(s.state::text, 'UTF8'))
    FROM unnest(session_ids, entry_mss, entry_nos, seqs, reasons, ats) AS n (session_id, entry_ms, entry_no, seq, reason, at)
   CROSS JOIN LATERAL (SELECT {{schema}}.state_at_position(n.session_id, n.entry_ms, n.entry_no) AS state) AS s
$$;

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
