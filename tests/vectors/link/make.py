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


def session(name: str, **changes: int | bool) -> object:
    params = LinkParams(mtu_bytes=256, k_max=6, r_max=3, design_loss_ppm=0, **changes)  # type: ignore[arg-type] # names and types are LinkParams'
    sender = Sender(params, KEY, 5, 1, CODEC)
    sender.set_checkpoint(pattern("checkpoint", 300))
    messages = []
    for sequence, (precedence, size) in enumerate(
        ((0, 9), (3, 0), (0, 1500), (4, 40), (0, 700)), 1
    ):
        envelope = pattern(f"message {sequence}", size)
        sender.offer(sequence, precedence, envelope)
        messages.append(
            {"sequence": sequence, "precedence": precedence, "envelope": envelope.hex()}
        )
    datagrams = [d.hex() for ms in range(0, 400, 5) for d in drain(sender, ms * 1_000_000)]
    return {
        "name": name, "link_key": KEY.hex(), "flow": 1, "session": 5, "params": changes,
        "mtu_bytes": 256, "k_max": 6, "r_max": 3, "checkpoint": pattern("checkpoint", 300).hex(),
        "messages": messages, "datagrams": datagrams,
    }  # fmt: skip


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
        ],
    }
    for name, answer in answers.items():
        (HERE / f"{name}.json").write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
