"""The threads of a run together, and when everything that they wrote is committed."""

import threading

from pgwire import PostgresError
from resp import RespError

from .testimony import position
from .watchers import CountWatcher, MarkWatcher, Newest, SlowReader, ToldWatcher
from .writers import Writer


class Threads:
    """All that write and look."""

    def __init__(self, site_options, testimony):
        self.stop_writing, self.stop_looking = threading.Event(), threading.Event()
        self.newest = Newest()
        self.writers = [Writer(n, site_options, testimony, self.stop_writing, self.newest) for n in range(site_options["writers"])]
        self.reader = SlowReader(site_options, testimony, self.stop_looking)
        self.watchers = [MarkWatcher(site_options, testimony, self.stop_looking, self.newest),
                         ToldWatcher(site_options, testimony, self.stop_looking, self.newest),
                         CountWatcher(site_options, testimony, self.stop_looking), self.reader]

    def start(self):
        for thread in self.writers + self.watchers:
            thread.start()

    def end(self, event, threads):
        event.set()
        for thread in threads:
            thread.join(120)
            if thread.is_alive() or thread.failure:
                raise RuntimeError(f"{type(thread).__name__} {'does not end' if thread.is_alive() else thread.failure}")


def caught_up(places):
    """Each stream's last entry is not behind its lane's cursor. The last id of a stream may be: after a rewind it is raised."""
    try:
        rows = places.query("select lane, entry_ms, entry_no from tidemark.lanes")
        for lane, ms, no in rows:
            if not places.redis.call(lane, "EXISTS", lane):
                continue
            last = places.redis.call(lane, "XREVRANGE", lane, "+", "-", "COUNT", "1")
            if last and position(last[0][0].decode()) > (int(ms) % (1 << 64), int(no) % (1 << 64)):
                return False
        return True
    except (OSError, PostgresError, RespError):
        return False
