-- Tool calls: a row is an attempt.

CREATE TABLE {{schema}}.tool_calls (
  session_id      text COLLATE "C" NOT NULL,
  call_id         text COLLATE "C" NOT NULL,
  attempt         integer NOT NULL,
  -- Of tool.started; of tool.finished where nothing started it.
  entry_ms        bigint NOT NULL,
  entry_no        bigint NOT NULL,
  lane_id         integer NOT NULL,
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
  finished_lane   integer,
  -- Where tool.finished brought fields of its own: what `ext` was made of.
  started_ext     jsonb,
  finished_ext    jsonb,
  -- Of a call's newest attempt, so that no change looks at all of them: the latest open attempt before it, and the latest entry that closed
  -- one before it.
  open_before     integer,
  closed_before   {{schema}}.entry_position,
  PRIMARY KEY (session_id, call_id, attempt)
) WITH (fillfactor = 80);

-- The entries that made the attempts of a call, as apply_tool_entry takes them.
CREATE FUNCTION {{schema}}.tool_entries(session text, call text)
RETURNS TABLE (entry_ms bigint, entry_no bigint, lane_id integer, at timestamptz, type text, tool text, arguments jsonb, idempotency_key text,
               status text, result jsonb, error text, cost numeric, usage jsonb, ext jsonb)
LANGUAGE sql STABLE AS $$
  SELECT t.entry_ms, t.entry_no, t.lane_id, t.started_at, 'tool.started', t.tool, t.arguments, t.idempotency_key, NULL, NULL, NULL, NULL, NULL,
         CASE WHEN t.finished_ext IS NULL THEN t.ext ELSE t.started_ext END
    FROM {{schema}}.tool_calls t WHERE t.session_id = session AND t.call_id = call AND t.started_at IS NOT NULL
  UNION ALL
  SELECT t.finished_ms, t.finished_no, t.finished_lane, t.finished_at, 'tool.finished', NULL, NULL, NULL, t.status, t.result, t.error, t.cost, t.usage,
         t.finished_ext
    FROM {{schema}}.tool_calls t WHERE t.session_id = session AND t.call_id = call AND t.finished_ms IS NOT NULL
$$;

CREATE FUNCTION {{schema}}.newest_attempt(session text, call text) RETURNS {{schema}}.tool_calls
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  newest {{schema}}.tool_calls;
BEGIN
  SELECT * INTO newest FROM {{schema}}.tool_calls t WHERE t.session_id = session AND t.call_id = call ORDER BY t.attempt DESC LIMIT 1;
  RETURN newest;
END $$;

