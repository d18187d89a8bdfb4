#!/usr/bin/env python3
"""The bytes that one session needs in Postgres: Tidemark beside LangGraph's AsyncPostgresSaver, which writes the same conversation, for more and
more turns. A turn is a user's message, a tool call with its result, and the answer.

Needs `pip install langgraph langgraph-checkpoint-postgres "psycopg[binary]"` in the Python that runs it; without them only Tidemark is measured.
Starts its own Redis and Postgres. See ops/sizing.md.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops" / "proof"))

from hot.calls import fcall  # noqa: E402
from resp import RespError  # noqa: E402
from servers import Postgres, Redis, Worker, find_binary, say, wait_for  # noqa: E402

WORDS = "the report figures quarter of third causes please summarise and send its with more detail about a plan costs rise market".split()


class Turn:
    """One turn's texts; equal for both programs."""

    def __init__(self, number: int) -> None:
        rng = random.Random(number)
        self.number = number
        self.question, self.answer = (" ".join(rng.choices(WORDS, k=count)) for count in (20, 60))
        self.arguments = {"query": " ".join(rng.choices(WORDS, k=4)), "limit": 10}
        self.result = {"found": rng.randrange(100), "text": " ".join(rng.choices(WORDS, k=40))}
        self.call_id = f"call_{rng.getrandbits(96):024x}"
        self.message_ids = [f"{rng.getrandbits(128):032x}" for _ in range(4)]

    @property
    def size(self) -> int:
        """The bytes of its texts."""
        return len(self.question) + len(self.answer) + len(json.dumps(self.arguments)) + len(json.dumps(self.result))


def sizes(postgres: Postgres, schema: str) -> tuple[int, int]:
    """The bytes of all tables, indexes and TOAST of a schema, and those written to the WAL so far."""
    found = postgres.query(
        f"select coalesce(sum(pg_total_relation_size(oid)), 0) || ' ' || pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint from pg_class "
        f"where relnamespace = '{schema}'::regnamespace and relkind in ('r', 'p')", admin=True, database="tidemark")
    disk, wal = found[0].split()
    return int(disk), int(wal)


def tidemark(folder: str, options: argparse.Namespace, turns: int) -> dict[str, float]:
    redis, postgres = Redis(f"{folder}/redis"), Postgres(f"{folder}/postgres")
    worker = Worker(find_binary(options.binary), folder, {
        "TIDEMARK_REDIS_URL": redis.url, "TIDEMARK_POSTGRES_URL": postgres.url, "TIDEMARK_HTTP_LISTEN": "off", "TIDEMARK_STATE_PARTITIONS": "4"})
    try:
        if worker.command("migrate").returncode:
            raise SystemExit("tidemark migrate failed")
        worker.start()
        written = lambda: int(postgres.query("select count(*) from tidemark.changes")[0])  # noqa: E731
        append(redis, "other", [("session.started", {})])
        wait_for("the worker commits", 60, lambda: written() == 1)
        disk, wal = sizes(postgres, "tidemark")
        start, changes = time.perf_counter(), 2
        append(redis, "thread", [("session.started", {"agent": "bench"})])
        for number in range(turns):
            turn = Turn(number)
            append(redis, "thread", [("message.appended", {"role": "user", "content": turn.question, "message_id": turn.message_ids[0]})])
            append(redis, "thread", [("tool.started", {"call_id": turn.call_id, "tool": "search", "arguments": json.dumps(turn.arguments)})])
            append(redis, "thread", [
                ("tool.finished", {"call_id": turn.call_id, "status": "ok", "result": json.dumps(turn.result)}),
                ("message.appended", {"role": "assistant", "content": turn.answer, "message_id": turn.message_ids[3]})])
            changes += 4
        wait_for("everything is committed", 60, lambda: written() == changes)
        seconds = time.perf_counter() - start
        now = sizes(postgres, "tidemark")
        snapshots = int(postgres.query("select pg_total_relation_size('tidemark.snapshots')")[0])
        return {"disk": now[0] - disk, "wal": now[1] - wal, "seconds": seconds, "snapshots": snapshots}
    finally:
        for server in (worker, redis, postgres):
            server.close()


