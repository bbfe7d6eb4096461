"""What is past its time goes from a running side, with the rights that its processes have."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.core.retention import DAY_S
from guard.edge.clock import now_s
from guard.edge.held import HeldStore
from guard.edge.making import pack_folder
from schemas.entry import Kind
from tests.system.test_sessions import Flow, wait

OLD, YOUNG = "a" * 32, "b" * 32


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Flow]:
    """Both sides keep what is held for a day; each has an old and a young one."""
    with Flow(open_folder / "site", pack_folder("c2")) as running, running.tap:
        for side in (running.made.low, running.made.high):
            with (side / "site.toml").open("a") as file:
                file.write("keep_days = 1\n")
            for ident in (OLD, YOUNG):
                HeldStore(side / "held").keep(ident, b"in", b"out", {"reason": "poison"})
        yield running


def test_held_messages_go_after_their_time_and_the_ledger_hears_first(flow: Flow) -> None:
    sides = {"low": flow.made.low, "high": flow.made.high}
    for side in sides.values():
        before_s = now_s() - 2 * DAY_S
        os.utime(side / "held" / OLD, (before_s, before_s))
    flow.start("high", "low")
    for name, side in sides.items():
        wait(lambda: not (side / "held" / OLD).exists(), "it is still there")  # noqa: B023 - called at once, 2026-11-26
        told = flow.entries(name, Kind.REMOVED)
        assert [(e["what"], e["names"], e["count"]) for e in told] == [("held", OLD, 1)]
        names = sorted(path.name for path in (side / "held").iterdir())
        assert names in ([YOUNG], [f".{OLD}.gone", YOUNG])
    flow.drop_many(2)
    flow.settle()
    assert flow.delivered() == 2
