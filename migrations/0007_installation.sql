-- Which installation this schema is: the ledger's leases and lanes belong to one prefix on one Redis.

-- One row, made by the first `migrate`. The id stands in Redis, too, in PREFIX:config and beside every mark.
CREATE TABLE {{schema}}.installation (
  is_only    boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  id         uuid NOT NULL DEFAULT gen_random_uuid(),
  prefix     text NOT NULL,
  partitions integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Names the Redis that the installation belongs to, whose PREFIX:config holds the same value. An emptied or another Redis gets a new one,
  -- by which the old Redis is known if it comes back. Null until the first one is claimed.
  claim      uuid,
  claimed_at timestamptz,
  -- The worker that claimed; null where `migrate` did.
  claimed_by text
);

-- Makes the row where there is none. While no Redis is claimed for it, nothing depends on what it says.
CREATE FUNCTION {{schema}}.make_installation(of_prefix text, of_partitions integer) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO {{schema}}.installation AS i (prefix, partitions) VALUES (of_prefix, of_partitions)
  ON CONFLICT (is_only) DO UPDATE SET prefix = excluded.prefix, partitions = excluded.partitions WHERE i.claim IS NULL
$$;

-- A worker other than the one that asks, which serves the installation through its Redis: it renewed its leases within the time given, its
-- backend is there, and it says that it reaches Redis. A worker that claimed a Redis within that time may not have renewed yet.
CREATE FUNCTION {{schema}}.serving_worker(other_than text, within interval) RETURNS text
LANGUAGE sql AS $$
  SELECT s.worker
    FROM (SELECT c.worker FROM {{schema}}.connected_workers c
           WHERE c.can_serve AND c.seen_at > clock_timestamp() - within
          UNION ALL
          SELECT i.claimed_by FROM {{schema}}.installation i
           WHERE i.claimed_by IS NOT NULL AND i.claimed_at > clock_timestamp() - within) AS s
   WHERE s.worker IS DISTINCT FROM other_than
   ORDER BY s.worker LIMIT 1
$$;
