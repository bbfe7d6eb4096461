"""One stage taken over, in real processes on both sides: nothing comes out that a check forbids."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.entry import Kind
from schemas.reasons import Reason
from tests.system.hostile_stages.world import (
    Oracle,
    TakenOverFlow,
    bad_drops,
    check_delivered,
    check_ledgers,
    good_drops,
    of_kind,
    pack_with,
)

# Each is done to two messages a run: to one that the policy passes, and to one that it refuses.
DEEDS = (
    "nothing", "forward", "refuse", "hold", "change_and_say_so", "swap_whole", "swap_label",
    "queue", "another_queue", "change", "change_label", "swap_payload", "swap_metadata",
    "swap_receipts", "forge_own", "forge_next", "forge_before", "another_scope", "another_id",
    "no_receipt", "twice_signed", "stop_it", "revive", "twice", "drop", "reorder", "flood",
    "largest_number", "half", "noise", "descriptors", "exfiltrate", "smuggle_out", "smuggle_in",
)  # fmt: skip
# What no stage may do to a message and have it released, whatever its kind.
NEVER_RELEASED = {
    "refuse", "hold", "queue", "another_queue", "change", "change_label", "swap_payload",
    "swap_metadata", "swap_receipts", "forge_own", "forge_next", "forge_before", "another_scope", "another_id",
    "no_receipt", "twice_signed", "stop_it", "drop", "largest_number", "half",
}  # fmt: skip
# Of these the receipts tell who it was.
NAMED = {
    "change", "change_label", "swap_payload", "swap_metadata", "forge_own", "another_scope",
    "another_id", "stop_it", "refuse",
}  # fmt: skip


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    judge = Oracle()
    yield judge
    judge.close()


def drop_two_rounds(flow: TakenOverFlow, deeds: tuple[str, ...]) -> None:
    good, bad = good_drops(), bad_drops()
    for at in range(len(deeds)):
        flow.drop(good[at % len(good)], "event.cot")
    for at in range(len(deeds)):
        flow.drop(bad[at % len(bad)], "event.cot")


@pytest.mark.parametrize("stage", ["cot_rebuild", "route"])
def test_a_stage_of_the_source_side(open_folder: Path, oracle: Oracle, stage: str) -> None:
    pack = pack_with(open_folder / "pack", "pooled")
    hostile = {"low": {f"stage:{stage}": list(DEEDS)}}
    with TakenOverFlow(open_folder / "site", pack, hostile=hostile) as flow:
        drop_two_rounds(flow, DEEDS)
        flow.settle()
        check_delivered(flow, oracle)
        check_ledgers(flow)
        entries = flow.entries("low")
        released = {
            DEEDS[int(entry["number"]) % len(DEEDS)] for entry in of_kind(entries, Kind.COMMITTED)
        }
        assert not released & NEVER_RELEASED
        assert "nothing" in released
        named = {
            DEEDS[int(entry["number"]) % len(DEEDS)]
            for entry in of_kind(entries, Kind.HELD, Kind.REFUSED)
            if stage in f"{entry['stage']} {entry['sentence']}"
        }
        assert named >= NAMED
        assert (
            sum(run["kind"] == Kind.RUN for run in entries) == 1
        )  # nothing had to be started anew


@pytest.mark.parametrize("stage", ["cot_build", "words_twin"])
def test_a_stage_of_the_destination_side(open_folder: Path, oracle: Oracle, stage: str) -> None:
    pack = pack_with(open_folder / "pack", "pooled")
    hostile = {"high": {f"stage:{stage}": list(DEEDS)}}
    with TakenOverFlow(open_folder / "site", pack, hostile=hostile) as flow:
        for at in range(2 * len(DEEDS)):
            flow.drop(good_drops()[at % len(good_drops())], "event.cot")
        flow.settle()
        check_delivered(flow, oracle)
        check_ledgers(flow)
        entries = flow.entries("high")
        delivered = {
            DEEDS[int(entry["number"]) % len(DEEDS)] for entry in of_kind(entries, Kind.DELIVERING)
        }
        assert not delivered & NEVER_RELEASED
        held = of_kind(entries, Kind.HELD)
        assert {entry["reason"] for entry in held} >= {
            Reason.RECEIPT_FORGED, Reason.RECEIPT_OTHER_MESSAGE, Reason.RECEIPT_MISSING,
        }  # fmt: skip
        named = [entry for entry in held if stage in f"{entry['stage']} {entry['sentence']}"]
        assert len(named) >= len(NAMED)
