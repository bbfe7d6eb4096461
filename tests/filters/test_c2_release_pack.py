"""The c2_release pack: from HIGH to LOW only what a label releases passes."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.filters.conftest import PACKS, Chain, MakeMessage

SAMPLES = PACKS / "c2_release" / "samples"
CASES = tomllib.loads((SAMPLES / "hostile" / "expected.toml").read_text("utf-8"))["case"]


@pytest.fixture(scope="module")
def source() -> Chain:
    return Chain("c2_release", "source")


@pytest.fixture(scope="module")
def destination() -> Chain:
    return Chain("c2_release", "destination")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("position.cot", "KESTRIA UNCLASSIFIED//REL TO KST, USA"),
        ("marker.cot", "KESTRIA UNCLASSIFIED//REL TO KST"),
        ("partners.cot", "KESTRIA UNCLASSIFIED//REL TO GBR, KST//MEDICAL"),
    ],
)
def test_what_is_releasable_passes_labelled_by_the_lower_sides_policy(
    name: str, label: str, source: Chain, destination: Chain, make_message: MakeMessage
) -> None:
    left = source(make_message((SAMPLES / name).read_bytes()))
    assert (left.stage, left.sentence, left.queues) == ("", "", "released")
    arrived = destination(left.message)
    assert (arrived.stage, arrived.sentence, arrived.queues) == ("", "", "released")
    first, _, second = arrived.message.meta.label.partition(" || ")
    assert first.startswith("ALLIANCE ")
    assert second == label
    assert f'access="{label}"'.encode() in arrived.message.payload
    for redacted in (b"phone=", b"endpoint=", b"takv", b"creator"):
        assert redacted not in arrived.message.payload


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_everything_else_is_refused_or_held_by_name(
    case: dict[str, str], source: Chain, make_message: MakeMessage
) -> None:
    path = SAMPLES / "hostile" / case["file"]
    sidecar = path.with_name(path.name + ".meta.json")
    said: dict[str, str] = json.loads(sidecar.read_bytes()) if sidecar.exists() else {}
    message = make_message(path.read_bytes(), said.get("label", ""))
    outcome = source(message)
    assert (outcome.stage, outcome.reason) == (case["stage"], case["reason"]), outcome.sentence
    assert outcome.held == case.get("held", False)


def test_every_hostile_file_has_an_expectation() -> None:
    there = {path.name for path in (SAMPLES / "hostile").glob("*.cot")}
    assert there == {case["file"] for case in CASES}


def test_what_went_up_may_come_down_again_where_it_says_so(
    c2_source: Chain, c2_destination: Chain, source: Chain, destination: Chain,
    make_message: MakeMessage,
) -> None:  # fmt: skip
    """Both directions with one event: up by c2, its new label, down by c2_release."""
    event = (PACKS / "c2" / "samples" / "position.cot").read_bytes()
    for label, comes_back in (
        ("UNCLASSIFIED//REL TO FRA, GBR, KST", True),
        ("UNCLASSIFIED", False),
    ):
        up = c2_destination(c2_source(make_message(event, label)).message)
        assert up.stage == ""
        down = source(make_message(up.message.payload))
        assert (down.stage == "") == comes_back, down.sentence
        if comes_back:
            home = destination(down.message).message
            assert b'access="KESTRIA UNCLASSIFIED//REL TO FRA, GBR, KST"' in home.payload


def test_the_packs_policies_are_the_projects() -> None:
    documents = PACKS.parent / "documents"
    for path in PACKS.glob("*/*.spif.xml"):
        assert path.read_bytes() == Path(documents, path.name).read_bytes(), path
    assert (PACKS / "c2_release" / "cot-event.xsd").read_bytes() == (
        PACKS / "c2" / "cot-event.xsd"
    ).read_bytes()
