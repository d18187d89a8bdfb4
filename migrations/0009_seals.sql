-- Tamper evidence: what Postgres stores of each change, hashed into 16 bytes, and the hashes chained in segments. Whatever is changed, added,
-- removed or moved afterwards no longer matches. Segments are sealed some seconds after the commit, off the write path; the heads of the chains
-- also stand in Redis and in files that `audit --anchor` writes, so that a chain that was cut off or computed anew is found, too.

-- A segment of a lane's changes, in the order of their numbers.
CREATE TABLE {{schema}}.seals (
  lane         text COLLATE "C" NOT NULL,
  from_no      bigint NOT NULL,
  through_no   bigint NOT NULL,
  -- Of each change 16 bytes; zeros where there was none when the segment was sealed.
  digests      bytea NOT NULL,
  -- Over the link before it, the numbers, the position and the digests.
  link         bytea NOT NULL,
  -- The furthest position that the lane has reached with this segment: later changes are behind it, or in `late_changes`.
  entry_ms     bigint NOT NULL,
  entry_no     bigint NOT NULL,
  -- When its last change was committed.
  committed_at timestamptz,
  sealed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (lane, from_no)
);
-- Hashes can't be compressed.
ALTER TABLE {{schema}}.seals ALTER COLUMN digests SET STORAGE EXTERNAL;

-- Changes that were applied behind others of their lane, such as replays. Of all others the order of numbers is that of positions, so that
-- numbers need no index.
CREATE TABLE {{schema}}.late_changes (
  lane_id  integer NOT NULL,
  no       bigint NOT NULL,
  entry_ms bigint NOT NULL,
  entry_no bigint NOT NULL,
  PRIMARY KEY (lane_id, no)
);

-- Changes that `forget` erased, so that their numbers are missing for a reason.
CREATE TABLE {{schema}}.erased_changes (
  lane_id    integer NOT NULL,
  no         bigint NOT NULL,
  erasure_id bigint NOT NULL,
  PRIMARY KEY (lane_id, no)
);

-- The position of the change with which a segment ends that begins behind a position and has `most` changes that came in order; NULL where
-- there are fewer.
CREATE FUNCTION {{schema}}.segment_end(
  of_lane integer, after_ms bigint, after_no bigint, from_number bigint, through_number bigint, most bigint)
RETURNS {{schema}}.change_log
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET enable_bitmapscan = off AS $$
DECLARE
  last_change {{schema}}.change_log;
BEGIN
  SELECT c.* INTO last_change FROM {{schema}}.change_log c
   WHERE c.lane_id = of_lane AND (c.entry_ms, c.entry_no) > (after_ms, after_no)
     AND c.no BETWEEN from_number AND through_number
     AND NOT EXISTS (SELECT FROM {{schema}}.late_changes l WHERE l.lane_id = of_lane AND l.no = c.no)
   ORDER BY c.entry_ms, c.entry_no OFFSET most - 1 LIMIT 1;
  RETURN last_change;
END $$;

-- The changes of a lane with these numbers, each with the hash of what is stored of it: its audit row, and the columns that it owns in the table
-- of its type. Those that came in order are looked for between two positions, the others in `late_changes`. Whatever else stands between the
-- positions is there, too. The settings decide how values read as texts.
CREATE FUNCTION {{schema}}.change_digests(
  of_lane integer, after_ms bigint, after_no bigint, upto_ms bigint, upto_no bigint, from_number bigint, through_number bigint)
RETURNS TABLE (no bigint, entry_ms bigint, entry_no bigint, session_id text, committed_at timestamptz, digest bytea)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres'
SET extra_float_digits = 1 SET bytea_output = 'hex' SET enable_seqscan = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
  of_name text := (SELECT l.lane FROM {{schema}}.lanes l WHERE l.lane_id = of_lane);
