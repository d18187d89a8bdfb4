"""Faults of a Redis that has replicas: a master dies, is frozen, or is asked to go, and another takes its place.

Replication waits for nobody: what the old master acknowledged at its end may be gone. Just that is noted, see `Replacement`.
"""

from chaos.faults import CLUSTER, SENTINEL, NotNow, fault
from chaos.removals import Replacement, now_ms
from chaos.sentinel_redis import REPLICAS as SENTINEL_REPLICAS

# An election may fail, and the next is some seconds later; Sentinels let a master that was away be one for ten seconds more.
ELECTION_SECONDS, RETURN_SECONDS = 60, 60


class Handover:
    """Of one master's place, from a moment at which its replicas have all that it has. What it takes later, they may not get."""

    def __init__(self, world, rng, master, copies, heir, may_lag=True):
        """`heir` tells who is the master in its place, or None."""
        self._world, self._master, self._heir = world, master, heir
        self._begun = now_ms()
        try:
            self._copied = world.redis.in_step(master, copies)
        except TimeoutError as reason:
            raise NotNow(str(reason)) from None
        self._taken_over = frozenset()
        if may_lag and rng.random() < 0.6:
            world.events.note("from here on nothing is replicated")
            world.redis.hold_replication(master)
            world.rest(rng.choice([0.1, rng.uniform(0.3, 2), rng.uniform(2, 4)]))

    def wait_for_heir(self, meanwhile=lambda: None):
        found = []

        def is_there():
            meanwhile()
            heir = self._heir()
            if heir:
                found.append((heir, heir.events(self._copied)))
            return bool(found)

        self._world.wait_for("another master", ELECTION_SECONDS, is_there)
        heir, self._taken_over = found[0]
        self._world.events.note(f"{heir.port} is the master instead of {self._master.port}")
        self._world.redis.let_replicate()

    def wait_for_replica(self):
        """Until the old master is a replica of the new one."""
        self._world.wait_for("the old master follows the new one", RETURN_SECONDS, lambda: self._world.redis.is_following(self._master))

    def end(self, moment_ms):
        """Notes what may be lost, the old master having been one until this moment, and waits for the whole."""
        redis = self._world.redis
        self._world.removals.replaced(Replacement(self._master.port, self._copied, self._taken_over, self._begun, moment_ms))
        self._world.wait_for("all replicas follow their masters", RETURN_SECONDS, redis.is_whole)
        redis.expect_masters()


def die(world, rng, handover, master, meanwhile=lambda: None):
    """SIGKILL. It has no file, and would come back empty: as a master only when another is known to be one."""
    master.kill()
    moment = now_ms()
    handover.wait_for_heir(meanwhile)
    world.rest(rng.choice([0, rng.uniform(0, 3)]))
    master.start()
    handover.wait_for_replica()
    handover.end(moment)


def sleep_through(world, rng, handover, master, meanwhile=lambda: None):
    """SIGSTOP, and it wakes as a master, with what its clients sent in its sockets. All it takes until it is told better is lost."""
    master.freeze()
    try:
        handover.wait_for_heir(meanwhile)
        world.rest(rng.choice([0, rng.uniform(0, 2)]))
    finally:
        master.thaw()
    handover.wait_for_replica()
    handover.end(now_ms())


def sentinel_handover(world, rng):
    (master,) = world.redis.masters() or [None]
    if master is None:
        raise NotNow("the Sentinels do not agree on a master")
    return master, Handover(world, rng, master, SENTINEL_REPLICAS, lambda: world.redis.master_instead_of(master))


@fault("redis-failover", weight=4, needs=[SENTINEL], cheap=True)
def kill_redis(world, rng):
    master, handover = sentinel_handover(world, rng)
    die(world, rng, handover, master)


@fault("redis-failover-asked", weight=3, needs=[SENTINEL], cheap=True)
def ask_sentinel(world, rng):
    """Without a word to the master, which takes writes until it is made a replica."""
    master, handover = sentinel_handover(world, rng)
    world.redis.ask_for_failover(rng)
    handover.wait_for_heir()
    handover.wait_for_replica()
    handover.end(now_ms())


@fault("redis-master-frozen", weight=4, needs=[SENTINEL])
def freeze_redis(world, rng):
    master, handover = sentinel_handover(world, rng)
    sleep_through(world, rng, handover, master)


def node_handover(world, rng, may_lag=True):
    master = rng.choice(world.redis.masters())
    lanes = world.redis.lanes_of(master)
    if not lanes:
        raise NotNow(f"{master.port} holds no lane")
    world.events.note(f"node {master.port} with {len(lanes)} lanes")
    return master, lanes, Handover(world, rng, master, 1, lambda: world.redis.master_instead_of(master, lanes[0]), may_lag)


def watch_others(world, kind, lanes):
    """What notes how long the other nodes' lanes had to wait. Where these want all slots they take no writes, and nothing is to be said."""
    def watch():
        if world.redis.serves_in_part:
            world.note_wait_of_others(kind, lanes)
    return watch


@fault("node-kill", weight=4, needs=[CLUSTER], cheap=True)
def kill_node(world, rng):
    master, lanes, handover = node_handover(world, rng)
    die(world, rng, handover, master, watch_others(world, "node-kill", lanes))


@fault("node-frozen", weight=4, needs=[CLUSTER])
def freeze_node(world, rng):
    master, lanes, handover = node_handover(world, rng)
    sleep_through(world, rng, handover, master, watch_others(world, "node-frozen", lanes))


@fault("node-failover-asked", weight=3, needs=[CLUSTER], cheap=True)
def ask_node(world, rng):
    """The replica waits until it has all: nothing is lost, and nothing is noted."""
    master, lanes, handover = node_handover(world, rng, may_lag=False)
    (replica,) = world.redis.replicas_of(master)
    replica.command("CLUSTER", "FAILOVER")
    handover.wait_for_heir()
    world.wait_for("all replicas follow their masters", RETURN_SECONDS, world.redis.is_whole)
    world.redis.expect_masters()
