"""The rows of ops/promises.md in their order, each with the function that judges it."""

from . import ledger_promises as ledger
from . import promises
from .evidence import Evidence
from .outcomes import Losses, decide
from .verdict import Verdict

PROMISES = {
    "once": promises.once,
    "each change once": promises.each_change_once,
    "each dead letter resolved once": ledger.each_dead_letter_resolved_once,
    "in order": promises.in_order,
    "durable means committed": ledger.durable_means_committed,
    "several lanes of a session": promises.several_lanes_of_a_session,
    "a change costs what it changes": ledger.tried("cost", "rows looked at"),
    "sessions come back": ledger.tried("session deleted", "deleted rows"),
    "trimmed is durable": promises.trimmed_is_durable,
    "nothing vanishes silently": promises.nothing_vanishes_silently,
    "accounting": ledger.accounting,
    "streams that lose entries": promises.streams_that_lose_entries,
    "the world's faults": ledger.worlds_faults_are_no_records_faults,
    "a full Redis is emptied": ledger.tried("full", "filled"),
    "a setting loses nothing": ledger.tried("setting", "changed"),
    "one lane holds up no other": ledger.tried("apart", "marks of the others came"),
    "every lane is served": ledger.tried("served", "read"),
    "bounded memory": ledger.tried("memory", "workers"),
    "one installation": ledger.tried("stranger", "refused"),
    "one writer": ledger.one_writer,
    "processes": ledger.tried("process", "processes"),
}


def judge(records, places, options, status):
    evidence = Evidence(records, places, options, status)
    decide(evidence)
    losses, verdict = Losses(evidence), Verdict()
    for name, function in PROMISES.items():
        verdict.promise = name
        function(evidence, losses, verdict)
    return verdict
