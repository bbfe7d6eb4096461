"""Writes the known answers of link format 1 beside itself: `python tests/vectors/link/make.py`.

The answers come from the slow receiver's side where it can (keys, tags, code), and from the
sender for whole datagrams; `tests/guard/link/test_vectors.py` reads them with both.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from guard.link.params import LinkParams  # noqa: E402 (the path comes first)
from guard.link.sender import Sender  # noqa: E402 (same)
from tests.guard.link import slow_receiver as slow  # noqa: E402 (same)
from tests.guard.link.pair import CODEC, drain  # noqa: E402 (same)

KEY = bytes(range(32))


def pattern(name: str, size: int) -> bytes:
    """Bytes that anyone can make: SHA-256 of the name and a counter."""
    pieces = (hashlib.sha256(f"{name} {n}".encode()).digest() for n in range(size // 32 + 1))
    return b"".join(pieces)[:size]


def keys() -> object:
    return [
        {
            "link_key": KEY.hex(), "flow": flow, "session": session,
            "tag_key": slow.tag_key(KEY, flow).hex(),
            "session_key": slow.session_key(KEY, flow, session).hex(),
        }
        for flow, session in ((1, 1), (0xDEADBEEF, 2**32 - 1))
    ]  # fmt: skip


def tags() -> object:
    key = slow.tag_key(KEY, 1)
    datagrams = [pattern("tag", size) for size in (48, 80, 1472)]
    return [
        {"tag_key": key.hex(), "datagram": d.hex(), "tag": slow.tag(key, d).hex()}
        for d in datagrams
    ]


def code() -> object:
    found = []
    for k, r, size in ((1, 3, 16), (4, 3, 32), (20, 5, 16), (80, 8, 16), (231, 24, 16)):
        sources = [pattern(f"code {k} {j}", size) for j in range(k)]
        repairs = [slow.repair_symbol(sources, i) for i in range(k, k + r)]
        found.append(
            {"k": k, "r": r, "symbol_bytes": size, "sources": "pattern 'code K J'",
             "repairs": [repair.hex() for repair in repairs]}
        )  # fmt: skip
    return found


class RunCoder:
    """Coding 1 for what is one byte over and over: an LZ4 block of one copy, made by hand."""

    coding = 1

    def shrink(self, plain: bytes | memoryview) -> bytes | None:
        """One literal, a copy of it up to the last five bytes, and those five as literals."""
        plain = bytes(plain)
        if len(plain) < 40 or plain.strip(plain[:1]):
            return None
        left = len(plain) - 1 - 5 - 4 - 15
        copy = b"\x1f" + plain[:1] + b"\x01\x00" + b"\xff" * (left // 255) + bytes([left % 255])
        return copy + b"\x50" + plain[:5]

    def expand(self, coding: int, coded: memoryview, plain_bytes: int) -> bytes:
        """What the slow receiver makes of it."""
        return slow.expanded(coding, bytes(coded), plain_bytes)


class Source:
    """A stream of these bytes."""

    def __init__(self, data: bytes, known: bool) -> None:
        self.data = data
        self.total_bytes = len(data) if known else None
        self.ready = True

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `StreamSource`."""
        piece = self.data[offset : offset + len(out)]
        out[: len(piece)] = piece
        return len(piece)


MESSAGES = [(0, 9), (3, 0), (0, 1500), (4, 40), (0, 700)]


def session(
    name: str, *, messages: list[tuple[int, int | bytes]] | None = None,
    streams: list[tuple[int, int | bytes, bool]] | None = None, coded: bool = False,
    **changes: int | bool,
) -> object:  # fmt: skip
    """All datagrams of 400 ms: messages are (precedence, content or size), streams have a word
    whether their size is known at the start."""
    params = LinkParams(mtu_bytes=256, k_max=6, r_max=3, design_loss_ppm=0, **changes)  # type: ignore[arg-type] # names and types are LinkParams'
    sender = Sender(params, KEY, 5, 1, CODEC, coder=RunCoder() if coded else None)
    sender.set_checkpoint(pattern("checkpoint", 300))
    told: dict[str, list[dict[str, object]]] = {"messages": [], "streams": []}
    sequence = 0
    for precedence, content in MESSAGES if messages is None else messages:
        sequence += 1
        data = pattern(f"message {sequence}", content) if isinstance(content, int) else content
        sender.offer(sequence, precedence, data)
        told["messages"].append(
            {"sequence": sequence, "precedence": precedence, "envelope": data.hex()}
        )
    for precedence, content, known in streams or []:
        sequence += 1
        data = pattern(f"stream {sequence}", content) if isinstance(content, int) else content
        sender.offer_stream(sequence, precedence, Source(data, known))
        told["streams"].append(
            {"sequence": sequence, "precedence": precedence, "known": known, "bytes": data.hex()}
        )
    datagrams = [d.hex() for ms in range(0, 400, 5) for d in drain(sender, ms * 1_000_000)]
    return {
        "name": name, "link_key": KEY.hex(), "flow": 1, "session": 5, "params": changes,
        "mtu_bytes": 256, "k_max": 6, "r_max": 3, "checkpoint": pattern("checkpoint", 300).hex(),
        **told, "datagrams": datagrams,
    }  # fmt: skip


RUNS = b"\x61" * 2000


def main() -> None:
    """Write all files."""
    answers = {
        "keys": keys(),
        "tags": tags(),
        "code": code(),
        "sessions": [
            session("tagged"),
            session("untagged", tag=False),
            session("interleaved", interleave_blocks=2, window_blocks=16),
            session(
                "streams",
                streams=[
                    (1, 2500, True),
                    (0, 1800, False),
                    (2, 0, True),
                    (0, 0, False),
                    (0, 1, False),
                ],
            ),
            session(
                "compressed",
                coded=True,
                messages=[
                    (0, RUNS),
                    (1, 300),
                    (0, b"\x62" * 40),
                    (2, b"\x63" * 20_000),
                ],
                streams=[(0, RUNS + bytes(3000), False), (3, bytes(10_000), True), (0, 700, True)],
            ),
            session(
                "repeated",
                messages=[(0, 900), (4, 20)],
                streams=[(0, 900, False)],
                repeats=2,
                repeat_pause_ms=40,
            ),
            session(
                "untagged streams, repeated",
                messages=[(0, 9)],
                streams=[(1, 700, True)],
                tag=False,
                repeats=1,
                repeat_pause_ms=60,
            ),
        ],
    }
    for name, answer in answers.items():
        (HERE / f"{name}.json").write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
