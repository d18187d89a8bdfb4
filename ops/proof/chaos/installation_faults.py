"""Another installation comes by mistake: a second database on the prefix, a second prefix or a second Redis on the schema. It must be refused
by `migrate`, `check` and `run` alike, and what runs goes on as if nothing had happened."""

import os
import subprocess

from chaos.checker import LET_IN
from chaos.faults import fault
from servers import Redis, Worker

OTHER = "other"
# For a command that ends, and for a worker that should not run.
COMMAND_SECONDS, RUN_SECONDS = 60, 20


def expect_refused(world, what, redis, postgres, commands=("migrate", "check", "run")):
    folder = f"{world.folder}/{what}"
    os.makedirs(folder, exist_ok=True)
    world.write_settings(folder, {"redis": redis, "postgres": postgres})
    stranger = Worker(world.binary, folder, {})
    for command in commands:
        code = exit_code(stranger, command)
        if code != 1:
            world.verdict.add(LET_IN, f"{what}: tidemark {command} " + ("went on" if code is None else f"ended with {code}"))
    world.situations["installations by mistake"] += 1


def exit_code(stranger, command):
    """None where it went on."""
    try:
        done = stranger.command(command, timeout=RUN_SECONDS if command == "run" else COMMAND_SECONDS)
        with open(f"{stranger.folder}/{command}.log", "a", encoding="utf-8") as file:
            file.write(done.stdout + done.stderr)
        return done.returncode
    except subprocess.TimeoutExpired:
        return None


def redis_of(world):
    return {"url": world.redis.worker_url(world.redis.server.port if world.redis.has_proxy else None)}


def postgres_of(world, database="tidemark"):
    return {"url": f"postgresql://tidemark@127.0.0.1:{world.cluster.primary.port}/{database}"}


@fault("other-database", weight=2)
def bring_database(world, rng):
    primary = world.cluster.primary
    if not primary.query(f"select 1 from pg_database where datname = '{OTHER}'", admin=True):
        primary.query(f"create database {OTHER} owner tidemark", admin=True)
    expect_refused(world, "other-database", redis_of(world), postgres_of(world, OTHER))


@fault("other-database-flushed", weight=1)
def bring_database_behind_flush(world, rng):
    """Right after FLUSHALL, when Redis does not say any more whose the prefix is."""
    world.events.note(f"{world.removals.flush_all(world.redis)} entries flushed")
    world.rest(rng.choice([0, 0.5, 2]))
    bring_database(world, rng)


@fault("other-prefix", weight=2)
def bring_prefix(world, rng):
    expect_refused(world, "other-prefix", {**redis_of(world), "prefix": OTHER}, postgres_of(world))


@fault("other-redis", weight=2)
def bring_redis(world, rng):
    redis = Redis(f"{world.folder}/other-redis")
    try:
        expect_refused(world, "other-redis", {"url": redis.url}, postgres_of(world))
    finally:
        redis.close()


def check_strangers(world, verdict):
    """At the end: the other database has nothing of ours."""
    primary = world.cluster.primary
    if not primary.query(f"select 1 from pg_database where datname = '{OTHER}'", admin=True):
        return
    tables = primary.query("select 1 from pg_tables where schemaname = 'tidemark' and tablename = 'lanes'", database=OTHER)
    lanes = int(primary.query("select count(*) from tidemark.lanes where entry_ms > 0", database=OTHER)[0]) if tables else 0
    if lanes:
        verdict.add(LET_IN, f"the other database has {lanes} lanes")
