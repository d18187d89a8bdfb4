"""Faults of the connections between workers and servers, by the fault proxy."""

from chaos.faults import PROXY, NotNow, fault
from chaos.worker_faults import before_primary


def some(world, rng):
    """Proxies of one worker or of all, before Redis, Postgres or both."""
    workers = rng.choice([world.proxies, [rng.choice(world.proxies)]])
    side = rng.choice(["redis", "postgres", "both"]) if world.redis.has_proxy else "postgres"
    chosen = []
    for proxies in workers:
        if side != "postgres":
            chosen.append(proxies.redis)
        if side != "redis":
            chosen += proxies.postgres
    world.events.note(f"{len(workers)} workers' connections to {side}")
    return chosen


def for_a_while(world, rng, command, seconds):
    proxies = some(world, rng)
    for proxy in proxies:
        proxy.tell(command)
    world.rest(rng.uniform(*seconds))
    for proxy in proxies:
        proxy.tell("clear")


@fault("net-delay", weight=3, needs=[PROXY], cheap=True)
def delay(world, rng):
    for_a_while(world, rng, f"delay {rng.choice([5, 40, 200])}", (1, 3))


@fault("net-segments", weight=2, needs=[PROXY], cheap=True)
def segments(world, rng):
    for_a_while(world, rng, f"segments {rng.choice([1, 1, 7])}", (1, 2))


@fault("net-half-open", weight=3, needs=[PROXY])
def swallow(world, rng):
    for_a_while(world, rng, "swallow", (1, 6))


@fault("net-refuse", weight=2, needs=[PROXY], cheap=True)
def refuse(world, rng):
    """Connections end and no new ones come about."""
    proxies = some(world, rng)
    for proxy in proxies:
        proxy.tell("refuse")
        proxy.tell("reset")
    world.rest(rng.uniform(0.5, 2.5))
    for proxy in proxies:
        proxy.tell("clear")


@fault("net-reset", weight=3, needs=[PROXY], cheap=True)
def reset(world, rng):
    proxies = some(world, rng)
    for _ in range(rng.randint(1, 3)):
        for proxy in proxies:
            proxy.tell("reset")
        world.rest(rng.uniform(0, 0.3))


@fault("net-truncate", weight=3, needs=[PROXY], cheap=True)
def truncate(world, rng):
    """In the midst of a command or of an answer, several times."""
    proxies = some(world, rng)
    for _ in range(rng.randint(1, 4)):
        for proxy in proxies:
            proxy.tell(f"truncate {rng.choice(['up', 'down'])} {rng.choice([0, 1, 5, 100, 1000, 20000])}")
        world.rest(0.4)
    for proxy in proxies:
        proxy.tell("clear")


@fault("net-lost-commit", weight=4, needs=[PROXY], cheap=True)
def lose_commit(world, rng):
    """The transaction is in, and its worker is never told."""
    number = rng.randrange(len(world.proxies))
    (proxy,) = before_primary(world)(world.proxies[number])
    lost = 0
    for _ in range(rng.randint(1, 3)):
        proxy.forget_events()
        proxy.tell("lose down COMMIT")
        lost += proxy.wait_for_event("lost down", 10)
    proxy.tell("clear")
    if not lost:
        raise NotNow(f"worker {number + 1} did not commit within 10 s")
    world.events.note(f"{lost} answers of COMMIT lost")