def append(redis: Redis, session: str, changes: list[tuple[str, dict[str, str]]]) -> None:
    words = []
    for kind, fields in changes:
        words += [kind, str(len(fields)), *(part for pair in fields.items() for part in pair)]
    answer = redis.connection.pipeline([fcall("append_all", session, "-", str(len(changes)), *words)])[0]
    if isinstance(answer, RespError):
        raise SystemExit(str(answer))


def langgraph(folder: str, turns: int, durability: str) -> dict[str, float]:
    """A graph of a model and a tool, as LangGraph's own examples have it; each turn is one run of it."""
    postgres = Postgres(f"{folder}/postgres")
    try:
        return asyncio.run(converse(postgres, turns, durability))
    finally:
        postgres.close()


async def converse(postgres: Postgres, turns: int, durability: str) -> dict[str, float]:
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.graph import END, START, MessagesState, StateGraph

    turn = Turn(0)

    async def model(state: MessagesState) -> dict:
        if isinstance(state["messages"][-1], HumanMessage):
            call = {"name": "search", "args": turn.arguments, "id": turn.call_id, "type": "tool_call"}
            return {"messages": [AIMessage(content="", tool_calls=[call], id=turn.message_ids[1])]}
        return {"messages": [AIMessage(content=turn.answer, id=turn.message_ids[3])]}

    async def tools(state: MessagesState) -> dict:
        return {"messages": [ToolMessage(content=json.dumps(turn.result), tool_call_id=turn.call_id, id=turn.message_ids[2])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    graph.add_node("tools", tools)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END, ["tools", END])
    graph.add_edge("tools", "model")
    async with AsyncPostgresSaver.from_conn_string(postgres.url) as saver:
        await saver.setup()
        app = graph.compile(checkpointer=saver)
        disk, wal = sizes(postgres, "public")
        start = time.perf_counter()
        for number in range(turns):
            turn = Turn(number)
            await app.ainvoke(
                {"messages": [HumanMessage(content=turn.question, id=turn.message_ids[0])]}, {"configurable": {"thread_id": "thread"}},
                durability=durability)
        seconds = time.perf_counter() - start
        now = sizes(postgres, "public")
        return {"disk": now[0] - disk, "wal": now[1] - wal, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--turns", type=int, nargs="+", default=[250, 500, 1_000])
    parser.add_argument("--durability", default="async", choices=["sync", "async", "exit"], help="LangGraph's (default %(default)s)")
    options = parser.parse_args()
    try:
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("langgraph", "langgraph-checkpoint-postgres"))
    except importlib.metadata.PackageNotFoundError:
        versions = ""
        say("LangGraph is not installed in this Python: only Tidemark is measured")
    print("| turns | texts, KB | Tidemark, MB | WAL, MB | times the texts | LangGraph, MB | WAL, MB | times the texts | LangGraph / Tidemark |")
    print("|---|---|---|---|---|---|---|---|---|")
    for turns in options.turns:
        texts = sum(Turn(number).size for number in range(turns))
        cells = [f"{turns:,}", f"{texts / 1e3:,.0f}"]
        found = {}
        for name, measure in (("tidemark", lambda folder: tidemark(folder, options, turns)),
                              ("langgraph", lambda folder: langgraph(folder, turns, options.durability))):
            if name == "langgraph" and not versions:
                continue
            say(f"{name}, {turns} turns")
            with tempfile.TemporaryDirectory(prefix="tidemark-conversation-") as folder:
                os.chmod(folder, 0o711)
                one = found[name] = measure(folder)
            say(f"  {json.dumps(one)}")
            cells += [f"{one['disk'] / 1e6:,.2f}", f"{one['wal'] / 1e6:,.2f}", f"{one['disk'] / texts:,.1f}"]
        if len(found) == 2:
            cells.append(f"{found['langgraph']['disk'] / found['tidemark']['disk']:,.0f}")
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\n{versions}; durability {options.durability}." if versions else "")


if __name__ == "__main__":
    main()
