"""What a Redis with Sentinels and a Cluster have in common: a master has replicas, and one of them may take its place."""

from chaos.redis_site import RedisSite
from servers import wait_for

# What a replica says to its master: a master that wants no password refuses one.
NO_LINK, LINK = "refused", ""


class ReplicatedRedis(RedisSite):
    def __init__(self, servers, url):
        super().__init__(servers, url)
        self._expected = set()
        self.expect_masters()

    def replicas_of(self, master):
        """Those that run and follow it."""
        found = []
        for server in self.servers:
            if server is not master and server.is_running():
                about = server.info("replication")
                if about["role"] == "slave" and int(about["master_port"]) == master.port:
                    found.append(server)
        return found

    def in_step(self, master, copies):
        """The entries of the master's lanes that so many replicas have. All that was removed before is removed there, too."""
        entries = master.entries(self.lanes_of(master))
        offset = int(master.info("replication")["master_repl_offset"])

        def have_it():
            told = [replica.info("replication") for replica in self.replicas_of(master)]
            return copies == sum(about["master_link_status"] == "up" and int(about["slave_repl_offset"]) >= offset for about in told)

        wait_for("the replicas are in step", 20, have_it)
        return entries

    def hold_replication(self, master):
        """Nothing that the master takes from here on arrives at a replica. Sentinels and other nodes see nothing of it."""
        for replica in self.replicas_of(master):
            replica.ask("CONFIG", "SET", "masterauth", NO_LINK)
            replica.ask("CLIENT", "KILL", "TYPE", "master")

    def let_replicate(self):
        for server in self.servers:
            if server.is_running():
                server.ask("CONFIG", "SET", "masterauth", LINK)

    def is_following(self, server):
        about = server.info("replication")
        return about["role"] == "slave" and about["master_link_status"] == "up"

    def expect_masters(self):
        self._expected = {master.port for master in self.masters()}

    def check_masters(self):
        found = {master.port for master in self.masters()}
        if found != self._expected:
            raise RuntimeError(f"a failover that no fault made: the masters were {self._expected} and are {found}")
