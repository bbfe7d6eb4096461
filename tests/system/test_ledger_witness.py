"""The high side's witness of a low side's ledger, with real processes and the real link.

The attacker has the low side's disk, its current sealing key included.
"""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.edge.durable_number import read_number
from guard.edge.ledger_files import LedgerWriter, entries_of
from guard.edge.making import pack_folder
from guard.edge.sealing_keys import SealingKeys
from guard.edge.site import read_public
from guard.report.ledger_verifier import Verification, verify_ledger
from guard.roles.sieve import WITNESSED
from schemas.entry import Kind
from schemas.reasons import Reason
from tests.system.test_sessions import Flow, wait

pytestmark = pytest.mark.long

EPOCH_S = 1
OF_THE_LEDGER = ("ledger", "sealing", "sealed", "accepted")


class Attacked(Flow):
    """A flow whose low side an attacker can put back."""

    def _start_all(self) -> None:
        super()._start_all()
        for side in (self.made.low, self.made.high):
            with (side / "site.toml").open("a") as file:
                file.write(f"ledger_epoch_s = {EPOCH_S}\n")

    def witnessed(self) -> int:
        return read_number(self.made.high / "attempt" / WITNESSED) or 0

    def cross(self, count: int) -> int:
        """Send messages and wait until the witness has seen all about them; gives what it has."""
        self.drop_many(count)
        self.settle()
        size = sum(1 for _ in entries_of(self.made.low / "ledger"))
        wait(lambda: self.witnessed() >= size, "no checkpoint was accepted")
        return self.witnessed()

    def verification(self) -> Verification:
        heard = [str(e["checkpoint"]).encode() for e in self.entries("high", Kind.WITNESS)]
        low = self.made.low
        return verify_ledger(low / "ledger", low / "trust" / "ledger.pub", witnessed=heard)

    def copy_low(self) -> Path:
        copy = self.folder.parent / "copy"
        for name in OF_THE_LEDGER:
            shutil.copytree(self.made.low / name, copy / name)
        return copy

    def put_back(self, copy: Path) -> None:
        for name in OF_THE_LEDGER:
            shutil.rmtree(self.made.low / name)
            shutil.copytree(copy / name, self.made.low / name)

    def rewrite(self, size: int) -> None:
        """Go on with the ledger that is there, by its own key, up to `size` entries."""
        low = self.made.low
        writer = LedgerWriter.open(
            low / "ledger", SealingKeys(low / "sealing"), read_public(low / "trust" / "ledger.pub"),
            "checkvalve/c2/low",
        )  # fmt: skip
        count = size - writer.size
        writer.append([{"kind": Kind.STOP, "time_ms": 1, "number": 0}] * count)
        writer.close()
        with (low / "sealing" / "told").open("ab") as file:
            file.write(struct.pack(">Q", size))


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Attacked]:
    with Attacked(open_folder / "site", pack_folder("c2")) as running, running.tap:
        running.start("high", "low")
        yield running


def test_a_ledger_is_witnessed_over_epochs_and_restarts_of_both_sides(flow: Attacked) -> None:
    flow.cross(10)
    for side in ("low", "high"):
        flow.stop(side)
        flow.start(side)
        flow.cross(3)
    found = flow.verification()
    assert found.ok
    assert found.epoch >= 2
    assert 0 < found.anchored <= found.entries
    assert len(list((flow.made.low / "sealing").glob("*.key"))) == 1
    assert not flow.alarms()


def test_a_ledger_that_was_put_back_is_noticed_as_it_goes_on(flow: Attacked) -> None:
    flow.cross(5)
    flow.stop("low")
    copy = flow.copy_low()
    flow.start("low")
    seen = flow.cross(20)
    flow.stop("low")
    flow.put_back(copy)
    cut = flow.verification()
    assert {each.reason for each in cut.findings} == {Reason.LEDGER_CHAIN}
    flow.start("low")
    wait(lambda: Reason.LEDGER_CHAIN in flow.alarms(), "the roll back was not noticed")
    assert flow.witnessed() == seen


def test_a_ledger_that_was_written_anew_with_its_own_key_is_noticed(flow: Attacked) -> None:
    flow.cross(5)
    flow.stop("low")
    copy = flow.copy_low()
    flow.start("low")
    seen = flow.cross(20)
    flow.stop("low")
    flow.put_back(copy)
    flow.rewrite(seen)
    forked = flow.verification()
    assert {each.reason for each in forked.findings} == {Reason.LEDGER_TREE}
    flow.start("low")
    anew = {Reason.LEDGER_TREE, Reason.LEDGER_SIGNATURE}  # the latter in another epoch than it was
    wait(lambda: bool(anew & flow.alarms()), "the fork was not noticed")
    assert flow.witnessed() == seen
