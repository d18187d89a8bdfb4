"""Several workers of one installation, and what they, Redis and Postgres spend together."""

import os
import time

from ground import Ground, Result
from machine import CORES, cpu_of, machine_cpu, peak_memory
from redis_nodes import Nodes
from servers import Worker


class Fleet:
    """Workers over a fresh schema, each with the same settings."""

    def __init__(self, ground: Ground, nodes: Nodes, count: int, settings: dict[str, str]) -> None:
        self._ground = ground
        self._nodes = nodes
        environment = {
            "TIDEMARK_REDIS_URL": nodes.url, "TIDEMARK_POSTGRES_URL": ground.postgres.url, "TIDEMARK_HTTP_LISTEN": "off",
            **{"TIDEMARK_" + key.upper().replace(".", "_"): value for key, value in settings.items()}}
        self._workers = []
        for number in range(count):
            folder = f"{ground.folder}/worker-{number}"
            os.makedirs(folder, exist_ok=True)
            self._workers.append(Worker(ground.binary, folder, environment))
        migrated = self._workers[0].command("migrate")
        if migrated.returncode != 0:
            raise SystemExit(f"tidemark migrate: {migrated.stderr.strip()}")

    def start(self, lanes: int) -> None:
        """Until they read all lanes, and each has an equal part of the shards that have lanes."""
        for worker in self._workers:
            worker.start()
        deadline = time.monotonic() + 60
        while True:
            reading, owners, apart = map(int, self._ground.psql.query(
                "select coalesce(sum(lanes), 0), count(*), coalesce(max(shards) - min(shards), 0) from (select count(*) as lanes, "
                "count(distinct shard) as shards from tidemark.lanes where state = 'reading' group by owner) as owners")[0])
            if (reading, owners) == (lanes, len(self._workers)) and apart <= 1:
                return
            self.check(deadline, "share the lanes")
            time.sleep(0.1)

    def wait_read(self, entries: int, seconds: float) -> None:
        """Until the ledger counts so many entries."""
        deadline = time.monotonic() + seconds
        while int(self._ground.psql.value("select coalesce(sum(read_total), 0) from tidemark.lanes")) < entries:
            self.check(deadline, f"commit {entries} entries")
            time.sleep(0.02)

    def check(self, deadline: float, what: str) -> None:
        """Ends the run where a worker ended, or it is too late."""
        for worker in self._workers:
            if worker.exit_code() is not None:
                raise SystemExit(f"a worker ended by itself; its log: {worker.log}")
        if time.monotonic() > deadline:
            raise SystemExit(f"the workers did not {what} in time; their logs: {', '.join(worker.log for worker in self._workers)}")

    def stop(self) -> None:
        """All must end well."""
        for worker in self._workers:
            if worker.terminate() != 0:
                raise SystemExit(f"a worker did not end well; its log: {worker.log}")

    def close(self) -> None:
        """Ends what is left."""
        for worker in self._workers:
            worker.close()

    def peak(self) -> int:
        """The largest worker's resident memory, in bytes."""
        return max(peak_memory(worker.pid) for worker in self._workers)

    def connections(self) -> Result:
        """How many a worker has, to Redis and to Postgres."""
        to_postgres = int(self._ground.psql.value("select count(*) from pg_stat_activity where application_name like 'tidemark%'"))
        return {"to_redis": self._nodes.clients() / len(self._workers), "to_postgres": to_postgres / len(self._workers)}

    def meter(self) -> tuple[float, float, float, float]:
        """CPU seconds so far: of the workers, of Postgres, of Redis, and of the whole machine."""
        postgres = self._ground.meter()[0]
        return sum(cpu_of(worker.pid) for worker in self._workers), postgres, self._nodes.cpu(), machine_cpu()

    def spent(self, before: tuple[float, ...], seconds: float) -> Result:
        """CPU seconds since `before`; which share of the cores the three took, and which somebody else."""
        workers, postgres, redis, machine = (now - then for now, then in zip(self.meter(), before))
        ours = workers + postgres + redis
        return {
            "cpu_seconds": workers, "postgres_cpu_seconds": postgres, "redis_cpu_seconds": redis,
            "cores_share": ours / seconds / CORES, "others_share": max(0.0, machine - ours) / seconds / CORES}
