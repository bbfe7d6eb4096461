"""Writes the known answers of manifests beside itself: `python tests/vectors/manifest/make.py`.

`tests/guard/core/test_manifest_vectors.py` reads them with the product and with a slow reader that
was written from docs/spec/manifest.md alone.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from guard.core.sealing import seal, seal_compact  # noqa: E402 (the path comes first)
from guard.edge.keys import public_of, signer  # noqa: E402 (same)
from schemas.manifest import Manifest  # noqa: E402 (same)
from tests.guard.core import envelopes  # noqa: E402 (same)

SEED = bytes(range(32))


def compact() -> dict[str, object]:
    """The known answers of compact envelopes."""
    sign = signer(SEED)
    first = envelopes.manifest(b"hello")
    ends = replace(
        first, flow="f" * 32, sequence=2**62, label="SECRET \u00c5", precedence=4,
        name="a ~\\xc3\\xa9.xml", queues=",".join(f"q{n:02}".ljust(32, "x") for n in range(16)),
        accepted_s=2**32 - 1, released_s=2**32 - 1, ledger_size=2**32 - 1,
    )  # fmt: skip
    least = replace(
        first, sequence=1, type="x", label="", queues="", precedence=0, accepted_s=0,
        released_s=0, ledger_size=0,
    )  # fmt: skip
    good = {
        "an ordinary one": (first, b"hello"),
        "every field at its end": (ends, b"hello"),
        "the shortest": (least, b"hello"),
        "a clock set back": (replace(first, accepted_s=1_700_000_300), b"hello"),
        "an empty payload": (first, b""),
    }
    whole = seal_compact(first, b"hello", sign)
    values = (1, "application/cbor", "UNCLASSIFIED", "new,maps", "")

    def odd(*told: object, behind: bytes = b"hello") -> bytes:
        return envelopes.sealed_compact(first, envelopes.after_head(*told) + behind, sign)

    bad = {
        "a bit of the payload": whole[:-1] + bytes([whole[-1] ^ 1]),
        "one byte more": whole + b"\0",
        "one byte less": whole[:-1],
        "the head alone": whole[:75],
        "another precedence": b"\x13" + whole[1:],
        "no precedence": b"\x15" + whole[1:],
        "signed by another key": seal_compact(first, b"hello", signer(bytes(32))),
        "sealed for another number": seal_compact(replace(first, sequence=8), b"hello", sign),
        "sealed for another flow": seal_compact(replace(first, flow="c2"), b"hello", sign),
        "the domains exchanged": seal_compact(
            replace(first, source_domain="SOUTH", destination_domain="NORTH"), b"hello", sign
        ),
        "another policy": seal_compact(replace(first, policy_digest=bytes(32)), b"hello", sign),
        "a policy that begins alike": seal_compact(
            replace(first, policy_digest=first.policy_digest[:2] + bytes(30)), b"hello", sign
        ),
        "the signature of a full one": whole[:1] + _full_signature(first, sign) + whole[65:],
        "no values": envelopes.sealed_compact(first, b"hello", sign),
        "a text for a number": odd("1", *values[1:]),
        "a number for a text": odd(1, 2, *values[2:]),
        "true": odd(True, *values[1:]),
        "accepted before 1970": odd(1_700_000_002, *values[1:]),
        "accepted too late": odd(-(2**40), *values[1:]),
        "a name that is a path": odd(*values[:4], "../a.xml"),
        "a name with an escape": odd(*values[:4], "a\x1b[2J"),
        "a name that is not escaped": odd(*values[:4], "\u00e9.xml"),
        "no type": odd(1, "", *values[2:]),
        "a long label": odd(1, "x", "l" * 257, "", ""),
        "long queues": odd(1, "x", "", "q" * 528, ""),
        "a long name": odd(1, "x", "", "", "n" * 256),
        "a value missing": odd(*values[:-1], behind=b""),
        "a tag": odd(1, behind=b"\xc1" + envelopes.after_head(*values[1:])),
        "a list": odd(1, behind=b"\x84" + envelopes.after_head(*values[1:])),
        "not the shortest head": odd(behind=b"\x18\x01" + envelopes.after_head(*values[1:])),
        "without end": odd(1, behind=b"\x7f\x61x\xff" + envelopes.after_head(*values[2:])),
        "text that is no UTF-8": odd(1, behind=b"\x62\xff\xff" + envelopes.after_head(*values[2:])),
    }  # fmt: skip
    return {
        "public": public_of(SEED).hex(),
        "good": [
            {"name": name, "envelope": (sealed := seal_compact(told, payload, sign)).hex(),
             "fields": envelopes.as_compact_fields(envelopes.as_opened(
                 replace(told, payload_digest=hashlib.sha256(payload).digest(),
                         payload_bytes=len(payload)), sealed)),
             "payload": payload.hex()}
            for name, (told, payload) in good.items()
        ],
        "bad": [{"name": name, "envelope": envelope.hex()} for name, envelope in bad.items()],
    }  # fmt: skip


def _full_signature(told: Manifest, sign: Callable[[bytes], bytes]) -> bytes:
    full = seal(told, b"hello", sign)
    return full[-5 - 64 : -5]


def resealed(content: bytes) -> bytes:
    return envelopes.sealed_content(content, b"hello", signer(SEED))


def main() -> None:
    first = envelopes.manifest(b"hello")
    last = replace(
        first, flow="f" * 32, sequence=2**63, label="SECRET \u00c5", precedence=4,
        name="a ~\\xc3\\xa9.xml",
        queues=",".join(f"q{n:02}".ljust(32, "x") for n in range(16)), accepted_s=2**40,
        ledger_size=2**63,
    )  # fmt: skip
    shortest = replace(
        first, flow="f", source_domain="A", destination_domain="B", type="x", label="", queues="",
        accepted_s=0, released_s=0,
    )  # fmt: skip
    sign = signer(SEED)
    good = {
        "an ordinary one": (first, b"hello"),
        "every field at its end": (last, b"hello"),
        "the shortest": (shortest, b"hello"),
        "an empty payload": (envelopes.manifest(b""), b""),
    }
    whole = seal(first, b"hello", sign)
    content = envelopes.content_of(whole)
    bad = {
        "a bit of the payload": whole[:-1] + bytes([whole[-1] ^ 1]),
        "one byte more": whole + b"\0",
        "one byte less": whole[:-1],
        "another payload": whole[:-5] + b"world",
        "nothing": b"",
        "a length that lies": b"\xff\xff\xff\xff" + whole[4:],
        "signed by another key": seal(first, b"hello", signer(bytes(32))),
        "the signature of another": seal(first, b"hello", lambda _: sign(b"another")),
        "content after its end": resealed(content + b"\0"),
        "not the shortest head": resealed(b"\xb8" + bytes([content[0] & 31]) + content[1:]),
        "a key twice": resealed(bytes([content[0] + 1]) + content[1:3] + content[1:]),
        "keys not sorted": resealed(content[:1] + content[3:] + content[1:3]),
        "a key that is true": resealed(content[:1] + b"\xf5" + content[2:]),
        "a key that is 1.0": resealed(content[:1] + b"\xf9\x3c\x00" + content[2:]),
        "an unknown key": resealed(bytes([content[0] + 1]) + content[1:] + b"\x18\x20\x00"),
        "a negative key": resealed(bytes([content[0] + 1]) + content[1:] + b"\x20\x00"),
        "a field missing": resealed(bytes([content[0] - 1]) + content[3:]),
        "an array": resealed(b"\x81" + content),
        "another format": resealed(content[:1] + b"\x01\x02" + content[3:]),
        "a tag inside": resealed(content[:1] + b"\x01\xc1\x01" + content[3:]),
        "a map inside": resealed(content[:1] + b"\x01\xa0" + content[3:]),
        "without end": resealed(b"\xbf" + content[1:] + b"\xff"),
        "text that is no UTF-8": resealed(content.replace(b"NORTH", b"NORT\xff")),
        "a precedence of 5": seal(replace(first, precedence=5), b"hello", sign),
        "number 0": seal(replace(first, sequence=0), b"hello", sign),
        "a short id": seal(replace(first, id=bytes(15)), b"hello", sign),
        "no type": seal(replace(first, type=""), b"hello", sign),
        "a long name": seal(replace(first, name="n" * 256), b"hello", sign),
        "a name that is a path": seal(replace(first, name="../a.xml"), b"hello", sign),
        "a name with an escape": seal(replace(first, name="a\x1b[2J"), b"hello", sign),
        "a name that is not escaped": seal(replace(first, name="\u00e9.xml"), b"hello", sign),
        "another algorithm": whole.replace(b"\x43\xa1\x01\x27", b"\x43\xa1\x01\x26"),
        "an unprotected header": whole.replace(b"\x27\xa0\x58", b"\x27\xa1\x58"),
        "no tag": (int.from_bytes(whole[:4], "big") - 1).to_bytes(4, "big") + whole[5:],
    }  # fmt: skip
    answer = {
        "public": public_of(SEED).hex(),
        "good": [
            {"name": name, "envelope": seal(told, payload, sign).hex(),
             "fields": envelopes.as_fields(told), "payload": payload.hex()}
            for name, (told, payload) in good.items()
        ],
        "bad": [{"name": name, "envelope": envelope.hex()} for name, envelope in bad.items()],
        "content_sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    for name, told in (("envelopes", answer), ("compact", compact())):
        text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
        (HERE / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main()
