"""A PostgreSQL client of a hundred lines, for what the proofs ask often: simple queries, no password, values as text."""

import socket
import struct


class PostgresError(Exception):
    """An error answer of the server."""


class PostgresConnection:
    """One connection. Every call has a deadline; an OSError means that the connection is gone."""

    def __init__(self, port, user="tidemark", database="tidemark", timeout=30.0):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        try:
            self._start(user, database)
        except BaseException:
            self._socket.close()
            raise

    def close(self):
        self._socket.close()

    def query(self, sql):
        """The rows of the last statement that has any, each a list of texts and None."""
        text = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        rows, failure = [], None
        while True:
            kind, body = self._message()
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(fields(body))
            elif kind == b"E":
                failure = error_text(body)
            elif kind == b"Z":
                if failure:
                    raise PostgresError(failure)
                return rows

    def _start(self, user, database):
        names = "".join(f"{name}\0{value}\0" for name, value in (("user", user), ("database", database), ("client_encoding", "UTF8")))
        body = struct.pack("!i", 196608) + names.encode() + b"\0"
        self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
        while True:
            kind, body = self._message()
            if kind == b"E":
                raise PostgresError(error_text(body))
            if kind == b"R" and struct.unpack("!i", body[:4])[0] != 0:
                raise PostgresError("the server wants a password")
            if kind == b"Z":
                return

    def _message(self):
        head = self._bytes(5)
        return head[:1], self._bytes(struct.unpack("!i", head[1:])[0] - 4)

    def _bytes(self, count):
        while len(self._buffer) < count:
            more = self._socket.recv(1 << 16)
            if not more:
                raise ConnectionResetError("Postgres closed the connection")
            self._buffer += more
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data


def fields(body):
    values, at = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        length = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        values.append(None if length < 0 else body[at:at + length].decode())
        at += max(0, length)
    return values


def error_text(body):
    parts = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return f"{parts.get(b'C', '')} {parts.get(b'M', '')}"
