"""The Redis that holds the lanes, whatever it is made of: what faults, the canaries, the sampler and the verdict want of it."""

import signal

from chaos.removals import LIST, LIST_EVENTS
from resp import Connection, entry_id
from routing import open_router
from servers import Redis, entries_added
from workload import LANES

OWN_NAME = "chaos-run"
# Of a call to a server that should be well.
CALL_SECONDS = 10


class Node(Redis):
    """A server that may be frozen, and may have ended our connection."""

    is_frozen = False

    def is_running(self):
        return not self.is_frozen and super().is_running()

    def connect(self):
        self.connection = Connection(self.port, timeout=CALL_SECONDS)
        self.connection.call("CLIENT", "SETNAME", OWN_NAME)

    def command(self, *command):
        if self.connection is None or self.connection.is_ended():
            self.connect()
        try:
            return self.connection.call(*command)
        except OSError:
            self.connection = None
            raise

    def ask(self, *question):
        """Sentinels end the connections of a server whose part they change, under our hands: a question is asked once more."""
        try:
            return self.command(*question)
        except OSError:
            return self.command(*question)

    def cut_clients(self, spared=(), spared_name=None):
        self.ask("PING")
        return super().cut_clients(spared, spared_name)

    def info(self, section):
        lines = self.ask("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def entries(self, lanes):
        """The ids in these lanes, which it holds."""
        return {lane: {entry_id(identifier) for identifier in self.ask("EVAL", LIST, 1, lane)} for lane in lanes}

    def events(self, lanes):
        """The event ids in these lanes."""
        return {event.decode() for lane in lanes for event in self.ask("EVAL", LIST_EVENTS, 1, lane)}

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)
        self.is_frozen = False


class RedisSite:
    """`servers` are all that there are; `url` is what a worker, and everybody else, is given."""

    # Whether a proxy can stand before it. What Sentinels and nodes name are their own addresses.
    has_proxy = False

    def __init__(self, servers, url):
        self.servers, self.url = servers, url
        # The built-in ones, and those that faults have made.
        self.lanes = list(LANES)
        self._router = self.router()

    def worker_url(self, proxy_port):
        return self.url

    def router(self, timeout=CALL_SECONDS):
        """A client of its own for another thread."""
        return open_router(self.url, timeout, OWN_NAME)

    def call(self, lane, *command):
        """Asks the node of a lane. What may have been done is not tried again."""
        return self._router.call(lane, *command)

    @property
    def answered_by(self):
        """The port of the server that gave the last answer."""
        return self._router.answered_by

    def entries_added(self, lane):
        return entries_added(lambda *command: self.call(lane, *command), lane)

    def add_lane(self, lane):
        if lane not in self.lanes:
            self.lanes.append(lane)
        return lane

    def masters(self):
        """The servers that take writes for lanes."""
        raise NotImplementedError

    def lanes_of(self, master):
        raise NotImplementedError

    def expect_masters(self):
        """From now on these, until a fault says otherwise."""

    def check_masters(self):
        """A failover that no fault made takes what nobody can account for: then there is no verdict."""

    def cut_clients(self, masters):
        return sum(master.cut_clients(spared_name=OWN_NAME) for master in masters)

    def close(self):
        for server in self.servers:
            server.close()
