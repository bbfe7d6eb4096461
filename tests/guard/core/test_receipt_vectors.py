"""The known answers of docs/spec/receipt.md, read by the product and by the slow reader."""

import json
from pathlib import Path
from typing import Any

import pytest

from guard.core.frame import PACKET_BYTES_MAX, read_packet
from guard.core.notice import read_notice
from guard.core.release import Cleared, Expected, Judge
from schemas.errors import Forged, Malformed
from schemas.receipt import message_digest, read_body, scope_digest, split_legs
from schemas.stage import Kind
from tests.guard.core import slow_receipt as slow

FOLDER = Path(__file__).parents[2] / "vectors" / "receipt"
LANE = json.loads((FOLDER / "lane.json").read_text("utf-8"))
EXAMPLE = json.loads((FOLDER / "example.json").read_text("utf-8"))
SCOPE = {name: value for name, value in LANE["scope"].items() if name != "digest"}
BYTES_MAX = 200_000
FRAMES = pytest.mark.parametrize("answer", LANE["frames"], ids=lambda answer: answer["name"])


def test_the_scope() -> None:
    values: list[Any] = [
        bytes.fromhex(v) if k in ("nonce", "policy") else v for k, v in SCOPE.items()
    ]
    assert scope_digest(*values).hex() == LANE["scope"]["digest"]
    assert slow.scope(*values).hex() == LANE["scope"]["digest"]


def test_the_specs_example() -> None:
    leg = bytes.fromhex(EXAMPLE["leg"])
    (told,) = slow.legs(leg)
    assert slow.mac(bytes.fromhex(EXAMPLE["key"]), told.body) == told.mac
    assert (told.sentence, told.fields["stage"], told.fields["verdict"]) == (
        "no",
        "words",
        "refuse",
    )
    page = (Path(__file__).parents[3] / "docs/spec/receipt.md").read_text("utf-8")
    assert " ".join(f"{byte:02x}" for byte in told.mac) in page


@FRAMES
def test_both_readers_find_the_same(answer: dict[str, Any]) -> None:
    packet = bytes.fromhex(answer["packet"])
    frame = read_packet(packet, BYTES_MAX).frame
    told = slow.frame(packet, BYTES_MAX)
    assert (frame.id.hex(), frame.number, frame.stopped) == (
        told["id"], told["number"], told["stopped"],
    )  # fmt: skip
    assert (frame.message.meta_bytes, frame.message.payload) == (told["meta"], told["payload"])
    receipts = [read_body(body, words) for words, body, _ in split_legs(frame.legs)]
    legs = slow.legs(frame.legs)
    assert [leg.sentence for leg in legs] == [receipt.words for receipt in receipts]
    for leg, receipt in zip(legs, receipts, strict=True):
        assert leg.fields == {
            "scope": receipt.scope.hex(), "id": receipt.id.hex(), "position": receipt.position,
            "verdict": receipt.verdict.name.lower(), "stage": receipt.stage,
            "version": receipt.version, "reason": receipt.reason, "got": receipt.got.hex(),
            "gave": receipt.gave.hex(), "previous": receipt.previous.hex(),
        }  # fmt: skip


@FRAMES
def test_both_judge_the_same(answer: dict[str, Any]) -> None:
    packet = bytes.fromhex(answer["packet"])
    scope, head_key = bytes.fromhex(LANE["scope"]["digest"]), bytes.fromhex(LANE["head_key"])
    stages = [
        Expected(s["stage"], s["version"], Kind(s["kind"]), bytes.fromhex(s["key"]))
        for s in LANE["stages"]
    ]
    notice = read_notice(bytes.fromhex(LANE["notice"]))
    try:
        judgement = Judge(scope, head_key, stages)(read_packet(packet, BYTES_MAX).frame, notice)
    except Forged:
        cleared = False
    else:
        cleared = isinstance(judgement, Cleared)
    assert cleared is answer["cleared"]
    told = slow.frame(packet, BYTES_MAX)
    assert slow.cleared(told, LANE["stages"], head_key, scope, LANE["fed"]) is answer["cleared"]


def test_the_notice_says_what_was_fed() -> None:
    notice = read_notice(bytes.fromhex(LANE["notice"]))
    told = slow.frame(bytes.fromhex(LANE["frames"][4]["packet"]), BYTES_MAX)
    assert LANE["frames"][4]["name"] == "fed and not yet looked at"
    meta, payload = told["meta"], told["payload"]
    assert isinstance(meta, bytes)
    assert isinstance(payload, bytes)
    assert notice.digest.hex() == LANE["fed"]["digest"] == slow.digest(meta, payload)
    assert message_digest(meta, payload) == notice.digest


@pytest.mark.parametrize("answer", LANE["frames"][:2], ids=lambda answer: answer["name"])
def test_both_refuse_the_same_damage(answer: dict[str, Any]) -> None:
    """Every byte of the header changed, and every length: both refuse, or both read the same."""
    packet = bytes.fromhex(answer["packet"])
    changed = [packet[:at] + bytes([packet[at] ^ bit]) + packet[at + 1 :]
               for at in range(41) for bit in (1, 2, 0x80)]  # fmt: skip
    changed += [packet[:size] for size in range(0, len(packet), 7)]
    changed += [packet + b"\0", b"", packet + bytes(PACKET_BYTES_MAX)]
    for damaged in changed:
        try:
            frame = read_packet(damaged, BYTES_MAX).frame
        except Malformed:
            with pytest.raises(slow.WrongError):
                slow.frame(damaged, BYTES_MAX)
            continue
        told = slow.frame(damaged, BYTES_MAX)
        assert (frame.id.hex(), frame.number, frame.legs) == (
            told["id"], told["number"], told["legs"],
        )  # fmt: skip
