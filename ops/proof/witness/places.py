"""Where the servers are: a JSON file with the URL of Redis, the ports of Postgres and the lanes' number, which the run may rewrite."""

import json

from pgwire import PostgresConnection, PostgresError
from routing import open_router


class Places:
    """For one thread: each keeps connections of its own."""

    def __init__(self, path, name="witness"):
        self._path, self._name = path, name
        with open(path, encoding="utf-8") as file:
            about = json.load(file)
        self.redis = open_router(about["redis"], timeout=about.get("timeout", 10.0), name=name)
        self._ports = about["postgres"]
        self._postgres = None

    def query(self, sql):
        """The rows; OSError or PostgresError when nobody answers. A standby answers nothing here."""
        if self._postgres is None:
            self._postgres = self._open()
        try:
            return self._postgres.query(sql)
        except (OSError, PostgresError):
            self._postgres.close()
            self._postgres = None
            raise

    def _open(self):
        with open(self._path, encoding="utf-8") as file:
            self._ports = json.load(file)["postgres"]
        problem = OSError("no port of Postgres is known")
        for port in self._ports:
            try:
                connection = PostgresConnection(port, timeout=60.0)
                if connection.query("select pg_is_in_recovery()")[0][0] == "f":
                    return connection
                connection.close()
                problem = OSError("only standbys answer")
            except (OSError, PostgresError) as error:
                problem = error
        raise problem
