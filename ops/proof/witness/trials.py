"""Promises that are tried rather than met by chance. Each trial notes what it tried, whether it held, and what was found."""

import subprocess
import time

from pgwire import PostgresError
from servers import wait_for

from .harm import memory_of, wait_until_accepted
from .watchers import built_in
from .writers import Pen, own_lane

PATIENCE = 180


class Trials:
    """Needs `site`: workers, redis, postgres, places, options, and the testimony's next serials."""

    def __init__(self, site, testimony, newest):
        self.site, self._testimony = site, testimony
        self._pen = Pen(site.places, testimony, site.options["run"], newest)

    def _write(self, session, fields, expectation="good", lane=None, patient=True):
        kind, *rest = fields
        lane = lane or own_lane(session, self.site.options["partitions"])
        entry = [("type", kind), ("session", session), *rest]
        while True:
            answer = self._pen.write(self._testimony.next_serial(), lane, entry, expectation)
            if answer or not patient:
                return answer
            time.sleep(0.2)

    def _query(self, sql):
        try:
            return self.site.places.query(sql)
        except (OSError, PostgresError):
            return []

    def _await(self, session, identity):
        """Until Postgres has the entry. False when it never came."""
        ms, no = identity.split("-")
        try:
            wait_for("the entry is committed", PATIENCE, lambda: self._query(
                f"select 1 from tidemark.changes where session_id = '{session}' and entry_ms = {ms} and entry_no = {no}"))
            return True
        except TimeoutError:
            return False

    def served(self):
        """Lanes that appear while workers start and share them: each is read by somebody, without any of them being written to again."""
        for place in range(40):
            self._write(f"witness first {place}", ["message.appended", ("role", "user"), ("content", "first")], lane=f"witness:first:{place}")
        unread = "select lane, owner, fence from tidemark.lanes where lane like 'witness:first:%' and entry_ms = 0"
        try:
            wait_for("all lanes are read", 60, lambda: self._query("select count(*) from tidemark.lanes where lane like 'witness:first:%' and entry_ms > 0") == [["40"]])
        except TimeoutError:
            pass
        left = self._query(unread)
        self._testimony.note("served", what="lanes that appear while workers start", holds=not left, found=f"{len(left)} are read by nobody: {left[:5]}")

    def strangers(self):
        """Another schema, prefix or Redis by mistake is refused, and nothing of ours is written under its id."""
        worker = self.site.workers[0]
        with self.site.second_redis() as url:
            for what, name, value in (("another schema", "TIDEMARK_POSTGRES_SCHEMA", "stranger"), ("another prefix", "TIDEMARK_REDIS_PREFIX", "stranger"),
                                      ("another Redis", "TIDEMARK_REDIS_URL", url)):
                for command in ("migrate", "check"):
                    before = self.site.places.redis.call("tidemark:config", "HGETALL", "tidemark:config")
                    ended = subprocess.run([worker.binary, command], env={**worker.environment, name: value}, cwd=worker.folder, text=True,
                                           stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
                    after = self.site.places.redis.call("tidemark:config", "HGETALL", "tidemark:config")
                    self._testimony.note("stranger", what=f"{what}, {command}", holds=ended.returncode == 1 and before == after,
                                         found=f"exit {ended.returncode}: {ended.stderr[-200:]} {ended.stdout[-200:]}")

    def session_comes_back(self, number):
        session = f"witness returns {number}"
        identity = self._write(session, ["session.started", ("title", "before")])
        there = self._await(session, identity)
        wait_for("Postgres deletes", PATIENCE, lambda: self._query(f"with d as (delete from tidemark.sessions where session_id = '{session}' returning 1) select count(*) from d"))
        identity = self._write(session, ["message.appended", ("role", "user"), ("content", "after")])
        there = self._await(session, identity) and there
        found = self._query(f"select status from tidemark.sessions where session_id = '{session}'")
        self._testimony.note("session deleted", session=session, what="made again by the next change", holds=there and len(found) == 1, found=str(found))

    def apart(self, number):
        """A text stands where the mark of one lane should; the marks of the others come all the same."""
        lanes = built_in(self.site.options)
        odd = lanes[number % len(lanes)].replace("changes", "lane")
        redis = self.site.places.redis
        kept = redis.call(odd, "HGETALL", odd)
        redis.call(odd, "DEL", odd)
        redis.call(odd, "SET", odd, "no hash")
        waiting = {}
        for place in range(200):
            session = f"witness apart {number} {place}"
            lane = own_lane(session, self.site.options["partitions"])
            if lane not in waiting:
                waiting[lane] = self._write(session, ["message.appended", ("role", "user"), ("content", "apart")])
        waiting.pop(lanes[number % len(lanes)], None)

        def behind():
            found = []
            for lane, identity in waiting.items():
                mark = redis.call(lane, "HGET", lane.replace("changes", "lane"), "durable")
                if mark is None or tuple(map(int, mark.decode().split("-"))) < tuple(map(int, identity.split("-"))):
                    found.append(lane)
            return found
        try:
            wait_for("the marks of the others", PATIENCE, lambda: not behind())
        except TimeoutError:
            pass
        self._testimony.note("apart", what="beside a key of another type", holds=not behind(), found=str(behind()))
        redis.call(odd, "DEL", odd)
        if kept:
            redis.call(odd, "HSET", odd, *kept)

    def many_fields(self):
        """An entry with one field more than may be, and one in each other lane at the same moment: those are committed all the same."""
        session = "witness fields 0"
        lane = own_lane(session, self.site.options["partitions"])
        waiting = []
        self._write(session, ["message.appended", ("role", "user"), ("content", "x"), *((f"f{place}", "1") for place in range(9_996))], "entry_too_large")
        for place in range(1, 12):
            other = f"witness fields {place}"
            if own_lane(other, self.site.options["partitions"]) != lane:
                waiting.append((other, self._write(other, ["message.appended", ("role", "user"), ("content", "beside it")])))
        held_up = [other for other, identity in waiting if not self._await(other, identity)]
        self._testimony.note("apart", what="beside an entry of 10,001 fields", holds=not held_up, found=str(held_up))

    def setting(self):
        """Workers come back with settings that would refuse what is at the cursor; nothing that is there changes, and no lane breaks."""
        session = "witness setting"
        lane = own_lane(session, self.site.options["partitions"])
        identity = self._write(session, ["message.appended", ("role", "user"), ("content", "y" * 60_000)])
        there = self._await(session, identity)
        count = (f"select (select count(*) from tidemark.lane_incarnations where lane = '{lane}'), "
                 f"(select count(*) from tidemark.divergences where kind = 'content' and lane = '{lane}')")
        before = self._query(count)
        began = time.time()
        for worker in self.site.workers:
            worker.terminate()
            worker.environment["TIDEMARK_LIMITS_MAX_ENTRY_BYTES"] = "32KiB"
            worker.start()
        # What is too large today is a dead letter; what was taken yesterday stays.
        refused = self._write(session, ["message.appended", ("role", "user"), ("content", "z" * 60_000)], expectation="entry_too_large")
        small = self._write(session, ["message.appended", ("role", "user"), ("content", "small")])
        there = self._await(session, small) and there
        for worker in self.site.workers:
            worker.terminate()
            del worker.environment["TIDEMARK_LIMITS_MAX_ENTRY_BYTES"]
            worker.start()
        # What others wrote meanwhile may have been too large, too.
        self._testimony.note("limits", began=began - 10, ended=time.time())
        last = self._write(session, ["message.appended", ("role", "user"), ("content", "last")])
        there = self._await(session, last) and there
        after = self._query(count)
        self._testimony.note("setting", what="limits below what is at the cursor", holds=there and before == after,
                             found=f"all there {there}, {refused} refused, incarnations and divergences {before}, then {after}")

    def full(self, reader, pause, resume):
        """Redis takes no more writes; workers make room, and nobody raises the limit."""
        reader.is_slow = False
        redis = self.site.places.redis
        pause()
        info = redis.call("tidemark:config", "INFO", "memory").decode()
        used = next(int(line.split(":")[1]) for line in info.splitlines() if line.startswith("used_memory:"))
        redis.call("tidemark:config", "CONFIG", "SET", "maxmemory", str(used + (4 << 20)))
        refused = False
        for place in range(400):
            if self._write(f"witness full {place % 16}", ["message.appended", ("role", "user"), ("content", "f" * 100_000)], patient=False) is False:
                refused = True
                break
        resume()
        try:
            wait_until_accepted(lambda: self._write("witness full 0", ["message.appended", ("role", "user"), ("content", "f" * 100_000)], patient=False),
                                PATIENCE)
            accepted = True
        except TimeoutError:
            accepted = False
        redis.call("tidemark:config", "CONFIG", "SET", "maxmemory", "0")
        self._testimony.note("full", what="and emptied by workers", holds=refused and accepted, found=f"refused {refused}, accepted again {accepted}")
        reader.is_slow = True

    def cost(self):
        """Clearing costs what is visible: after 3,000 messages that are hidden as much as at a session's beginning."""
        def rows():
            # A session tells its statistics within ten seconds.
            time.sleep(12)
            return int(self._query("select coalesce(sum(idx_tup_fetch + seq_tup_read), 0) from pg_stat_user_tables "
                                   "where schemaname = 'tidemark' and relname in ('messages', 'message_hides')")[0][0])

        def rounds(session, count):
            for place in range(count):
                self._write(session, ["message.appended", ("role", "user"), ("content", f"{place}"), ("message_id", "again")])
                last = self._write(session, ["messages.cleared"])
            return self._await(session, last)

        there = rounds("witness cost new", 40)
        begin = rows()
        there = rounds("witness cost other", 40) and there
        fresh = rows() - begin
        there = rounds("witness cost old", 1500) and there
        begin = rows()
        there = rounds("witness cost old", 40) and there
        aged = rows() - begin
        self._testimony.note("cost", what="clearing a session of 1,500 hidden messages", holds=there and aged <= 3 * fresh + 400, found=f"{fresh} rows, then {aged}")

    def resolve(self):
        """Several replay and discard the same dead letters at the same time."""
        letters = self._query("select id from tidemark.dead_letters where reason = 'unstorable_text' and resolved_at is null and session_id is null order by id limit 4")
        worker = self.site.workers[0]
        environment = {**worker.environment, "TIDEMARK_TEXT_UNSTORABLE": "replace"}
        for place, (letter,) in enumerate(letters):
            commands = ["replay"] * 3 + ["discard"] * (place % 3)
            processes = [subprocess.Popen([worker.binary, "dead-letters", command, letter], env=environment, cwd=worker.folder, text=True,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for command in commands]
            answers = [process.communicate(timeout=PATIENCE)[0].strip() for process in processes]
            self._testimony.note("resolved", letter=letter, answers=[answer.removeprefix(f"{letter} ") for answer in answers])

    def memory(self, bound):
        for worker in self.site.workers:
            peak = memory_of(worker.pid)
            self._testimony.note("memory", what="below the bound", holds=0 < peak <= bound, found=f"{peak} MiB of {bound}")
