"""PgBouncer between a worker and Postgres."""

import os
import shutil
import subprocess

from servers import die_with_parent, free_port, plain_user, wait_for
from pgwire import PostgresConnection, PostgresError


def find_pgbouncer():
    return shutil.which("pgbouncer") or next((path for path in ("/usr/sbin/pgbouncer",) if os.access(path, os.X_OK)), None)


class Pooler:
    """`mode` is its pool_mode. Like Postgres it does not run as root."""

    def __init__(self, folder, mode, postgres_port):
        self.port = free_port()
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        for name, text in (("users.txt", '"tidemark" ""\n'), ("pgbouncer.ini", f"""[databases]
* = host=127.0.0.1 port={postgres_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = 5
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
""")):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        with open(f"{folder}/pgbouncer.log", "ab") as log:
            self._process = subprocess.Popen(
                [find_pgbouncer(), f"{folder}/pgbouncer.ini"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                preexec_fn=die_with_parent, **plain_user())
        wait_for("PgBouncer answers", 20, self._answers)

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"PgBouncer ended with {self._process.returncode}")
        try:
            PostgresConnection(self.port, timeout=2).close()
            return True
        except (OSError, PostgresError):
            return False

    def close(self):
        self._process.kill()
        self._process.wait()
