"""A sender's limits under crashes: never one too many, and none refused that was not too many."""

import pytest

from diode_sim.running import tables_of
from diode_sim.trace import Trace
from diode_sim.world.guard_options import make_guard_options
from diode_sim.world.guard_run import GuardRun
from diode_sim.world.loading import Mutation

pytestmark = pytest.mark.long

LIMITED = make_guard_options(tables_of("guard-limits", 0))
A_MINUTE_MAX = 60
DECIDED = ("committed", "refused", "held")
SEEDS = range(1, 5)
FORGETS_THE_JOURNAL = Mutation(
    "guard.roles.ingest", "if number >= self._counted and", "if number < 0 and"
)
FORGETS_THE_SNAPSHOT = Mutation(
    "guard.roles.ingest",
    "keep(self._spool_folder, self._limiter, self._journal.next_number)",
    "pass",
)


def accepted_and_refused(seed: int, *mutations: Mutation) -> tuple[int, int]:
    """(messages that were accepted within 60 s, drops that were refused as too many)."""
    run = GuardRun(LIMITED, seed, Trace.off(), mutations)
    run.run()
    entries = run._observer.low_ledger.entries
    times_s = {str(e["id"]): int(e["accepted_s"]) for e in entries if e["kind"] in DECIDED}
    most = max(
        sum(1 for other in times_s.values() if at_s <= other < at_s + 60)
        for at_s in times_s.values()
    )
    over = [e for e in entries if e["kind"] == "spool-refused" and e["reason"] == "rate-exceeded"]
    return most, len(over)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_crash_lets_one_too_many_in_or_refuses_one_too_few(seed: int) -> None:
    most, over = accepted_and_refused(seed)
    assert most == A_MINUTE_MAX
    assert over > 0


@pytest.mark.parametrize("bug", [FORGETS_THE_JOURNAL, FORGETS_THE_SNAPSHOT])
def test_a_bug_that_forgets_at_a_crash_is_found(bug: Mutation) -> None:
    assert max(accepted_and_refused(seed, bug)[0] for seed in SEEDS) > A_MINUTE_MAX
