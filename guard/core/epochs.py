"""Epochs of a ledger's key: each key certifies the next one, and is then destroyed.

Takes an origin, keys and numbers, gives certificates, which stand in the ledger as entries; reads
them again. Pure: seeds are arguments. Follows docs/spec/ledger.md §7.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas.entry import Entry, Kind
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

CONTEXT = "checkvalve ledger epoch v1"
EPOCH_MAX = 2**32 - 1
FIRST_EPOCH = 0
EPOCH_KIND = b'"kind":"epoch"'
"""Stands in the line of an epoch entry and of no other: in texts quotation marks are escaped."""

_FIELDS = frozenset({"begins", "epoch", "key", "kind", "signature", "time_ms"})
_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class Certificate(NamedTuple):
    """The key of an epoch, signed with the key of the epoch before it.

    begins: the first entry that the checkpoints of this epoch are about beyond the epoch before.
    """

    epoch: int
    begins: int
    key: bytes
    signature: bytes


def certify(
    origin: str, epoch: int, begins: int, key: bytes, sign: Callable[[bytes], bytes]
) -> Certificate:
    """Sign the key (32 bytes) of an epoch; `sign` is that of the epoch before it."""
    return Certificate(epoch, begins, key, sign(signed(origin, epoch, begins, key)))


def signed(origin: str, epoch: int, begins: int, key: bytes) -> bytes:
    """The bytes that a certificate signs (§7 (2))."""
    return f"{CONTEXT}\n{origin}\n{epoch}\n{begins}\n{key.hex()}\n".encode()


def entry_of(certificate: Certificate, time_ms: int) -> Entry:
    """The entry that a certificate stands in."""
    return {
        "kind": Kind.EPOCH,
        "time_ms": time_ms,
        "epoch": certificate.epoch,
        "begins": certificate.begins,
        "key": certificate.key.hex(),
        "signature": certificate.signature.hex(),
    }


def certificate_of(entry: Entry) -> Certificate:
    """The certificate in an entry, not checked. Raises `Malformed`."""
    epoch, begins = entry.get("epoch"), entry.get("begins")
    key, signature = str(entry.get("key")), str(entry.get("signature"))
    numbers = isinstance(epoch, int) and isinstance(begins, int)
    if entry.keys() != _FIELDS or not numbers or not isinstance(entry["time_ms"], int):
        raise Malformed(Reason.RECORD_MALFORMED, "an epoch's entry is not of its form")
    if not _KEY.fullmatch(key) or not _SIGNATURE.fullmatch(signature):
        raise Malformed(Reason.RECORD_MALFORMED, "an epoch's entry has no key")
    return Certificate(
        int(entry["epoch"]), int(entry["begins"]), bytes.fromhex(key), bytes.fromhex(signature)
    )


def check_certificate(origin: str, certificate: Certificate, key: bytes) -> Certificate:
    """The certificate, when `key`, of the epoch before, signed it. Raises `Forged`."""
    epoch, begins, of_epoch, signature = certificate
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(
            signature, signed(origin, epoch, begins, of_epoch)
        )
    except InvalidSignature as error:
        raise Forged(
            Reason.LEDGER_SIGNATURE, f"the key of epoch {epoch} is not certified by the one before"
        ) from error
    return certificate
