-- Reconciliation: what the streams hold is compared with what is in Postgres, range by range. How a difference is judged is decided by the
-- worker; this is what it asks, and how it records what it found. Each request is short and goes by an index: a range of a lane is a range of
-- the audit trail's key.

-- How far a session's changes were followed by their numbers, in a lane. Only the function library gives numbers.
CREATE TABLE {{schema}}.session_numbers (
  session_id text COLLATE "C" NOT NULL,
  lane_id    integer NOT NULL,
  epoch      bigint NOT NULL,
  seq        bigint NOT NULL,
  -- The change that has this number.
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  PRIMARY KEY (session_id, lane_id)
) WITH (fillfactor = 50);

-- What Postgres has of a lane behind a position and through another one, but at most `piece` changes: how many, which is the last, and the
-- digest over the positions and digests of the changes, in their order; of one session where one is given. With it where the lane stands.
CREATE FUNCTION {{schema}}.lane_contents(
  of_lane integer, of_session text, after_ms bigint, after_no bigint, through_ms bigint, through_no bigint, piece integer)
RETURNS TABLE (changes bigint, last_ms bigint, last_no bigint, digest bytea, fence bigint, incarnation bigint, furthest_ms bigint,
  furthest_no bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH found AS MATERIALIZED (
    SELECT c.entry_ms, c.entry_no, c.digest, of_session IS NULL OR c.session_id = of_session AS is_wanted FROM {{schema}}.change_log c
     WHERE c.lane_id = of_lane AND (c.entry_ms, c.entry_no) > (after_ms, after_no) AND (c.entry_ms, c.entry_no) <= (through_ms, through_no)
     ORDER BY c.entry_ms, c.entry_no LIMIT piece)
  SELECT (SELECT count(*) FROM found), last.entry_ms, last.entry_no,
         (SELECT sha256(coalesce(string_agg(int8send(f.entry_ms) || int8send(f.entry_no) || f.digest, ''::bytea
                                            ORDER BY f.entry_ms, f.entry_no) FILTER (WHERE f.is_wanted), ''::bytea)) FROM found f),
         l.fence, l.incarnation, l.furthest_ms, l.furthest_no
    FROM {{schema}}.lanes l
    LEFT JOIN (SELECT f.entry_ms, f.entry_no FROM found f ORDER BY f.entry_ms DESC, f.entry_no DESC LIMIT 1) AS last ON true
   WHERE l.lane_id = of_lane;
END $$;

-- What is known of entries for which `change_log` has no row with their digest. Of a producer's id only what is within the window counts.
-- - is_letter: it is a dead letter. One that was replayed is not: what it became is a change.
-- - is_own_id: its event id was claimed at its own position, so that it was applied.
-- - is_same_id, is_other_id: its event id was claimed by another entry, with the same or another content.
-- - is_certain: an event id that was claimed would still be known, or else the entry that claimed it has been looked for.
-- - is_forgotten_id: an entry whose claim may be forgotten has the same event id.
CREATE FUNCTION {{schema}}.entry_traces(
  of_lane integer, entry_mss bigint[], entry_nos bigint[], digests bytea[], sessions text[], event_ids text[], contents bytea[],
  window_ms bigint)
RETURNS TABLE (place bigint, is_letter boolean, is_own_id boolean, is_same_id boolean, is_other_id boolean, is_certain boolean,
  is_forgotten_id boolean)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  lane_name text := (SELECT l.lane FROM {{schema}}.lanes l WHERE l.lane_id = of_lane);
  -- Claims before it may be forgotten.
  horizon bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint - window_ms;
BEGIN
  RETURN QUERY
  SELECT s.place,
         EXISTS (SELECT FROM {{schema}}.dead_letters d
                  WHERE d.lane = lane_name AND d.entry_ms = s.entry_ms AND d.entry_no = s.entry_no
                    AND coalesce(d.digest = s.digest, true) AND d.resolution IS DISTINCT FROM 'replayed'),
         coalesce(k.is_own, false), coalesce(k.is_same, false), coalesce(k.is_other, false), s.entry_ms >= horizon,
         CASE WHEN k.is_own IS NULL AND s.event_id IS NOT NULL AND s.entry_ms >= horizon THEN
           EXISTS (SELECT FROM {{schema}}.change_log c
                    WHERE c.lane_id = of_lane AND c.entry_ms > s.entry_ms - window_ms AND c.entry_ms <= horizon
                      AND c.event_id = s.event_id AND c.session_id = s.session_id)
           ELSE false END
    FROM unnest(entry_mss, entry_nos, digests, sessions, event_ids, contents) WITH ORDINALITY
           AS s (entry_ms, entry_no, digest, session_id, event_id, content, place)
    LEFT JOIN LATERAL (
      SELECT bool_or(o.is_own) AS is_own, bool_or(NOT o.is_own AND i.digest = s.content) AS is_same,
             bool_or(NOT o.is_own AND i.digest <> s.content) AS is_other
        FROM (SELECT e.entry_ms, e.digest FROM {{schema}}.event_ids e WHERE e.event_id = s.event_id AND e.session_id = s.session_id
              UNION ALL
              SELECT e.entry_ms, e.digest FROM {{schema}}.earlier_event_ids e
               WHERE e.event_id = s.event_id AND e.session_id = s.session_id) AS i
       -- Several entries may be of one millisecond.
       CROSS JOIN LATERAL (
         SELECT i.entry_ms = s.entry_ms AND i.digest = s.content
                AND NOT EXISTS (SELECT FROM {{schema}}.change_log c
                                 WHERE c.lane_id = of_lane AND c.entry_ms = s.entry_ms AND c.entry_no <> s.entry_no
                                   AND c.event_id = s.event_id AND c.session_id = s.session_id) AS is_own) AS o
       WHERE abs(i.entry_ms - s.entry_ms) < window_ms) AS k ON true;
END $$;

-- What a comparison found, and is not recorded yet.
CREATE TYPE {{schema}}.found_divergence AS (
  lane text, session_id text, kind text, subject text, entry_ms bigint, entry_no bigint, through_ms bigint, through_no bigint, detail text);

-- Records differences, each once while it is not repaired, and answers those that are new.
CREATE FUNCTION {{schema}}.record_divergences(differences {{schema}}.found_divergence[]) RETURNS SETOF {{schema}}.found_divergence
LANGUAGE sql AS $$
  INSERT INTO {{schema}}.divergences AS d
         (lane, session_id, kind, subject, entry_ms, entry_no, through_ms, through_no, detail)
  SELECT f.lane, f.session_id, f.kind, f.subject, f.entry_ms, f.entry_no, f.through_ms, f.through_no, f.detail
    FROM unnest(differences) AS f
   -- Of entries that were deleted a later comparison may find other stretches.
   WHERE f.kind <> 'entry_deleted'
      OR NOT EXISTS (SELECT FROM {{schema}}.divergences o
                      WHERE o.lane = f.lane AND o.kind = f.kind AND o.subject IS NOT NULL AND o.repaired_at IS NULL
                        AND (o.entry_ms, o.entry_no) <= (f.through_ms, f.through_no)
                        AND (f.entry_ms, f.entry_no) <= (o.through_ms, o.through_no))
  ON CONFLICT DO NOTHING
  RETURNING d.lane, d.session_id, d.kind, d.subject, d.entry_ms, d.entry_no, d.through_ms, d.through_no, d.detail
$$;

-- The numbers that are missing before the first change of each session in a range. Of a session that was never followed they begin at 1
-- if its numbering began after the lane was read.
CREATE FUNCTION {{schema}}.missing_numbers(
  of_lane integer, sessions text[], epochs bigint[], seqs bigint[], entry_mss bigint[], entry_nos bigint[])
RETURNS TABLE (session_id text, epoch bigint, from_seq bigint, through_seq bigint, after_ms bigint, after_no bigint, before_ms bigint,
  before_no bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  stand {{schema}}.lanes := (SELECT l FROM {{schema}}.lanes l WHERE l.lane_id = of_lane);
BEGIN
  RETURN QUERY
  SELECT f.session_id, f.epoch, CASE WHEN n.epoch = f.epoch THEN n.seq + 1 ELSE 1 END, f.seq - 1,
         coalesce(n.entry_ms, stand.began_ms), coalesce(n.entry_no, stand.began_no), f.entry_ms, f.entry_no
    FROM unnest(sessions, epochs, seqs, entry_mss, entry_nos) AS f (session_id, epoch, seq, entry_ms, entry_no)
    LEFT JOIN {{schema}}.session_numbers n ON n.session_id = f.session_id AND n.lane_id = of_lane
   WHERE CASE WHEN n.epoch IS NULL THEN f.seq > 1 AND f.epoch >= stand.began_ms
              WHEN n.epoch = f.epoch THEN f.seq > n.seq AND f.seq - n.seq > 1
              ELSE f.epoch > n.epoch AND f.seq > 1 END;
END $$;

-- Records a range of a lane that was compared: what was found in it, the holes in the numbers of its sessions, how far these were followed, and
-- for the lane's owner that the range is verified. Answers what was not recorded before; with `is_dry` nothing is written, and all is
-- answered. A hole that dead letters explain is none. Raises (TM001) where the lane is another one's, another incarnation, verified
-- elsewhere, or not committed so far: the ledger may have gone back. Without a fencing token only the incarnation and the cursor count, and how
-- far the lane is verified stays.
CREATE FUNCTION {{schema}}.record_reconciled(
  of_lane integer, of_fence bigint, of_incarnation bigint, from_ms bigint, from_no bigint, through_ms bigint, through_no bigint,
  differences {{schema}}.found_divergence[], first_sessions text[], first_epochs bigint[], first_seqs bigint[], first_mss bigint[],
  first_nos bigint[], last_epochs bigint[], last_seqs bigint[], last_mss bigint[], last_nos bigint[], hole_sessions text[],
  hole_epochs bigint[], hole_froms bigint[], hole_throughs bigint[], hole_after_mss bigint[], hole_after_nos bigint[],
  hole_before_mss bigint[], hole_before_nos bigint[], is_dry boolean)
RETURNS SETOF {{schema}}.found_divergence
LANGUAGE plpgsql AS $$
DECLARE
  lane_name text := (
    SELECT l.lane FROM {{schema}}.lanes l
     WHERE l.lane_id = of_lane AND l.incarnation = of_incarnation
       AND (l.entry_ms < 0, l.entry_ms, l.entry_no < 0, l.entry_no) >= (through_ms < 0, through_ms, through_no < 0, through_no)
       AND (of_fence IS NULL OR l.fence = of_fence AND l.owner IS NOT NULL AND (l.verified_ms, l.verified_no) = (from_ms, from_no)));
  gaps {{schema}}.found_divergence[];
BEGIN
  IF lane_name IS NULL THEN RAISE EXCEPTION 'fenced' USING ERRCODE = 'TM001', DETAIL = ARRAY[of_lane]::text; END IF;
  IF cardinality(first_sessions) > 0 THEN
    SELECT array_agg((lane_name, h.session_id, 'sequence_gap', h.epoch || ':' || h.from_seq || '-' || h.through_seq, h.before_ms, h.before_no,
                      h.before_ms, h.before_no,
                      'numbers ' || h.from_seq || ' to ' || h.through_seq || ' of epoch ' || h.epoch || ' are missing before entry '
                        || {{schema}}.entry_id(h.before_ms, h.before_no))::{{schema}}.found_divergence)
      INTO gaps
      FROM (SELECT m.session_id, m.epoch, m.from_seq, m.through_seq, m.after_ms, m.after_no, m.before_ms, m.before_no
              FROM {{schema}}.missing_numbers(of_lane, first_sessions, first_epochs, first_seqs, first_mss, first_nos) AS m
            UNION ALL
            SELECT * FROM unnest(hole_sessions, hole_epochs, hole_froms, hole_throughs, hole_after_mss, hole_after_nos, hole_before_mss,
                                 hole_before_nos)) AS h (session_id, epoch, from_seq, through_seq, after_ms, after_no, before_ms, before_no)
     WHERE (SELECT count(DISTINCT (d.entry_ms, d.entry_no)) FROM {{schema}}.dead_letters d
             WHERE d.lane = lane_name AND d.session_id = h.session_id AND (d.entry_ms, d.entry_no) > (h.after_ms, h.after_no)
               AND (d.entry_ms, d.entry_no) < (h.before_ms, h.before_no)) < h.through_seq - h.from_seq + 1;
  END IF;
  IF is_dry THEN
    RETURN QUERY SELECT (unnest(differences || gaps)).*;
    RETURN;
  END IF;
  IF cardinality(differences || gaps) > 0 THEN RETURN QUERY SELECT * FROM {{schema}}.record_divergences(differences || gaps); END IF;
  IF cardinality(first_sessions) > 0 THEN
    INSERT INTO {{schema}}.session_numbers AS n (session_id, lane_id, epoch, seq, entry_ms, entry_no)
    SELECT s.session_id, of_lane, s.epoch, s.seq, s.entry_ms, s.entry_no
      FROM unnest(first_sessions, last_epochs, last_seqs, last_mss, last_nos) AS s (session_id, epoch, seq, entry_ms, entry_no)
     ORDER BY s.session_id
    ON CONFLICT (session_id, lane_id) DO UPDATE
      SET epoch = excluded.epoch, seq = excluded.seq, entry_ms = excluded.entry_ms, entry_no = excluded.entry_no
     WHERE (n.epoch, n.seq) < (excluded.epoch, excluded.seq);
  END IF;
  IF of_fence IS NOT NULL THEN
    -- The lane's row comes last: a commit of the lane waits for it.
    UPDATE {{schema}}.lanes l SET verified_ms = through_ms, verified_no = through_no, verified_at = now()
     WHERE l.lane_id = of_lane AND l.fence = of_fence AND l.incarnation = of_incarnation AND l.owner IS NOT NULL
       AND (l.verified_ms, l.verified_no) = (from_ms, from_no);
    IF NOT FOUND THEN RAISE EXCEPTION 'fenced' USING ERRCODE = 'TM001', DETAIL = ARRAY[of_lane]::text; END IF;
  END IF;
END $$;

-- Makes room for entries that Postgres lacks and that are applied again: an event id that such an entry claimed itself would make it its own
-- duplicate. Answers the places of those that still have rows of their own in the tables of the state: only their audit rows are missing.
CREATE FUNCTION {{schema}}.prepare_repair(
  of_lane integer, entry_mss bigint[], entry_nos bigint[], sessions text[], event_ids text[], contents bytea[]) RETURNS bigint[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  DELETE FROM {{schema}}.event_ids e
   USING unnest(entry_mss, entry_nos, sessions, event_ids, contents) AS r (entry_ms, entry_no, session_id, event_id, content)
   WHERE e.event_id = r.event_id AND e.session_id = r.session_id AND e.entry_ms = r.entry_ms AND e.digest = r.content
     AND NOT EXISTS (SELECT FROM {{schema}}.change_log c
                      WHERE c.lane_id = of_lane AND c.entry_ms = r.entry_ms AND c.event_id = r.event_id AND c.session_id = r.session_id);
  DELETE FROM {{schema}}.earlier_event_ids e
   USING unnest(entry_mss, entry_nos, sessions, event_ids, contents) AS r (entry_ms, entry_no, session_id, event_id, content)
   WHERE e.event_id = r.event_id AND e.session_id = r.session_id AND e.entry_ms = r.entry_ms AND e.digest = r.content
     AND NOT EXISTS (SELECT FROM {{schema}}.change_log c
                      WHERE c.lane_id = of_lane AND c.entry_ms = r.entry_ms AND c.event_id = r.event_id AND c.session_id = r.session_id);
  RETURN ARRAY(
    SELECT r.place
      FROM unnest(entry_mss, entry_nos, sessions) WITH ORDINALITY AS r (entry_ms, entry_no, session_id, place)
     WHERE EXISTS (SELECT FROM {{schema}}.messages m WHERE m.session_id = r.session_id AND m.entry_ms = r.entry_ms
                      AND m.entry_no = r.entry_no AND m.lane_id = of_lane)
        OR EXISTS (SELECT FROM {{schema}}.message_hides h WHERE h.session_id = r.session_id AND h.entry_ms = r.entry_ms
                      AND h.entry_no = r.entry_no AND h.lane_id = of_lane)
        OR EXISTS (SELECT FROM {{schema}}.context_history h WHERE h.session_id = r.session_id AND h.entry_ms = r.entry_ms
                      AND h.entry_no = r.entry_no AND h.lane_id = of_lane)
        OR EXISTS (SELECT FROM {{schema}}.outcomes o WHERE o.session_id = r.session_id AND o.entry_ms = r.entry_ms
                      AND o.entry_no = r.entry_no AND o.lane_id = of_lane)
        OR EXISTS (SELECT FROM {{schema}}.tool_calls t
                    WHERE t.session_id = r.session_id
                      AND ((t.entry_ms, t.entry_no, t.lane_id) = (r.entry_ms, r.entry_no, of_lane)
                           OR (t.finished_ms, t.finished_no, t.finished_lane) = (r.entry_ms, r.entry_no, of_lane))));
END $$;
