-- Messages: only ever added. What hides one is remembered by position, so that one that is applied late finds it.
--
-- What a change costs follows what is visible, never what a session ever was. So that nothing hidden is looked at again and again, each
-- `last` and each `clear` keeps the stretch of the session in which it left nothing visible; who looks for visible messages behind it
-- steps over that stretch. What looks for the first or the last of many rows takes them in the order of an index, one by one: the planner
-- believes all sessions to be of one size, and would read and sort a long one whole.

CREATE TYPE {{schema}}.entry_position AS (entry_ms bigint, entry_no bigint, lane_id integer);

CREATE TABLE {{schema}}.messages (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  lane_id    integer NOT NULL,
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
  removed_ms   bigint,
  removed_no   bigint,
  removed_lane integer,
  PRIMARY KEY (session_id, entry_ms, entry_no, lane_id)
);
-- By position, too: an id may be repeated thousands of times, as by an agent that streams a growing answer.
CREATE INDEX messages_by_id ON {{schema}}.messages (session_id, message_id, entry_ms, entry_no, lane_id) WHERE message_id IS NOT NULL;
CREATE INDEX messages_removed ON {{schema}}.messages (session_id, removed_ms, removed_no, removed_lane) WHERE removed_ms IS NOT NULL;

-- What hid messages, other than the repetition of an id. Few rows; what is applied late learns from them what came after it.
CREATE TABLE {{schema}}.message_hides (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  lane_id    integer NOT NULL,
  -- `remove` (by id), `last`, `clear`
  kind       text NOT NULL,
  message_id text COLLATE "C",
  at         timestamptz NOT NULL,
  -- Of a `last` and a `clear`: when it was applied, nothing was visible from here up to it. Of a `last` that is the message that it hid; zeros
  -- are the session's start.
  hidden_from {{schema}}.entry_position,
  -- The transaction that found this.
  found_by   xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (session_id, entry_ms, entry_no, lane_id)
);
CREATE INDEX message_hides_clear ON {{schema}}.message_hides (session_id, entry_ms, entry_no, lane_id) WHERE kind = 'clear';
CREATE INDEX message_hides_last ON {{schema}}.message_hides (session_id, entry_ms, entry_no, lane_id) WHERE kind = 'last';
CREATE INDEX message_hides_remove ON {{schema}}.message_hides (session_id, message_id, entry_ms, entry_no, lane_id) WHERE kind = 'remove';

-- What hides a message, unless a `last` took it before: the first clearing, removal of its id or repetition of its id after it.
CREATE FUNCTION {{schema}}.first_hide(session text, after_ms bigint, after_no bigint, after_lane integer, id text)
RETURNS {{schema}}.message_hides
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  first {{schema}}.message_hides;
  other {{schema}}.message_hides;
BEGIN
  SELECT * INTO first FROM {{schema}}.message_hides h
   WHERE h.session_id = session AND h.kind = 'clear' AND (h.entry_ms, h.entry_no, h.lane_id) > (after_ms, after_no, after_lane)
   ORDER BY h.entry_ms, h.entry_no, h.lane_id LIMIT 1;
  IF id IS NULL THEN RETURN first; END IF;
  SELECT * INTO other FROM {{schema}}.message_hides h
   WHERE h.session_id = session AND h.kind = 'remove' AND h.message_id = id
     AND (h.entry_ms, h.entry_no, h.lane_id) > (after_ms, after_no, after_lane)
   ORDER BY h.entry_ms, h.entry_no, h.lane_id LIMIT 1;
  IF first.entry_ms IS NULL OR (other.entry_ms, other.entry_no, other.lane_id) < (first.entry_ms, first.entry_no, first.lane_id) THEN
    first := other;
  END IF;
  SELECT r.session_id, r.entry_ms, r.entry_no, r.lane_id, 'replace', r.message_id, r.at INTO other FROM {{schema}}.messages r
   WHERE r.session_id = session AND r.message_id = id AND (r.entry_ms, r.entry_no, r.lane_id) > (after_ms, after_no, after_lane)
   ORDER BY r.entry_ms, r.entry_no, r.lane_id LIMIT 1;
  IF first.entry_ms IS NULL OR (other.entry_ms, other.entry_no, other.lane_id) < (first.entry_ms, first.entry_no, first.lane_id) THEN
    first := other;
  END IF;
  RETURN first;
END $$;

-- The latest stretch before a position in which nothing is visible, as the `last` or `clear` that ends it; NULL where none is known. Into the
-- stretches of a shared session messages may have come since, by another lane: of those only what this transaction found counts, so that
-- each transaction looks at them once.
CREATE FUNCTION {{schema}}.hidden_stretch(session text, ms bigint, no bigint, lane integer) RETURNS {{schema}}.message_hides
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  stretch {{schema}}.message_hides;
  other {{schema}}.message_hides;
