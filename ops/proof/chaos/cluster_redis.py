"""A Redis Cluster: three masters, each with a replica. What it holds moves from one to another."""

from chaos.redis_site import Node
from chaos.replicated_redis import ReplicatedRedis
from redis_cluster import slot_of, start_cluster

MASTERS, REPLICAS = 3, 1
# Taken for dead after this; its replica takes over within a second or two.
NODE_TIMEOUT_MILLISECONDS = 1500
SETTINGS = [
    "--cluster-node-timeout", str(NODE_TIMEOUT_MILLISECONDS), "--repl-diskless-sync-delay", "0",
    # However long it was without its master, a replica may take over; and it stays with the one that it has.
    "--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no"]


class ClusterRedis(ReplicatedRedis):
    def __init__(self, folder, serves_in_part):
        """`serves_in_part`: a failed node's slots keep the other nodes from nothing (cluster-require-full-coverage no)."""
        self.serves_in_part = serves_in_part
        coverage = ["--cluster-require-full-coverage", "no" if serves_in_part else "yes"]
        servers = start_cluster(folder, MASTERS, REPLICAS, SETTINGS + coverage, Node)
        # A worker is given some of the nodes and asks them for the rest.
        super().__init__(servers, "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers[:MASTERS]))

    def owners(self, witness=None):
        """(first slot, last slot, server), as the witness sees it, or the first node that answers."""
        for server in [witness] if witness else self.servers:
            if server.is_running():
                by_port = {node.port: node for node in self.servers}
                return [(begin, end, by_port[node[1]]) for begin, end, node, *_ in server.command("CLUSTER", "SLOTS")]
        return []

    def masters(self):
        return [server for server in self.servers if any(owner is server for _, _, owner in self.owners())]

    def owner_of(self, lane, witness=None):
        slot = slot_of(lane)
        return next((server for begin, end, server in self.owners(witness) if begin <= slot <= end), None)

    def lanes_of(self, master):
        ranges = [(begin, end) for begin, end, server in self.owners() if server is master]
        return [lane for lane in self.lanes if any(begin <= slot_of(lane) <= end for begin, end in ranges)]

    def master_instead_of(self, old, lane):
        """The node that all others say holds a lane which `old` held, or None."""
        named = {self.owner_of(lane, server) for server in self.servers if server is not old and server.is_running()}
        (found,) = named if len(named) == 1 else [None]
        return None if found in (None, old) else found

    def is_whole(self):
        """All nodes say the same and see all of it, and each replica follows its master."""
        views = set()
        for server in self.servers:
            state = server.command("CLUSTER", "INFO")
            if b"cluster_state:ok" not in state or b"cluster_slots_ok:16384" not in state:
                return False
            views.add(tuple(sorted((begin, end, owner.port) for begin, end, owner in self.owners(server))))
        masters = {port for _, _, port in next(iter(views))}
        return len(views) == 1 and len(masters) == MASTERS and all(
            self.is_following(server) for server in self.servers if server.port not in masters)

    def __str__(self):
        return f"Redis Cluster of {MASTERS} masters, which {'serves in part' if self.serves_in_part else 'wants all slots'}"
