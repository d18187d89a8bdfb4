"""A Redis client of a hundred lines: what the proof asks of Redis goes through no code of the product."""

import select
import socket


class RespError(Exception):
    """An error answer of the server."""


class Connection:
    """One connection. Every call has a deadline; an OSError means that the connection is gone."""

    def __init__(self, port, host="127.0.0.1", timeout=30.0):
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._at = 0

    def close(self):
        self._socket.close()

    def is_ended(self):
        """Whether the server has closed it, where nothing is awaited."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def call(self, *arguments):
        """Sends one command; returns its answer, raises RespError for an error."""
        answer = self.pipeline([arguments])[0]
        if isinstance(answer, RespError):
            raise answer
        return answer

    def pipeline(self, commands):
        """Sends all, then reads all answers; errors stand among them as RespError values."""
        self._socket.sendall(b"".join(encode(command) for command in commands))
        return [self._read() for _ in commands]

    def stream(self, commands, answered):
        """Like pipeline, but calls answered(index, answer) for each as it comes: what came before a loss is known."""
        self._socket.sendall(b"".join(encode(command) for command in commands))
        for index in range(len(commands)):
            answered(index, self._read())

    def _fill(self):
        more = self._socket.recv(1 << 16)
        if not more:
            raise ConnectionResetError("Redis closed the connection")
        self._buffer = self._buffer[self._at:] + more
        self._at = 0

    def _line(self):
        while True:
            end = self._buffer.find(b"\r\n", self._at)
            if end >= 0:
                line = self._buffer[self._at:end]
                self._at = end + 2
                return line
            self._fill()

    def _bytes(self, count):
        while len(self._buffer) - self._at < count + 2:
            self._fill()
        data = self._buffer[self._at:self._at + count]
        self._at += count + 2
        return data

    def _read(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RespError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._bytes(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self._read() for _ in range(int(rest))]
        raise RespError(f"cannot read an answer that begins with {line[:20]!r}")


def encode(arguments):
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        data = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def pairs(flat):
    """A flat list of names and values as a dict with text names."""
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def entry_id(data):
    """An id as two numbers, which is how ids compare."""
    ms, _, no = (data.decode() if isinstance(data, bytes) else data).partition("-")
    return int(ms), int(no or 0)
