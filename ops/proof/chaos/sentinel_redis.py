"""A master, two replicas, and three Sentinels that make one of these the master when it dies."""

import os
import subprocess

from chaos.redis_site import Node
from chaos.replicated_redis import ReplicatedRedis
from resp import Connection, RespError, pairs
from routing import SENTINEL_SECONDS, master_named_by
from servers import die_with_parent, free_port, program, wait_for

SERVICE = "lanes"
REPLICAS, SENTINELS = 2, 3
# Taken for dead after this; a failover then takes a second or two.
DOWN_AFTER_MILLISECONDS = 1500
# Without persistence, for a replica gets everything anew. Replicas are served at once, without waiting for more of them.
SETTINGS = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]


class Sentinel:
    def __init__(self, folder, master_port):
        os.makedirs(folder)
        self.port = free_port()
        path = f"{folder}/sentinel.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""port {self.port}
bind 127.0.0.1
dir {folder}
sentinel announce-ip 127.0.0.1
sentinel monitor {SERVICE} 127.0.0.1 {master_port} 2
sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MILLISECONDS}
sentinel failover-timeout {SERVICE} 3000
sentinel parallel-syncs {SERVICE} 2
""")
        with open(f"{folder}/sentinel.log", "ab") as log:
            self._process = subprocess.Popen(
                [program("redis-server", "valkey-server"), path, "--sentinel"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def call(self, *command):
        connection = Connection(self.port, timeout=SENTINEL_SECONDS)
        try:
            return connection.call(*command)
        finally:
            connection.close()

    def knows_all(self):
        try:
            about = pairs(self.call("SENTINEL", "MASTER", SERVICE))
        except (OSError, RespError):
            return False
        return (about["flags"], about["num-slaves"], about["num-other-sentinels"]) == (b"master", b"%d" % REPLICAS, b"%d" % (SENTINELS - 1))

    def named_master(self):
        try:
            return master_named_by(self.port, SERVICE)
        except (OSError, RespError):
            return None

    def close(self):
        self._process.kill()
        self._process.wait()


class SentinelRedis(ReplicatedRedis):
    def __init__(self, folder):
        servers = [Node(f"{folder}/redis-{n}", SETTINGS) for n in range(1 + REPLICAS)]
        for replica in servers[1:]:
            replica.command("REPLICAOF", "127.0.0.1", servers[0].port)
        # Sentinels ask for replicas when they begin, and then every ten seconds only.
        wait_for("the master has its replicas", 30, lambda: servers[0].info("replication")["connected_slaves"] == str(REPLICAS))
        self.sentinels = [Sentinel(f"{folder}/sentinel-{n}", servers[0].port) for n in range(SENTINELS)]
        wait_for("the Sentinels know all", 60, lambda: all(sentinel.knows_all() for sentinel in self.sentinels))
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        super().__init__(servers, f"redis+sentinel://{hosts}/{SERVICE}/0")

    def masters(self):
        """The one that the Sentinels name; none while they do not agree."""
        named = {sentinel.named_master() for sentinel in self.sentinels}
        return [server for server in self.servers if named == {server.port}]

    def lanes_of(self, master):
        return self.lanes

    def master_instead_of(self, old):
        """Another that all Sentinels name and that takes writes, or None."""
        (found,) = self.masters() or [None]
        if found in (None, old) or found.info("replication")["role"] != "master":
            return None
        return found

    def ask_for_failover(self, rng):
        rng.choice(self.sentinels).call("SENTINEL", "FAILOVER", SERVICE)

    def is_whole(self):
        """All replicas follow the one master."""
        masters = self.masters()
        return bool(masters) and all(server is masters[0] or self.is_following(server) for server in self.servers)

    def close(self):
        for sentinel in self.sentinels:
            sentinel.close()
        super().close()

    def __str__(self):
        return f"Redis with {REPLICAS} replicas and {SENTINELS} Sentinels"
