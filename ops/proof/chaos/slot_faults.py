"""Slots of a Cluster that change their node, step by step, while they are written to and read."""

from chaos.faults import CLUSTER, NotNow, fault
from redis_cluster import slot_of
from workload import LANES

MIGRATE_MILLISECONDS = 5000


class Move:
    """Of slots, from the master that holds them to another. `slots` of one source only."""

    def __init__(self, source, target, slots):
        self.source, self.target, self._slots = source, target, slots
        self._source_id, self._target_id = source.command("CLUSTER", "MYID"), target.command("CLUSTER", "MYID")

    def open(self):
        """In this order: a slot that migrates to a node that does not import it would lose its writers for a moment."""
        self._each(self.target, "IMPORTING", self._source_id)
        self._each(self.source, "MIGRATING", self._target_id)

    def next_keys(self, count):
        """Moves so many keys; False when there are none any more. Migration takes all that a key is: entries, counters, groups."""
        for slot in self._slots:
            keys = self.source.command("CLUSTER", "GETKEYSINSLOT", slot, count)
            if keys:
                self.source.command("MIGRATE", "127.0.0.1", self.target.port, "", 0, MIGRATE_MILLISECONDS, "KEYS", *keys)
                return True
        return False

    def close(self):
        """The target first, or the slot would for a moment be nobody's."""
        self._each(self.target, "NODE", self._target_id)
        self._each(self.source, "NODE", self._target_id)

    def _each(self, server, *state):
        server.command("PING")
        answers = server.connection.pipeline([("CLUSTER", "SETSLOT", slot, *state) for slot in self._slots])
        if any(answer != "OK" for answer in answers):
            raise RuntimeError(f"SETSLOT {state[0]} on {server.port}: {[answer for answer in answers if answer != 'OK'][:3]}")


def finish(world, moves):
    world.events.note(f"{len(moves)} moves between nodes are over")
    world.wait_for("all nodes know", 30, world.redis.is_whole)


@fault("slot-moved", weight=6, needs=[CLUSTER], cheap=True)
def move_lanes(world, rng):
    """Those of one to several lanes, a key at a time, with pauses in which some keys are here and some are there."""
    masters, moves = world.redis.masters(), []
    for lane in rng.sample(LANES, rng.choice([1, 1, 2, 4])):
        source = world.redis.owner_of(lane)
        target = rng.choice([master for master in masters if master is not source])
        world.events.note(f"{lane} from {source.port} to {target.port}")
        moves.append(Move(source, target, [slot_of(lane)]))
    for move in moves:
        move.open()
    longest = rng.choice([0, 0.2, 1])
    moving = list(moves)
    while moving:
        world.rest(rng.uniform(0, longest))
        move = rng.choice(moving)
        # A key that producers make while its slot moves is made at the target: the last look finds none.
        if not move.next_keys(rng.choice([1, 1, 2])):
            moving.remove(move)
            world.rest(rng.uniform(0, longest))
            move.close()
    finish(world, moves)


@fault("resharded", weight=2, needs=[CLUSTER], cheap=True)
def reshard(world, rng):
    """A larger range, most of its slots empty, as an operator moves it."""
    masters = world.redis.masters()
    source = rng.choice(masters)
    ranges = [(begin, end) for begin, end, server in world.redis.owners() if server is source]
    begin, end = max(ranges, key=lambda places: places[1] - places[0])
    count = rng.randint(200, 1200)
    if end - begin < 2 * count:
        raise NotNow(f"{source.port} has no {count} slots to give in one piece")
    # From around a lane, where there is one.
    lane = rng.choice([slot_of(lane) for lane in world.redis.lanes_of(source)] or [begin])
    first = max(begin, min(lane - rng.randrange(count), end - count))
    slots = range(first, first + count)
    move = Move(source, rng.choice([master for master in masters if master is not source]), slots)
    lanes = sum(slot_of(lane) in slots for lane in LANES)
    world.events.note(f"{count} slots with {lanes} lanes from {source.port} to {move.target.port}")
    move.open()
    full = [slot for slot, keys in zip(slots, source.connection.pipeline([("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in slots])) if keys]
    with_keys = Move(source, move.target, full)
    while with_keys.next_keys(10):
        world.rest(rng.uniform(0, 0.1))
    move.close()
    finish(world, [move])
