"""One server, with an append-only file where a fault wants to restart it."""

from chaos.redis_site import Node, RedisSite


class OneRedis(RedisSite):
    has_proxy = True

    def __init__(self, folder, fsync):
        persistence = ["--appendonly", "yes", "--appendfsync", fsync] if fsync else ["--appendonly", "no"]
        # Disabled: what FLUSHALL took must not come back from a snapshot of our own making.
        self.server = Node(f"{folder}/redis", ["--save", "", *persistence])
        self._fsync = fsync
        super().__init__([self.server], self.server.url)

    def worker_url(self, proxy_port):
        return f"redis://127.0.0.1:{proxy_port}/0"

    def masters(self):
        return [self.server]

    def lanes_of(self, master):
        return self.lanes

    def __str__(self):
        return f"Redis with {'appendfsync ' + self._fsync if self._fsync else 'no persistence'}"
