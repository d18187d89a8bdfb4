"""Agents that use the function library by raw FCALL, and what they were told."""

import random
import threading
import time

from hot.calls import answers_of, base_of, fcall, race
from hot.content import Content
from resp import Connection, RespError, entry_id, pairs


class Write:
    """One call that was acknowledged: the changes and their answers."""

    def __init__(self, session, changes, command, losses):
        self.session, self.changes, self.command = session, changes, command
        # How many times Redis had lost its data when the call was first sent, and when it was answered.
        self.sent_after, self.answered_after = losses, losses
        self.is_uncertain = False
        self.answers = []


class Findings:
    """What all agents were told, and what they found wrong at once. Safe to use from any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.writes, self.forks, self.durable, self.problems = [], [], [], []
        # Sessions in which a change was repeated that Redis had forgotten: there the ledger alone knows that it is a repeat.
        self.repeated_after_loss = set()
        # Sessions that an agent began anew while they were not in Redis: until they are restored they know none of their event ids.
        self.begun_anew = set()
        self.counts = {}
        self.longest_cold = 0.0
        self.losses = 0
        self.ends = threading.Event()

    def count(self, name, by=1):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + by

    def problem(self, kind, text):
        with self.lock:
            self.problems.append((kind, text))


class Agent(threading.Thread):
    """One agent: sessions of its own, some that all share, and none for long, so that they become idle."""

    def __init__(self, number, seed, port, findings, options):
        super().__init__(daemon=True)
        self._rng = random.Random(f"{seed}-agent-{number}")
        self._content = Content(self._rng, number)
        self._number, self._port, self._findings = number, port, findings
        self._own = [f"own-{number}-{n}" for n in range(options.sessions)]
        self._shared = [f"shared-{n}" for n in range(options.sessions)]
        self._last, self._begun = {}, set()
        self._recent = []
        self._serial = 0
        self._connections = []
        self._pace = options.pace

    def run(self):
        try:
            self._work()
        except Exception as error:  # noqa: BLE001: whatever ends an agent is a finding
            if not self._findings.ends.is_set():
                self._findings.problem("process", f"agent {self._number} ended: {error!r}")

    def _work(self):
        steps = [(self._append, 50), (self._append_all, 20), (self._load, 8), (self._repeat, 10), (self._race, 5), (self._fork, 1),
                 (self._ask_durable, 4)]
        kinds, weights = zip(*steps)
        present = []
        while not self._findings.ends.is_set():
            if not present or self._rng.random() < 0.02:
                present = self._rng.sample(self._own, 2) + self._rng.sample(self._shared, 2)
            self._rng.choices(kinds, weights)[0](self._rng.choice(present))
            if self._pace:
                time.sleep(self._rng.random() * 2 * self._pace)

    # Calls

    def _connection(self, index=0):
        while len(self._connections) <= index:
            self._connections.append(Connection(self._port))
        return self._connections[index]

    def _send(self, command):
        """Repeats a command until the server answers. Returns the answer, and whether an earlier attempt may have had its effect."""
        is_uncertain = False
        while True:
            try:
                answer = self._connection().pipeline([command])[0]
                if not (isinstance(answer, RespError) and str(answer).startswith("LOADING")):
                    return answer, is_uncertain
            except OSError:
                for connection in self._connections:
                    connection.close()
                self._connections.clear()
                is_uncertain = True
                self._findings.count("connections lost")
            if self._findings.ends.is_set():
                raise EOFError("the run ends")
            time.sleep(0.02)

    def _call(self, write):
        """Writes, whatever it takes; returns the error where the function refused, and the write was not made."""
        answer = self._hot(write.session, write.command, write)
        if isinstance(answer, RespError):
            return str(answer)
        write.answers = answers_of(answer)
        self._acknowledge(write)
        return None

    def _acknowledge(self, write):
        write.answered_after = self._findings.losses
        if write.is_uncertain and write.sent_after != write.answered_after:
            with self._findings.lock:
                self._findings.repeated_after_loss.add(write.session)
        with self._findings.lock:
            self._findings.writes.append(write)
        self._begun.add(write.session)
        self._recent = self._recent[-200:] + [write]
        self._findings.count("changes", len(write.changes))

    def _hot(self, session, command, write=None):
        """Sends a command to a session; asks for the session where it is cold. Begins it where nobody has."""
        began, asked = time.monotonic(), 0.0
        while True:
            answer, is_uncertain = self._send(command)
            if write and is_uncertain:
                write.is_uncertain = True
            if not (isinstance(answer, RespError) and str(answer).startswith("COLD")):
                if asked:
                    with self._findings.lock:
                        self._findings.longest_cold = max(self._findings.longest_cold, time.monotonic() - began)
                return answer
            if not asked:
                self._findings.count("cold")
            now = time.monotonic()
            if now - began > 60:
                self._findings.problem("cold", f"{session} did not come back within a minute")
                raise RuntimeError("a session stays cold")
            if session not in self._begun or (not asked and self._rng.random() < 0.1):
                # An agent that does not know that the session exists just begins it.
                start = self._write(session, [("session.started", self._content.about())])
                refusal, start_uncertain = self._send(start.command)
                start.is_uncertain = start_uncertain
                if not isinstance(refusal, RespError):
                    start.answers = answers_of(refusal)
                    self._acknowledge(start)
                    self._findings.count("begun or begun anew")
                    with self._findings.lock:
                        self._findings.begun_anew.add(session)
            elif now - asked > 1:
                self._send(["XADD", base_of(session) + "requests", "*", "op", "restore", "session", session])
                asked = now
            time.sleep(0.005)

    def _write(self, session, changes, expect="-"):
        words = []
        with_ids = self._rng.random() < 0.7
        numbered = []
        for kind, fields in changes:
            self._serial += 1
            if with_ids:
                fields = [*fields, "event_id", f"e-{self._number}-{self._serial}"]
            numbered.append((kind, fields))
        if len(numbered) == 1 and self._rng.random() < 0.8:
            command = fcall("append", session, numbered[0][0], expect, *numbered[0][1])
        else:
            for kind, fields in numbered:
                words += [kind, str(len(fields) // 2), *fields]
            command = fcall("append_all", session, expect, str(len(numbered)), *words)
        return Write(session, numbered, command, self._findings.losses)

    # What an agent does

    def _append(self, session):
        self._finish(self._write(session, [self._content.change(self._serial)], self._expectation(session)))

    def _append_all(self, session):
        changes = [self._content.change(self._serial) for _ in range(self._rng.randint(2, 5))]
        self._finish(self._write(session, changes, self._expectation(session)))

    def _expectation(self, session):
        """Now and then the number that the session's last answer had: others may have written since, and Redis may have lost it."""
        last = self._last.get(session)
        return str(last[1]) if last and self._rng.random() < 0.3 else "-"

    def _finish(self, write):
        session, expect = write.session, self._expected(write)
        refusal = self._call(write)
        if refusal is None:
            epoch, seq = write.answers[-1][1], write.answers[-1][0]
            before = self._last.get(session)
            first = write.answers[0][0]
            if expect != "-" and not write.is_uncertain and first not in (int(expect) + 1, 1):
                self._findings.problem("expect", f"{session}: expected {expect}, and was numbered {first}")
            if before and session.startswith("own-") and (epoch, seq) <= before and not write.is_uncertain:
                self._findings.problem("number", f"{session}: ({epoch}, {seq}) after {before}")
            self._last[session] = (epoch, seq)
        elif refusal.startswith("CONFLICT") and refusal != "CONFLICT event_id":
            self._findings.count("conflicts")
            if refusal.split()[1] == expect:
                self._findings.problem("expect", f"{session}: conflict with the expected {expect}")
            self._last.pop(session, None)
        elif refusal == "CONFLICT event_id" and write.is_uncertain and write.sent_after != self._findings.losses:
            self._findings.count("turns of which Redis lost a part")
        else:
            self._findings.problem("refused", f"{session}: {refusal}: {write.command[9:]}")

    def _expected(self, write):
        return write.command[12] if write.command[1] == "tidemark_append" else write.command[11]

    def _repeat(self, _):
        """Sends an earlier write again, as a producer does that lost the answer."""
        candidates = [write for write in self._recent if "event_id" in write.changes[0][1]]
        if not candidates:
            return
        write = self._rng.choice(candidates)
        losses = self._findings.losses
        answer = self._hot(write.session, write.command)
        self._findings.count("repeats")
        if isinstance(answer, RespError):
            # Redis lost the first, and the number that it expected is not the session's number any more.
            is_begin = write.changes[0][0] == "session.started"
            if self._findings.losses == 0 and write.session not in self._findings.begun_anew and not is_begin:
                self._findings.problem("repeat", f"{write.session}: refused: {answer}")
            return
        answers = answers_of(answer)
        if answers == write.answers:
            return
        # What Redis forgot with its data is a new change for it; the ledger notices the repeat.
        with self._findings.lock:
            self._findings.repeated_after_loss.add(write.session)
        if write.sent_after == self._findings.losses and write.session not in self._findings.begun_anew:
            self._findings.problem("repeat", f"{write.session}: {answers} after {write.answers}: {write.changes}")
        self._findings.count("repeats of what Redis lost")
        again = Write(write.session, write.changes, write.command, losses)
        again.is_uncertain = True
        again.answers = answers
        self._last[write.session] = (answers[-1][1], answers[-1][0])
        self._acknowledge(again)

    def _race(self, _):
        """Two writers expect one number: one of them wins."""
        session = f"race-{self._number}"
        answer = self._hot(session, fcall("load", session, "0"))
        if isinstance(answer, RespError):
            self._findings.problem("refused", f"{session}: load: {answer}")
            return
        seq = pairs(answer[0])["seq"].decode()
        writes = [self._write(session, [self._content.change(self._serial)], seq) for _ in range(2)]
        try:
            connections = [self._connection(0), self._connection(1)]
            losses = self._findings.losses
            answers = race(connections, [write.command for write in writes])
        except OSError:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            for write in writes:
                write.is_uncertain = True
            with self._findings.lock:
                self._findings.repeated_after_loss.add(session)
            return
        self._findings.count("races")
        won = 0
        for write, answer in zip(writes, answers):
            if not isinstance(answer, RespError):
                write.answers = answers_of(answer)
                self._acknowledge(write)
                won += 1
        if won > 1 or (won == 0 and losses == self._findings.losses and not any(str(answer).startswith("COLD") for answer in answers)):
            self._findings.problem("expect", f"{session}: {won} of two writers that expected {seq} wrote: {answers}")

    def _load(self, session):
        losses = self._findings.losses
        answer = self._hot(session, fcall("load", session))
        self._findings.count("loads")
        if isinstance(answer, RespError):
            self._findings.problem("refused", f"{session}: load: {answer}")
            return
        about = pairs(answer[0])
        seen, last = (int(about["epoch"]), int(about["seq"])), self._last.get(session)
        if last and session.startswith("own-") and losses == 0 and self._findings.losses == 0 and seen < last:
            self._findings.problem("number", f"{session}: load shows {seen} after {last}")

    def _fork(self, _):
        """Asks a worker for a fork at an entry that was just written, committed or not."""
        if not self._recent:
            return
        write = self._rng.choice(self._recent[-20:])
        if write.session.startswith("fork-"):
            return
        self._serial += 1
        new, entry = f"fork-{self._number}-{self._serial}", write.answers[-1][2].decode()
        with self._findings.lock:
            self._findings.forks.append((write.session, new, entry, self._findings.losses))
        self._send(["XADD", base_of(write.session) + "requests", "*", "op", "fork", "session", write.session, "as", new, "at", entry])

    def _ask_durable(self, _):
        if not self._recent:
            return
        write = self._rng.choice(self._recent)
        entry = write.answers[-1][2].decode()
        answer, _ = self._send(fcall("durable", write.session, entry))
        self._findings.count(f"durable {answer}")
        if answer == 1:
            with self._findings.lock:
                self._findings.durable.append((write.session, entry_id(entry)))
