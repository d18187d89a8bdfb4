"""A worker behind PgBouncer: in session mode it is a worker like the others, in transaction mode it is refused at its start."""

import os

from chaos.faults import PGBOUNCER, NotNow, fault
from chaos.installation_faults import expect_refused, redis_of
from chaos.pooler import Pooler
from pgwire import PostgresError
from servers import Worker


def open_pooler(world, mode):
    return Pooler(f"{world.folder}/pgbouncer-{mode}", mode, world.cluster.primary.port)


def behind(pooler):
    return {"url": f"postgresql://tidemark@127.0.0.1:{pooler.port}/tidemark"}


@fault("pooler-transaction", weight=1, needs=[PGBOUNCER])
def refuse_pooler(world, rng):
    pooler = open_pooler(world, "transaction")
    try:
        expect_refused(world, "pooler-transaction", redis_of(world), behind(pooler), commands=("check", "run"))
    finally:
        pooler.close()


@fault("pooler-session", weight=1, needs=[PGBOUNCER], alone=True)
def work_behind_pooler(world, rng):
    """One more worker for a few seconds; some lanes are its own."""
    pooler = open_pooler(world, "session")
    folder = f"{world.folder}/pooler-session"
    os.makedirs(folder, exist_ok=True)
    world.write_settings(folder, {"redis": redis_of(world), "postgres": behind(pooler)})
    guest = Worker(world.binary, folder, {})
    try:
        before = owners(world)
        guest.start()
        world.wait_for("the worker behind the pooler owns lanes", 30, lambda: owners(world) - before or guest.exit_code() is not None)
        if guest.exit_code() is None:
            world.rest(rng.uniform(1, 4))
        code = guest.terminate() if guest.exit_code() is None else guest.exit_code()
        if code != 0:
            world.verdict.add("process", f"the worker behind PgBouncer in session mode ended with {code}")
        world.situations["workers behind a pooler"] += 1
    except TimeoutError as error:
        raise NotNow(str(error)) from None
    finally:
        guest.close()
        pooler.close()


def owners(world):
    try:
        return {owner for (owner,) in world.cluster.ask("select distinct owner from tidemark.lanes where owner is not null")}
    except (OSError, PostgresError):
        return set()
