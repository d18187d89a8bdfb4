"""The decisions without a server: the test plays the connection and looks at the requests."""

from __future__ import annotations

import unittest
from typing import Any, List, Tuple

from redis import exceptions as redis_errors

from tidemark_client import Cold, Conflict, EventIdConflict, NotInTime
from tidemark_client.barrier import Barrier
from tidemark_client.entry import make
from tidemark_client.identity import Lane, library_name, partition, position
from tidemark_client.installation import Installation
from tidemark_client.session import ChangeCore, SessionCore
from tidemark_client.steps import Command, NextMessage, Pause, Subscribe

LANE = Lane("tidemark", 1, "s")


class Played(unittest.TestCase):
    """Runs steps against a script: pairs of the expected kind of request, and the answer or the error."""

    def setUp(self) -> None:
        self.now = 0.0
        self.installation = Installation("tidemark", retry_for=10, restore_timeout=10, clock=lambda: self.now)

    def play(self, steps: Any, script: List[Tuple[type, Any]]) -> Any:
        self.requests: List[Any] = []
        answer: Any = None
        try:
            for kind, reply in [*script, (type(None), None)]:
                request = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
                self.requests.append(request)
                self.assertIsInstance(request, kind, f"request {len(self.requests)}: {request}")
                if isinstance(request, Pause):
                    self.now += request.seconds
                if isinstance(request, NextMessage) and reply is None:
                    self.now += request.within
                answer = reply
        except StopIteration as end:
            self.assertEqual(len(self.requests), len(script))
            return end.value

    def durable(self, *script: Tuple[type, Any], timeout: float = 10) -> None:
        self.play(Barrier(self.installation, LANE, "s", timeout).wait(["5-0"]), list(script))

    def test_the_barrier_asks_again_after_it_has_subscribed(self) -> None:
        self.durable((Command, 0), (Subscribe, None), (Command, 1))

    def test_the_barrier_asks_only_when_a_mark_reaches_the_entry(self) -> None:
        self.durable((Command, 0), (Subscribe, None), (Command, 0), (NextMessage, "4-9"), (NextMessage, "10-0"), (Command, 1))
        self.assertEqual(self.requests[1].channel, "tidemark:{1}:durable")

    def test_the_barrier_asks_at_a_slow_interval_and_after_a_new_connection(self) -> None:
        self.durable((Command, 0), (Subscribe, None), (Command, 0), (NextMessage, None), (Command, 0), (NextMessage, ""), (Command, 1))

    def test_the_barrier_subscribes_again_after_a_lost_connection(self) -> None:
        lost = redis_errors.ConnectionError("lost")
        self.durable(
            (Command, 0), (Subscribe, None), (Command, 0), (NextMessage, lost), (Pause, None), (Command, 0), (Subscribe, None), (Command, 1))

    def test_the_barrier_ends_at_its_deadline(self) -> None:
        with self.assertRaises(NotInTime):
            self.durable((Command, 0), (Subscribe, None), (Command, 0), (NextMessage, None), (Command, 0), (NextMessage, None), (Command, 0), timeout=1.5)
        self.assertAlmostEqual(self.now, 1.5)

    def test_a_command_is_repeated_with_growing_delays_until_the_deadline(self) -> None:
        lost = redis_errors.TimeoutError("no answer")
        self.assertEqual(
            self.play(self.installation.send(Command("k", ("GET", "k"))), [(Command, lost), (Pause, None), (Command, lost), (Pause, None), (Command, 7)]), 7)
        steps = self.installation.send(Command("k", ("GET", "k")))
        with self.assertRaises(redis_errors.TimeoutError):
            self.play(steps, [(Command, lost), (Pause, None)] * 100)
        self.assertLessEqual(self.now, 20)

    def test_what_does_not_pass_by_itself_is_not_repeated(self) -> None:
        for error in (redis_errors.AuthenticationError("wrong password"), redis_errors.NoPermissionError("no right")):
            with self.assertRaises(type(error)):
                self.play(self.installation.send(Command("k", ("GET", "k"))), [(Command, error)])

    def test_a_repeated_append_carries_the_same_event_id(self) -> None:
        session = self.session()
        entry = make("context.set", "s", {"key": "k", "value": 1}, {})
        script: List[Tuple[type, Any]] = [
            (Command, "4"), (Command, redis_errors.ConnectionError("lost")), (Pause, None), (Command, [1, 2, b"5-0"])]
        change = self.play(session._write_one(entry), script)
        self.assertEqual(self.requests[1], self.requests[3])
        self.assertIn(entry.event_id.encode(), self.requests[1].words)
        self.assertEqual((change.seq, change.epoch, change.entry_id, change.event_id), (1, 2, "5-0", entry.event_id))

    def test_a_cold_session_is_asked_for_once_while_it_is_waited_for(self) -> None:
        cold = redis_errors.ResponseError("COLD s")
        script: List[Tuple[type, Any]] = [
            (Command, "4"), (Command, cold), (Command, "1-0"), (Pause, None), (Command, cold), (Pause, None), (Command, [1, 2, "5-0"])]
        self.play(self.session()._write_one(make("messages.cleared", "s", {}, {})), script)
        self.assertEqual(
            self.requests[2].words, ("XADD", f"tidemark:{{{partition('s', 4)}}}:requests", "*", "op", "restore", "session", "s"))

    def test_the_barrier_of_a_session_leaves_out_what_may_be_trimmed(self) -> None:
        session = self.session()
        for entry_id in ("1000-0", "2000-0", "602000-0", "602000-1"):
            session._unconfirmed.append(entry_id)
        self.assertEqual(session._covered(), ["2000-0", "602000-0", "602000-1"])

    def test_refusals_become_errors_of_their_own(self) -> None:
        for text, error in (("CONFLICT 7", Conflict), ("CONFLICT event_id", EventIdConflict), ("COLD s", Cold)):
            with self.assertRaises(error):
                self.play(self.installation.call(LANE, "load", "s"), [(Command, redis_errors.ResponseError(text))])
        with self.assertRaises(redis_errors.ResponseError):
            self.play(self.installation.call(LANE, "load", "s"), [(Command, redis_errors.ResponseError("BUSY Redis is busy running a script"))])

    def test_names_follow_the_prefix_and_the_session(self) -> None:
        self.assertEqual(
            Lane("p:x", 3, "s:{1}").keys,
            (
                "p:x:{3}:changes", "p:x:{3}:lane", "p:x:{3}:session:s:{1}", "p:x:{3}:context:s:{1}", "p:x:{3}:messages:s:{1}",
                "p:x:{3}:tools:s:{1}", "p:x:{3}:ids:s:{1}",
            ))
        self.assertEqual(library_name("p:x-\u00e9"), "p_x___")
        self.assertEqual(partition("123456789", 1 << 16), 0x31C3)
        self.assertLess(position("9-10"), position("10-9"))
        for prefix in ("", "a{b}", "a b", "a*"):
            with self.assertRaises(ValueError):
                Installation(prefix, 1, 1)

    def session(self) -> Any:
        class Session(SessionCore[Any, Any, Any]):
            _change_class = ChangeCore

        return Session(self.installation, "s")


if __name__ == "__main__":
    unittest.main()
