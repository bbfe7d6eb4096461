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

pytestmark = pytest.mark.long

# Each is done to two messages a run: to one that the policy passes, and to one that it refuses.
DEEDS = (
    "nothing", "forward", "refuse", "hold", "change_and_say_so", "swap_whole", "swap_label",
    "set_the_time", "queue", "another_queue", "change", "change_label", "swap_payload",
    "swap_metadata", "swap_receipts", "forge_own", "forge_next", "forge_before",
    "another_scope", "another_id", "no_receipt", "twice_signed", "stop_it", "revive",
    "twice", "drop", "reorder", "flood", "largest_number", "half", "noise",
    "descriptors", "exfiltrate", "smuggle_out", "smuggle_in",
)  # fmt: skip
# What no stage may do to a message and have it released, whatever its kind.
NEVER_RELEASED = {
    "refuse", "hold", "set_the_time", "queue", "another_queue", "change", "change_label",
    "swap_payload", "swap_metadata", "swap_receipts", "forge_own", "forge_next", "forge_before",
    "another_scope", "another_id", "no_receipt", "twice_signed", "stop_it", "drop",
    "largest_number", "half",
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


ENDINGS = ("spin", "sleep", "allocate", "crash", "vanish", "pretend_to_be_due")


@pytest.mark.parametrize("stage", ["cot_rebuild"])
def test_a_cell_that_was_taken_over_costs_its_message_alone(
    open_folder: Path, oracle: Oracle, stage: str
) -> None:
    """isolation = "message": no key, no other message, no second answer; and no lane ends."""
    deeds = (*ENDINGS, *DEEDS)
    pack = pack_with(open_folder / "pack", "message")
    hostile = {"low": {f"stage:{stage}:cells": list(deeds)}}
    with TakenOverFlow(open_folder / "site", pack, hostile=hostile) as flow:
        good = good_drops()
        for at in range(len(deeds)):
            flow.drop(good[at % len(good)], "event.cot")
        flow.settle()
        check_delivered(flow, oracle)
        check_ledgers(flow)
        entries = flow.entries("low")
        assert sum(entry["kind"] == Kind.RUN for entry in entries) == 1
        held = {deeds[int(entry["number"])]: entry for entry in of_kind(entries, Kind.HELD)}
        for deed in (*ENDINGS, "drop", "twice", "flood", "half", "noise", "largest_number"):
            assert (held[deed]["stage"], held[deed]["reason"]) == (stage, Reason.STAGE_FAILED)
        assert "processor time" in str(held["spin"]["sentence"])
        assert "8000 ms" in str(held["sleep"]["sentence"])
        # A cell has no key, so there is nothing to forge and nobody to accuse.
        assert not of_kind(entries, Kind.ALARM)


@pytest.mark.parametrize("ending", ["spin", "allocate"])
def test_what_ends_a_pooled_stage_is_held_at_the_second_time_and_the_stage_is_named(
    open_folder: Path, oracle: Oracle, ending: str
) -> None:
    pack = pack_with(open_folder / "pack", "pooled")
    hostile = {"low": {"stage:words": [*["nothing"] * 5, ending, *["nothing"] * 30]}}
    with TakenOverFlow(open_folder / "site", pack, hostile=hostile) as flow:
        for at in range(20):
            flow.drop(good_drops()[at % len(good_drops())], "event.cot")
        flow.settle()
        check_delivered(flow, oracle)
        entries = flow.entries("low")
        (held,) = of_kind(entries, Kind.HELD)
        assert (held["number"], held["reason"]) == (5, Reason.POISON)
        assert "stage:words" in str(held["sentence"])
        assert len(of_kind(entries, Kind.COMMITTED)) == 19
        causes = [str(entry["cause"]) for entry in of_kind(entries, Kind.RUN)]
        assert len(causes) == 3
        assert all("stage:words" in cause for cause in causes[1:])


def test_two_stages_that_work_together_get_nothing_past_the_checks_after_them(
    open_folder: Path, oracle: Oracle
) -> None:
    """One sees what may not pass and hides it in its receipt; one after honest stages takes it."""
    pack = pack_with(open_folder / "pack", "pooled")
    hostile = {
        "low": {"stage:identify": ["smuggle_out"], "stage:map_label": ["smuggle_in"],
                "stage:words": ["forward"]},
        "high": {"stage:bounds": ["smuggle_out"], "stage:route_twin": ["smuggle_in"]},
    }  # fmt: skip
    with TakenOverFlow(open_folder / "site", pack, hostile=hostile) as flow:
        for payload in bad_drops() + good_drops():
            flow.drop(payload, "event.cot")
        flow.settle()
        check_delivered(flow, oracle)
        assert not flow.account.delivered


def test_a_worker_finds_nothing_that_the_one_before_it_left(open_folder: Path) -> None:
    pack = pack_with(open_folder / "pack", "pooled", process_messages_max=7)
    hostile = {"low": {"stage:words": ["look_for_a_note"]}}
    with TakenOverFlow(open_folder / "site", pack, hostile=hostile) as flow:
        for at in range(40):
            flow.drop(good_drops()[at % len(good_drops())], "event.cot")
        flow.settle()
        assert len(flow.account.delivered) == 40
        assert sum(entry["kind"] == Kind.RUN for entry in flow.entries("low")) == 1


def test_workers_are_replaced_and_what_is_in_flight_goes_on(open_folder: Path) -> None:
    pack = pack_with(open_folder / "pack", "pooled", process_messages_max=7)
    with TakenOverFlow(open_folder / "site", pack) as flow:
        for at in range(300):
            flow.drop(good_drops()[at % len(good_drops())], "event.cot")
        flow.settle()
        assert len(flow.account.delivered) == 300
        for side in ("low", "high"):
            entries = flow.entries(side)
            assert sum(entry["kind"] == Kind.RUN for entry in entries) == 1
            assert not of_kind(entries, Kind.HELD)