BEGIN
  SELECT * INTO stretch FROM {{schema}}.message_hides h
   WHERE h.session_id = session AND h.kind = 'clear' AND (h.entry_ms, h.entry_no, h.lane_id) < (ms, no, lane)
   ORDER BY h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC LIMIT 1;
  SELECT * INTO other FROM {{schema}}.message_hides h
   WHERE h.session_id = session AND h.kind = 'last' AND (h.entry_ms, h.entry_no, h.lane_id) < (ms, no, lane)
   ORDER BY h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC LIMIT 1;
  IF stretch.entry_ms IS NULL OR (other.entry_ms, other.entry_no, other.lane_id) > (stretch.entry_ms, stretch.entry_no, stretch.lane_id)
  THEN
    stretch := other;
  END IF;
  IF stretch.found_by <> pg_current_xact_id()
     AND NOT EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = session AND NOT s.is_shared) THEN
    RETURN NULL;
  END IF;
  RETURN stretch;
END $$;

-- The last message that is visible at an entry; zeros where there is none.
CREATE FUNCTION {{schema}}.last_visible_message(session text, at_ms bigint, at_no bigint, at_lane integer) RETURNS {{schema}}.entry_position
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  -- Behind this nothing is visible up to the entry.
  reached {{schema}}.entry_position := (at_ms, at_no, at_lane);
  stretch {{schema}}.message_hides;
  found_message {{schema}}.entry_position;
BEGIN
  LOOP
    stretch := {{schema}}.hidden_stretch(session, reached.entry_ms, reached.entry_no, reached.lane_id);
    SELECT l.entry_ms, l.entry_no, l.lane_id INTO found_message FROM {{schema}}.messages l
     WHERE l.session_id = session AND (l.entry_ms, l.entry_no, l.lane_id) < (reached.entry_ms, reached.entry_no, reached.lane_id)
       AND (l.entry_ms, l.entry_no, l.lane_id) > (coalesce(stretch.entry_ms, -1), coalesce(stretch.entry_no, -1), coalesce(stretch.lane_id, -1))
       AND (l.removed_ms IS NULL OR (l.removed_ms, l.removed_no, l.removed_lane) > (at_ms, at_no, at_lane))
     ORDER BY l.entry_ms DESC, l.entry_no DESC, l.lane_id DESC LIMIT 1;
    IF FOUND THEN RETURN found_message; END IF;
    IF stretch.entry_ms IS NULL THEN RETURN (0, 0, 0)::{{schema}}.entry_position; END IF;
    reached := stretch.hidden_from;
  END LOOP;
END $$;

-- Hides the last message that is visible at an entry, and answers which; zeros where there is none.
CREATE FUNCTION {{schema}}.hide_last_message(session text, hide_ms bigint, hide_no bigint, hide_lane integer, hide_at timestamptz)
RETURNS {{schema}}.entry_position
LANGUAGE plpgsql AS $$
DECLARE
  last {{schema}}.entry_position := {{schema}}.last_visible_message(session, hide_ms, hide_no, hide_lane);
BEGIN
  UPDATE {{schema}}.messages m SET removed_at = hide_at, removed_ms = hide_ms, removed_no = hide_no, removed_lane = hide_lane
   WHERE m.session_id = session AND m.entry_ms = last.entry_ms AND m.entry_no = last.entry_no AND m.lane_id = last.lane_id;
  RETURN last;
END $$;

-- Hides all messages that are visible at an entry; where nothing is visible up to the entry `cleared`, those after it.
CREATE FUNCTION {{schema}}.hide_all_messages(
  session text, cleared {{schema}}.entry_position, hide_ms bigint, hide_no bigint, hide_lane integer, hide_at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  reached {{schema}}.entry_position := (hide_ms, hide_no, hide_lane);
  stretch {{schema}}.message_hides;
  after {{schema}}.entry_position := cleared;
BEGIN
  LOOP
    IF cleared IS NULL THEN
      stretch := {{schema}}.hidden_stretch(session, reached.entry_ms, reached.entry_no, reached.lane_id);
      after := (coalesce(stretch.entry_ms, -1), coalesce(stretch.entry_no, -1), coalesce(stretch.lane_id, -1));
    END IF;
    UPDATE {{schema}}.messages m SET removed_at = hide_at, removed_ms = hide_ms, removed_no = hide_no, removed_lane = hide_lane
     WHERE m.session_id = session AND (m.entry_ms, m.entry_no, m.lane_id) < (reached.entry_ms, reached.entry_no, reached.lane_id)
       AND (m.entry_ms, m.entry_no, m.lane_id) > (after.entry_ms, after.entry_no, after.lane_id)
       AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (hide_ms, hide_no, hide_lane));
    EXIT WHEN stretch.entry_ms IS NULL;
    reached := stretch.hidden_from;
  END LOOP;
