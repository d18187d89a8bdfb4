"""The threads that write: plain XADD, each answer into the testimony, and what was uncertain again with the same event_id."""

import binascii
import random
import threading
import time

from resp import RespError

from .places import Places
from .stories import Story
from .testimony import packed, raw, trace_of

BEYOND = 1 << 63


def own_lane(session, partitions):
    return f"tidemark:{{{binascii.crc_hqx(session.encode(), 0) % partitions}}}:changes"


class Pen:
    """Writes one entry and notes what Redis said."""

    def __init__(self, places, testimony, run, newest):
        self._places, self._testimony, self._run, self._newest = places, testimony, run, newest

    def write(self, serial, lane, fields, expectation, asked="*", **about):
        """The id; None when there was no answer; False when Redis refused. What is written again keeps the trace of its first writing."""
        if not any(name == "trace" for name, _ in fields):
            fields = fields + [("trace", trace_of(self._run, serial))]
        flat = [part for name, value in fields for part in (raw(name), value if isinstance(value, bytes) else raw(value))]
        sent, identity, refused = time.time(), None, None
        try:
            identity = self._places.redis.call(lane, "XADD", lane, asked, *flat).decode()
        except RespError as error:
            refused = str(error)
        except OSError:
            pass
        self._testimony.note("write", serial=serial, sent=sent, lane=lane, asked=asked, id=identity, refused=refused, expect=expectation,
                             fields=[[name, packed(value)] for name, value in fields], **about)
        if identity and expectation == "good" and not any(name == "event_id" for name, _ in fields):
            self._newest.add(lane, identity)
        return False if refused else identity


