"""The Redis that holds the lanes: one server, or the masters of a Cluster."""

from redis_cluster import SLOTS, slot_of, start_cluster
from resp import Connection
from servers import Redis


class Nodes:
    """Servers that share the slots in equal ranges, in their order."""

    def __init__(self, servers: list[Redis], url: str) -> None:
        self.url = url
        self._servers = servers

    def node_of(self, lane: int) -> int:
        """Which of the servers holds a built-in lane."""
        slot = slot_of(f"{{{lane}}}")
        return next(n for n in range(len(self._servers)) if slot < self._end(n))

    def _end(self, node: int) -> int:
        return SLOTS * (node + 1) // len(self._servers)

    def connection(self, node: int) -> Connection:
        """The one connection to a server."""
        return self._servers[node].connection

    def info(self, section: str, names: tuple[str, ...]) -> float:
        """The sum over these figures of INFO, of all servers."""
        total = 0.0
        for server in self._servers:
            lines = server.connection.call("INFO", section).decode().splitlines()
            told = dict(line.split(":", 1) for line in lines if ":" in line)
            total += sum(float(told[name]) for name in names)
        return total

    def cpu(self) -> float:
        """Seconds so far."""
        return self.info("cpu", ("used_cpu_user", "used_cpu_sys"))

    def clients(self) -> int:
        """Connections of others."""
        return int(self.info("clients", ("connected_clients",))) - len(self._servers)

    def forget(self, prefix: str) -> None:
        """Removes what an installation left. KEYS is no sin here: nobody else uses these servers."""
        for server in self._servers:
            keys = server.connection.call("KEYS", f"{prefix}:*")
            server.connection.pipeline([["UNLINK", key] for key in keys])

    def close(self) -> None:
        """Ends the servers."""
        for server in self._servers:
            server.close()


def one_server(redis: Redis) -> Nodes:
    """A server that somebody else ends."""
    return Nodes([redis], redis.url)


def cluster(folder: str, masters: int) -> Nodes:
    """A new Cluster without replicas."""
    servers = start_cluster(folder, masters)
    return Nodes(servers, "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers))
