"""The keys of a ledger's epochs, as a verifier follows them: each is certified by the one before.

Takes entries or the bytes of certificates, gives keys; raises `KeyChainError` and nothing else.
Pure. A part of the ledger's verifier: shares no code with the writer. Follows docs/spec/ledger.md
§7.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EPOCH_MARK = b'"kind":"epoch"'
_FIELDS = ["begins", "epoch", "key", "kind", "signature", "time_ms"]


class KeyChainError(Exception):
    """A key that nobody certified; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class EpochKey:
    """The key in force from some entry on: number of the epoch, key, first entry it is for."""

    epoch: int
    key: bytes
    begins: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """What stands in an entry or in a statement about the key of one epoch."""

    epoch: int
    begins: int
    key: bytes
    signature: bytes


def certificate_in(entry: Mapping[str, int | str]) -> Certificate:
    """The certificate in an entry of kind `epoch`. Raises `KeyChainError`."""
    values = [entry.get(name) for name in _FIELDS]
    begins, epoch, key, _, signature, time_ms = values
    kinds = [type(value) for value in (begins, epoch, key, signature, time_ms)]
    if sorted(entry) != _FIELDS or kinds != [int, int, str, str, int]:
        raise KeyChainError("an epoch's entry has not the fields of one")
    try:
        raw = bytes.fromhex(str(key)), bytes.fromhex(str(signature))
    except ValueError as error:
        raise KeyChainError("an epoch's entry has no key") from error
    again = raw[0].hex() == key and raw[1].hex() == signature
    if not again or (len(raw[0]), len(raw[1])) != (32, 64):
        raise KeyChainError("an epoch's entry has no key")
    return Certificate(int(entry["epoch"]), int(entry["begins"]), *raw)


def follow(origin: str, before: EpochKey, certificate: Certificate) -> EpochKey:
    """The key after `before`. Raises `KeyChainError` unless `before` certified it."""
    epoch = before.epoch + 1
    if certificate.epoch != epoch or certificate.begins <= before.begins:
        raise KeyChainError(f"epoch {epoch} is next, and another is certified")
    lines = (
        "checkvalve ledger epoch v1", origin, str(epoch), str(certificate.begins),
        certificate.key.hex(), "",
    )  # fmt: skip
    try:
        Ed25519PublicKey.from_public_bytes(before.key).verify(
            certificate.signature, "\n".join(lines).encode()
        )
    except (InvalidSignature, ValueError) as error:
        raise KeyChainError(f"the key of epoch {before.epoch} did not certify this one") from error
    return EpochKey(epoch, certificate.key, certificate.begins)
