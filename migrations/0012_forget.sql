-- Forgetting: the erasure of sessions, by their id, a user or a tenant, from all tables; its receipts; and what keeps a session that was
-- forgotten from coming back.
--
-- An erasure is many short transactions, each of which may be repeated: the command that runs them can be interrupted anywhere, and goes on
-- when it is run again. What runs with the rights of the owner here is closed to everybody, so that nobody needs the right to delete anything;
-- `migrate --roles` opens it to the role that may forget.

-- The key of the hashes, as the two pads of HMAC-SHA256 (RFC 2104): without it nobody can find out by guessing whose erasure a receipt is. It is
-- as long as a block of SHA-256, so it is used as it is.
CREATE TABLE {{schema}}.erasure_key (inner_pad bytea NOT NULL, outer_pad bytea NOT NULL);
INSERT INTO {{schema}}.erasure_key (inner_pad, outer_pad)
SELECT string_agg(set_byte('\x00', 0, get_byte(k.key, i.place) # 54), '' ORDER BY i.place),
       string_agg(set_byte('\x00', 0, get_byte(k.key, i.place) # 92), '' ORDER BY i.place)
  FROM (SELECT string_agg(decode(replace(gen_random_uuid()::text, '-', ''), 'hex'), '') AS key FROM generate_series(1, 4)) AS k
 CROSS JOIN generate_series(0, 63) AS i (place);

-- The receipts: one row for each erasure. Its subject is a keyed hash: it can be recognised by who knows it, and not be read.
CREATE TABLE {{schema}}.erasures (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject     bytea NOT NULL,
  -- `session`, `user` or `tenant`
  what        text NOT NULL,
  -- Whether later changes of the sessions become dead letters; else they begin new sessions.
  is_refused  boolean NOT NULL,
  -- How much was erased, by table; in Redis `hot_sessions`, `entries` and `requests`.
  counts      jsonb NOT NULL DEFAULT '{}',
  at          timestamptz NOT NULL DEFAULT now(),
  -- The role that logged in, and the machine of the command.
  by          text NOT NULL,
  -- Null while the erasure runs, or waits to be run again.
  finished_at timestamptz,
  -- What the last reading of all tables and keys found left, by table; empty where that was nothing.
  left_over   jsonb
);
CREATE UNIQUE INDEX erasures_unfinished ON {{schema}}.erasures (what, subject) WHERE finished_at IS NULL;

-- The sessions of erasures that are not finished: the only place that still names them.
CREATE TABLE {{schema}}.erasing_sessions (
  erasure_id bigint NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (erasure_id, session_id)
);

-- The sessions that were forgotten, by their keyed hashes.
CREATE TABLE {{schema}}.forgotten_sessions (
  session_hash bytea PRIMARY KEY,
  erasure_id   bigint NOT NULL,
  is_refused   boolean NOT NULL,
  -- The time of Redis in Unix milliseconds up to which entries are of the past that was forgotten. Null while the erasure runs: until it is
  -- finished all entries are refused.
  until_ms     bigint,
  at           timestamptz NOT NULL DEFAULT now()
);

-- Sessions of a user are found without reading all sessions.
CREATE INDEX sessions_by_user ON {{schema}}.sessions (user_id, session_id) WHERE user_id IS NOT NULL;

-- The keyed hash of a session's id, or of the name of a user or tenant. What writers call here is never compiled (jit), as their sessions' plans
-- look expensive.
CREATE FUNCTION {{schema}}.subject_hash(what text, name text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  SELECT sha256(k.outer_pad || sha256(k.inner_pad || convert_to(what || ' ' || name, 'UTF8'))) FROM {{schema}}.erasure_key k
$$;

CREATE FUNCTION {{schema}}.is_any_forgotten() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM {{schema}}.forgotten_sessions)
$$;

-- Whether an entry of a session is of what was forgotten, or is refused since.
CREATE FUNCTION {{schema}}.is_forgotten(session text, entry_ms bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  IF session IS NULL OR NOT EXISTS (SELECT FROM {{schema}}.forgotten_sessions) THEN RETURN false; END IF;
  RETURN EXISTS (
    SELECT FROM {{schema}}.forgotten_sessions f
     WHERE f.session_hash = {{schema}}.subject_hash('session', session)
       AND (f.is_refused OR f.until_ms IS NULL OR entry_ms <= f.until_ms));
END $$;

-- A session that was forgotten has no row, so whatever would bring it back makes one: that is where it is noticed, at a cost for new sessions
-- alone. Raises (TM003), so that the batch is applied entry by entry, where each entry's own position decides.
CREATE FUNCTION {{schema}}.refuse_forgotten_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM {{schema}}.forgotten_sessions) THEN RETURN NULL; END IF;
  IF EXISTS (SELECT FROM inserted n
               JOIN {{schema}}.forgotten_sessions f ON f.session_hash = {{schema}}.subject_hash('session', n.session_id)
              WHERE f.is_refused OR f.until_ms IS NULL) THEN
    RAISE EXCEPTION 'a session was forgotten' USING ERRCODE = 'TM003';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refuse_forgotten_sessions AFTER INSERT ON {{schema}}.sessions
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.refuse_forgotten_sessions();

-- A dead letter of a session that was forgotten keeps that there was an entry, and nothing of it. Letters may come by the thousand, so
-- that nothing was ever forgotten is found out without a call.
CREATE FUNCTION {{schema}}.empty_forgotten_letters() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM {{schema}}.forgotten_sessions) AND {{schema}}.is_forgotten(NEW.session_id, NEW.entry_ms) THEN
    NEW.session_id := NULL; NEW.event_id := NULL; NEW.raw := '{}'; NEW.raw_complete := false; NEW.sqlstate := NULL;
    NEW.reason := 'forgotten'; NEW.detail := 'the session was forgotten; nothing of the entry is kept';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER empty_forgotten_letters BEFORE INSERT ON {{schema}}.dead_letters
  FOR EACH ROW EXECUTE FUNCTION {{schema}}.empty_forgotten_letters();

-- What is recorded of a session beside its changes: an eviction that was under way when it was forgotten, with the producer's event ids; a
-- difference that a comparison found, and how far its numbers were followed.
CREATE FUNCTION {{schema}}.skip_forgotten_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN {{schema}}.is_forgotten(NEW.session_id, NEW.entry_ms) THEN NULL ELSE NEW END;
END $$;
CREATE TRIGGER skip_forgotten_rows BEFORE INSERT ON {{schema}}.evicted_sessions
  FOR EACH ROW EXECUTE FUNCTION {{schema}}.skip_forgotten_rows();
CREATE TRIGGER skip_forgotten_rows BEFORE INSERT ON {{schema}}.divergences
  FOR EACH ROW EXECUTE FUNCTION {{schema}}.skip_forgotten_rows();
CREATE TRIGGER skip_forgotten_rows BEFORE INSERT ON {{schema}}.session_numbers
  FOR EACH ROW EXECUTE FUNCTION {{schema}}.skip_forgotten_rows();

-- The steps of an erasure, in their order.

-- Begins an erasure, or finds the one of the same subject that was interrupted.
CREATE FUNCTION {{schema}}.begin_erasure(what text, name text, is_refused boolean, host text) RETURNS TABLE (id bigint, is_resumed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  hash bytea := {{schema}}.subject_hash(begin_erasure.what, name);
BEGIN
  INSERT INTO {{schema}}.erasures (subject, what, is_refused, by)
  VALUES (hash, begin_erasure.what, begin_erasure.is_refused, session_user || '@' || host)
  ON CONFLICT DO NOTHING RETURNING erasures.id, false INTO id, is_resumed;
  IF NOT FOUND THEN
    SELECT e.id, true INTO id, is_resumed FROM {{schema}}.erasures e
     WHERE e.what = begin_erasure.what AND e.subject = hash AND e.finished_at IS NULL;
  END IF;
  RETURN NEXT;
END $$;

-- Adds to what an erasure has erased.
CREATE FUNCTION {{schema}}.note_erased(of_erasure bigint, kind text, number bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE {{schema}}.erasures e SET counts = e.counts || jsonb_build_object(kind, coalesce((e.counts ->> kind)::bigint, 0) + number)
   WHERE e.id = of_erasure AND number > 0
$$;

-- The sessions of a subject, at most `piece`, in the order of their ids: those of a user or tenant that were its own at an entry not younger than
-- `until_ms`. What begins later is not of the erasure.
CREATE FUNCTION {{schema}}.sessions_of_subject(what text, name text, until_ms bigint, after_session text, piece integer) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE what
    WHEN 'session' THEN
      RETURN QUERY SELECT s.session_id FROM {{schema}}.sessions s WHERE s.session_id = name AND s.session_id > after_session;
    WHEN 'user' THEN
      RETURN QUERY SELECT s.session_id FROM {{schema}}.sessions s
        WHERE s.user_id = name AND s.session_id > after_session AND coalesce((s.set_at -> 'user' ->> 0)::bigint, 0) <= until_ms
        ORDER BY s.session_id LIMIT piece;
    WHEN 'tenant' THEN
      RETURN QUERY SELECT s.session_id FROM {{schema}}.sessions s
        WHERE s.tenant = name AND s.session_id > after_session AND coalesce((s.set_at -> 'tenant' ->> 0)::bigint, 0) <= until_ms
        ORDER BY s.session_id LIMIT piece;
  END CASE;
END $$;

-- Marks sessions as forgotten, and deletes their rows in `sessions`, in one transaction: from its commit on whatever writes to them is noticed.
-- Returns how many rows there were.
CREATE FUNCTION {{schema}}.mark_forgotten(of_erasure bigint, ids text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deleted bigint;
BEGIN
  INSERT INTO {{schema}}.erasing_sessions (erasure_id, session_id) SELECT of_erasure, i.id FROM unnest(ids) AS i (id) ON CONFLICT DO NOTHING;
  INSERT INTO {{schema}}.forgotten_sessions AS f (session_hash, erasure_id, is_refused)
  SELECT {{schema}}.subject_hash('session', i.id), e.id, e.is_refused
    FROM unnest(ids) AS i (id) JOIN {{schema}}.erasures e ON e.id = of_erasure ORDER BY 1
  ON CONFLICT (session_hash) DO UPDATE
    SET erasure_id = excluded.erasure_id, is_refused = excluded.is_refused, until_ms = NULL, at = now();
  PERFORM FROM {{schema}}.sessions s WHERE s.session_id = ANY (ids) ORDER BY s.session_id FOR UPDATE;
  IF NOT FOUND THEN RETURN 0; END IF;
  DELETE FROM {{schema}}.sessions s WHERE s.session_id = ANY (ids);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  PERFORM {{schema}}.note_erased(of_erasure, 'sessions', deleted);
  RETURN deleted;
END $$;

-- The sessions of an erasure, at most `piece`, in the order of their ids.
CREATE FUNCTION {{schema}}.sessions_of_erasure(of_erasure bigint, after_session text, piece integer) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.session_id FROM {{schema}}.erasing_sessions e WHERE e.erasure_id = of_erasure AND e.session_id > after_session
   ORDER BY e.session_id LIMIT piece
$$;

-- Waits until no transaction is under way in some lanes that was when this was called. Returns the last of these lanes; null: there are no more.
CREATE FUNCTION {{schema}}.wait_for_writers(after_lane integer, piece integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_lane integer;
BEGIN
  SELECT max(k.lane_id) INTO last_lane FROM (
    SELECT l.lane_id FROM {{schema}}.lanes l WHERE l.lane_id > after_lane ORDER BY l.lane_id LIMIT piece FOR NO KEY UPDATE) AS k;
  RETURN last_lane;
END $$;

-- Erases what is found by the sessions' ids. Returns the last session; null: there are no more.
CREATE FUNCTION {{schema}}.erase_sessions(of_erasure bigint, after_session text, piece integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ids text[] := ARRAY(SELECT {{schema}}.sessions_of_erasure(of_erasure, after_session, piece));
  name text;
  deleted bigint;
BEGIN
  -- An eviction that began before the sessions were marked is recorded by now, or will find the mark.
  LOCK TABLE {{schema}}.evicted_sessions IN SHARE ROW EXCLUSIVE MODE;
  FOREACH name IN ARRAY ARRAY['messages', 'message_hides', 'context', 'context_history', 'tool_calls', 'outcomes', 'snapshots', 'evicted_sessions',
                            'session_numbers']
  LOOP
    EXECUTE format('DELETE FROM %I.%I WHERE session_id = ANY ($1)', {{schema_literal}}, name) USING ids;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM {{schema}}.note_erased(of_erasure, name, deleted);
  END LOOP;
  RETURN ids[cardinality(ids)];
END $$;

-- Erases the sessions' rows among some pages of a table that has no key by session. Returns the page that comes next; null: there are no more.
-- The numbers of changes are kept.
CREATE FUNCTION {{schema}}.erase_pages(of_erasure bigint, name text, first_page bigint, page_count bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low tid := format('(%s,0)', first_page);
  high tid := format('(%s,0)', first_page + page_count);
  deleted bigint;
BEGIN
  CASE name
    WHEN 'change_log' THEN
      WITH erased AS (
        DELETE FROM {{schema}}.change_log c
         WHERE c.ctid >= low AND c.ctid < high
           AND c.session_id IN (SELECT e.session_id FROM {{schema}}.erasing_sessions e WHERE e.erasure_id = of_erasure)
        RETURNING c.lane_id, c.no)
      INSERT INTO {{schema}}.erased_changes (lane_id, no, erasure_id) SELECT r.lane_id, r.no, of_erasure FROM erased r
      ON CONFLICT DO NOTHING;
    WHEN 'divergences' THEN
      -- That there was one stays.
      UPDATE {{schema}}.divergences d SET session_id = NULL, detail = 'the session was forgotten'
       WHERE d.ctid >= low AND d.ctid < high
         AND d.session_id IN (SELECT e.session_id FROM {{schema}}.erasing_sessions e WHERE e.erasure_id = of_erasure);
    ELSE
      IF name NOT IN ('event_ids', 'earlier_event_ids', 'dead_letters') THEN
        RAISE EXCEPTION 'erase_pages: the table % is not one of those that are erased by pages', name USING ERRCODE = 'invalid_parameter_value';
      END IF;
      EXECUTE format(
        'DELETE FROM %1$I.%2$I t WHERE t.ctid >= $1 AND t.ctid < $2
            AND t.session_id IN (SELECT e.session_id FROM %1$I.erasing_sessions e WHERE e.erasure_id = $3)', {{schema_literal}}, name)
        USING low, high, of_erasure;
  END CASE;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  PERFORM {{schema}}.note_erased(of_erasure, name, deleted);
  RETURN {{schema}}.next_page(name, first_page + page_count);
END $$;

-- A page of a table, if the table has it.
CREATE FUNCTION {{schema}}.next_page(name text, page bigint) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN page < pg_relation_size(format('%I.%I', {{schema_literal}}, name)::regclass) / current_setting('block_size')::bigint THEN page END
$$;

-- The tables that have sessions' ids, whoever made them, and whether their rows are found by these.
CREATE FUNCTION {{schema}}.session_tables() RETURNS TABLE (name text, is_keyed boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text,
         EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = {{schema_literal}}
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'session_id' AND NOT a.attisdropped
   WHERE c.relkind = 'r' AND c.relname <> 'erasing_sessions' ORDER BY 1
$$;

-- Counts the rows of sessions in a table, or in some of its pages where it has no key by session. `next` is the page that comes next; null: there
-- are no more.
CREATE FUNCTION {{schema}}.count_rows(ids text[], name text, first_page bigint, page_count bigint, OUT row_total bigint, OUT next bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_keyed boolean := (SELECT t.is_keyed FROM {{schema}}.session_tables() t WHERE t.name = count_rows.name);
BEGIN
  IF is_keyed THEN
    EXECUTE format('SELECT count(*) FROM %I.%I WHERE session_id = ANY ($1)', {{schema_literal}}, name) INTO row_total USING ids;
  ELSIF NOT is_keyed THEN
    EXECUTE format('SELECT count(*) FROM %I.%I WHERE ctid >= $2 AND ctid < $3 AND session_id = ANY ($1)', {{schema_literal}}, name)
      INTO row_total USING ids, format('(%s,0)', first_page)::tid, format('(%s,0)', first_page + page_count)::tid;
    next := {{schema}}.next_page(name, first_page + page_count);
  END IF;
END $$;

-- Records what a reading of everything has found, and ends the erasure if that is nothing. Returns the receipt.
CREATE FUNCTION {{schema}}.finish_erasure(of_erasure bigint, redis_ms bigint, rest jsonb) RETURNS {{schema}}.erasures
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  receipt {{schema}}.erasures;
BEGIN
  UPDATE {{schema}}.erasures e SET left_over = rest, finished_at = CASE WHEN rest = '{}' THEN clock_timestamp() END
   WHERE e.id = of_erasure RETURNING * INTO receipt;
  IF receipt.finished_at IS NOT NULL THEN
    UPDATE {{schema}}.forgotten_sessions f SET until_ms = redis_ms WHERE f.erasure_id = of_erasure;
    DELETE FROM {{schema}}.erasing_sessions e WHERE e.erasure_id = of_erasure;
  END IF;
  RETURN receipt;
END $$;

REVOKE ALL ON FUNCTION
  {{schema}}.subject_hash(text, text),
  {{schema}}.begin_erasure(text, text, boolean, text),
  {{schema}}.note_erased(bigint, text, bigint),
  {{schema}}.sessions_of_subject(text, text, bigint, text, integer),
  {{schema}}.mark_forgotten(bigint, text[]),
  {{schema}}.sessions_of_erasure(bigint, text, integer),
  {{schema}}.wait_for_writers(integer, integer),
  {{schema}}.erase_sessions(bigint, text, integer),
  {{schema}}.erase_pages(bigint, text, bigint, bigint),
  {{schema}}.count_rows(text[], text, bigint, bigint),
  {{schema}}.finish_erasure(bigint, bigint, jsonb)
FROM PUBLIC;
