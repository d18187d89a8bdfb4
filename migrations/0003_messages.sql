-- Messages: only ever added. What hides one is remembered by position, so that one that is applied late finds it.

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

-- What hid messages, other than the repetition of an id. Few rows; what is applied late learns from them what came after it. Not unique:
-- two lanes can use one id.
CREATE TABLE {{schema}}.message_hides (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  -- `remove` (by id), `last`, `clear`
  kind       text NOT NULL,
  message_id text COLLATE "C",
  at         timestamptz NOT NULL
);
CREATE INDEX message_hides_by_position ON {{schema}}.message_hides (session_id, entry_ms, entry_no);

-- What hides a message, unless a `last` took it before: the first clearing, removal of its id or repetition of its id after it.
CREATE FUNCTION {{schema}}.first_hide(session text, after_ms bigint, after_no bigint, id text)
RETURNS TABLE (at timestamptz, entry_ms bigint, entry_no bigint)
LANGUAGE sql STABLE AS $$
  SELECT f.at, f.entry_ms, f.entry_no FROM (
    (SELECT h.at, h.entry_ms, h.entry_no FROM {{schema}}.message_hides h
      WHERE h.session_id = session AND (h.entry_ms, h.entry_no) > (after_ms, after_no)
        AND (h.kind = 'clear' OR h.kind = 'remove' AND h.message_id = id)
      ORDER BY h.entry_ms, h.entry_no LIMIT 1)
    UNION ALL
    (SELECT r.at, r.entry_ms, r.entry_no FROM {{schema}}.messages r
      WHERE r.session_id = session AND r.message_id = id AND (r.entry_ms, r.entry_no) > (after_ms, after_no)
      ORDER BY r.entry_ms, r.entry_no LIMIT 1)) AS f (at, entry_ms, entry_no)
   ORDER BY f.entry_ms, f.entry_no LIMIT 1
$$;

-- Hides the last message that is visible at an entry.
CREATE FUNCTION {{schema}}.hide_last_message(session text, hide_ms bigint, hide_no bigint, hide_at timestamptz) RETURNS void
LANGUAGE sql AS $$
  UPDATE {{schema}}.messages m SET removed_at = hide_at, removed_ms = hide_ms, removed_no = hide_no
   WHERE (m.session_id, m.entry_ms, m.entry_no) = (
     SELECT l.session_id, l.entry_ms, l.entry_no FROM {{schema}}.messages l
      WHERE l.session_id = session AND (l.entry_ms, l.entry_no) < (hide_ms, hide_no)
        AND (l.removed_ms IS NULL OR (l.removed_ms, l.removed_no) > (hide_ms, hide_no))
      ORDER BY l.entry_ms DESC, l.entry_no DESC LIMIT 1)
$$;

-- Which message a `last` means depends on all that comes before it, so on what is applied late, too: those after such an entry give back
-- what they took and choose again, in order. Their writer, too, saw the late entry in its place: it was in Redis all the time.
CREATE FUNCTION {{schema}}.choose_last_again(session text, after_ms bigint, after_no bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  hides {{schema}}.message_hides[] := ARRAY(
    SELECT h FROM {{schema}}.message_hides h
     WHERE h.session_id = session AND (h.entry_ms, h.entry_no) > (after_ms, after_no) AND h.kind = 'last'
     ORDER BY h.entry_ms, h.entry_no);
  hide {{schema}}.message_hides;
BEGIN
  IF cardinality(hides) = 0 THEN RETURN; END IF;
  UPDATE {{schema}}.messages m SET (removed_at, removed_ms, removed_no) = (
    SELECT f.at, f.entry_ms, f.entry_no FROM {{schema}}.first_hide(m.session_id, m.entry_ms, m.entry_no, m.message_id) AS f)
    FROM unnest(hides) AS h
   WHERE m.session_id = session AND (m.removed_ms, m.removed_no) = (h.entry_ms, h.entry_no);
  FOREACH hide IN ARRAY hides LOOP
    PERFORM {{schema}}.hide_last_message(hide.session_id, hide.entry_ms, hide.entry_no, hide.at);
  END LOOP;
END $$;

-- Hides a message that is applied late by what came after it.
CREATE FUNCTION {{schema}}.settle_message(session text, message_ms bigint, message_no bigint, id text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {{schema}}.messages m SET removed_at = f.at, removed_ms = f.entry_ms, removed_no = f.entry_no
    FROM {{schema}}.first_hide(session, message_ms, message_no, id) AS f
   WHERE m.session_id = session AND m.entry_ms = message_ms AND m.entry_no = message_no
     AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no) > (f.entry_ms, f.entry_no));
  PERFORM {{schema}}.choose_last_again(session, message_ms, message_no);
END $$;

-- A message on the exact path, by which every replay comes. On the fast one they are copied into the table: within a lane nothing that
-- hides them can be there before them, and between lanes nothing is promised.
CREATE FUNCTION {{schema}}.append_message(
  session text, message_ms bigint, message_no bigint, seq bigint, id text, parent_id text, call_id text, role text, content text,
  parts jsonb, model text, tokens bigint, usage jsonb, meta jsonb, ext jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {{schema}}.messages
    (session_id, entry_ms, entry_no, seq, message_id, parent_id, call_id, role, content, parts, model, tokens, usage, meta, ext, at)
  VALUES (session, message_ms, message_no, seq, id, parent_id, call_id, role, content, parts, model, tokens, usage, meta, ext, at);
  IF EXISTS (SELECT FROM {{schema}}.message_hides h
              WHERE h.session_id = session AND (h.entry_ms, h.entry_no) > (message_ms, message_no)) THEN
    PERFORM {{schema}}.settle_message(session, message_ms, message_no, id);
  END IF;
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
    IF op.kind <> 'replace' THEN
      INSERT INTO {{schema}}.message_hides (session_id, entry_ms, entry_no, kind, message_id, at)
      VALUES (op.session_id, op.entry_ms, op.entry_no, op.kind, op.message_id, op.at);
    END IF;
    IF op.kind = 'last' THEN
      PERFORM {{schema}}.hide_last_message(op.session_id, op.entry_ms, op.entry_no, op.at);
    ELSIF op.kind = 'clear' THEN
      UPDATE {{schema}}.messages m SET removed_at = op.at, removed_ms = op.entry_ms, removed_no = op.entry_no
       WHERE m.session_id = op.session_id AND (m.entry_ms, m.entry_no) < (op.entry_ms, op.entry_no)
         AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no) > (op.entry_ms, op.entry_no));
    ELSE
      UPDATE {{schema}}.messages m SET removed_at = op.at, removed_ms = op.entry_ms, removed_no = op.entry_no
       WHERE m.session_id = op.session_id AND m.message_id = op.message_id
         AND (m.entry_ms, m.entry_no) < (op.entry_ms, op.entry_no)
         AND (m.removed_ms IS NULL OR (m.removed_ms, m.removed_no) > (op.entry_ms, op.entry_no));
    END IF;
    IF op.kind = 'replace' THEN
      PERFORM {{schema}}.settle_message(op.session_id, op.entry_ms, op.entry_no, op.message_id);
    ELSE
      PERFORM {{schema}}.choose_last_again(op.session_id, op.entry_ms, op.entry_no);
    END IF;
  END LOOP;
END $$;
