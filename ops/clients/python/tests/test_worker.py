"""From an agent in Python through a real worker into PostgreSQL, and back."""

from __future__ import annotations

import json
import unittest
from typing import Any

from support import WorkerCase
from test_agreement import SEED, Inputs
from tidemark_client import Invalid
from tidemark_client.entry import make
from tidemark_client.identity import Lane, partition


def lane_of(session: Any) -> Lane:
    return Lane("tidemark", partition(session.id, 16), session.id)


class WithWorker(WorkerCase):
    def test_what_the_barrier_confirmed_is_in_postgres(self) -> None:
        session = self.tidemark.session("s1")
        session.start(agent="planner", title="T", meta={"a": [1, None]})
        with session.turn() as turn:
            turn.message("user", "hello \u2603", message_id="m1")
            turn.set("goal", {"to": "Oslo"}, kind="goal")
        with session.call("search", {"q": 1}, durable=True) as call:
            (state,) = self.query("select tidemark.state('s1')")
            self.assertEqual(json.loads(state)["open_calls"][0]["call_id"], call.call_id)
            call.finish([1, 2])
        session.barrier(60)
        (state,) = self.query("select tidemark.state('s1')")
        known = json.loads(state)
        self.assertEqual(known["session"], {"status": "active", "agent": "planner", "title": "T", "meta": {"a": [1, None]}})
        self.assertEqual(known["context"], {"goal": {"kind": "goal", "value": {"to": "Oslo"}}})
        self.assertEqual(known["messages"]["last"], turn.changes[0].entry_id)
        self.assertEqual(
            self.query("select string_agg(seq::text, ' ' order by no) from tidemark.changes where session_id = 's1'"), ["1 2 3 4 5"])

    def test_a_session_that_left_redis_comes_back(self) -> None:
        session = self.tidemark.session("away")
        session.start(agent="planner", title="T", meta={"a": 1.50})
        session.message("user", "hello", message_id="m1", meta={"n": 1})
        session.set("goal", {"to": "Oslo"}, kind="goal")
        session.tool_started("c1", "book", {"train": 1}, idempotency_key="k1")
        before = session.load(timeout=60)
        session.barrier(60)
        self.redis.delete(*lane_of(session).keys[2:])
        state = session.load(timeout=60)
        self.assertEqual((state.agent, state.title, dict(state.meta)), ("planner", "T", {"a": 1.5}))
        self.assertEqual((dict(state.context), state.context.kind("goal")), (dict(before.context), "goal"))
        self.assertEqual([message.fields["content"] for message in state.messages], ["hello"])
        self.assertEqual([message.entry_id for message in state.messages], [message.entry_id for message in before.messages])
        self.assertEqual([(call.call_id, call.idempotency_key, call.arguments) for call in state.open_calls], [("c1", "k1", {"train": 1})])
        change = session.set("step", 1)
        change.barrier(60)
        # Redis had lost the session, so a new numbering begins: no pair of epoch and seq is used twice.
        self.assertGreater((change.epoch, change.seq), (before.epoch, before.seq))

    def test_a_fork_begins_with_the_state_at_an_entry(self) -> None:
        session = self.tidemark.session("original")
        session.start(agent="planner")
        point = session.message("user", "hello")
        session.set("later", 1)
        fork = self.tidemark.session(session.fork(at=point.entry_id, timeout=60))
        state = fork.load(timeout=60)
        self.assertEqual((state.agent, state.parent, dict(state.context)), ("planner", "original", {}))
        self.assertEqual([message.fields["content"] for message in state.messages], ["hello"])
        self.assertEqual(dict(self.tidemark.session(session.fork("fork-of-all", timeout=60)).load(timeout=60).context), {"later": 1})
        self.assertEqual(session.load(timeout=60).seq, 3)

    def test_the_worker_accepts_what_the_client_accepts(self) -> None:
        session = self.tidemark.session("random")
        session.start()
        inputs, sent = Inputs(SEED), 0
        while sent < 1_000:
            type_name, values, envelope = inputs.change()
            # Ids and times that only Redis can judge are left to the comparison with the function.
            envelope = {name: value for name, value in envelope.items() if name not in ("ts", "event_id")}
            try:
                session._take(make(type_name, "random", values, envelope))
                sent += 1
            except Invalid:
                continue
        session.barrier(120)
        self.assertEqual(self.query("select reason || ': ' || detail from tidemark.dead_letters"), [])


if __name__ == "__main__":
    unittest.main()
