"""A rehearsal of the c2 policy: both chains in their real, confined processes."""

import os
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from guard.edge.making import pack_folder
from guard.edge.site import read_documents
from guard.rehearsal import Outcome, Rehearsal
from schemas.message import Meta
from schemas.policy import read_policy
from schemas.reasons import Reason
from schemas.verdict import Hold, Refuse
from tests.filters.hostile.painting_forge import page
from tests.filters.hostile.pdf_painting import BOMBS

PACK = pack_folder("c2")
SAMPLES = sorted((PACK / "samples").glob("*.cot"))
CASES = {
    case["file"]: case
    for case in tomllib.loads((PACK / "samples/hostile/expected.toml").read_text("utf-8"))["case"]
}
SOME = ("entity-expansion.cot", "dirty-word.cot", "utf-16.cot", "deep.cot", "missing-uid.cot")
META = Meta(
    id="00112233445566778899aabbccddeeff", flow="", sender="", name="a.cot",
    accepted_s=1_700_000_000, label="UNCLASSIFIED",
)  # fmt: skip


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    policy = read_policy((PACK / "policy.toml").read_bytes())
    with Rehearsal(policy, read_documents(PACK, policy)) as made:
        yield made


def decide(rehearsal: Rehearsal, payload: bytes, **changes: str) -> Outcome:
    policy = rehearsal._policy
    meta = replace(META, flow=policy.flow, sender=policy.senders[0], label="")
    return rehearsal.decide(replace(meta, **changes), payload)  # type: ignore[arg-type]  # every change is a text


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_delivered_rebuilt(rehearsal: Rehearsal, path: Path) -> None:
    outcome = decide(rehearsal, path.read_bytes())
    assert outcome.stopped is None
    assert outcome.message is not None
    delivered, dropped = etree.fromstring(outcome.message.payload), etree.parse(path).getroot()
    assert delivered.tag == dropped.tag == "event"
    assert delivered.get("uid") == dropped.get("uid")
    assert outcome.message.meta.name == ""


def test_the_same_message_gives_the_same_bytes(rehearsal: Rehearsal) -> None:
    first, second = (decide(rehearsal, SAMPLES[0].read_bytes()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", SOME)
def test_a_hostile_sample_is_stopped_where_the_pack_says(rehearsal: Rehearsal, name: str) -> None:
    outcome = decide(rehearsal, (PACK / "samples/hostile" / name).read_bytes())
    assert isinstance(outcome.stopped, Refuse)
    assert (outcome.stage, outcome.stopped.reason) == (CASES[name]["stage"], CASES[name]["reason"])
    assert outcome.message is None


def test_a_payload_too_large_for_a_packet_is_decided_too(rehearsal: Rehearsal) -> None:
    for payload in (bytes(100_000), b"<event>" + b" " * 900_000 + b"</event>"):
        outcome = decide(rehearsal, payload)
        assert isinstance(outcome.stopped, Refuse)
        assert outcome.stage


def test_a_stage_that_was_killed_holds_its_message_and_no_other(rehearsal: Rehearsal) -> None:
    payload = SAMPLES[0].read_bytes()
    source, destination = rehearsal._lanes.values()
    for seat in (source._seats[0], destination._seats[-1]):
        assert seat.process is not None
        os.kill(seat.process.pid, signal.SIGKILL)
        outcome = decide(rehearsal, payload)
        assert isinstance(outcome.stopped, Hold)
        assert outcome.stopped.reason == Reason.STAGE_FAILED
        assert outcome.message is None
        assert decide(rehearsal, payload).stopped is None


def test_nothing_is_left_when_it_is_over() -> None:
    policy = read_policy((PACK / "policy.toml").read_bytes())
    before = len(os.listdir("/proc/self/fd"))
    with Rehearsal(policy, read_documents(PACK, policy)) as made:
        pids = [
            seat.process.pid
            for lane in made._lanes.values()
            for seat in lane._seats
            if seat.process
        ]
        assert pids
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_leaves_work_behind_is_refused_and_the_next_message_passes() -> None:
    folder = pack_folder("pdf_raster")
    policy = read_policy((folder / "policy.toml").read_bytes())
    good = page(b"BT /F1 60 Tf 100 400 Td (ab) Tj ET")
    with Rehearsal(policy, read_documents(folder, policy)) as made:
        for bomb in ("a wave without an end", "saved states"):
            stopped = decide(made, BOMBS[bomb]()).stopped
            assert isinstance(stopped, Refuse)
            assert stopped.reason is Reason.EFFORT_OUT_OF_BOUNDS
            assert decide(made, good).stopped is None