END $$;

-- Hides the messages with an id that are visible at an entry. Each hid those before it: behind one that is hidden none is visible.
CREATE FUNCTION {{schema}}.hide_message_id(
  session text, id text, hide_ms bigint, hide_no bigint, hide_lane integer, hide_at timestamptz) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  earlier record;
BEGIN
  FOR earlier IN
    SELECT m.entry_ms, m.entry_no, m.lane_id,
           m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (hide_ms, hide_no, hide_lane) AS is_visible
      FROM {{schema}}.messages m
     WHERE m.session_id = session AND m.message_id = id AND (m.entry_ms, m.entry_no, m.lane_id) < (hide_ms, hide_no, hide_lane)
     ORDER BY m.entry_ms DESC, m.entry_no DESC, m.lane_id DESC
  LOOP
    EXIT WHEN NOT earlier.is_visible;
    UPDATE {{schema}}.messages m SET removed_at = hide_at, removed_ms = hide_ms, removed_no = hide_no, removed_lane = hide_lane
     WHERE m.session_id = session AND m.entry_ms = earlier.entry_ms AND m.entry_no = earlier.entry_no AND m.lane_id = earlier.lane_id;
  END LOOP;
END $$;

-- Hides a message that is applied late by what came after it.
CREATE FUNCTION {{schema}}.settle_message(session text, message_ms bigint, message_no bigint, message_lane integer, id text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  hide {{schema}}.message_hides := {{schema}}.first_hide(session, message_ms, message_no, message_lane, id);
BEGIN
  IF hide.entry_ms IS NULL THEN RETURN; END IF;
  UPDATE {{schema}}.messages m
     SET removed_at = hide.at, removed_ms = hide.entry_ms, removed_no = hide.entry_no, removed_lane = hide.lane_id
   WHERE m.session_id = session AND m.entry_ms = message_ms AND m.entry_no = message_no AND m.lane_id = message_lane
     AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no, m.removed_lane) > (hide.entry_ms, hide.entry_no, hide.lane_id));
END $$;

-- Which message a `last` means depends on all that comes before it, so on what is applied late, too: those after such an entry give back
-- what they took and choose again, in order. Their writer, too, saw the late entry in its place: it was in Redis all the time.
CREATE FUNCTION {{schema}}.choose_last_again(session text, after_ms bigint, after_no bigint, after_lane integer) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  hides {{schema}}.message_hides[] := ARRAY(
    SELECT h FROM {{schema}}.message_hides h
     WHERE h.session_id = session AND h.kind = 'last' AND (h.entry_ms, h.entry_no, h.lane_id) > (after_ms, after_no, after_lane)
     ORDER BY h.entry_ms, h.entry_no, h.lane_id);
  hide {{schema}}.message_hides;
  id text;
BEGIN
  FOREACH hide IN ARRAY hides LOOP
    UPDATE {{schema}}.messages m SET removed_at = NULL, removed_ms = NULL, removed_no = NULL, removed_lane = NULL
     WHERE m.session_id = session AND m.entry_ms = (hide.hidden_from).entry_ms AND m.entry_no = (hide.hidden_from).entry_no
       AND m.lane_id = (hide.hidden_from).lane_id
       AND (m.removed_ms, m.removed_no, m.removed_lane) = (hide.entry_ms, hide.entry_no, hide.lane_id)
    RETURNING m.message_id INTO id;
    CONTINUE WHEN NOT FOUND;
    PERFORM {{schema}}.settle_message(
      session, (hide.hidden_from).entry_ms, (hide.hidden_from).entry_no, (hide.hidden_from).lane_id, id);
  END LOOP;
  FOREACH hide IN ARRAY hides LOOP
    UPDATE {{schema}}.message_hides h
       SET hidden_from = {{schema}}.hide_last_message(session, hide.entry_ms, hide.entry_no, hide.lane_id, hide.at),
           found_by = pg_current_xact_id()
     WHERE h.session_id = session AND h.entry_ms = hide.entry_ms AND h.entry_no = hide.entry_no AND h.lane_id = hide.lane_id;
  END LOOP;
END $$;

