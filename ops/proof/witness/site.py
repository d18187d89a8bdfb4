"""A Redis that loses nothing in a crash, a Postgres and two workers, for a run of the witness alone."""

import contextlib
import json
import os

from servers import Postgres, Redis, Worker

from .places import Places

SETTINGS = {
    "TIDEMARK_LEASE_TTL": "2s", "TIDEMARK_RETRY_CAP": "1s", "TIDEMARK_TRIM_KEEP": "3s", "TIDEMARK_DEDUPE_WINDOW": "20s",
    "TIDEMARK_CHECKPOINT_INTERVAL": "2s", "TIDEMARK_HTTP_LISTEN": "off",
}
KEEP_SECONDS, WINDOW_MS = 3, 20_000
# A record that a constraint or a trigger of the user's refuses is a dead letter of its own reason.
REFUSALS = """
alter table tidemark.outcomes add constraint witness check (scorer is distinct from 'against a constraint');
create function public.witness_refuses() returns trigger language plpgsql as $$
begin
  if new.scorer = 'against a trigger' then raise exception using errcode = '22023', message = 'the witness refuses it'; end if;
  return new;
end $$;
create trigger witness before insert on tidemark.outcomes for each row execute function public.witness_refuses()
"""


class Site:
    def __init__(self, folder, binary, seed, writers, rate):
        self.folder = folder
        self.redis = Redis(f"{folder}/redis", ("--save", "", "--appendonly", "yes", "--appendfsync", "always"))
        self.postgres = Postgres(f"{folder}/postgres")
        self.workers = []
        for number in range(2):
            home = f"{folder}/worker-{number}"
            os.makedirs(home)
            with open(f"{home}/tidemark.yaml", "w", encoding="utf-8") as file:
                file.write('lanes:\n  - streams: "witness:*"\n')
            self.workers.append(Worker(binary, home, {**SETTINGS, "TIDEMARK_REDIS_URL": self.redis.url, "TIDEMARK_POSTGRES_URL": self.postgres.url}))
        path = f"{folder}/places.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"redis": self.redis.url, "postgres": [self.postgres.port]}, file)
        self.options = {
            "places": path, "seed": seed, "run": seed & 0xFFFFFFFF, "writers": writers, "rate": rate, "partitions": 16, "window_ms": WINDOW_MS,
            "keep_seconds": KEEP_SECONDS, "features": ["schema", "removals"], "others": False}
        migrated = self.workers[0].command("migrate")
        if migrated.returncode != 0:
            raise RuntimeError(f"tidemark migrate ended with {migrated.returncode}: {migrated.stderr.strip()}")
        self.postgres.query(REFUSALS)
        self.places = Places(path)
        for worker in self.workers:
            worker.start()

    @contextlib.contextmanager
    def second_redis(self):
        redis = Redis(f"{self.folder}/second-redis")
        try:
            yield redis.url
        finally:
            redis.close()

    def status(self):
        found = self.workers[0].command("status", "--json")
        return json.loads(found.stdout)

    def close(self):
        for worker in self.workers:
            worker.close()
        self.postgres.close()
        self.redis.close()
