"""A short form of the campaign; the long one is `python -m tests.campaigns.power_cuts`."""

import pytest

from diode_sim.world.loading import Mutation
from tests.campaigns import power_cuts
from tests.campaigns.power_cuts import WRITERS, lives
from tests.contracts.simulated import Simulated

SEEDS = {"journal": 30, "ledger": 15, "queue": 20, "files": 60, "number": 60}

# What the campaign must notice: a promise of the writers that is not kept any more.
BROKEN = {
    "journal": (
        Mutation("guard.edge.durable", "os.fdatasync(self._descriptor)", "pass"),
        Mutation("guard.edge.journal", "        self.sync()\n        with", "        with"),
        Mutation("guard.edge.journal_recovery", "_write_again(directory, last,", "str((last,"),
    ),
    "ledger": (Mutation("guard.edge.ledger_files", "            self._journal.sync()\n", ""),),
    "queue": (
        Mutation("guard.edge.output_queue", "durable.sync_filesystem(descriptor)", "pass"),
        Mutation("guard.edge.output_queue", "for suffix in (SIDECAR_SUFFIX, extension)",
                 "for suffix in (extension, SIDECAR_SUFFIX)"),
    ),
    "files": (
        Mutation("guard.edge.durable", "    os.rename(tmp, path)\n    sync_directory(path.parent)",
                 "    os.rename(tmp, path)"),
        Mutation("guard.edge.durable", "write_new(tmp, content, sync=True)",
                 "write_new(tmp, content)"),
    ),
    "number": (
        Mutation("guard.edge.durable_number", "            if durable:\n                os.fdatasync",
                 "            if not durable:\n                os.fdatasync"),
        Mutation("guard.edge.durable_number", "if self.value is None:\n            self._set_first",
                 "if False:\n            self._set_first"),
    ),
}  # fmt: skip
MUTATIONS = [(name, each) for name, several in BROKEN.items() for each in several]


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_keeps_its_promises_over_power_cuts(name: str) -> None:
    world = Simulated()
    for seed in range(SEEDS[name]):
        lives(name, seed, world)
    assert world.kernel.steps > 50 * SEEDS[name]


@pytest.mark.parametrize(("name", "mutation"), MUTATIONS, ids=lambda each: str(each)[:80])
def test_a_promise_that_is_not_kept_is_noticed(name: str, mutation: Mutation) -> None:
    world = Simulated(mutations=(mutation,))

    def noticed(seed: int) -> bool:
        try:
            lives(name, seed, world)
        except Exception:
            return True
        return False

    assert any(noticed(seed) for seed in range(2000))


def test_a_failure_prints_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(WRITERS["number"]):  # type: ignore[misc, name-defined]  # one of several makers
        def live(self, chance: object) -> None:
            raise AssertionError("not kept")

    monkeypatch.setitem(WRITERS, "number", Forgetful)
    with pytest.raises(AssertionError):
        power_cuts.main(["--only", "number", "--seeds", "3", "--first", "5"])
    assert capsys.readouterr().err == (
        "again: python -m tests.campaigns.power_cuts --only number --first 5 --seeds 1\n"
    )
