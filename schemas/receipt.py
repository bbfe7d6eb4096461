"""The receipt: a stage's authenticated statement of what it got, what it gave and what it decided.

Follows docs/spec/receipt.md. A *leg* is what a stage adds to a message's frame: the sentence it
said (0..240 characters of UTF-8) and its receipt, of fixed length, whose last 32 bytes are an
HMAC-SHA-256 under the stage's own key over the rest. Each receipt names the MAC of the one
before it, so legs can be neither taken out nor moved.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum

from schemas.errors import Malformed
from schemas.reasons import REASON_BYTES_MAX, Reason

MAC_BYTES = 32
DIGEST_BYTES = 32
STAGE_BYTES_MAX = 32
NO_MAC = bytes(MAC_BYTES)
NO_WORDS = hashlib.sha256(b"").digest()
SAID_BYTES_MAX = 4 * 240
LEGS_MAX = 64

_BODY = struct.Struct(">32s16sHB32sH32s32s32s32s32s")
RECEIPT_BYTES = _BODY.size + MAC_BYTES
_SAID = struct.Struct(">H")
_NO_SENTENCE = _SAID.pack(0)


class Said(IntEnum):
    """The verdict as a receipt writes it."""

    PASS = 1
    CHANGED = 2
    REFUSE = 3
    HOLD = 4
    ROUTED = 5  # a route passed it; its sentence is the list of queues it chose


@dataclass(frozen=True, slots=True)
class Receipt:
    """One stage's statement; `previous` is the MAC of the leg before (zeros at the head)."""

    scope: bytes
    id: bytes
    position: int
    verdict: Said
    stage: str
    version: int
    reason: Reason
    got: bytes
    gave: bytes
    previous: bytes
    words: str = ""


def scope_digest(nonce: bytes, lane: int, flow: str, source: str, destination: str,
                 policy_digest: bytes) -> bytes:  # fmt: skip
    """What every receipt of one run of one lane has in common, as 32 bytes.

    nonce: 16 random bytes a run; policy_digest: 32 bytes. Each part is preceded by its length in
    two bytes, so that no two different sets of parts give the same input.  # receipt §2
    """
    parts = (
        nonce,
        lane.to_bytes(2, "big"),
        flow.encode(),
        source.encode(),
        destination.encode(),
        policy_digest,
    )
    joined = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return hashlib.sha256(b"checkvalve scope v1\n" + joined).digest()


def message_digest(meta_bytes: bytes, payload: bytes) -> bytes:
    """SHA-256 over the metadata's length (4 bytes), the metadata and the payload."""  # receipt §3
    digest = hashlib.sha256(len(meta_bytes).to_bytes(4, "big") + meta_bytes)
    digest.update(payload)
    return digest.digest()


def write_leg(receipt: Receipt, key: bytes) -> bytes:
    """The leg's bytes: sentence length, sentence, receipt, MAC."""
    words = _within(receipt.words.encode("utf-8", "backslashreplace"))
    body = _BODY.pack(
        receipt.scope,
        receipt.id,
        receipt.position,
        receipt.verdict,
        receipt.stage.encode("ascii"),
        receipt.version,
        receipt.reason.encode("ascii"),
        receipt.got,
        receipt.gave,
        receipt.previous,
        NO_WORDS if not words else hashlib.sha256(words).digest(),
    )
    return _SAID.pack(len(words)) + words + body + hmac.digest(key, body, "sha256")


def pass_middle(position: int, stage: str, version: int) -> bytes:
    """The part of a plain Pass's body between the id and the digests: what one can know before."""
    body = _BODY.pack(
        b"", b"", position, Said.PASS, stage.encode("ascii"), version, b"", b"", b"", b"", b""
    )
    return body[32 + 16 : 32 + 16 + 2 + 1 + STAGE_BYTES_MAX + 2 + REASON_BYTES_MAX]


def _within(words: bytes) -> bytes:
    """At most `SAID_BYTES_MAX` bytes of these, and no character cut in two."""
    if len(words) <= SAID_BYTES_MAX:
        return words
    return words[:SAID_BYTES_MAX].decode("utf-8", "ignore").encode()


def write_pass_leg(
    scope: bytes, ident: bytes, middle: bytes, digest: bytes, previous: bytes, key: bytes
) -> bytes:
    """The leg of a plain Pass, without words: what `write_leg` gives for it, made in one go.

    middle: `pass_middle` of the stage; digest: of what it got, and so of what it gave.
    """
    body = b"".join((scope, ident, middle, digest, digest, previous, NO_WORDS))
    return _NO_SENTENCE + body + hmac.digest(key, body, "sha256")


def split_legs(untrusted_legs: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Cut a frame's legs into (sentence, body, MAC). Raises `Malformed`."""
    legs: list[tuple[bytes, bytes, bytes]] = []
    at = 0
    end = len(untrusted_legs)
    while at < end:
        if len(legs) == LEGS_MAX or at + _SAID.size > end:
            raise Malformed(Reason.FRAME_MALFORMED, "the receipts are cut short or too many")
        (said_bytes,) = _SAID.unpack_from(untrusted_legs, at)
        body_at = at + _SAID.size + said_bytes
        mac_at = body_at + _BODY.size
        if said_bytes > SAID_BYTES_MAX or mac_at + MAC_BYTES > end:
            raise Malformed(Reason.FRAME_MALFORMED, "a receipt is cut short")
        legs.append(
            (
                untrusted_legs[at + _SAID.size : body_at],
                untrusted_legs[body_at:mac_at],
                untrusted_legs[mac_at : mac_at + MAC_BYTES],
            )
        )
        at = mac_at + MAC_BYTES
    return legs


def read_body(untrusted_body: bytes, untrusted_words: bytes) -> Receipt:
    """The receipt in a leg's body. Raises `Malformed`; the MAC is the caller's to check."""
    if len(untrusted_body) != _BODY.size:
        raise Malformed(Reason.FRAME_MALFORMED, "a receipt has another length than it must")
    scope, ident, position, verdict, stage, version, reason, got, gave, previous, words = (
        _BODY.unpack(untrusted_body)
    )
    if words != NO_WORDS and words != hashlib.sha256(untrusted_words).digest():
        raise Malformed(Reason.FRAME_MALFORMED, "a receipt's sentence is not the one it signed")
    if words == NO_WORDS and untrusted_words:
        raise Malformed(Reason.FRAME_MALFORMED, "a receipt has a sentence it did not sign")
    try:
        return Receipt(
            scope,
            ident,
            position,
            Said(verdict),
            stage.rstrip(b"\0").decode("ascii"),
            version,
            Reason(reason.rstrip(b"\0").decode("ascii")),
            got,
            gave,
            previous,
            untrusted_words.decode("utf-8"),
        )
    except ValueError as error:
        raise Malformed(Reason.FRAME_MALFORMED, "a receipt has a value out of bounds") from error


assert REASON_BYTES_MAX == STAGE_BYTES_MAX == 32
