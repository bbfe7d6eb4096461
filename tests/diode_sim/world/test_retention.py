"""Sealed segments that go when they were sent: some do, and none before it was."""

import pytest

from diode_sim.running import tables_of
from diode_sim.trace import Trace
from diode_sim.violation import Violation
from diode_sim.world.guard_options import make_guard_options
from diode_sim.world.guard_run import GuardRun
from diode_sim.world.loading import Mutation

DAY = make_guard_options(tables_of("guard-retention", 0))
UNSENT_GOES = Mutation(
    "guard.core.retention",
    "        if each.after > sent or not (old or much):\n",
    "        if not (old or much):\n",
)


def run(seed: int, *mutations: Mutation) -> GuardRun:
    run = GuardRun(DAY, seed, Trace.off(), mutations)
    run.run()
    return run


def test_what_was_sent_goes_and_the_ledger_says_so() -> None:
    entries = run(1)._observer.low_ledger.entries
    gone = [entry for entry in entries if entry["kind"] == "removed"]
    assert gone
    assert all(entry["what"] == "sealed" for entry in gone)
    for entry in gone:
        sent = max(int(e["last"]) for e in entries[: entries.index(entry)] if e["kind"] == "sent")
        assert int(entry["last"]) <= sent


def test_a_bug_that_lets_go_what_was_not_sent_is_found() -> None:
    with pytest.raises(Violation) as caught:
        run(1, UNSENT_GOES)
    assert caught.value.invariant == "exact"
