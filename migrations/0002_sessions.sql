-- The state of agents, as readers see it, and the set functions that the built-in routes call. Every function decides by
-- position, never by order of arrival: an entry that is applied late keeps its own place and never overwrites a later value. Late is
-- what comes by the exact path, a replay or a second reading. Between lanes no order is promised: of a session that is written to two of
-- them, a value that was removed by the one may come back by the other.

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

-- Any change makes its session known; its first change is its start.
CREATE FUNCTION {{schema}}.ensure_sessions(session_ids text[], ats timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO {{schema}}.sessions (session_id, started_at)
  SELECT n.session_id, n.at FROM unnest(session_ids, ats) AS n (session_id, at) ORDER BY n.session_id
  ON CONFLICT (session_id) DO NOTHING;
END $$;

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
