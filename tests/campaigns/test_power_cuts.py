"""A short form of the campaign; the long one is `python -m tests.campaigns.power_cuts`."""

import contextlib

import pytest

from diode_sim.chance import Chance
from diode_sim.world.kernel import Killed, Process
from diode_sim.world.loading import Mutation
from tests.campaigns import power_cuts, writers
from tests.campaigns.power_cuts import WRITERS, lives
from tests.contracts.simulated import TOP, Simulated

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
        Mutation("guard.edge.durable_number", "if durable:", "if not durable:"),
        Mutation("guard.edge.durable_number", "        if not self._named:", "        if False:"),
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


def ends_at(world: Simulated, step: int, how: str) -> None:
    """From now on the running process ends at its so-manieth system call."""
    left = step

    def before_step(process: Process, call: str) -> None:
        nonlocal left
        left -= 1
        if left == 0 and how == "kill":
            process.doomed = True
        elif left == 0:
            world.power_cut(process, Chance(step))

    world.kernel.before_step = before_step


@pytest.mark.parametrize("how", ["kill", "power cut"])
def test_a_journal_of_which_all_was_dropped_keeps_its_numbers_however_its_opening_ends(
    how: str,
) -> None:
    for step in range(1, 40):
        world = Simulated(step)
        host = world.host()
        journal = world.load("guard.edge.journal")
        folder = world.load("pathlib").Path(TOP)
        with world.process(host):
            world.load("guard.edge.journal_recovery").make_segment(folder, 5)
        for _ in range(2):
            ends_at(world, step, how)
            with contextlib.suppress(Killed), world.process(host):
                journal.JournalWriter.open(folder)
        world.kernel.before_step = None
        host.disk.power_cut(Chance(step))
        with world.process(host):
            assert journal.JournalWriter.open(folder).next_number == 5


def test_a_directory_is_durable_also_when_its_maker_was_stopped_before_its_sync() -> None:
    for step in range(1, 8):
        world = Simulated()
        host = world.host()
        durable = world.load("guard.edge.durable")
        path = world.load("pathlib").Path(TOP) / "made"
        ends_at(world, step, "kill")
        with contextlib.suppress(Killed), world.process(host):
            durable.make_directory(path)
        world.kernel.before_step = None
        with world.process(host):
            durable.make_directory(path)
        for seed in range(10):
            host.disk.power_cut(Chance(seed))
            with world.process(host):
                assert path.is_dir()


def test_a_failure_prints_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(writers.Number):
        def live(self, chance: Chance) -> None:
            raise AssertionError("not kept")

    monkeypatch.setitem(WRITERS, "number", Forgetful)
    with pytest.raises(AssertionError):
        power_cuts.main(["--only", "number", "--seeds", "3", "--first", "5"])
    assert capsys.readouterr().err == (
        "again: python -m tests.campaigns.power_cuts --only number --first 5 --seeds 1\n"
    )
