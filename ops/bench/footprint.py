"""What changes take up: in Redis, in Postgres' tables and indexes, in its WAL, and on the wire."""

import re
import subprocess

from backlog import Backlog
from ground import Ground, Result
from redis_nodes import Nodes
from servers import program


class Footprint:
    """From here on, until `left` is asked. Everything per change."""

    def __init__(self, ground: Ground, nodes: Nodes) -> None:
        self._ground = ground
        self._nodes = nodes
        self._wal = self._written()
        self._sent = nodes.info("stats", ("total_net_output_bytes",))

    def _written(self) -> int:
        return int(self._ground.psql.value("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"))

    def left(self, backlog: Backlog) -> Result:
        """Bytes a change, and table by table."""
        changes = len(backlog.load)
        wal, sent = self._written() - self._wal, self._nodes.info("stats", ("total_net_output_bytes",)) - self._sent
        tables = self._ground.psql.query(
            "select relname, n, pg_table_size(oid), pg_indexes_size(oid) from pg_class, lateral (select (xpath('/row/n/text()', "
            "query_to_xml('select count(*) as n from tidemark.' || relname, false, true, '')))[1]::text::bigint as n) as counted "
            "where relnamespace = 'tidemark'::regnamespace and relkind = 'r' order by pg_total_relation_size(oid) desc limit 7")
        sizes = {name: {"rows": int(rows) / changes, "table": int(table) / changes, "indexes": int(indexes) / changes}
                 for name, rows, table, indexes in tables if int(rows) / changes > 0.001}
        return {
            "entry": backlog.load.entry_bytes(), "redis_memory": backlog.memory() / changes, "redis_sent": sent / changes,
            "postgres_received": self._received() / changes, "wal": wal / changes, "tables": sizes}

    def _received(self) -> int:
        """What clients sent over the connections that are open; the worker's are by far the most of it."""
        sockets = subprocess.run(
            [program("ss"), "-tinOH", "state", "established", f"( dport = :{self._ground.postgres.port} )"], check=True, text=True,
            stdout=subprocess.PIPE).stdout
        return sum(map(int, re.findall(r"bytes_sent:(\d+)", sockets)))
