"""Chaos: workers, producers and servers of their own, faults by the seed, and a checker that knows only what was written and removed."""
