"""All that a verdict may rest on: the testimony, and what Redis and Postgres say at the end."""

import json
from collections import defaultdict
from types import SimpleNamespace

from resp import RespError

from .model import parsed
from .testimony import position, serial_of, unpacked
from .watchers import built_in

TABLES = ("messages", "context", "context_history", "tool_calls", "outcomes", "snapshots", "sessions")


class Evidence:
    def __init__(self, records, places, options, status):
        self.options, self.status = options, status
        self.run, self.window = options["run"], options["window_ms"]
        self.records = defaultdict(list)
        for record in records:
            self.records[record["kind"]].append(record)
        self.entries = {record["serial"]: self._entry(record) for record in self.records["write"]}
        self.harms = self.records["harm"]
        self._gather_families()
        self._seen()
        self._ask_postgres(places)
        self._ask_redis(places)

    def _entry(self, record):
        fields = [(name, unpacked(value)) for name, value in record["fields"]]
        named = dict(fields)
        return SimpleNamespace(
            **{name: record[name] for name in ("serial", "sent", "at", "lane", "id", "refused", "expect", "asked")},
            late=record.get("late", False), fields=named, flat=fields, session=named["session"], event=named.get("event_id"),
            content=sorted((name, value) for name, value in fields if name not in ("event_id", "ts", "trace", "seq", "epoch")),
            position=position(record["id"]) if record["id"] else None, rows=[], letters=[], seen=[], outcome=None)

    def _gather_families(self):
        """Entries with one trace have one content; an answer tells which of them one is, else any that got no answer may be it."""
        self._families, self._known = defaultdict(list), {}
        for entry in self.entries.values():
            self._families[serial_of(entry.fields["trace"], self.run)].append(entry)
            if entry.id:
                self._known[entry.lane, position(entry.id)] = entry

    def _entry_at(self, family, lane, at):
        entries = self._families.get(family, [])
        known = [entry for entry in entries if entry.lane == lane and entry.position == at]
        free = [entry for entry in entries if entry.lane == lane and entry.position is None and not entry.refused]
        found = (known or free or entries[:1] or [None])[0]
        if found and not known and free:
            found.position = at
        return found

    def _seen(self):
        """What another group was given says which uncertain writes arrived, and under which id."""
        for record in self.records["seen"]:
            for family, identity in record["entries"]:
                entry = self._entry_at(family, record["lane"], position(identity))
                if entry:
                    entry.seen.append((record["lane"], identity))

    def _ask_postgres(self, places):
        def ask(sql):
            return [json.loads(row[0]) for row in places.query(sql)]

        self.lanes = {row["lane"]: row for row in ask("select to_jsonb(l) from tidemark.lanes l")}
        self.lane_of = {row["lane_id"]: lane for lane, row in self.lanes.items()}
        self.incarnations = ask("select to_jsonb(i) from tidemark.lane_incarnations i order by lane, incarnation")
        self.gaps = defaultdict(list)
        for row in ask("select to_jsonb(g) || jsonb_build_object('detected', extract(epoch from detected_at)) from tidemark.gaps g order by id"):
            self.gaps[row["lane"]].append(row)
        prefix = f"00-{self.run:016x}"
        self.changes, self.unknown_rows = [], []
        for row in ask(f"select to_jsonb(c) || jsonb_build_object('committed', extract(epoch from committed_at), "
                       f"'occurred', extract(epoch from occurred_at)) from tidemark.changes c where trace like '{prefix}%'"):
            row["position"] = row["entry_ms"], row["entry_no"]
            self.changes.append(row)
            entry = self._entry_at(serial_of(row["trace"], self.run), row["lane"], (row["entry_ms"] % (1 << 64), row["entry_no"] % (1 << 64)))
            (entry.rows if entry else self.unknown_rows).append(row)
        # Rows of sessions that the witness alone writes must be its own.
        self.foreign_rows = ask("select jsonb_build_array(lane, entry_ms, entry_no, session_id) from tidemark.changes "
                                f"where session_id like 'witness %' and coalesce(trace, '') not like '{prefix}%'")
        self.order = defaultdict(list)
        for lane, no, ms, entry_no in ask("select jsonb_build_array(lane, no, entry_ms, entry_no) from tidemark.changes order by lane, no"):
            self.order[lane].append((no, (ms, entry_no)))
        self.letters = ask("select to_jsonb(d) - 'raw' || jsonb_build_object('names', (select json_agg(encode(substr(b, 1, 300), 'hex')) "
                           "from unnest(d.raw[1:60]) b), 'parts', cardinality(raw)) from tidemark.dead_letters d order by id")
        for letter in self.letters:
            self._place_letter(letter)
        self.divergences = ask("select to_jsonb(d) from tidemark.divergences d")
        # Numbers must not lose digits on their way through this program.
        self.rows = {table: [parsed(row[0]) for row in places.query(f"select to_jsonb(t)::text from tidemark.{table} t where session_id like 'witness %'")]
                     for table in TABLES}

        self.states = {row[0]: parsed(row[1]) for row in places.query(
            "select session_id, tidemark.state(session_id)::text from tidemark.sessions where session_id like 'witness %'")}
        self.transcripts = defaultdict(list)
        for row in places.query("select s.session_id, t.kind, t.entry_ms, t.entry_no, t.lane_id from tidemark.sessions s, tidemark.transcript(s.session_id) t "
                                "where s.session_id like 'witness %'"):
            self.transcripts[row[0]].append((row[1], (int(row[2]), int(row[3]), int(row[4]))))

    def _place_letter(self, letter):
        """Its raw bytes name the entry; of one whose bytes were cut, its place does."""
        raw = [bytes.fromhex(part or "") for part in letter["names"] or []]
        letter["trace"] = None
        for place in range(0, len(raw) - 1, 2):
            if raw[place] == b"trace":
                letter["trace"] = serial_of(raw[place + 1].decode("utf-8", "replace"), self.run)
        at = letter["entry_ms"] % (1 << 64), letter["entry_no"] % (1 << 64)
        letter["position"] = at
        entry = self._entry_at(letter["trace"], letter["lane"], at) or self._known.get((letter["lane"], at))
        letter["entry"] = entry
        if entry:
            entry.letters.append(letter)

    def _ask_redis(self, places):
        self.streams, self.marks, self.pending = {}, {}, {}
        redis = places.redis
        for lane in set(self.lanes) | set(built_in(self.options)):
            try:
                info = redis.call(lane, "XINFO", "STREAM", lane)
            except RespError:
                continue
            about = {info[i].decode(): info[i + 1] for i in range(0, len(info), 2)}
            self.streams[lane] = {"added": about["entries-added"], "last": about["last-generated-id"].decode(), "length": about["length"],
                                  "first": about["first-entry"][0].decode() if about["first-entry"] else None}
            row = self.lanes.get(lane)
            if row:
                cursor = f"{row['entry_ms'] % (1 << 64)}-{row['entry_no'] % (1 << 64)}"
                self.streams[lane]["has_cursor"] = bool(redis.call(lane, "XRANGE", lane, cursor, cursor))
        for lane in built_in(self.options):
            durable, incarnation = redis.call(lane, "HMGET", lane.replace("changes", "lane"), "durable", "incarnation")
            if durable:
                self.marks[lane] = durable.decode(), int(incarnation or 0)
        flat = redis.call("tidemark:durable", "HGETALL", "tidemark:durable")
        others = {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}
        for lane, mark in others.items():
            if lane and not lane.startswith(("incarnation:", "installation:")):
                self.marks[lane] = mark, int(others.get(f"incarnation:{lane}", 0))

    def is_sole_writer(self, lane):
        return lane.startswith("witness:") or not self.options.get("others")

    def lane_number(self, lane):
        return self.lanes[lane]["lane_id"] if lane in self.lanes else 0

    def key(self, row):
        """A row's position with its lane, as the model orders them."""
        return row["entry_ms"], row["entry_no"], row["lane_id"]


def has_group(lane, options):
    return lane in built_in(options) or lane.startswith("witness:steady:")