BEGIN
  RETURN QUERY
  WITH piece AS MATERIALIZED (
    SELECT c.* FROM {{schema}}.change_log c
     WHERE c.lane_id = of_lane AND (c.entry_ms, c.entry_no) > (after_ms, after_no) AND (c.entry_ms, c.entry_no) <= (upto_ms, upto_no)
       AND NOT EXISTS (SELECT FROM {{schema}}.late_changes l
                        WHERE l.lane_id = of_lane AND l.no = c.no AND l.entry_ms = c.entry_ms AND l.entry_no = c.entry_no)
     UNION ALL
    SELECT c.* FROM {{schema}}.late_changes l JOIN {{schema}}.change_log c USING (lane_id, entry_ms, entry_no)
     WHERE l.lane_id = of_lane AND l.no BETWEEN from_number AND through_number),
  -- A call's row is found by its session alone, so each session is read once.
  calls AS MATERIALIZED (
    SELECT t.session_id, t.entry_ms, t.entry_no, t.lane_id, t.started_at, t.finished_ms, t.finished_no, t.finished_lane,
           ROW(t.call_id, t.tool, t.arguments, t.idempotency_key, t.started_at,
               CASE WHEN t.finished_ext IS NULL THEN t.ext ELSE t.started_ext END)::text AS started,
           ROW(t.call_id, t.status, t.result, t.error, t.cost, t.usage, t.finished_at, t.finished_ext)::text AS finished
      FROM (SELECT DISTINCT p.session_id FROM piece p WHERE p.type IN ('tool.started', 'tool.finished')) AS s
      JOIN {{schema}}.tool_calls t ON t.session_id = s.session_id),
  owned AS (
    SELECT p.*,
           CASE p.type
             WHEN 'message.appended' THEN (
               SELECT ROW(m.seq, m.message_id, m.parent_id, m.call_id, m.role, m.content, m.parts, m.model, m.tokens, m.usage, m.meta, m.ext, m.at)::text
                 FROM {{schema}}.messages m
                WHERE m.session_id = p.session_id AND m.entry_ms = p.entry_ms AND m.entry_no = p.entry_no AND m.lane_id = p.lane_id)
             WHEN 'context.set' THEN (
               SELECT ROW(h.key, h.kind, h.value, h.removed, h.at)::text FROM {{schema}}.context_history h
                WHERE h.session_id = p.session_id AND h.entry_ms = p.entry_ms AND h.entry_no = p.entry_no AND h.lane_id = p.lane_id)
             WHEN 'context.removed' THEN (
               SELECT ROW(h.key, h.kind, h.value, h.removed, h.at)::text FROM {{schema}}.context_history h
                WHERE h.session_id = p.session_id AND h.entry_ms = p.entry_ms AND h.entry_no = p.entry_no AND h.lane_id = p.lane_id)
             WHEN 'outcome.recorded' THEN (
               SELECT ROW(o.label, o.score, o.scorer, o.message_id, o.call_id, o.meta, o.ext, o.at)::text FROM {{schema}}.outcomes o
                WHERE o.session_id = p.session_id AND o.entry_ms = p.entry_ms AND o.entry_no = p.entry_no AND o.lane_id = p.lane_id)
             WHEN 'message.removed' THEN (
               SELECT ROW(h.kind, h.message_id, h.at)::text FROM {{schema}}.message_hides h
                WHERE h.session_id = p.session_id AND h.entry_ms = p.entry_ms AND h.entry_no = p.entry_no AND h.lane_id = p.lane_id)
             WHEN 'messages.cleared' THEN (
               SELECT ROW(h.kind, h.message_id, h.at)::text FROM {{schema}}.message_hides h
                WHERE h.session_id = p.session_id AND h.entry_ms = p.entry_ms AND h.entry_no = p.entry_no AND h.lane_id = p.lane_id)
           END AS content
      FROM piece p WHERE p.type NOT IN ('tool.started', 'tool.finished')
     UNION ALL
    SELECT p.*, t.started FROM piece p
      LEFT JOIN calls t ON t.session_id = p.session_id AND t.entry_ms = p.entry_ms AND t.entry_no = p.entry_no AND t.lane_id = p.lane_id
                       AND t.started_at IS NOT NULL
     WHERE p.type = 'tool.started'
     UNION ALL
    SELECT p.*, t.finished FROM piece p
      LEFT JOIN calls t ON t.session_id = p.session_id AND t.finished_ms = p.entry_ms AND t.finished_no = p.entry_no
                       AND t.finished_lane = p.lane_id
     WHERE p.type = 'tool.finished')
  SELECT o.no, o.entry_ms, o.entry_no, o.session_id, o.committed_at,
         substring(sha256(convert_to(
           ROW(of_name, o.no, o.entry_ms, o.entry_no, o.session_id, o.seq, o.epoch, o.event_id, o.type, o.actor, o.trace, o.v, o.occurred_at,
               o.committed_at, o.digest, o.fields, o.content)::text, 'UTF8')) FROM 1 FOR 16)
    FROM owned o;
END $$;

-- The link of a segment.
CREATE FUNCTION {{schema}}.seal_link(link_before bytea, segment {{schema}}.seals) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.sha256(
    link_before
      || pg_catalog.convert_to(ROW(segment.lane, segment.from_no, segment.through_no, segment.entry_ms, segment.entry_no)::text, 'UTF8')
      || segment.digests)
