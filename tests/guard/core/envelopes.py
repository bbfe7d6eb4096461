"""Envelopes for tests: an ordinary manifest, and contents that the product would never seal."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace

import cbor2

from schemas.manifest import Manifest

COSE_START = bytes.fromhex("d28443a10127a0")
SIGNED_START = bytes.fromhex("846a5369676e61747572653143a1012740")
POLICY = bytes(range(32))


def manifest(payload: bytes) -> Manifest:
    return Manifest(
        flow="tracks", source_domain="NORTH", destination_domain="SOUTH", sequence=7,
        id=bytes(range(16)), payload_digest=hashlib.sha256(payload).digest(),
        payload_bytes=len(payload), type="application/cbor", label="UNCLASSIFIED", precedence=2,
        queues="new,maps", accepted_s=1_700_000_000, released_s=1_700_000_001,
        policy_digest=POLICY, receipts_digest=bytes(32), ledger_size=41, ledger_root=b"\1" * 32,
    )  # fmt: skip


def bytes_head(size: int) -> bytes:
    if size < 256:
        return bytes([0x58, size])
    return b"\x59" + size.to_bytes(2, "big")


def sealed_content(content: bytes, payload: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Any content, signed in good order."""
    signature = sign(SIGNED_START + bytes_head(len(content)) + content)
    cose = COSE_START + bytes_head(len(content)) + content + bytes_head(64) + signature
    return len(cose).to_bytes(4, "big") + cose + payload


def content_of(envelope: bytes) -> bytes:
    """The content of an envelope that was sealed in good order."""
    width = {0x58: 1, 0x59: 2}[envelope[11]]
    size = int.from_bytes(envelope[12 : 12 + width], "big")
    return envelope[12 + width : 12 + width + size]


def sealed_compact(told: Manifest, behind: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Anything behind a compact head, signed in good order."""
    head = told.policy_digest[:2] + told.released_s.to_bytes(4, "big")
    content = bytes([0x10 + told.precedence]) + head + told.ledger_size.to_bytes(4, "big") + behind
    external = cbor2.dumps(
        ["checkvalve compact manifest 1", told.flow, told.source_domain, told.destination_domain,
         told.sequence, told.policy_digest]
    )  # fmt: skip
    signature = sign(cbor2.dumps(["Signature1", bytes.fromhex("a10127"), external, content]))
    return content[:1] + signature + content[1:]


def after_head(*values: object) -> bytes:
    """The values behind a compact head."""
    return b"".join(cbor2.dumps(value) for value in values)


def as_opened(told: Manifest, envelope: bytes) -> Manifest:
    """What a compact envelope of this manifest says."""
    ident = hashlib.sha256(envelope).digest()[:16]
    return replace(told, id=ident, receipts_digest=b"", ledger_root=b"")


def as_compact_fields(told: Manifest) -> dict[str, int | str]:
    """A manifest as the slow reader tells a compact one."""
    fields = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(told).items()
    }
    del fields["receipts_digest"], fields["ledger_root"], fields["demonstration"]
    return fields


def as_fields(told: Manifest) -> dict[str, int | str]:
    """A manifest as the slow reader tells it."""
    fields = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(told).items()
    }
    if not told.name:
        del fields["name"]
    if not told.demonstration:
        del fields["demonstration"]
    return {"format": 1, **fields}
