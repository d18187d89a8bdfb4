"""What the client does with a real Redis and the function library. Each test runs with the blocking client and with that for asyncio."""

from __future__ import annotations

import threading
import unittest
from typing import Any, List

from support import ServerCase, awaiting, blocking, event_loop, lane
from servers import wait_for
from tidemark_client import (
    Busy, Cold, Conflict, DeadLetter, EventIdConflict, FunctionMissing, Invalid, Lost, NotConfigured, NotInTime, RawJSON, RestoreTimeout,
)


class Shells:
    """The tests. `make` returns the client of one shell."""

    class Tests(ServerCase):
        def make(self, **settings: Any) -> Any:
            raise NotImplementedError

        def target(self, call: Any) -> Any:
            """Returns the package's own object."""
            return getattr(call, "_target", call)

        def setUp(self) -> None:
            super().setUp()
            self.tidemark = self.make()
            self.session = self.tidemark.session("s1")

        def test_a_session_is_written_and_loaded_as_it_was_written(self) -> None:
            self.session.start(agent="planner", user="u1", tenant="t1", title="A title", meta={"plan": {"steps": [1, 2]}, "none": None})
            change = self.session.message("user", "hello \u2603", message_id="m1", meta={"a": 1}, tokens=7, actor="me", extra={"colour": "red"})
            self.session.set("goal", {"text": "caf\u00e9", "n": 1.5}, kind="goal")
            self.session.set("nothing", None)
            self.session.set("exact", RawJSON("12345678901234567890.10"))
            self.session.message(parts=[{"type": "text", "text": "hi"}])
            self.assertEqual((change.seq, change.type), (2, "message.appended"))
            state = self.session.load()
            self.assertEqual((state.agent, state.user, state.tenant, state.title, state.parent), ("planner", "u1", "t1", "A title", None))
            self.assertEqual((state.status, state.seq, state.epoch, state.is_fresh), ("active", 6, change.epoch, False))
            self.assertEqual(dict(state.meta), {"plan": {"steps": [1, 2]}, "none": None})
            self.assertEqual(state.context["goal"], {"text": "caf\u00e9", "n": 1.5})
            self.assertEqual([state.context.kind(key) for key in ("goal", "exact")], ["goal", "note"])
            self.assertEqual((state.context.text("nothing"), state.context.text("exact")), ("null", "12345678901234567890.10"))
            first, second = state.messages
            self.assertEqual((first.role, first.content, first.message_id, first.tokens), ("user", "hello \u2603", "m1", 7))
            self.assertEqual((first.meta, first.fields["colour"], first.entry_id), ({"a": 1}, "red", change.entry_id))
            self.assertEqual((second.parts, second.role, second.seq), ([{"type": "text", "text": "hi"}], None, 6))

        def test_every_method_writes_its_type_of_change(self) -> None:
            session = self.session
            session.start()
            session.update(title="T", status="waiting", meta={"k": 1})
            session.message("user", "", message_id="m1")
            session.remove_message("m1")
            session.message("user", "x")
            session.remove_message(last=True)
            session.clear_messages()
            session.set("key", [1])
            session.unset("key")
            session.tool_started("c1", "search", {"q": 1}, idempotency_key="i1")
            session.tool_finished("c1", result=RawJSON("null"), cost="0.25", usage={"in": 3})
            session.outcome("good", score=0.5, scorer="human", meta=[1])
            session.snapshot("before the dinner")
            session.append("robot.moved", {"x": 3, "to": "kitchen"})
            session.end("failed")
            entries = [fields for _, fields in self.entries("s1")]
            self.assertEqual(
                [fields["type"] for fields in entries],
                [
                    "session.started", "session.updated", "message.appended", "message.removed", "message.appended", "message.removed",
                    "messages.cleared", "context.set", "context.removed", "tool.started", "tool.finished", "outcome.recorded",
                    "snapshot.requested", "robot.moved", "session.ended",
                ])
            self.assertEqual([int(fields["seq"]) for fields in entries], list(range(1, 16)))
            self.assertEqual(len({fields["event_id"] for fields in entries}), 15)
            self.assertEqual((entries[10]["cost"], entries[10]["result"], entries[13]["x"]), ("0.25", "null", "3"))
            state = self.session.load()
            self.assertEqual((state.status, state.title, len(state.messages), len(state.context)), ("failed", "T", 0, 0))

        def test_replies_are_read_from_a_client_that_decodes_and_over_both_protocols(self) -> None:
            for settings in ({"client_decode_responses": True}, {"client_protocol": 2}, {"client_protocol": 3}):
                with self.subTest(settings):
                    session = self.make(**settings).session(f"s {settings}")
                    session.start(title="\u2603").barrier(20)
                    self.assertEqual(session.load().title, "\u2603")

        def test_a_turn_is_written_in_one_step_and_numbered_in_order(self) -> None:
            self.session.start()
            with self.session.turn() as turn:
                turn.message("assistant", "I look it up")
                turn.set("step", 2)
                turn.outcome("good")
                self.assertEqual(len(self.entries("s1")), 1)
            self.assertEqual([change.seq for change in turn.changes], [2, 3, 4])
            turn.barrier(20)

        def test_a_turn_that_raises_or_is_empty_writes_nothing(self) -> None:
            self.session.start()
            with self.assertRaises(ZeroDivisionError):
                with self.session.turn() as turn:
                    turn.set("step", 2)
                    raise ZeroDivisionError
            with self.session.turn() as turn:
                pass
            self.assertEqual((len(self.entries("s1")), turn.changes), (1, ()))
            turn.barrier(0.1)

        def test_a_turn_takes_the_expectation_as_a_whole(self) -> None:
            self.session.start()
            with self.assertRaises(Conflict) as raised:
                with self.session.turn(expect=0) as turn:
                    turn.set("step", 1)
            self.assertEqual(raised.exception.last_seq, 1)
            with self.assertRaises(Invalid):
                with self.session.turn() as turn:
                    turn.set("step", 1, expect=1)
            self.assertEqual(len(self.entries("s1")), 1)

        def test_a_change_on_an_older_state_is_refused(self) -> None:
            self.session.start(expect=0)
            self.session.set("step", 1, expect=1)
            with self.assertRaises(Conflict) as raised:
                self.session.set("step", 2, expect=1)
            self.assertEqual(raised.exception.last_seq, 2)

        def test_a_repeated_event_id_has_no_second_effect(self) -> None:
            self.session.start()
            first = self.session.message("user", "once", event_id="e1")
            again = self.session.message("user", "once", event_id="e1")
            self.assertEqual((first.entry_id, first.seq), (again.entry_id, again.seq))
            with self.assertRaises(EventIdConflict):
                self.session.message("user", "other", event_id="e1")

        def test_an_ephemeral_change_takes_no_number(self) -> None:
            self.session.start()
            change = self.session.append("heart.beat", ephemeral=True)
            self.assertEqual((change.seq, self.session.load().seq), (0, 1))
            with self.assertRaises(Invalid):
                change.barrier()
            self.session.barrier(20)

        def test_a_refusal_of_the_function_names_the_field(self) -> None:
            self.session.start()
            with self.assertRaises(Invalid) as raised:
                self.session.message("user", "x", ts=253_402_300_000_000)
            self.assertEqual(raised.exception.field, "ts")
            self.assertIn("more than a day after", raised.exception.reason)

        def test_pressure_is_read_and_enforced(self) -> None:
            self.session.start()
            self.assertIn(self.session.pressure(), ("ok", "slow"))
            self.session.barrier(20)
            self.assertEqual(self.session.pressure(), "ok")
            self.worker.holds_marks.set()
            self.redis.hset(lane("s1").hash, mapping={"enforce": 1, "pressure": "stop", "pressure_until": 1 << 44})
            with self.assertRaises(Busy):
                self.session.set("step", 1)
            self.assertEqual(self.session.pressure(), "stop")
            self.redis.hset(lane("s1").hash, "pressure_until", 1)
            self.assertEqual(self.session.pressure(), "slow")

        def test_without_an_installation_or_its_functions_the_error_names_migrate(self) -> None:
            with self.assertRaisesRegex(NotConfigured, "other:config.*tidemark migrate"):
                self.make(prefix="other").session("s1").start()
            self.redis.execute_command("FUNCTION", "FLUSH")
            with self.assertRaisesRegex(FunctionMissing, "tidemark_append .*tidemark migrate"):
                self.session.start()

        def test_the_barrier_returns_only_when_the_change_is_durable(self) -> None:
            self.session.start()
            self.session.barrier(20)
            self.worker.holds_marks.set()
            wait_for("the worker holds", 30, lambda: not self.session.set("step", 1).durable())
            change = self.session.set("step", 2)
            with self.assertRaises(NotInTime) as raised:
                change.barrier(0.2)
            self.assertEqual(raised.exception.entry_id, change.entry_id)
            # A mark that does not reach the change, and one that only claims to, do not end the barrier.
            first = self.entries("s1")[0][0]
            for mark in (first, change.entry_id, "nonsense"):
                timer = threading.Timer(0.05, self.redis.publish, (lane("s1").marks, mark))
                timer.start()
                with self.assertRaises(NotInTime):
                    change.barrier(0.3)
                timer.join()
            self.worker.holds_marks.clear()
            change.barrier(20)
            self.assertTrue(change.durable())
            self.session.barrier(20)

        def test_changes_that_redis_lost_are_reported_once(self) -> None:
            self.session.start()
            self.session.barrier(20)
            self.worker.holds_marks.set()
            first, second = self.session.set("step", 1), self.session.set("step", 2)
            kept = self.session.set("step", 3)
            self.redis.xdel(lane("s1").stream, first.entry_id, second.entry_id)
            self.worker.holds_marks.clear()
            with self.assertRaises(Lost) as raised:
                self.session.barrier(20)
            self.assertEqual(raised.exception.entry_id, second.entry_id)
            self.assertEqual([other.entry_id for other in raised.exception.others], [first.entry_id])
            self.session.barrier(20)
            kept.barrier(20)
            with self.assertRaises(Lost):
                first.durable()

        def test_a_dead_letter_is_reported_with_its_reason(self) -> None:
            self.worker.refused["robot.moved"] = "bad_json"
            self.session.start()
            with self.session.turn() as turn:
                turn.append("robot.moved")
                turn.set("step", 1)
            with self.assertRaises(DeadLetter) as raised:
                turn.barrier(20)
            self.assertEqual((raised.exception.reason, raised.exception.entry_id), ("bad_json", turn.changes[0].entry_id))
            turn.changes[1].barrier(20)

        def test_a_call_is_written_before_its_effect_and_after_it(self) -> None:
            self.session.start()
            with self.session.call("search", {"q": "tides"}, durable=True, timeout=20) as call:
                (open_call,) = self.session.load().open_calls
                self.assertEqual((open_call.tool, open_call.arguments), ("search", {"q": "tides"}))
                self.assertEqual((open_call.call_id, open_call.idempotency_key), (call.call_id, call.idempotency_key))
                call.finish({"found": 3}, cost="0.01")
            self.assertEqual(self.session.load().open_calls, ())
            last = self.entries("s1")[-1][1]
            self.assertEqual((last["status"], last["result"], last["cost"]), ("ok", '{"found":3}', "0.01"))
            with self.assertRaises(RuntimeError):
                call.finish()

        def test_a_turn_finishes_a_call_together_with_what_follows_from_it(self) -> None:
            self.session.start()
            with self.session.call("search") as call:
                with self.assertRaises(Conflict):
                    with self.session.turn(expect=1) as turn:
                        turn.finish(self.target(call), "too late")
                with self.session.turn() as turn:
                    turn.finish(self.target(call), {"found": 3}, cost=1)
                    turn.set("step", 2)
            types = [fields["type"] for _, fields in self.entries("s1")]
            self.assertEqual(types, ["session.started", "tool.started", "tool.finished", "context.set"])

        def test_a_call_ends_as_its_block_ends(self) -> None:
            self.session.start()
            with self.session.call("quiet"):
                pass
            with self.assertRaises(ZeroDivisionError):
                with self.session.call("broken"):
                    raise ZeroDivisionError("nul \0 and \ud800")
            with self.session.call("given up") as call:
                call.cancel("too expensive")
            with self.session.call("failed") as call:
                call.fail("no such page")
            with self.assertRaises(KeyboardInterrupt):
                with self.session.call("stopped"):
                    raise KeyboardInterrupt
            finished = [fields for _, fields in self.entries("s1") if fields["type"] == "tool.finished"]
            self.assertEqual([fields["status"] for fields in finished], ["ok", "error", "cancelled", "error"])
            self.assertEqual(finished[1]["error"], "ZeroDivisionError: nul \ufffd and ?")
            # Whether a stopped process had the effect is not known, so the call stays open, as after a crash.
            (open_call,) = self.session.load().open_calls
            self.assertEqual(open_call.tool, "stopped")
            with self.session.resume(open_call, durable=True, timeout=20) as call:
                self.assertEqual(call.idempotency_key, open_call.idempotency_key)
                call.finish("done")
            self.assertEqual(self.session.load().open_calls, ())

        def test_a_call_that_came_back_from_postgres_is_durable_although_redis_lost_its_entry(self) -> None:
            self.session.start()
            began = self.session.tool_started("c1", "book", {})
            self.session.barrier(20)
            self.redis.delete(lane("s1").stream)
            (open_call,) = self.session.load().open_calls
            with self.assertRaises(Lost):
                with self.session.resume(open_call, durable=True, timeout=20):
                    self.fail("the effect began")
            self.redis.hset(lane("s1").keys[2], mapping={"restored_at": began.entry_id.split("-")[0], "started_id": began.entry_id})
            (open_call,) = self.session.load().open_calls
            with self.session.resume(open_call, durable=True, timeout=20) as call:
                call.finish("done")

        def test_a_durable_call_that_is_not_durable_in_time_is_not_made(self) -> None:
            self.session.start()
            self.session.barrier(20)
            self.worker.holds_marks.set()
            wait_for("the worker holds", 30, lambda: not self.session.set("step", 1).durable())
            with self.assertRaises(NotInTime):
                with self.session.call("launch", durable=True, timeout=0.1):
                    self.fail("the effect began")
            self.assertEqual(self.entries("s1")[-1][1]["status"], "cancelled")

        def test_a_cold_session_is_restored_for_a_write_and_for_a_load(self) -> None:
            self.session.start(title="T")
            self.session.set("step", 1)
            self.session.load()
            self.worker.evict("s1")
            with self.assertRaises(Cold):
                self.session.load(restore=False)
            self.assertEqual(self.session.set("step", 2, expect=2).seq, 3)
            self.worker.evict("s1")
            self.assertEqual(self.session.load().context["step"], 2)
            self.worker.evict("s1")
            with self.session.turn() as turn:
                turn.set("step", 3)
            self.assertEqual(turn.changes[0].seq, 4)
            # Nobody knows this one, so it is restored empty.
            self.assertEqual(self.tidemark.session("unknown").load().seq, 0)

        def test_a_session_that_began_here_is_completed_from_postgres_before_it_is_read(self) -> None:
            self.session.start()
            self.assertTrue(self.session.load(restore=False).is_fresh)
            self.assertFalse(self.session.load().is_fresh)
            self.assertEqual(self.worker.restored, ["s1"])
            self.session.load()
            self.assertEqual(self.worker.restored, ["s1"])

        def test_without_a_worker_the_error_says_so(self) -> None:
            self.worker.close()
            with self.assertRaisesRegex(RestoreTimeout, r"no worker serves the lane tidemark:\{\d\}:changes"):
                self.session.load(timeout=0.1)
            with self.assertRaisesRegex(RestoreTimeout, "no worker"):
                self.make(restore_timeout=0.1).session("s1").set("step", 1)
            self.redis.hset(lane("s1").hash, "pressure_until", 1 << 44)
            with self.assertRaisesRegex(RestoreTimeout, "a worker serves"):
                self.session.load(timeout=0.1)

        def test_as_many_messages_are_loaded_as_named(self) -> None:
            self.session.start()
            for number in range(5):
                self.session.message("user", str(number))
            loaded = [[message.content for message in self.session.load(messages=count).messages] for count in (0, 1, 3, 9)]
            self.assertEqual(loaded, [[], ["4"], ["2", "3", "4"], ["0", "1", "2", "3", "4"]])
            with self.assertRaises(Invalid):
                self.session.load(messages=-1)

        def test_a_lost_connection_repeats_the_change_with_its_event_id(self) -> None:
            self.session.start()
            self.session.set("step", 1)
            self.redis.client_kill_filter(_type="normal", skipme=True)
            self.assertEqual(self.session.set("step", 2).seq, 3)

        def test_a_server_that_is_away_is_waited_for(self) -> None:
            begun = self.session.start()
            self.worker.close()
            self.redis.save()
            self.server.kill()
            written: List[Any] = []
            agent = threading.Thread(target=lambda: written.append(self.session.set("step", 1)))
            agent.start()
            self.server.start()
            agent.join()
            # A server that starts again may have lost changes, so an epoch begins.
            self.assertEqual(written[0].seq, 1)
            self.assertGreater(written[0].epoch, begun.epoch)

        def test_a_barrier_outlives_a_lost_subscription(self) -> None:
            self.session.start()
            self.session.barrier(20)
            self.worker.holds_marks.set()
            wait_for("the worker holds", 30, lambda: not self.session.set("step", 1).durable())
            change = self.session.set("step", 2)

            def cut() -> None:
                self.redis.client_kill_filter(_type="pubsub")
                self.worker.holds_marks.clear()

            timer = threading.Timer(0.2, cut)
            timer.start()
            change.barrier(20)
            timer.join()


class BlockingShell(Shells.Tests):
    def make(self, **settings: Any) -> Any:
        return blocking(self, self.server, **settings)

    def test_a_client_for_asyncio_is_refused(self) -> None:
        import redis.asyncio
        from tidemark_client import Tidemark

        event_loop(self)
        client: Any = redis.asyncio.Redis()
        with self.assertRaisesRegex(TypeError, "AsyncTidemark"):
            Tidemark(client)


class AsyncioShell(Shells.Tests):
    def make(self, **settings: Any) -> Any:
        return awaiting(self, self.server, **settings)

    def test_a_blocking_client_is_refused(self) -> None:
        import redis
        from tidemark_client import AsyncTidemark

        client: Any = redis.Redis()
        with self.assertRaisesRegex(TypeError, "Tidemark"):
            AsyncTidemark(client)


if __name__ == "__main__":
    unittest.main()