$$;

-- Seals the next changes of lanes, at most `most` of each that came in order, and answers for each lane how far it is sealed by now, whether that
-- is all, and how many numbers had no change though nothing was erased. Of two that seal a lane at once the second one changes nothing.
CREATE FUNCTION {{schema}}.seal_lanes(lane_ids integer[], most integer)
RETURNS TABLE (lane_id integer, through_no bigint, link bytea, committed_at timestamptz, is_complete boolean, missing bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  lane record;
  head {{schema}}.seals;
  segment {{schema}}.seals;
  last_change {{schema}}.change_log;
BEGIN
  FOR lane IN SELECT l.lane_id, l.lane, l.applied_no FROM {{schema}}.lanes l WHERE l.lane_id = ANY (lane_ids) ORDER BY l.lane_id LOOP
    SELECT s.* INTO head FROM {{schema}}.seals s WHERE s.lane = lane.lane ORDER BY s.from_no DESC LIMIT 1;
    lane_id := lane.lane_id; missing := 0;
    IF coalesce(head.through_no, 0) < lane.applied_no THEN
      segment.lane := lane.lane;
      segment.from_no := coalesce(head.through_no, 0) + 1;
      last_change := {{schema}}.segment_end(
        lane.lane_id, coalesce(head.entry_ms, -1), coalesce(head.entry_no, -1), segment.from_no, lane.applied_no, most);
      segment.through_no := coalesce(last_change.no, lane.applied_no);
      SELECT pg_catalog.string_agg(coalesce(d.digest, '\x00000000000000000000000000000000'), '' ORDER BY n.no),
             count(*) FILTER (WHERE d.no IS NULL AND e.no IS NULL),
             max(d.committed_at)
        INTO segment.digests, missing, segment.committed_at
        FROM pg_catalog.generate_series(segment.from_no, segment.through_no) AS n (no)
        LEFT JOIN (
          SELECT DISTINCT ON (c.no) c.* FROM {{schema}}.change_digests(
            lane.lane_id, coalesce(head.entry_ms, -1), coalesce(head.entry_no, -1), coalesce(last_change.entry_ms, 9223372036854775807),
            coalesce(last_change.entry_no, 9223372036854775807), segment.from_no, segment.through_no) AS c
           ORDER BY c.no) AS d ON d.no = n.no
        LEFT JOIN {{schema}}.erased_changes e ON e.lane_id = lane.lane_id AND e.no = n.no;
      IF last_change.no IS NOT NULL THEN
        segment.entry_ms := last_change.entry_ms; segment.entry_no := last_change.entry_no;
      ELSE
        SELECT f.entry_ms, f.entry_no INTO segment.entry_ms, segment.entry_no FROM (
          SELECT c.entry_ms, c.entry_no FROM {{schema}}.change_log c
           WHERE c.lane_id = lane.lane_id AND c.no <= segment.through_no
             AND (c.entry_ms, c.entry_no) > (coalesce(head.entry_ms, -1), coalesce(head.entry_no, -1))
           ORDER BY c.entry_ms DESC, c.entry_no DESC LIMIT 1) AS f;
        segment.entry_ms := coalesce(segment.entry_ms, head.entry_ms, -1); segment.entry_no := coalesce(segment.entry_no, head.entry_no, -1);
      END IF;
      segment.link := {{schema}}.seal_link(coalesce(head.link, ''), segment);
      INSERT INTO {{schema}}.seals (lane, from_no, through_no, digests, link, entry_ms, entry_no, committed_at)
      VALUES (segment.lane, segment.from_no, segment.through_no, segment.digests, segment.link, segment.entry_ms, segment.entry_no,
              segment.committed_at)
      ON CONFLICT DO NOTHING;
      IF FOUND THEN head := segment; ELSE missing := 0; END IF;
    END IF;
    through_no := coalesce(head.through_no, 0); link := head.link; committed_at := head.committed_at;
    is_complete := through_no >= lane.applied_no;
    RETURN NEXT;
  END LOOP;
END $$;

-- Compares the seals of a lane behind a number with what is stored now, until a difference is found or about `most` changes were compared.
-- Answers how far it came, the link there, and the difference. `kind` is: `changed`, `missing`, `added` (a change with a number that it can't
-- have), `seal` (a segment or its link is not what was sealed); NULL: none.
CREATE FUNCTION {{schema}}.check_seals(of_lane integer, after_number bigint, most bigint)
RETURNS TABLE (through_no bigint, link bytea, is_complete boolean, kind text, no bigint, entry_ms bigint, entry_no bigint, session_id text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  of_name text := (SELECT l.lane FROM {{schema}}.lanes l WHERE l.lane_id = of_lane);
  last_no bigint := (SELECT l.applied_no FROM {{schema}}.lanes l WHERE l.lane_id = of_lane);
  head {{schema}}.seals;
  segment {{schema}}.seals;
  rest bigint := most;
BEGIN
  SELECT s.* INTO head FROM {{schema}}.seals s WHERE s.lane = of_name AND s.through_no = after_number;
  through_no := after_number; link := head.link; is_complete := false;
  IF after_number > 0 AND head.through_no IS NULL THEN
    kind := 'seal'; no := after_number;
    RETURN NEXT;
    RETURN;
  END IF;
  WHILE rest > 0 LOOP
    SELECT s.* INTO segment FROM {{schema}}.seals s
     WHERE s.lane = of_name AND s.from_no > coalesce(head.from_no, -9223372036854775808) ORDER BY s.from_no LIMIT 1;
    EXIT WHEN NOT FOUND;
    IF segment.from_no <> through_no + 1 OR segment.through_no < segment.from_no
       OR pg_catalog.octet_length(segment.digests) <> 16 * (segment.through_no - segment.from_no + 1)
       OR segment.through_no > last_no OR segment.link <> {{schema}}.seal_link(coalesce(head.link, ''), segment) THEN
      kind := 'seal'; no := segment.from_no;
      RETURN NEXT;
      RETURN;
    END IF;
    SELECT x.kind, x.no, x.entry_ms, x.entry_no, x.session_id INTO kind, no, entry_ms, entry_no, session_id
      FROM (
        SELECT CASE WHEN n.no IS NULL THEN 'added'
                    WHEN d.no IS NULL AND e.no IS NULL THEN 'missing'
                    -- Of several with one number the one that was sealed is known by its hash.
                    WHEN d.digest <> pg_catalog.substring(segment.digests, (16 * (n.no - segment.from_no) + 1)::integer, 16)
                      THEN CASE WHEN d.namesakes > 1 THEN 'added' ELSE 'changed' END
               END AS kind,
               coalesce(d.no, n.no) AS no, d.entry_ms, d.entry_no, d.session_id
          FROM pg_catalog.generate_series(segment.from_no, segment.through_no) AS n (no)
          FULL JOIN (
            SELECT c.*, count(*) OVER (PARTITION BY c.no) AS namesakes
              FROM {{schema}}.change_digests(
                of_lane, coalesce(head.entry_ms, -1), coalesce(head.entry_no, -1), segment.entry_ms, segment.entry_no, segment.from_no,
                segment.through_no) AS c) AS d ON d.no = n.no
          LEFT JOIN {{schema}}.erased_changes e ON e.lane_id = of_lane AND e.no = n.no) AS x
     WHERE x.kind IS NOT NULL ORDER BY x.no LIMIT 1;
    IF FOUND THEN
      RETURN NEXT;
      RETURN;
    END IF;
    rest := rest - (segment.through_no - segment.from_no + 1);
    head := segment;
    through_no := segment.through_no; link := segment.link;
  END LOOP;
  IF rest > 0 THEN
    -- What is not sealed yet: of it only the numbers are known.
    is_complete := true;
    SELECT x.kind, x.no, x.entry_ms, x.entry_no, x.session_id INTO kind, no, entry_ms, entry_no, session_id
      FROM (
        SELECT CASE WHEN n.no IS NULL OR d.place > 1 THEN 'added' WHEN d.no IS NULL AND e.no IS NULL THEN 'missing' END AS kind,
               coalesce(d.no, n.no) AS no, d.entry_ms, d.entry_no, d.session_id
          FROM pg_catalog.generate_series(through_no + 1, last_no) AS n (no)
          FULL JOIN (
            SELECT c.*, pg_catalog.row_number() OVER (PARTITION BY c.no ORDER BY c.entry_ms, c.entry_no) AS place
              FROM {{schema}}.change_digests(
                of_lane, coalesce(head.entry_ms, -1), coalesce(head.entry_no, -1), 9223372036854775807, 9223372036854775807, through_no + 1,
                last_no) AS c) AS d ON d.no = n.no
          LEFT JOIN {{schema}}.erased_changes e ON e.lane_id = of_lane AND e.no = n.no) AS x
     WHERE x.kind IS NOT NULL ORDER BY x.no LIMIT 1;
  END IF;
  RETURN NEXT;
END $$;
