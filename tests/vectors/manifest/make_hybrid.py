"""Writes `hybrid.json` beside itself: `python tests/vectors/manifest/make_hybrid.py`.

Known answers of manifests with two signatures (docs/spec/manifest.md §6). ML-DSA-65 is hedged, so
the signatures are others each time it is run; the keys, from their seeds, are the same.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from guard.core.sealing import seal, seal_hybrid  # noqa: E402 (the path comes first)
from guard.edge.keys import public_of, signer  # noqa: E402 (same)
from guard.edge.mldsa import mldsa_public_of, mldsa_signer  # noqa: E402 (same)
from schemas.manifest import Manifest  # noqa: E402 (same)
from tests.guard.core import envelopes  # noqa: E402 (same)

SEED, SECOND = bytes(range(32)), bytes(range(32, 64))
SIGN, SIGN_SECOND = signer(SEED), mldsa_signer(SECOND)
Sign = Callable[[bytes], bytes]


def sealed(told: Manifest, payload: bytes = b"hello", one: Sign = SIGN,
           two: Sign = SIGN_SECOND) -> bytes:  # fmt: skip
    return seal_hybrid(told, payload, one, two)


def rewrapped(cose: bytes) -> bytes:
    return len(cose).to_bytes(4, "big") + cose + b"hello"


def main() -> None:
    first = envelopes.manifest(b"hello")
    last = replace(
        first, sequence=2**63, label="SECRET \u00c5", precedence=4, name="a ~\\xc3\\xa9.xml",
        accepted_s=2**40, ledger_size=2**63,
    )  # fmt: skip
    good = {"an ordinary one": (first, b"hello"), "fields at their end": (last, b"hello"),
            "an empty payload": (envelopes.manifest(b""), b"")}  # fmt: skip
    whole = sealed(first)
    cose = whole[4:-5]
    tail_at = cose.index(bytes.fromhex("828343a10127a0"))
    head, tail = cose[:tail_at], cose[tail_at:]
    bad = {
        "signed once": seal(first, b"hello", SIGN),
        "the first by another key": sealed(first, one=signer(bytes(32))),
        "the second by another key": sealed(first, two=mldsa_signer(bytes(32))),
        "the first of another manifest": sealed(first, one=lambda _: SIGN(b"x")),
        "the second of another manifest": sealed(first, two=lambda _: SIGN_SECOND(b"x")),
        "a second of zeros": sealed(first, two=lambda _: bytes(3309)),
        "the tag of one signature": rewrapped(b"\xd2" + cose[2:]),
        "without the second": rewrapped(head + b"\x81" + tail[1:73]),
        "three": rewrapped(head + b"\x83" + tail[1:] + tail[1:73]),
        "in the other order": rewrapped(head + b"\x82" + tail[73:] + tail[1:73]),
        "another algorithm": rewrapped(cose.replace(b"\xa1\x01\x38\x30", b"\xa1\x01\x38\x31")),
        "an unprotected header": rewrapped(cose[:4] + b"\xa1\x01\x27" + cose[5:]),
        "another payload": whole[:-5] + b"world",
        "one byte less": whole[:-1],
    }
    answers = {
        "public": public_of(SEED).hex(),
        "mldsa_public": mldsa_public_of(SECOND).hex(),
        "good": [
            {"name": name, "envelope": sealed(told, payload).hex(),
             "fields": envelopes.as_fields(told), "payload": payload.hex()}
            for name, (told, payload) in good.items()
        ],
        "bad": [{"name": name, "envelope": envelope.hex()} for name, envelope in bad.items()],
    }  # fmt: skip
    (HERE / "hybrid.json").write_text(json.dumps(answers, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
