-- What people ask of the tables, as views: each says what it reads, so that nobody reads a whole table without knowing.

-- Calls by the day on which they began. Of a table that grows in time this index is a few pages for each gigabyte, and it has no column that
-- changes, so that the end of a call is still written into its page.
CREATE INDEX tool_calls_by_day ON {{schema}}.tool_calls USING brin (((started_at AT TIME ZONE 'UTC')::date)) WITH (pages_per_range = 32, autosummarize = on);

-- The sessions of users with their last activity, which is that of any change but one without a table of its own. By user or session it reads
-- these sessions alone.
CREATE VIEW {{schema}}.user_sessions AS
  SELECT s.user_id, s.session_id, s.agent_id, s.tenant, s.title, s.status, s.started_at, s.ended_at,
         greatest(s.started_at, s.updated_at, m.at, x.at, o.at, t.at) AS last_active_at
    FROM {{schema}}.sessions s
    LEFT JOIN LATERAL (
      SELECT r.at FROM {{schema}}.messages r WHERE r.session_id = s.session_id
       ORDER BY r.entry_ms DESC, r.entry_no DESC, r.lane_id DESC LIMIT 1) AS m ON true
    LEFT JOIN LATERAL (
      SELECT r.at FROM {{schema}}.context_history r WHERE r.session_id = s.session_id
       ORDER BY r.entry_ms DESC, r.entry_no DESC, r.lane_id DESC LIMIT 1) AS x ON true
    LEFT JOIN LATERAL (
      SELECT r.at FROM {{schema}}.outcomes r WHERE r.session_id = s.session_id
       ORDER BY r.entry_ms DESC, r.entry_no DESC, r.lane_id DESC LIMIT 1) AS o ON true
    LEFT JOIN LATERAL (
      SELECT max(greatest(r.started_at, r.finished_at)) AS at FROM {{schema}}.tool_calls r WHERE r.session_id = s.session_id) AS t ON true
   WHERE s.user_id IS NOT NULL;

-- What sessions came to. By session it reads that session alone; the longest of all are found by reading all messages and calls.
CREATE VIEW {{schema}}.session_sizes AS
  SELECT s.session_id, s.agent_id, s.user_id, s.status, s.started_at, coalesce(s.ended_at, s.updated_at) - s.started_at AS duration,
         m.messages, m.tokens, m.characters, t.calls, t.cost
    FROM {{schema}}.sessions s
   CROSS JOIN LATERAL (
     SELECT count(*) AS messages, sum(r.tokens) AS tokens, sum(length(r.content)) AS characters
       FROM {{schema}}.messages r WHERE r.session_id = s.session_id) AS m
   CROSS JOIN LATERAL (
     SELECT count(*) AS calls, sum(r.cost) AS cost FROM {{schema}}.tool_calls r WHERE r.session_id = s.session_id) AS t;

-- Attempts of calls by tool and by the day (UTC) on which they began. By day it reads the pages of that time. The share of failures is that of
-- the attempts that ended; attempts that nothing began have no day and no tool.
CREATE VIEW {{schema}}.tool_days AS
  SELECT (c.started_at AT TIME ZONE 'UTC')::date AS day, c.tool, count(*) AS attempts, count(*) FILTER (WHERE c.status = 'ok') AS ok,
         count(*) FILTER (WHERE c.status = 'error') AS failed, count(*) FILTER (WHERE c.status = 'cancelled') AS cancelled,
         count(*) FILTER (WHERE c.status = 'started') AS open,
         count(*) FILTER (WHERE c.status = 'error')::double precision / nullif(count(*) FILTER (WHERE c.status <> 'started'), 0) AS failure_rate,
         sum(c.cost) AS cost, avg(c.finished_at - c.started_at) AS mean_duration
    FROM {{schema}}.tool_calls c GROUP BY 1, 2;

-- Outcomes by agent, its version (`meta.version` of the session) and label. Reads all outcomes.
CREATE VIEW {{schema}}.agent_outcomes AS
  SELECT s.agent_id, s.meta ->> 'version' AS version, o.label, count(*) AS outcomes, count(DISTINCT o.session_id) AS sessions,
         avg(o.score) AS mean_score, min(o.score) AS lowest_score, max(o.score) AS highest_score, max(o.at) AS last_at
    FROM {{schema}}.outcomes o JOIN {{schema}}.sessions s USING (session_id) GROUP BY 1, 2, 3;

-- What an agent knew at a message: the context after the entry that brought it; of a repeated id, the last one. Reads that session alone.
CREATE FUNCTION {{schema}}.context_at_message(session_id text, message_id text)
RETURNS TABLE (key text, kind text, value jsonb, entry_ms bigint, entry_no bigint, at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT c.key, c.kind, c.value, c.entry_ms, c.entry_no, c.at
    FROM (SELECT m.entry_ms, m.entry_no, m.lane_id FROM {{schema}}.messages m
           WHERE m.session_id = $1 AND m.message_id = $2 ORDER BY m.entry_ms DESC, m.entry_no DESC, m.lane_id DESC LIMIT 1) AS m
   CROSS JOIN LATERAL (
     SELECT DISTINCT ON (h.key) h.key, h.kind, h.value, h.removed, h.entry_ms, h.entry_no, h.at
       FROM {{schema}}.context_history h
      WHERE h.session_id = $1 AND (h.entry_ms, h.entry_no, h.lane_id) <= (m.entry_ms, m.entry_no, m.lane_id)
      ORDER BY h.key, h.entry_ms DESC, h.entry_no DESC, h.lane_id DESC) AS c
   WHERE NOT c.removed ORDER BY c.key
$$;
