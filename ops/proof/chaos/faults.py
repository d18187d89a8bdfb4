"""The catalogue of faults: what each is called, how often it comes, what it needs. The kinds register themselves."""

from dataclasses import dataclass
from typing import Callable

# What a fault may need of the world. A proxy before Redis, and a file to start it from again, are there where Redis is one server.
PROXY, STANDBY, PERSISTENCE, SMALL_DISK = "proxy", "standby", "persistence", "small disk"
# Streams beside the built-in lanes; a short `dedupe.window`; the program of that name.
STREAMS, WINDOW, PGBOUNCER = "streams", "window", "pgbouncer"
ONE, SENTINEL, CLUSTER = "one", "sentinel", "cluster"
TOPOLOGIES = (ONE, SENTINEL, CLUSTER)


class NotNow(Exception):
    """The fault could not be injected: what it waits for did not happen. It is tried again later."""


@dataclass(frozen=True)
class Fault:
    kind: str
    # How often, relative to the others.
    weight: int
    # Over within two seconds or so: part of a short run.
    is_cheap: bool
    needs: frozenset
    # Begins only when everything has recovered from the faults before it.
    is_alone: bool
    # (world, random numbers) -> what there is left to do once everything has recovered, or None. Returns at the fault's end.
    inject: Callable

    def suits(self, topology):
        wanted = self.needs & set(TOPOLOGIES)
        return not wanted or topology in wanted


CATALOGUE = {}


def fault(kind, weight, needs=(), cheap=False, alone=False):
    def register(inject):
        CATALOGUE[kind] = Fault(kind, weight, cheap, frozenset(needs), alone, inject)
        return inject
    return register


def chosen(text, topology):
    """The faults that `--faults` names: kinds, `cheap`, `all` or `none`, with commas between them. `all` is what the topology can have."""
    kinds, suitable = [], [fault for fault in CATALOGUE.values() if fault.suits(topology)]
    for word in filter(None, text.split(",")):
        if word == "none":
            continue
        if word == "all":
            kinds += [fault.kind for fault in suitable]
        elif word == "cheap":
            kinds += [fault.kind for fault in suitable if fault.is_cheap]
        elif word in CATALOGUE:
            if not CATALOGUE[word].suits(topology):
                raise SystemExit(f"there is no {word} with --redis {topology}")
            kinds.append(word)
        else:
            raise SystemExit(f"there is no fault {word}; there are all, cheap, none, {', '.join(CATALOGUE)}")
    return [CATALOGUE[kind] for kind in dict.fromkeys(kinds)]
