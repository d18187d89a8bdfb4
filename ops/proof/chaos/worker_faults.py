"""Faults of workers: killed at random and where it hurts, frozen beyond their lease, stopped in order, reconfigured."""

import signal

from chaos.faults import ONE, PROXY, NotNow, fault


def pick(world, rng):
    number = rng.randrange(len(world.workers))
    return number, world.workers[number]


def kill_and_start(world, rng, worker):
    worker.kill()
    # Now and then long enough for others to take its lanes, or for a lease to run out.
    world.rest_of_others(worker, rng.choice([0, 0, 0.5, 3]))
    worker.start()


@fault("worker-kill", weight=8, cheap=True)
def kill(world, rng):
    _, worker = pick(world, rng)
    kill_and_start(world, rng, worker)


@fault("worker-freeze", weight=4, cheap=True)
def freeze(world, rng):
    """Beyond its lease, and then it goes on as if nothing had happened."""
    _, worker = pick(world, rng)
    worker.signal(signal.SIGSTOP)
    world.rest(world.lease_seconds * rng.uniform(1.2, 2.2))
    worker.signal(signal.SIGCONT)


@fault("worker-restart", weight=3, cheap=True)
def restart(world, rng):
    number, worker = pick(world, rng)
    code = worker.terminate()
    if code != 0:
        worker.exits.append(code)
        world.events.note(f"worker {number + 1} ended on SIGTERM with {code}")
    worker.close()
    worker.start()


@fault("reload", weight=4, cheap=True)
def reload(world, rng):
    number, worker = pick(world, rng)
    # Not so small that a busy machine can't keep up: a lag that grows would be taken for what later faults take to recover.
    batch = {
        "max_entries": rng.choice([20, 50, 1000, 5000]), "max_bytes": rng.choice(["32KiB", "256KiB", "8MiB"]),
        "max_delay": rng.choice(["0ms", "0ms", "20ms"])}
    world.events.note(f"worker {number + 1}: batch {batch}")
    world.configure(number, {"batch": batch})
    worker.signal(signal.SIGHUP)


def kill_at(world, rng, proxies_of, direction, text, lets_pass):
    """Holds up what a worker says or hears, kills it there, and lets go: what it had sent arrives after its death, or never."""
    number, worker = pick(world, rng)
    held = proxies_of(world.proxies[number])
    for proxy in held:
        proxy.forget_events()
        proxy.tell(f"hold {direction} {text}")
    try:
        happened = any(proxy.wait_for_event(f"held {direction}", 20) for proxy in held)
        if happened:
            worker.kill()
            if lets_pass:
                world.rest_of_others(worker, rng.choice([0, 0.3, world.lease_seconds + 0.5]))
            else:
                for proxy in held:
                    proxy.tell("reset")
    finally:
        for proxy in held:
            proxy.tell("clear" if not happened else "go")
            proxy.tell("clear")
    if not happened:
        raise NotNow(f"worker {number + 1} did not come to {text} within 20 s")
    worker.start()


def before_primary(world):
    return lambda proxies: [proxies.postgres[world.cluster.nodes.index(world.cluster.primary)]]


@fault("kill-commit-sent", weight=4, needs=[PROXY], cheap=True)
def kill_with_commit_sent(world, rng):
    kill_at(world, rng, before_primary(world), "up", "COMMIT", lets_pass=rng.random() < 0.5)


@fault("kill-commit-unanswered", weight=4, needs=[PROXY], cheap=True)
def kill_with_commit_unanswered(world, rng):
    kill_at(world, rng, before_primary(world), "down", "COMMIT", lets_pass=False)


@fault("kill-mark-unsent", weight=4, needs=[ONE, PROXY], cheap=True)
def kill_with_mark_unsent(world, rng):
    kill_at(world, rng, lambda proxies: [proxies.redis], "up", "}:durable", lets_pass=rng.random() < 0.5)


@fault("kill-trim-unsent", weight=3, needs=[ONE, PROXY])
def kill_with_trim_unsent(world, rng):
    kill_at(world, rng, lambda proxies: [proxies.redis], "up", "MINID", lets_pass=rng.random() < 0.5)
