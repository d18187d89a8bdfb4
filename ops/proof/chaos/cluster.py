"""A Postgres primary and its streaming standby, which may change places."""

import ctypes
import errno
import os
import shutil
import signal
import subprocess


from pgwire import PostgresConnection, PostgresError
from servers import Postgres, wait_for

MEBIBYTE = 1 << 20
# Enough for half an hour of the usual load; a standby that was held up finds the WAL that it lacks.
TMPFS_BYTES = 2048 * MEBIBYTE
SETTINGS = ["wal_keep_size=512MB", "max_wal_size=256MB", "hot_standby_feedback=on", "wal_receiver_status_interval=1s"]


def take_mounts_along():
    """Gives this process mounts of its own, which end with it. False where it may not have any."""
    clone_new_namespace, recursive, private = 0x20000, 0x4000, 0x40000
    library = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or library.unshare(clone_new_namespace) != 0:
        return False
    return library.mount(b"none", b"/", None, recursive | private, None) == 0


class Node(Postgres):
    """One of the two servers. With a source it begins as that one's copy; on a small disk of its own it can run full."""

    def __init__(self, folder, source=None, small_disk=False):
        self._source = source
        self._small_disk = small_disk
        super().__init__(folder, SETTINGS)

    def _create(self):
        if self._small_disk:
            owner = f",uid={self._user['user']},gid={self._user['group']}" if self._user else ""
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES},mode=0700{owner}", "tidemark-chaos", self._folder], check=True)
        if self._source:
            self.follow(self._source)
        else:
            super()._create()

    def follow(self, primary):
        """Becomes a standby, from a new copy of the primary."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run_program(
            "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", f"host=127.0.0.1 port={primary.port} user=postgres")
        self.start()

    def promote(self):
        self.run_program("pg_ctl", "-D", self.data, "-w", "promote")
        wait_for("the standby takes writes", 60, lambda: self.query("select pg_is_in_recovery()", admin=True, quiet=True) == ["f"])

    def wal_receiver(self):
        """The process that takes what the primary sends; None while there is none."""
        found = self.query("select pid from pg_stat_wal_receiver where pid is not null", admin=True)
        return int(found[0]) if found else None

    def terminate_workers(self):
        """Ends every backend of the workers' role; returns how many."""
        ended = self.query(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'tidemark' and application_name = 'tidemark'",
            admin=True)
        return int(ended[0])

    def fill_disk(self):
        """Takes all the space there is; returns the file that holds it."""
        path, at, step = f"{self._folder}/ballast", 0, TMPFS_BYTES
        with open(path, "wb") as file:
            # Postgres takes space at the same time.
            while step >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), at, step)
                    at += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
        return path

    def close(self):
        super().close()
        if self._small_disk:
            subprocess.run(["umount", "--lazy", self._folder], check=False)

    @property
    def _copy(self):
        return f"{self._folder}/copy"

    def copy_data(self):
        """What a snapshot of its disk has, taken while it is down."""
        self.drop_copy()
        subprocess.run(["cp", "-a", self.data, self._copy], check=True)

    def restore_data(self):
        """Within moments: the copy takes the place of what there was."""
        os.rename(self.data, f"{self._folder}/given-up")
        os.rename(self._copy, self.data)
        shutil.rmtree(f"{self._folder}/given-up")

    def drop_copy(self):
        shutil.rmtree(self._copy, ignore_errors=True)

    def crash(self):
        """SIGQUIT to the postmaster, which is what `-m immediate` sends, without waiting for more than its end."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()


class Cluster:
    def __init__(self, folder, with_standby, small_disk):
        self.nodes = [Node(f"{folder}/postgres-1", small_disk=small_disk)]
        if with_standby:
            self.nodes.append(Node(f"{folder}/postgres-2", source=self.nodes[0], small_disk=small_disk))
        self.primary = self.nodes[0]
        self.has_small_disk = small_disk
        self._connection = None

    @property
    def standby(self):
        return next((node for node in self.nodes if node is not self.primary and node.is_running()), None)

    def is_following(self):
        """Whether the standby is there and has what the primary has, nearly."""
        try:
            lag = self.ask("select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 1e9) from pg_stat_replication", "postgres")
            return float(lag[0][0]) < 4 * MEBIBYTE
        except (OSError, PostgresError):
            return False

    def promote_standby(self):
        """The standby takes the place of the primary, which is gone; `rebuild` makes a new standby of that."""
        standby = self.standby
        standby.promote()
        self.primary = standby

    def rebuild(self):
        for node in self.nodes:
            if node is not self.primary:
                if node.is_running():
                    node.crash()
                node.follow(self.primary)

    def ask(self, sql, user="tidemark"):
        """On the primary, over a connection that is kept; raises OSError or PostgresError."""
        key = (self.primary.port, self.primary.pid, user)
        if self._connection is None or self._connection[0] != key:
            self._connection = (key, PostgresConnection(self.primary.port, user=user))
        try:
            return self._connection[1].query(sql)
        except OSError:
            self._connection = None
            raise

    def query(self, sql):
        """Lines of the primary's answer, as the comparison wants them."""
        return self.primary.query(sql)

    def close(self):
        for node in self.nodes:
            node.close()


