"""A backlog that appears in its lanes at once.

It is written once, beside the lanes and under names of its own, copied within Redis, and the copies are renamed in one pipeline for each
server: workers that wait for their lanes meet all of it within a few milliseconds. Writing it while they wait would measure the writer, which
is slower than they are; writing it before they start would measure who of several workers takes its lanes first.
"""

import binascii

from load import Entry, Load, send
from redis_nodes import Nodes

PREFIX = "tidemark"


class Backlog:
    """A data set over so many built-in lanes."""

    def __init__(self, load: Load, lanes: int, nodes: Nodes) -> None:
        self.load = load
        self.lanes = lanes
        self._nodes = nodes
        commands = {}
        used = set()
        for index, entry in enumerate(load.entries):
            lane = self.lane_of(entry)
            used.add(lane)
            commands.setdefault(nodes.node_of(lane), []).append(
                ["XADD", self._kept(lane), "%d-%d" % load.position(index), *entry.fields])
        for node, written in commands.items():
            send(nodes.connection(node), written)
        self._lanes_of_node = {node: sorted(lane for lane in used if nodes.node_of(lane) == node) for node in sorted(commands)}

    def lane_of(self, entry: Entry) -> int:
        """The number of the built-in lane that an agent would choose."""
        return binascii.crc_hqx(entry.session.encode(), 0) % self.lanes

    def stream(self, lane: int) -> str:
        """A lane's key."""
        return f"{PREFIX}:{{{lane}}}:changes"

    def _kept(self, lane: int) -> str:
        return f"kept:{{{lane}}}:of:{self.lanes}"

    def _staged(self, lane: int) -> str:
        return f"staged:{{{lane}}}"

    def per_node(self) -> str:
        """How many lanes each server got."""
        return " + ".join(str(len(lanes)) for lanes in self._lanes_of_node.values())

    def stage(self) -> None:
        """Copies of all streams, not in their lanes yet."""
        for node, lanes in self._lanes_of_node.items():
            send(self._nodes.connection(node), [["COPY", self._kept(lane), self._staged(lane), "REPLACE"] for lane in lanes])

    def appear(self) -> None:
        """In their lanes."""
        for node, lanes in self._lanes_of_node.items():
            # Not in a MULTI: a Cluster wants all keys of one in the same slot.
            send(self._nodes.connection(node), [["RENAME", self._staged(lane), self.stream(lane)] for lane in lanes])

    def add(self, entry: Entry) -> None:
        """One more change, now."""
        lane = self.lane_of(entry)
        self._nodes.connection(self._nodes.node_of(lane)).call("XADD", self.stream(lane), "*", *entry.fields)

    def memory(self) -> int:
        """What the streams take up in Redis, in bytes."""
        return sum(
            self._nodes.connection(node).call("MEMORY", "USAGE", self.stream(lane), "SAMPLES", 0)
            for node, lanes in self._lanes_of_node.items() for lane in lanes)