-- One entry: tool.started opens an attempt, tool.finished closes the last open one or records a finished one. Attempts are numbered by
-- position: one that is applied late gets the number it would have had, and moves those after it.
CREATE FUNCTION {{schema}}.apply_tool_entry(
  session text, call text, ms bigint, no bigint, lane integer, at timestamptz, type text, tool text, arguments jsonb, idempotency_key text,
  status text, result jsonb, error text, cost numeric, usage jsonb, ext jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  newest {{schema}}.tool_calls := {{schema}}.newest_attempt(session, call);
  -- The attempt that tool.finished closes.
  closes integer;
  again record;
  is_first boolean := true;
BEGIN
  IF ((newest.entry_ms, newest.entry_no, newest.lane_id) > (ms, no, lane)
      OR (newest.finished_ms, newest.finished_no, newest.finished_lane) > (ms, no, lane)
      OR ((newest.closed_before).entry_ms, (newest.closed_before).entry_no, (newest.closed_before).lane_id) > (ms, no, lane))
     IS NOT TRUE THEN
    closes := CASE WHEN newest.status = 'started' THEN newest.attempt ELSE newest.open_before END;
    IF type = 'tool.finished' AND closes IS NOT NULL THEN
      IF closes < newest.attempt THEN
        UPDATE {{schema}}.tool_calls t
           SET closed_before = (ms, no, lane)::{{schema}}.entry_position, open_before = (
             SELECT o.open_before FROM {{schema}}.tool_calls o WHERE o.session_id = session AND o.call_id = call AND o.attempt = closes)
         WHERE t.session_id = session AND t.call_id = call AND t.attempt = newest.attempt;
      END IF;
      UPDATE {{schema}}.tool_calls t SET
        status = status, result = result, error = error, cost = cost, usage = usage,
        ext = CASE WHEN ext IS NULL THEN t.ext ELSE coalesce(t.ext, '{}') || ext END,
        started_ext = CASE WHEN ext IS NOT NULL THEN t.ext END, finished_ext = ext,
        finished_at = at, finished_ms = ms, finished_no = no, finished_lane = lane
       WHERE t.session_id = session AND t.call_id = call AND t.attempt = closes;
      RETURN;
    END IF;
    INSERT INTO {{schema}}.tool_calls
      (session_id, call_id, attempt, entry_ms, entry_no, lane_id, tool, arguments, status, result, error, cost, usage, idempotency_key, ext,
       finished_ext, started_at, finished_at, finished_ms, finished_no, finished_lane, open_before)
    SELECT session, call, coalesce(newest.attempt, 0) + 1, ms, no, lane, tool, arguments, coalesce(status, 'started'), result, error, cost,
           usage, idempotency_key, ext,
           CASE WHEN type = 'tool.finished' THEN ext END,
           CASE WHEN type = 'tool.started' THEN at END,
           CASE WHEN type = 'tool.finished' THEN at END,
           CASE WHEN type = 'tool.finished' THEN ms END,
           CASE WHEN type = 'tool.finished' THEN no END,
           CASE WHEN type = 'tool.finished' THEN lane END,
           closes;
    RETURN;
  END IF;

  -- A late one (a replay): the whole call again, in order.
  FOR again IN
    SELECT * FROM {{schema}}.tool_entries(session, call)
    UNION ALL SELECT ms, no, lane, at, type, tool, arguments, idempotency_key, status, result, error, cost, usage, ext
    ORDER BY 1, 2, 3
  LOOP
    -- The query goes on seeing what was there when it began.
    IF is_first THEN DELETE FROM {{schema}}.tool_calls t WHERE t.session_id = session AND t.call_id = call; END IF;
    is_first := false;
    PERFORM {{schema}}.apply_tool_entry(
      session, call, again.entry_ms, again.entry_no, again.lane_id, again.at, again.type, again.tool, again.arguments,
      again.idempotency_key, again.status, again.result, again.error, again.cost, again.usage, again.ext);
  END LOOP;
END $$;

-- Calls that began, ended, or did both; rows sorted by key and position. Of many nearly all are written as a set; the others, and a few, go
-- entry by entry, which needs no planning.
CREATE FUNCTION {{schema}}.apply_tool_calls(
  session_ids text[], call_ids text[], started_mss bigint[], started_nos bigint[], started_lanes integer[], started_ats timestamptz[],
  tools text[], arguments jsonb[], idempotency_keys text[], started_exts jsonb[], finished_mss bigint[], finished_nos bigint[],
  finished_lanes integer[], finished_ats timestamptz[], statuses text[], results jsonb[], errors text[], costs numeric[], usages jsonb[], finished_exts jsonb[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written boolean[];
BEGIN
  IF cardinality(session_ids) > 8 THEN
    written := {{schema}}.write_tool_calls(
      session_ids, call_ids, started_mss, started_nos, started_lanes, started_ats, tools, arguments, idempotency_keys, started_exts,
      finished_mss, finished_nos, finished_lanes, finished_ats, statuses, results, errors, costs, usages, finished_exts);
  END IF;
  FOR i IN 1 .. cardinality(session_ids) LOOP
    CONTINUE WHEN written[i];
    IF started_mss[i] IS NOT NULL THEN
      PERFORM {{schema}}.apply_tool_entry(
        session_ids[i], call_ids[i], started_mss[i], started_nos[i], started_lanes[i], started_ats[i], 'tool.started', tools[i],
        arguments[i], idempotency_keys[i], NULL, NULL, NULL, NULL, NULL, started_exts[i]);
    END IF;
    IF finished_mss[i] IS NOT NULL THEN
      PERFORM {{schema}}.apply_tool_entry(
        session_ids[i], call_ids[i], finished_mss[i], finished_nos[i], finished_lanes[i], finished_ats[i], 'tool.finished', NULL, NULL,
        NULL, statuses[i], results[i], errors[i], costs[i], usages[i], finished_exts[i]);
    END IF;
  END LOOP;
END $$;

-- Writes what is a call's first attempt or its end, and answers for each row whether it was that.
CREATE FUNCTION {{schema}}.write_tool_calls(
  session_ids text[], call_ids text[], started_mss bigint[], started_nos bigint[], started_lanes integer[], started_ats timestamptz[],
  tools text[], arguments jsonb[], idempotency_keys text[], started_exts jsonb[], finished_mss bigint[], finished_nos bigint[],
  finished_lanes integer[], finished_ats timestamptz[], statuses text[], results jsonb[], errors text[], costs numeric[], usages jsonb[], finished_exts jsonb[])
RETURNS boolean[]
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  -- Calls with several rows here: what one does depends on those before it.
  repeated text[];
  inserted bigint;
  updated bigint;
BEGIN
  SELECT coalesce(array_agg(r.call_id), '{}') INTO repeated FROM (
    SELECT u.session_id, u.call_id, lag(u.session_id) OVER () AS session_before, lag(u.call_id) OVER () AS call_before
      FROM unnest(session_ids, call_ids) AS u (session_id, call_id)) AS r
   WHERE r.call_id = r.call_before AND r.session_id = r.session_before;

  INSERT INTO {{schema}}.tool_calls
    (session_id, call_id, attempt, entry_ms, entry_no, lane_id, tool, arguments, status, result, error, cost, usage, idempotency_key, ext,
     started_ext, finished_ext, started_at, finished_at, finished_ms, finished_no, finished_lane)
  SELECT o.session_id, o.call_id, 1, o.started_ms, o.started_no, o.started_lane, o.tool, o.arguments, coalesce(o.status, 'started'),
         o.result, o.error, o.cost, o.usage, o.idempotency_key,
         CASE WHEN o.finished_ext IS NULL THEN o.started_ext ELSE coalesce(o.started_ext, '{}') || o.finished_ext END,
         CASE WHEN o.finished_ext IS NOT NULL THEN o.started_ext END, o.finished_ext, o.started_at, o.finished_at, o.finished_ms,
         o.finished_no, o.finished_lane
    FROM unnest(session_ids, call_ids, started_mss, started_nos, started_lanes, started_ats, tools, arguments, idempotency_keys,
                started_exts, finished_mss, finished_nos, finished_lanes, finished_ats, statuses, results, errors, costs, usages,
                finished_exts)
      AS o (session_id, call_id, started_ms, started_no, started_lane, started_at, tool, arguments, idempotency_key, started_ext,
            finished_ms, finished_no, finished_lane, finished_at, status, result, error, cost, usage, finished_ext)
   WHERE o.started_ms IS NOT NULL AND o.call_id <> ALL (repeated)
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS inserted = ROW_COUNT;
  IF inserted = cardinality(session_ids) THEN RETURN array_fill(true, ARRAY[cardinality(session_ids)]); END IF;

  UPDATE {{schema}}.tool_calls t SET
    status = o.status, result = o.result, error = o.error, cost = o.cost, usage = o.usage,
    ext = CASE WHEN o.ext IS NULL THEN t.ext ELSE coalesce(t.ext, '{}') || o.ext END,
    started_ext = CASE WHEN o.ext IS NOT NULL THEN t.ext END, finished_ext = o.ext,
    finished_at = o.at, finished_ms = o.ms, finished_no = o.no, finished_lane = o.lane
    FROM unnest(session_ids, call_ids, started_mss, finished_mss, finished_nos, finished_lanes, finished_ats, statuses, results, errors,
                costs, usages, finished_exts)
      AS o (session_id, call_id, started_ms, ms, no, lane, at, status, result, error, cost, usage, ext)
   WHERE o.started_ms IS NULL AND o.call_id <> ALL (repeated)
     AND t.session_id = o.session_id AND t.call_id = o.call_id AND t.attempt = 1 AND t.status = 'started'
     AND (t.entry_ms, t.entry_no, t.lane_id) < (o.ms, o.no, o.lane)
     AND NOT EXISTS (SELECT FROM {{schema}}.tool_calls a
                      WHERE a.session_id = o.session_id AND a.call_id = o.call_id AND a.attempt = 2);
  GET DIAGNOSTICS updated = ROW_COUNT;
  IF inserted + updated = cardinality(session_ids) THEN RETURN array_fill(true, ARRAY[cardinality(session_ids)]); END IF;
  RETURN ARRAY(
    SELECT EXISTS (
             SELECT FROM {{schema}}.tool_calls t
              WHERE t.session_id = o.session_id AND t.call_id = o.call_id AND t.attempt = 1
                AND ((t.entry_ms, t.entry_no, t.lane_id) = (o.started_ms, o.started_no, o.started_lane)
                     OR (t.finished_ms, t.finished_no, t.finished_lane) = (o.finished_ms, o.finished_no, o.finished_lane)))
      FROM unnest(session_ids, call_ids, started_mss, started_nos, started_lanes, finished_mss, finished_nos, finished_lanes)
           WITH ORDINALITY
        AS o (session_id, call_id, started_ms, started_no, started_lane, finished_ms, finished_no, finished_lane, place)
     ORDER BY o.place);
END $$;
