"""What became of each entry, and which fault or sentence explains one that is not there."""

from collections import defaultdict

from .testimony import position

NOBODY_KNOWS = "Entries that Redis acknowledged and lost before any worker read them can't be known."
TOO_LATE = "If a worker died or handed the lane over within a second of reading past deleted entries, the range may begin too late; the number is still correct."
DESTROYED = "there is no stream | gaps, flushed, at_least the entries that were seen waiting; a new incarnation"


def decide(evidence):
    """Sets each entry's outcome: applied, dead, replayed, duplicate, ephemeral, refused, lost, uncertain."""
    events = defaultdict(list)
    for entry in evidence.entries.values():
        if entry.event:
            events[entry.session, entry.event].append(entry)
    evidence.events = events
    for entry in evidence.entries.values():
        entry.outcome = outcome_of(entry, events, evidence.window)


def outcome_of(entry, events, window):
    if entry.rows:
        return "replayed" if any(letter["resolution"] == "replayed" for letter in entry.letters) else "applied"
    if entry.letters:
        return "dead"
    if entry.refused:
        return "refused"
    if entry.expect == "ephemeral":
        return "ephemeral"
    if entry.position is None:
        return "uncertain"
    if entry.event and any(other.content == entry.content for other in neighbours(entry, events, window) if other.rows):
        return "duplicate"
    return "lost"


def neighbours(entry, events, window):
    """Entries with its event whose ids are less than one window away."""
    return [other for other in events[entry.session, entry.event]
            if other is not entry and other.position and abs(other.position[0] - entry.position[0]) < window]


def shown(at):
    return f"{at[0]}-{at[1]}"


class Losses:
    """Explains entries that are not there: by what the testimony says was done to Redis, and by the rows of `gaps`."""

    def __init__(self, evidence):
        self._evidence = evidence
        self._removed = defaultdict(set)
        self._unsure = defaultdict(list)
        self._destroyed, self._tails, self._back = defaultdict(list), [], []
        for harm in evidence.harms:
            for lane in harm["lanes"]:
                if harm["what"] in ("deleted", "trimmed"):
                    self._removed[lane].update(harm["ids"])
                    if not harm["sure"]:
                        self._unsure[lane].append(harm)
                elif harm["what"] == "destroyed":
                    self._destroyed[lane].append(harm)
            if harm["what"] == "redis-tail":
                self._tails.append(harm)
            if harm["what"] == "postgres-back":
                self._back.append(harm)
        self._marks = defaultdict(list)
        for record in evidence.records["marks"]:
            for lane, (mark, *_) in record["marks"].items():
                self._marks[lane].append((record["taken"], position(mark)))
        self._applied = defaultdict(list)
        for entry in evidence.entries.values():
            for row in entry.rows:
                if entry.id:
                    self._applied[row["lane"]].append((entry.position, entry.sent, float(row["committed"])))

    def removed_ids(self, lane):
        return self._removed[lane]

    def is_unsure(self, lane):
        return bool(self._unsure[lane])

    def destructions(self, lane, since):
        """Those that ended after this moment."""
        found = self._destroyed[lane] + self._destroyed["*"] + (self._destroyed["witness:*"] if lane.startswith("witness:") else [])
        return [harm for harm in found if harm["ended"] >= since]

    def may_have_destroyed(self, entry):
        """The destructions that may have taken it from Redis; where the ids are known that one took, only if it is among them."""
        return [harm for harm in self.destructions(entry.lane, entry.sent) if "ids" not in harm or shown(entry.position) in harm["ids"]]

    def was_removed(self, entry):
        """Exactly known to have been removed, or perhaps, by a call that was not answered."""
        if shown(entry.position) in self._removed[entry.lane]:
            return True
        return any(harm["ended"] >= entry.sent for harm in self._unsure[entry.lane])

    def destruction(self, entry):
        """The destruction that may have taken it; none where reading had passed it before, for then it had to be in Postgres."""
        for harm in self.may_have_destroyed(entry):
            if not self._was_passed(entry, harm["began"]) and not self._was_marked(entry, harm):
                return harm
        return None

    def _was_passed(self, entry, moment):
        """Whether something behind it was applied before: entries are read in their order, so it had been read, too."""
        return any(at > entry.position and sent > entry.at and committed < moment for at, sent, committed in self._applied[entry.lane])

    def _was_marked(self, entry, harm):
        """Whether its lane's mark was seen to have passed it before; ids that producers make may fall behind an older stream's mark.

        A Postgres that went back may lack what the mark spoke of, and Redis what would have been committed again."""
        was_lost = any(back["ended"] >= entry.at for back in self._back)
        return entry.asked == "*" and not was_lost and any(
            at >= entry.position for taken, at in self._marks[entry.lane] if entry.at < taken < harm["began"])

    def tail(self, entry):
        """The moment at which Redis came back without its last entries, if this may have been one of them."""
        for harm in self._tails:
            kept = harm.get("kept", {}).get(entry.lane)
            is_behind = tuple(kept) < entry.position if kept else harm["began"] <= entry.at
            if is_behind and entry.sent <= harm["ended"]:
                return harm
        return None

    def lost_with_tail(self, entry):
        """Whether it went so before it was read."""
        harm = self.tail(entry)
        return harm is not None and not self._was_passed(entry, harm["ended"])

    @property
    def tails(self):
        """The moments at which Redis came back without its last entries."""
        return self._tails

    @property
    def has_tails(self):
        return bool(self._tails)

    @property
    def postgres_went_back(self):
        return bool(self._back)

    def exact_row(self, entry):
        """The row of `gaps` whose range holds it."""
        for row in self._evidence.gaps[entry.lane]:
            before = (row["before_ms"] % (1 << 64), row["before_no"] % (1 << 64)) if row["before_ms"] is not None else (1 << 65, 0)
            if row["missing"] is not None and (row["after_ms"] % (1 << 64), row["after_no"] % (1 << 64)) < entry.position < before:
                return row
        return None

    def later_exact_row(self, entry):
        """A row that begins behind it and was written after it: its range may begin too late."""
        for row in self._evidence.gaps[entry.lane]:
            began = row["after_ms"] % (1 << 64), row["after_no"] % (1 << 64)
            detected = float(row["detected"])
            if row["missing"] and began >= entry.position and detected >= entry.sent:
                # One of another stream speaks of that one's entries.
                if not any(entry.at <= harm["began"] <= detected for harm in self.destructions(entry.lane, entry.sent)):
                    return row
        return None

    def break_row(self, lane, since):
        return next((row for row in self._evidence.gaps[lane] if row["missing"] is None and float(row["detected"]) >= since), None)
