-- What operators changed in running workers with `tidemark tune`: the overlay over each worker's file, environment and flags.

-- The last word on each setting, for all lanes (lane = '') or for those that match a pattern. Workers read all of it every second, so it is
-- kept small: a row per setting and pattern that was ever tuned.
CREATE TABLE {{schema}}.tuning (
  lane       text COLLATE "C" NOT NULL DEFAULT '',
  key        text COLLATE "C" NOT NULL,
  -- As a user would write it. Null: it was reset, and each worker's own value applies again.
  value      text,
  -- The change in tuning_history that made the row so.
  change     bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by text NOT NULL,
  why        text,
  PRIMARY KEY (lane, key)
);

-- Every change, append-only: a row for each of its settings.
CREATE TABLE {{schema}}.tuning_history (
  change     bigint NOT NULL,
  lane       text COLLATE "C" NOT NULL,
  key        text COLLATE "C" NOT NULL,
  -- The tuned values before and after. Null: none, each worker's own value applied.
  from_value text,
  to_value   text,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by text NOT NULL,
  why        text,
  -- The change that this one took back.
  undoes     bigint,
  PRIMARY KEY (change, lane, key)
);

-- Tuned values that a worker can't apply, each with the reason. Null: there are none.
ALTER TABLE {{schema}}.workers ADD COLUMN tuning_refused text;

-- Changes settings, or resets those whose wanted value is null, and tells the workers. Answers the number of the change; null, with nothing
-- changed, where another change came after the one that the caller had seen: what it checked may not be true any more.
CREATE FUNCTION {{schema}}.tune(
  seen bigint, who text, because text, undone bigint, patterns text[], names text[], wanted text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
BEGIN
  LOCK TABLE {{schema}}.tuning IN SHARE ROW EXCLUSIVE MODE;
  SELECT coalesce(max(h.change), 0) INTO latest FROM {{schema}}.tuning_history h;
  IF latest <> seen THEN RETURN NULL; END IF;
  INSERT INTO {{schema}}.tuning_history (change, lane, key, from_value, to_value, changed_by, why, undoes)
  SELECT latest + 1, w.lane, w.key, t.value, w.value, who, because, undone
    FROM unnest(patterns, names, wanted) AS w (lane, key, value)
    LEFT JOIN {{schema}}.tuning t ON t.lane = w.lane AND t.key = w.key;
  INSERT INTO {{schema}}.tuning AS t (lane, key, value, change, changed_by, why)
  SELECT w.lane, w.key, w.value, latest + 1, who, because FROM unnest(patterns, names, wanted) AS w (lane, key, value)
  ON CONFLICT (lane, key) DO UPDATE
     SET value = excluded.value, change = excluded.change, changed_at = now(), changed_by = excluded.changed_by, why = excluded.why;
  PERFORM {{schema}}.tell_workers();
  RETURN latest + 1;
END $$;