class Writer(threading.Thread):
    """Some sessions of every kind, until it is told to stop."""

    def __init__(self, number, options, testimony, stopped, newest):
        super().__init__(daemon=True)
        self._number, self._options, self._testimony, self._stopped = number, options, testimony, stopped
        self._random = random.Random(f"{options['seed']} {number}")
        self._places = Places(options["places"])
        self._pen = Pen(self._places, testimony, options["run"], newest)
        self._uncertain = []
        self._streams = 0
        self._stories = self._make_stories()
        # (first stream, second stream, the next id of the scenarios)
        self._window = [f"witness:window:{number}:a", f"witness:window:{number}:b", None]
        self.failure = None

    def _make_stories(self):
        number, features = self._number, self._options["features"]
        partitions = self._options["partitions"]
        stories = []
        for place in range(8):
            session = f"witness {number} own {place}"
            stories.append(Story(session, [own_lane(session, partitions)], self._random, features))
        for place in range(3):
            session = f"witness {number} shared {place}"
            other = f"tidemark:{{{self._random.randrange(partitions)}}}:changes" if place else f"witness:second:{number}"
            stories.append(Story(session, [own_lane(session, partitions), other], self._random, features))
        stories.append(Story(f"witness {number} steady", [f"witness:steady:{number}"], self._random, features))
        return stories

    def run(self):
        try:
            while not self._stopped.is_set():
                self._turn()
                self._stopped.wait(self._random.expovariate(self._options["rate"]))
            while self._uncertain:
                self._again(self._uncertain.pop())
        except Exception as error:  # A thread that ends silently would look like a quiet run.
            self.failure = repr(error)
            raise

    def _turn(self):
        chance = self._random.random()
        if self._uncertain and chance < 0.3:
            self._again(self._uncertain.pop(0))
        elif chance < 0.92:
            self._ordinary(self._random.choice(self._stories))
        elif chance < 0.97:
            self._repeat(self._random.choice(self._stories))
        elif chance < 0.98:
            self._within_window()
        elif chance < 0.985:
            self._twins()
        elif chance < 0.99:
            self._corrected(self._random.choice(self._stories))
        elif chance < 0.9925:
            self._own_ids()
        else:
            self._brief()

    def _ordinary(self, story):
        serial = self._testimony.next_serial()
        lane, fields, expectation = story.next_deed(serial)
        fields = self._traced(serial, fields)
        story.remember(fields, lane, expectation)
        self._put(serial, lane, fields, expectation)

    def _traced(self, serial, fields):
        return fields + [("trace", trace_of(self._options["run"], serial))]

    def _repeat(self, story):
        found = story.repetition()
        if found:
            self._put(self._testimony.next_serial(), *found)

    def _put(self, serial, lane, fields, expectation, **about):
        answer = self._pen.write(serial, lane, fields, expectation, **about)
        # One with an id of its own is not written again: it would get another id, and what was to be shown is in the ids.
        if answer is None and "asked" not in about and any(name == "event_id" for name, _ in fields):
            self._uncertain.append((lane, fields, expectation, 0))
        if not answer:
            self._stopped.wait(0.2)
        return answer

    def _again(self, doubtful):
        """What a careful producer does: the same event, until it has an answer."""
        lane, fields, expectation, times = doubtful
        answer = self._pen.write(self._testimony.next_serial(), lane, fields, expectation, again=True)
        if not answer:
            self._stopped.wait(0.2)
            if times < 50:
                self._uncertain.append((lane, fields, expectation, times + 1))

    def _corrected(self, story):
        """A bad entry that bears an event_id, and then the good one that its producer meant: the dead letter must not stand in its way."""
        envelope = [("type", "message.appended"), ("session", story.session), ("event_id", story.next_event())]
        self._put(self._testimony.next_serial(), story.lanes[0], envelope + [("content", "no role")], "missing_field")
        self._put(self._testimony.next_serial(), story.lanes[0], envelope + [("role", "user"), ("content", "corrected")], "good")

    def _twins(self):
        """One session, two lanes, the very same ids in both: positions that only the lane tells apart."""
        a, b = f"witness:twins:{self._number}:a", f"witness:twins:{self._number}:b"
        identity = f"{int(time.time() * 1000)}-7"
        session = f"witness {self._number} twins"
        lanes = [a, b]
        self._random.shuffle(lanes)
        for lane in lanes:
            serial = self._testimony.next_serial()
            fields = [("type", "context.set"), ("session", session), ("key", f"key {self._random.randrange(3)}"), ("value", str(serial))]
            if self._random.random() < 0.3:
                fields = [("type", "message.appended"), ("session", session), ("role", "user"), ("content", str(serial))]
            self._put(serial, lane, fields, "good", asked=identity)

    def _within_window(self):
        """Events whose ids are less than, exactly, and more than one window apart, in one lane and in two, in both orders."""
        window = self._options["window_ms"]
        if self._window[2] is None:
            # Both lanes have a commit, or an entry that waits, before the first event: the row of promises.md asks for that.
            self._window[2] = int(time.time() * 1000) - 9000 * window
            for lane in self._window[:2]:
                self._filler(lane, self._window[2])
            return
        base = self._window[2] = self._window[2] + 10 * window
        session, event = f"witness {self._number} window", f"window-{self._number}-{base}"
        apart = self._random.choice([1, window // 2, window - 1, window, window + 1, 3 * window])
        places = [(0, 0), (0, apart)]
        if self._random.random() < 0.5:
            places.append((0, 2 * apart))
        if self._random.random() < 0.6:
            places = [(self._random.randrange(2), at) for _, at in places]
            if places[0][0] != places[1][0] and self._random.random() < 0.5:
                places[:2] = reversed(places[:2])
        began = time.time()
        entries, traces = [], {}
        for lane, at in places:
            content = "the same" if self._random.random() < 0.7 else "another"
            entries.append((self._window[lane], base + at, content))
        for lane, at, content in entries:
            fields = [("type", "message.appended"), ("session", session), ("event_id", event), ("role", "user"), ("content", content)]
            late = time.time() - began > window / 4000
            serial = self._testimony.next_serial()
            fields = self._traced(traces.setdefault(content, serial), fields)
            self._put(serial, lane, fields, "good", asked=f"{at}-1", late=late)

    def _filler(self, lane, at):
        serial = self._testimony.next_serial()
        fields = [("type", "witness.note"), ("session", f"witness {self._number} window"), ("n", str(serial))]
        self._put(serial, lane, fields, "good", asked=f"{at}-0")

    def _own_ids(self):
        """A new stream whose ids are ahead of the clock, in microseconds, or such as no bigint holds."""
        self._streams += 1
        kind = self._random.choice(("ahead", "microseconds", "beyond"))
        lane = f"witness:{kind}:{self._number}:{self._streams}"
        first = {"ahead": int((time.time() + 86400 / 2) * 1000), "microseconds": int(time.time() * 1e6), "beyond": int(time.time() * 1000)}[kind]
        story = Story(f"witness {self._number} {kind} {self._streams}", [lane], self._random, self._options["features"])
        for step in range(self._random.randrange(3, 12)):
            serial = self._testimony.next_serial()
            _, fields, expectation = story.next_deed(serial)
            self._put(serial, lane, fields, expectation, asked=f"{first + step}-{self._random.randrange(5)}")
        if kind == "beyond":
            for step in range(3):
                serial = self._testimony.next_serial()
                fields = [("type", "message.appended"), ("session", story.session), ("role", "user"), ("content", f"beyond {serial}")]
                self._put(serial, lane, fields, "invalid_field", asked=f"{BEYOND + step * 1000}-0")

    def _brief(self):
        """A stream that comes, is written to and goes, now and then before anybody can have read it, and comes again."""
        self._streams += 1
        lane = f"witness:brief:{self._number}:{self._random.randrange(4)}"
        session = f"witness {self._number} brief {self._streams}"
        story = Story(session, [lane], self._random, self._options["features"])
        for _ in range(self._random.randrange(1, 25)):
            self._ordinary(story)
        if "removals" in self._options["features"]:
            self._stopped.wait(self._random.choice((0, 0, 0.5, 3, 12)))
            destroy(self._places.redis, self._testimony, [lane])


def destroy(redis, testimony, lanes):
    """Deletes whole streams; the testimony has the span of time in which it happened, and whether that is certain."""
    for lane in lanes:
        began, sure = time.time(), True
        try:
            redis.call(lane, "DEL", lane)
        except OSError:
            sure = False
        except RespError:
            continue
        testimony.note("harm", what="destroyed", lanes=[lane], began=began, ended=time.time(), sure=sure)


REMOVAL = """
local gone = {}
for _, id in ipairs(ARGV) do if redis.call('XDEL', KEYS[1], id) == 1 then gone[#gone + 1] = id end end
return gone
"""

TRIMMING = """
local before = redis.call('XRANGE', KEYS[1], '-', '+')
redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local gone = {}
for _, entry in ipairs(before) do
  if first and entry[1] == first[1] then break end
  gone[#gone + 1] = entry[1]
end
return gone
"""


def remove(redis, testimony, lane, script, arguments, what):
    """Removes entries and notes their ids, both in one atomic step."""
    began = time.time()
    try:
        gone = redis.call(lane, "EVAL", script, "1", lane, *arguments)
        testimony.note("harm", what=what, lanes=[lane], began=began, ended=time.time(), ids=[identity.decode() for identity in gone], sure=True)
    except OSError:
        testimony.note("harm", what=what, lanes=[lane], began=began, ended=time.time(), ids=[], sure=False)
