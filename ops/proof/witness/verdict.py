"""What was judged, by promise and outcome, what was excused by which sentence, and what is broken."""

from collections import Counter


class Verdict:
    def __init__(self):
        self.judged, self.excused, self.broken, self.examples = Counter(), Counter(), Counter(), []
        self.promise = None

    def ok(self, outcome, count=1):
        if count:
            self.judged[self.promise, outcome] += count

    def excuse(self, sentence, count=1):
        self.excused[self.promise, sentence] += count

    def fault(self, text):
        self.broken[self.promise] += 1
        if self.broken[self.promise] <= 6:
            self.examples.append(f"{self.promise}: {text}"[:600])

    def check(self, holds, outcome, text):
        """Counts what holds; `text` is only made for what does not."""
        if holds:
            self.ok(outcome)
        else:
            self.fault(text() if callable(text) else text)

    def print(self, wanted):
        names = list(dict.fromkeys([*wanted, *(promise for promise, _ in self.judged), *self.broken]))
        for name in names:
            outcomes = ", ".join(f"{count} {outcome}" for (promise, outcome), count in sorted(self.judged.items()) if promise == name)
            print(f"{name:<36} {self.broken[name]:>6}  {outcomes or 'nothing judged'}")
            for (promise, sentence), count in sorted(self.excused.items()):
                if promise == name:
                    print(f"{'':<44}excused {count}: \"{sentence}\"")
        for example in self.examples:
            print(f"  {example}")

    def passed(self, wanted):
        judged = {promise for promise, _ in self.judged}
        return not self.broken and all(name in judged for name in wanted)
