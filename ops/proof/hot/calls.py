"""The keys of a session, and the calls of the function library on the wire."""

import binascii

from resp import encode

PARTITIONS = 4


def lanes_of(partitions):
    return [f"tidemark:{{{n}}}:changes" for n in range(partitions)]


LANES = lanes_of(PARTITIONS)


def base_of(session, partitions=PARTITIONS):
    return f"tidemark:{{{binascii.crc_hqx(session.encode(), 0) % partitions}}}:"


def keys_of(session, partitions=PARTITIONS):
    base = base_of(session, partitions)
    return [base + "changes", base + "lane"] + [f"{base}{kind}:{session}" for kind in ("session", "context", "messages", "tools", "ids")]


def fcall(function, session, *arguments, partitions=PARTITIONS):
    command = "FCALL_RO" if function in ("load", "durable") else "FCALL"
    return [command, f"tidemark_{function}", "7", *keys_of(session, partitions), session, *arguments]


def answers_of(answer):
    """The answers of a call's changes: `append` gives one, `append_all` a list."""
    return [answer] if isinstance(answer[0], int) else answer


def race(connections, commands):
    """Sends each command over its connection before any answer is read."""
    for connection, command in zip(connections, commands):
        connection._socket.sendall(encode(command))
    return [connection._read() for connection in connections]
