"""Checkpoints as a verifier reads them: C2SP tlog-checkpoint in a signed note.

Takes bytes and public keys, gives what a note states; raises `NoteError` and nothing else. Pure.
A part of the ledger's verifier: shares no code with the writer. Follows docs/spec/ledger.md §4.
"""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTE_BYTES_MAX = 600
_DASH = "\u2014"
_ED25519_KIND = 1
_HASH_BYTES = 4
_SIGNATURE_BYTES = 64


class NoteError(Exception):
    """A note that is none, or that no known key signed; the text says which, for people."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a note states: whose, how many entries, which root; and (name, key hash, signature)."""

    origin: str
    size: int
    root: bytes
    signed: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]


def read_note(untrusted: bytes) -> Note:
    """The note in these bytes, its signatures not checked. Raises `NoteError`."""
    if len(untrusted) > NOTE_BYTES_MAX:
        raise NoteError("a checkpoint is too long")
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("a checkpoint is no text") from error
    at = text.rfind("\n\n")
    if at < 0 or not text.endswith("\n"):
        raise NoteError("a checkpoint has no signature")
    fields = text[:at].split("\n")
    if len(fields) < 3 or not fields[0]:
        raise NoteError("a checkpoint lacks a line")
    origin, size, root, *_ = fields
    if not (size.isascii() and size.isdigit() and len(size) < 20 and str(int(size)) == size):
        raise NoteError("a checkpoint states no size")
    signatures = read_signatures(text[at + 2 :])
    return Note(origin, int(size), _base64(root, 32), text[: at + 1].encode(), signatures)


def read_signatures(lines: str) -> tuple[tuple[str, bytes, bytes], ...]:
    """(name, key hash, signature) of each line of signatures. Raises `NoteError`."""
    return tuple(_signature(line) for line in lines.removesuffix("\n").split("\n"))


class PublicKeys:
    """The keys that may have signed."""

    def __init__(self, publics: Sequence[bytes]) -> None:
        self._publics = [(raw, Ed25519PublicKey.from_public_bytes(raw)) for raw in publics]
        self._by_name: dict[str, dict[bytes, Ed25519PublicKey]] = {}

    def check(self, note: Note) -> Note:
        """The note, when one of the keys signed it under its origin's name. Raises `NoteError`."""
        if note.origin not in self._by_name:
            name = note.origin.encode() + b"\n" + bytes([_ED25519_KIND])
            self._by_name = {
                note.origin: {
                    sha256(name + raw).digest()[:_HASH_BYTES]: key for raw, key in self._publics
                }
            }
        keys = self._by_name[note.origin]
        for signer, key_hash, signature in note.signatures:
            key = keys.get(key_hash)
            if signer != note.origin or key is None:
                continue
            try:
                key.verify(signature, note.signed)
            except InvalidSignature as error:
                raise NoteError("the signature is wrong") from error
            return note
        raise NoteError("no known key signed it")


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH:
        raise NoteError("a line is no signature")
    raw = _base64(parts[2])
    return parts[1], raw[:_HASH_BYTES], raw[_HASH_BYTES:]


def _base64(text: str, size: int | None = None) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("a value is no base64") from error
    if size is not None and len(raw) != size:
        raise NoteError(f"a value has not {size} bytes")
    return raw
