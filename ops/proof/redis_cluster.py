"""A Redis Cluster of one's own, and the slots of its keys."""

import binascii

from servers import Redis, free_port, wait_for

SLOTS = 16384


def slot_of(key):
    """Of what stands between the first braces, where anything does."""
    begin, end = key.find("{"), key.find("}", key.find("{") + 1)
    tag = key[begin + 1:end] if begin >= 0 and end > begin + 1 else key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


def start_cluster(folder, masters, replicas=0, settings=(), server=Redis):
    """A new Cluster in memory, its slots in equal ranges; the masters first, then as many replicas of each.

    Not by `redis-cli --cluster create`, which takes seconds and no port of the bus that is free.
    """
    count = masters * (1 + replicas)
    buses = [free_port() for _ in range(count)]
    common = ["--save", "", "--appendonly", "no", "--cluster-enabled", "yes", *settings, "--cluster-port"]
    servers = [server(f"{folder}/node-{n}", [*common, str(bus)]) for n, bus in enumerate(buses)]
    for n, node in enumerate(servers):
        node.connection.call("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        if n < masters:
            node.connection.call("CLUSTER", "ADDSLOTS", *range(SLOTS * n // masters, SLOTS * (n + 1) // masters))
        servers[0].connection.call("CLUSTER", "MEET", "127.0.0.1", node.port, buses[n])
    wait_for("the Cluster is whole", 30, lambda: all(is_whole(node, count) for node in servers))
    for n, node in enumerate(servers[masters:]):
        node.connection.call("CLUSTER", "REPLICATE", servers[n % masters].connection.call("CLUSTER", "MYID"))
    wait_for("the replicas have their masters", 30, lambda: all(
        b"master_link_status:up" in node.connection.call("INFO", "replication") for node in servers[masters:]))
    return servers


def is_whole(server, nodes):
    told = server.connection.call("CLUSTER", "INFO").decode()
    return "cluster_state:ok" in told and f"cluster_known_nodes:{nodes}\r" in told
