"""Which Redis to ask for a lane: the one that there is, the master that Sentinels name, or a node of a Cluster.

A plain client that learns from what it is told, beside resp.py: none of the product's code, and no cleverer than others' clients.
"""

import time
from urllib.parse import urlsplit

from redis_cluster import slot_of
from resp import Connection, RespError

# One that let a call time out is left alone so long: who waits for it can't go to the others.
REST_SECONDS = 1.0
REDIRECTIONS = 8
SENTINEL_SECONDS = 1.0
# How often one that is not patient asks the Sentinels again, though its master answers: it may be none any more.
ASK_AGAIN_SECONDS = 0.3


def open_router(url, timeout=10.0, name="chaos-run", is_patient=False):
    """By the URL that a worker is given. One that is patient stays with the master that it has until that one sends it away."""
    parts = urlsplit(url)
    ports = [int(place.rsplit(":", 1)[1]) for place in parts.netloc.split(",")]
    if parts.scheme == "redis+cluster":
        return ClusterRouter(ports, timeout, name)
    if parts.scheme == "redis+sentinel":
        return SentinelRouter(ports, parts.path.split("/")[1], timeout, name, is_patient)
    return OneRouter(ports, timeout, name)


class Router:
    """For one thread. An OSError means that nobody can tell whether the call was executed, or that nobody is there to ask."""

    def __init__(self, ports, timeout, name):
        self._ports, self._timeout, self._name = ports, timeout, name
        self._connections = {}
        # Where the next call for a lane goes, once, with ASKING before it.
        self._asked = {}
        self._resting = {}
        # The port of the server that gave the last answer of `call`.
        self.answered_by = None
        self.connected = 0

    def target(self, lane):
        """(port, whether to say ASKING first) for the next call; OSError when nobody can tell."""
        if lane in self._asked:
            return self._asked.pop(lane), True
        return self._find(lane), False

    def connection(self, port):
        if self._resting.get(port, 0) > time.monotonic():
            raise ConnectionError(f"the server on port {port} did not answer a moment ago")
        # One that the server has ended would make a call doubtful that was never sent.
        if port in self._connections and self._connections[port].is_ended():
            self._connections.pop(port).close()
        if port not in self._connections:
            self._connections[port] = self._connect(port)
        return self._connections[port]

    def lost(self, port, error):
        """After an OSError of a connection."""
        connection = self._connections.pop(port, None)
        if connection:
            connection.close()
        if isinstance(error, TimeoutError):
            self._resting[port] = time.monotonic() + REST_SECONDS
        self._forget()

    def told(self, lane, error):
        """Learns from an error answer, which says that nothing was done. True: another is to be asked at once."""
        word, *rest = str(error).split(" ")
        if word in ("MOVED", "ASK"):
            port = int(rest[1].rsplit(":", 1)[1])
            if word == "ASK":
                self._asked[lane] = port
            else:
                self._moved(lane, port)
            return True
        if word in ("READONLY", "CLUSTERDOWN"):
            self._forget()
        return False

    def call(self, lane, *command):
        """The answer of the node that holds the lane; follows redirections, and tries nothing twice that may have been done."""
        for _ in range(REDIRECTIONS):
            port, asks = self.target(lane)
            try:
                answer = self.connection(port).pipeline([("ASKING",), command] if asks else [command])[-1]
            except OSError as error:
                self.lost(port, error)
                raise
            self.answered_by = port
            if not isinstance(answer, RespError):
                return answer
            if not self.told(lane, answer):
                break
        raise answer

    def _connect(self, port):
        connection = Connection(port, timeout=self._timeout)
        try:
            connection.pipeline([("CLIENT", "SETNAME", self._name)])
        except OSError as error:
            connection.close()
            # A server that is frozen takes connections all the same.
            self.lost(port, error)
            raise
        self.connected += 1
        return connection

    def _find(self, lane):
        raise NotImplementedError

    def _forget(self):
        """What was known of who is where, as somebody did not answer or says otherwise."""

    def _moved(self, lane, port):
        """A Cluster says where the lane is."""


class OneRouter(Router):
    def _find(self, lane):
        return self._ports[0]


class SentinelRouter(Router):
    def __init__(self, ports, service, timeout, name, is_patient):
        super().__init__(ports, timeout, name)
        self._service, self._is_patient = service, is_patient
        self._master, self._asked_at = None, 0

    def _find(self, lane):
        is_due = not self._is_patient and time.monotonic() - self._asked_at > ASK_AGAIN_SECONDS
        if self._master is None or is_due:
            self._master, self._asked_at = self._named_master(), time.monotonic()
        return self._master

    def _named_master(self):
        """What the first Sentinel that answers says."""
        for port in self._ports:
            try:
                return master_named_by(port, self._service)
            except (OSError, RespError):
                continue
        raise ConnectionError("no Sentinel names a master")

    def _connect(self, port):
        """As clients of Sentinels do, makes sure that it is a master."""
        connection = super()._connect(port)
        role = connection.pipeline([("ROLE",)])[0]
        if isinstance(role, RespError) or role[0] != b"master":
            connection.close()
            self._forget()
            raise ConnectionError(f"the server on port {port} is no master")
        return connection

    def _forget(self):
        self._master = None


def master_named_by(port, service):
    sentinel = Connection(port, timeout=SENTINEL_SECONDS)
    try:
        return int(sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)[1])
    finally:
        sentinel.close()


class ClusterRouter(Router):
    def __init__(self, ports, timeout, name):
        super().__init__(ports, timeout, name)
        self._owners = {}

    def _find(self, lane):
        slot = slot_of(lane)
        if slot not in self._owners:
            self._learn()
        if slot not in self._owners:
            raise ConnectionError(f"no node holds slot {slot}")
        return self._owners[slot]

    def _learn(self):
        for port in self._ports:
            try:
                answer = self.connection(port).call("CLUSTER", "SLOTS")
            except (OSError, RespError) as error:
                self.lost(port, error)
                continue
            self._owners = {slot: node[1] for begin, end, node, *_ in answer for slot in range(begin, end + 1)}
            return
        raise ConnectionError("no node of the Cluster answers")

    def _forget(self):
        self._owners = {}

    def _moved(self, lane, port):
        self._owners[slot_of(lane)] = port