-- A message on the exact path, by which every replay comes. On the fast one they are copied into the table: within a lane nothing that
-- hides them can be there before them, and between lanes nothing is promised.
CREATE FUNCTION {{schema}}.append_message(
  session text, message_ms bigint, message_no bigint, message_lane integer, seq bigint, id text, parent_id text, call_id text, role text,
  content text, parts jsonb, model text, tokens bigint, usage jsonb, meta jsonb, ext jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  INSERT INTO {{schema}}.messages
    (session_id, entry_ms, entry_no, lane_id, seq, message_id, parent_id, call_id, role, content, parts, model, tokens, usage, meta, ext, at)
  VALUES
    (session, message_ms, message_no, message_lane, seq, id, parent_id, call_id, role, content, parts, model, tokens, usage, meta, ext, at);
  IF EXISTS (SELECT FROM {{schema}}.message_hides h
              WHERE h.session_id = session AND (h.entry_ms, h.entry_no, h.lane_id) > (message_ms, message_no, message_lane)) THEN
    PERFORM {{schema}}.settle_message(session, message_ms, message_no, message_lane, id);
    PERFORM {{schema}}.choose_last_again(session, message_ms, message_no, message_lane);
  END IF;
END $$;

-- Whether a `last` comes after an entry that is applied now.
CREATE FUNCTION {{schema}}.is_before_last(session text, ms bigint, no bigint, lane integer) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM {{schema}}.message_hides h
     WHERE h.session_id = session AND h.kind = 'last' AND (h.entry_ms, h.entry_no, h.lane_id) > (ms, no, lane));
END $$;

-- Hides messages: `replace` (a repeated message_id), `remove`, `last`, `clear`. In the order of positions, because what is the
-- last message depends on what was hidden before.
CREATE FUNCTION {{schema}}.hide_messages(
  session_ids text[], entry_mss bigint[], entry_nos bigint[], lane_ids integer[], ats timestamptz[], kinds text[], message_ids text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  op record;
  session text;
  -- The session's first entry here, and whether there are `last`s already that come after it: once for all of its entries.
  first_op {{schema}}.entry_position;
  is_late boolean := false;
  -- Its last clearing here: nothing is visible up to it.
  cleared {{schema}}.entry_position;
  hidden_from {{schema}}.entry_position;
BEGIN
  FOR op IN
    SELECT * FROM unnest(session_ids, entry_mss, entry_nos, lane_ids, ats, kinds, message_ids)
      AS o (session_id, entry_ms, entry_no, lane_id, at, kind, message_id)
     -- Nearly every message_id is new: those need no visit.
     WHERE kind <> 'replace' OR EXISTS (
       SELECT FROM {{schema}}.messages m WHERE m.session_id = o.session_id AND m.message_id = o.message_id
          AND (m.entry_ms, m.entry_no, m.lane_id) <> (o.entry_ms, o.entry_no, o.lane_id))
     ORDER BY session_id, entry_ms, entry_no, lane_id
  LOOP
    IF session IS DISTINCT FROM op.session_id THEN
      IF is_late THEN
        PERFORM {{schema}}.choose_last_again(session, first_op.entry_ms, first_op.entry_no, first_op.lane_id);
      END IF;
      session := op.session_id;
      first_op := (op.entry_ms, op.entry_no, op.lane_id);
      cleared := NULL;
      is_late := {{schema}}.is_before_last(op.session_id, op.entry_ms, op.entry_no, op.lane_id);
    END IF;
    CASE op.kind
      WHEN 'last' THEN
        hidden_from := {{schema}}.hide_last_message(op.session_id, op.entry_ms, op.entry_no, op.lane_id, op.at);
      WHEN 'clear' THEN
        PERFORM {{schema}}.hide_all_messages(op.session_id, cleared, op.entry_ms, op.entry_no, op.lane_id, op.at);
        cleared := (op.entry_ms, op.entry_no, op.lane_id);
        hidden_from := (0, 0, 0);
      ELSE
        PERFORM {{schema}}.hide_message_id(op.session_id, op.message_id, op.entry_ms, op.entry_no, op.lane_id, op.at);
        hidden_from := NULL;
    END CASE;
    IF op.kind = 'replace' THEN
      PERFORM {{schema}}.settle_message(op.session_id, op.entry_ms, op.entry_no, op.lane_id, op.message_id);
    ELSE
      INSERT INTO {{schema}}.message_hides (session_id, entry_ms, entry_no, lane_id, kind, message_id, at, hidden_from)
      VALUES (op.session_id, op.entry_ms, op.entry_no, op.lane_id, op.kind, op.message_id, op.at, hidden_from);
    END IF;
  END LOOP;
  IF is_late THEN
    PERFORM {{schema}}.choose_last_again(session, first_op.entry_ms, first_op.entry_no, first_op.lane_id);
  END IF;
END $$;
