-- The state of agents, as readers see it, and the set functions that the built-in routes call. Every function decides by
-- position, never by order of arrival: an entry that is applied late keeps its own place and never overwrites a later value. Late is
-- what comes by the exact path, a replay or a second reading. A position is (entry_ms, entry_no, lane_id): ids are unique in their stream
-- only, so the lane breaks ties. Between lanes no order is promised: of a session that is written to two of them, a value that was removed
-- by the one may come back by the other.

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
  entry_no   bigint NOT NULL DEFAULT 0,
  lane_id    integer NOT NULL DEFAULT 0,
  -- For each field the position of the latest change that set it: `title`, `meta.KEY` or `ext.KEY` -> [entry_ms, entry_no, lane_id]. It tells
  -- a late change what it may still set, whatever happened since.
  set_at     jsonb NOT NULL DEFAULT '{}',
  -- The lane of its first change, and whether it was changed by another one, too: then entries may arrive behind those that hid them.
  first_lane integer,
  is_shared  boolean NOT NULL DEFAULT false,
  -- When a change was last applied to it behind later ones of its lane; at first when the row was made.
  late_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Whoever deletes sessions, by hand or otherwise: the next change of each makes its row again.
CREATE FUNCTION {{schema}}.count_session_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE {{schema}}.session_rows SET version = version + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER count_session_rows AFTER DELETE OR TRUNCATE OR UPDATE OF session_id ON {{schema}}.sessions
  FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.count_session_rows();

-- Any change makes its session known; its first change is its start.
CREATE FUNCTION {{schema}}.ensure_sessions(session_ids text[], lane_ids integer[], ats timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  inserted bigint;
BEGIN
  INSERT INTO {{schema}}.sessions (session_id, started_at, first_lane)
  SELECT n.session_id, n.at, n.lane_id FROM unnest(session_ids, lane_ids, ats) AS n (session_id, lane_id, at)
   ORDER BY n.session_id, n.at, n.lane_id
  ON CONFLICT (session_id) DO NOTHING;
  GET DIAGNOSTICS inserted = ROW_COUNT;
  IF inserted < cardinality(session_ids) THEN PERFORM {{schema}}.share_sessions(session_ids, lane_ids); END IF;
END $$;

-- Notes which of these sessions another lane changed before. Hardly any: only their rows are locked.
CREATE FUNCTION {{schema}}.share_sessions(session_ids text[], lane_ids integer[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  UPDATE {{schema}}.sessions s SET is_shared = true
    FROM (SELECT k.session_id
            FROM {{schema}}.sessions k JOIN unnest(session_ids, lane_ids) AS n (session_id, lane_id) ON n.session_id = k.session_id
           WHERE NOT k.is_shared AND k.first_lane IS DISTINCT FROM n.lane_id
           ORDER BY k.session_id FOR NO KEY UPDATE OF k) AS n
   WHERE s.session_id = n.session_id;
END $$;

-- Records that a change was applied behind others of its lane, if it was: the lane had passed the entry before. Without a number it is one that
-- has its number already, and only its rows were made again.
CREATE FUNCTION {{schema}}.note_late_change(session text, of_lane integer, ms bigint, no bigint, change_no bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM {{schema}}.lanes l
              WHERE l.lane_id = of_lane
                AND ((l.entry_ms < 0, l.entry_ms, l.entry_no < 0, l.entry_no) >= (false, ms, false, no)
                     OR (l.furthest_ms < 0, l.furthest_ms, l.furthest_no < 0, l.furthest_no) >= (false, ms, false, no))) THEN
    INSERT INTO {{schema}}.late_changes (lane_id, no, entry_ms, entry_no) SELECT of_lane, change_no, ms, no WHERE change_no IS NOT NULL;
    -- Never the same twice, even within a transaction.
    UPDATE {{schema}}.sessions s SET late_at = greatest(clock_timestamp(), s.late_at + interval '1 microsecond') WHERE s.session_id = session;
  END IF;
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
  session_ids text[], entry_mss bigint[], entry_nos bigint[], lane_ids integer[], ats timestamptz[], types text[], agents text[],
  users text[], tenants text[], titles text[], parents text[], statuses text[], metas jsonb[], exts jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  change record;
  place jsonb;
  -- The fields that it sets, each with this place.
  given jsonb;
  -- Those that a later change has set.
  later text[];
BEGIN
  FOR change IN
    SELECT * FROM unnest(session_ids, entry_mss, entry_nos, lane_ids, ats, types, agents, users, tenants, titles, parents, statuses, metas,
                         exts)
      AS c (session_id, entry_ms, entry_no, lane_id, at, type, agent, usr, tenant, title, parent, status, meta, ext)
      ORDER BY session_id, entry_ms, entry_no, lane_id
  LOOP
    place := jsonb_build_array(change.entry_ms, change.entry_no, change.lane_id);
    given := jsonb_strip_nulls(jsonb_build_object(
      'agent', CASE WHEN change.agent IS NOT NULL THEN place END, 'user', CASE WHEN change.usr IS NOT NULL THEN place END,
      'tenant', CASE WHEN change.tenant IS NOT NULL THEN place END, 'title', CASE WHEN change.title IS NOT NULL THEN place END,
      'parent', CASE WHEN change.parent IS NOT NULL THEN place END, 'status', CASE WHEN change.status IS NOT NULL THEN place END));
    IF change.meta IS NOT NULL THEN
      given := given || coalesce(
        (SELECT jsonb_object_agg('meta.' || m.key, place) FROM jsonb_object_keys(change.meta) AS m (key)), '{}');
    END IF;
    IF change.ext IS NOT NULL THEN
      given := given || coalesce(
        (SELECT jsonb_object_agg('ext.' || e.key, place) FROM jsonb_object_keys(change.ext) AS e (key)), '{}');
    END IF;
    INSERT INTO {{schema}}.sessions AS s
      (session_id, agent_id, user_id, tenant, title, status, parent_id, meta, ext, started_at, updated_at, ended_at, entry_ms, entry_no,
       lane_id, set_at, first_lane)
    VALUES
      (change.session_id, change.agent, change.usr, change.tenant, change.title, coalesce(change.status, 'active'), change.parent,
       coalesce(change.meta, '{}'), change.ext, change.at, change.at,
       CASE WHEN change.status IN ('completed', 'failed', 'cancelled') THEN change.at END, change.entry_ms, change.entry_no,
       change.lane_id, given, change.lane_id)
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
      entry_no = excluded.entry_no,
      lane_id = excluded.lane_id,
      set_at = s.set_at || excluded.set_at
    WHERE (s.entry_ms, s.entry_no, s.lane_id) < (excluded.entry_ms, excluded.entry_no, excluded.lane_id);
    CONTINUE WHEN FOUND;

    -- A late one: it sets only what no later change has set.
    later := ARRAY(
      SELECT g.name FROM {{schema}}.sessions s CROSS JOIN jsonb_object_keys(given) AS g (name)
       WHERE s.session_id = change.session_id AND s.set_at -> g.name > place);
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
      ext = CASE WHEN change.ext IS NULL THEN s.ext
                 ELSE coalesce(s.ext, '{}') || (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(change.ext) AS e
                                                 WHERE 'ext.' || e.key <> ALL (later)) END,
      set_at = s.set_at || (given - later)
    WHERE s.session_id = change.session_id;
  END LOOP;
END $$;
