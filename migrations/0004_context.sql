-- Context: the current value of each key, and every value that it had.

CREATE TABLE {{schema}}.context (
  session_id text COLLATE "C" NOT NULL,
  key        text COLLATE "C" NOT NULL,
  kind       text NOT NULL,
  value      jsonb NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  lane_id    integer NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (session_id, key)
) WITH (fillfactor = 80);

CREATE TABLE {{schema}}.context_history (
  session_id text COLLATE "C" NOT NULL,
  entry_ms   bigint NOT NULL,
  entry_no   bigint NOT NULL,
  lane_id    integer NOT NULL,
  key        text COLLATE "C" NOT NULL,
  kind       text,
  value      jsonb,
  removed    boolean NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (session_id, entry_ms, entry_no, lane_id)
);
-- Removals are few. A value that comes late learns here what took it.
CREATE INDEX context_history_removed ON {{schema}}.context_history (session_id, key, entry_ms, entry_no, lane_id) WHERE removed;

-- The current value of a key: the upsert and the removal guard by position.
CREATE FUNCTION {{schema}}.set_context(
  session_ids text[], keys text[], kinds text[], vals jsonb[], entry_mss bigint[], entry_nos bigint[], lane_ids integer[],
  ats timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO {{schema}}.context AS c (session_id, key, kind, value, entry_ms, entry_no, lane_id, updated_at)
  SELECT n.session_id, n.key, n.kind, n.value, n.entry_ms, n.entry_no, n.lane_id, n.at
    FROM unnest(session_ids, keys, kinds, vals, entry_mss, entry_nos, lane_ids, ats)
      AS n (session_id, key, kind, value, entry_ms, entry_no, lane_id, at)
   ORDER BY n.session_id, n.key
  ON CONFLICT (session_id, key) DO UPDATE SET
    kind = excluded.kind, value = excluded.value, entry_ms = excluded.entry_ms, entry_no = excluded.entry_no,
    lane_id = excluded.lane_id, updated_at = excluded.updated_at
  WHERE (c.entry_ms, c.entry_no, c.lane_id) < (excluded.entry_ms, excluded.entry_no, excluded.lane_id);
END $$;

-- A value on the exact path, by which every replay comes: it must not bring back what a later removal took, which only the history knows. On
-- the fast one nothing later is there: within a lane entries come in order, and between lanes nothing is promised.
CREATE FUNCTION {{schema}}.set_context_late(
  session text, context_key text, kind text, val jsonb, ms bigint, no bigint, lane integer, at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM {{schema}}.context_history h
              WHERE h.session_id = session AND h.key = context_key AND h.removed
                AND (h.entry_ms, h.entry_no, h.lane_id) > (ms, no, lane)) THEN
    RETURN;
  END IF;
  PERFORM {{schema}}.set_context(
    ARRAY[session], ARRAY[context_key], ARRAY[kind], ARRAY[val], ARRAY[ms], ARRAY[no], ARRAY[lane], ARRAY[at]);
END $$;

CREATE FUNCTION {{schema}}.remove_context(
  session_ids text[], keys text[], entry_mss bigint[], entry_nos bigint[], lane_ids integer[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  FOR i IN 1 .. cardinality(session_ids) LOOP
    DELETE FROM {{schema}}.context c
     WHERE c.session_id = session_ids[i] AND c.key = keys[i]
       AND (c.entry_ms, c.entry_no, c.lane_id) < (entry_mss[i], entry_nos[i], lane_ids[i]);
  END LOOP;
END $$;
