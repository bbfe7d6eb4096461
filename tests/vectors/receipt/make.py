"""Writes the known answers of receipts beside itself: `python tests/vectors/receipt/make.py`.

`tests/guard/core/test_receipt_vectors.py` reads them with the product and with a slow reader that
was written from docs/spec/receipt.md alone.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from guard.core.chain import first_frame  # noqa: E402 (the path comes first)
from guard.core.frame import Frame, write_header  # noqa: E402 (the path comes first)
from schemas.message import Message  # noqa: E402 (same)
from schemas.reasons import Reason  # noqa: E402 (same)
from schemas.receipt import Receipt, Said, scope_digest, write_leg  # noqa: E402 (same)
from schemas.verdict import Changed, Hold, Refuse  # noqa: E402 (same)
from tests.guard.core import lane as small  # noqa: E402 (same)


def packet(frame: Frame) -> str:
    header, by_descriptor = write_header(frame)
    return (header + (b"" if by_descriptor else frame.message.payload)).hex()


def large(message: Message) -> Changed:
    return Changed(Message(message.meta_bytes, b"x" * 70_000))


def main() -> None:
    lane = small.make_lane()
    refusing = small.make_lane(again=lambda _: Refuse(Reason.DIRTY_WORD, "a word: «nein»"))
    holding = small.make_lane(look=lambda _: Hold(Reason.LABEL_MISSING, "two persons look"))
    frames = {
        "every stage passed": lane.run(),
        "the last stage refused": refusing.run(),
        "the first stage held, the rest ran": holding.run(),
        "a large payload comes by descriptor": small.make_lane(upper=large).run(),
        "fed and not yet looked at": first_frame(7, small.MESSAGE, small.SCOPE, b"h" * 32),
        "a stage is missing": small.Lane(
            {n: s for n, s in lane.steps.items() if n != "look"}, lane.judge
        ).run(),
        "under another policy": small.make_lane(
            scope_digest(small.NONCE, 0, "tracks", "NORTH", "SOUTH", bytes(32))
        ).run(),
    }
    told = small.fed()
    answer = {
        "scope": {
            "nonce": small.NONCE.hex(), "lane": 0, "flow": "tracks", "source": "NORTH",
            "destination": "SOUTH", "policy": small.POLICY.hex(), "digest": small.SCOPE.hex(),
        },
        "head_key": small.HEAD_KEY.hex(),
        "stages": [
            {"stage": name, "version": 1, "kind": kind, "key": small.key_of(name).hex()}
            for name, (kind, _) in small.RUNS.items()
        ],
        "notice": told.write().hex(),
        "fed": {"id": told.id.hex(), "number": told.number, "digest": told.digest.hex()},
        "frames": [
            {"name": name, "packet": packet(frame), "cleared": name == "every stage passed"}
            for name, frame in frames.items()
        ],
    }  # fmt: skip
    (HERE / "lane.json").write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
    example = Receipt(
        b"\x11" * 32, b"\x22" * 16, 1, Said.REFUSE, "words", 1, Reason.DIRTY_WORD,
        b"\x33" * 32, b"\x33" * 32, b"\x44" * 32, "no",
    )  # fmt: skip
    (HERE / "example.json").write_text(
        json.dumps({"key": "55" * 32, "leg": write_leg(example, b"\x55" * 32).hex()}) + "\n"
    )


if __name__ == "__main__":
    main()
