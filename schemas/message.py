"""A message inside the guard: one payload and what is known of it.

The metadata travels from process to process as its canonical JSON bytes (keys sorted, no blanks,
strings and integers only), so that a stage which does not look at it hands on the very bytes it
got, and a receipt can bind them by digest. `Meta.read` is strict: an unknown key, a missing key,
another type or a value beyond its bound is `Malformed`.
"""

import hashlib
import json
import re
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Self

from schemas.errors import Malformed
from schemas.reasons import Reason

META_BYTES_MAX = 28 * 1024  # holds any metadata within the bounds below
NAME_CHARACTERS_MAX = 255
LABEL_CHARACTERS_MAX = 256
TYPE_CHARACTERS_MAX = 127
BINDING_CHARACTERS_MAX = 2700
QUEUE_CHARACTERS_MAX = 32
QUEUES_MAX = 16
QUEUES_CHARACTERS_MAX = QUEUES_MAX * (QUEUE_CHARACTERS_MAX + 1) - 1
ID_HEX_DIGITS = 32
SIGNATURE_BYTES_MAX = 6 * 1024  # a detached CMS signature with its certificates
SIGNATURE_CHARACTERS_MAX = 4 * SIGNATURE_BYTES_MAX // 3  # the same in base64


class Precedence(IntEnum):
    """ACP 127 precedence, lowest first."""

    ROUTINE = 0
    PRIORITY = 1
    IMMEDIATE = 2
    FLASH = 3
    FLASH_OVERRIDE = 4


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known of a message beside its payload.

    id           32 hex digits, made by the head of the source side (16 random bytes)
    flow         the flow's name
    sender       the drop directory's name
    name         the file's name as dropped, escaped, at most 255 characters: never a path
    accepted_s   seconds since 1970 (UTC) at which ingest accepted it: the chain's only clock
    type         media type of the payload, as the stages before have found it ("" not yet known)
    label        confidentiality label in short text form ("" none given)
    precedence   0..4 (`Precedence`)
    destination  what the sender asked for ("" nothing)
    queues       output queues chosen by a route stage, comma-separated, "" not routed yet
    signature    the sender's detached signature (CMS) in base64, "" none: the key is then absent
    binding      what binds the label to the payload as dropped (docs/spec/label-binding.md §6), in
                 base64url; "" none, and then it is not written
    """

    id: str
    flow: str
    sender: str
    name: str
    accepted_s: int
    type: str = ""
    label: str = ""
    precedence: int = 0
    destination: str = ""
    queues: str = ""
    signature: str = ""
    binding: str = ""

    def write(self) -> bytes:
        """Canonical JSON, at most `META_BYTES_MAX` bytes."""
        values = {key: getattr(self, key) for key in _TYPES}
        for key in _OPTIONAL:
            if not values[key]:
                del values[key]
        return _canonical(values).encode("ascii")

    def kept_digest(self) -> bytes:
        """SHA-256 of what no stage may change: everything but type, label and queues."""
        values = {key: getattr(self, key) for key in _TYPES if key not in _CHANGEABLE}
        return hashlib.sha256(_canonical(values).encode("ascii")).digest()

    @classmethod
    def read(cls, untrusted_bytes: bytes) -> Self:
        """Read back what `write` gave; anything else raises `Malformed`."""
        if len(untrusted_bytes) > META_BYTES_MAX:
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata is larger than its bound")
        try:
            untrusted = json.loads(untrusted_bytes)
        except (ValueError, RecursionError) as error:
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata is not JSON") from error
        if type(untrusted) is not dict or untrusted.keys() | _OPTIONAL != _TYPES.keys():
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata has other keys than it must")
        for key, value in untrusted.items():
            kind, longest = _TYPES[key]
            if type(value) is not kind or (len(value) if kind is str else value) > longest:
                raise Malformed(Reason.FRAME_MALFORMED, f"the metadata's {key} is out of bounds")
        meta = cls(**untrusted)
        if (
            meta.accepted_s < 0
            or meta.precedence < 0
            or _canonical(untrusted).encode() != untrusted_bytes
        ):
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata is not in canonical form")
        if "signature" in untrusted and _BASE64.fullmatch(meta.signature) is None:
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata's signature is not in base64")
        if _ID.fullmatch(meta.id) is None:
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata's id is not 32 hex digits")
        if "binding" in untrusted and BINDING.fullmatch(meta.binding) is None:
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata's binding is not base64url")
        if _ESCAPED_SURROGATE in untrusted_bytes and not all(map(_has_utf8, untrusted.values())):
            raise Malformed(Reason.FRAME_MALFORMED, "the metadata has a lone surrogate")
        return meta


def _has_utf8(value: int | str) -> bool:
    return type(value) is int or _SURROGATE.search(str(value)) is None


BINDING = re.compile(rf"[A-Za-z0-9_-]{{1,{BINDING_CHARACTERS_MAX}}}")
_ID = re.compile(rf"[0-9a-f]{{{ID_HEX_DIGITS}}}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = b"\\ud"
_OPTIONAL = frozenset({"signature", "binding"})  # not written when empty
_CHANGEABLE = frozenset({"type", "label", "queues"})  # by normalizers, transforms and routes
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_LONGEST = {
    "id": ID_HEX_DIGITS,
    "flow": 64,
    "sender": 64,
    "name": NAME_CHARACTERS_MAX,
    "accepted_s": 2**40,
    "type": TYPE_CHARACTERS_MAX,
    "label": LABEL_CHARACTERS_MAX,
    "precedence": Precedence.FLASH_OVERRIDE,
    "destination": 64,
    "queues": QUEUES_CHARACTERS_MAX,
    "signature": SIGNATURE_CHARACTERS_MAX,
    "binding": BINDING_CHARACTERS_MAX,
}
_TYPES = {field.name: (field.type, _LONGEST[field.name]) for field in fields(Meta)}
_CHARACTER_BYTES_MAX = 12  # beyond the basic plane: two escaped surrogates

_CHARACTERS_MAX = sum(
    longest for key, (kind, longest) in _TYPES.items() if kind is str and key not in _OPTIONAL
)

assert (
    512 + _CHARACTER_BYTES_MAX * _CHARACTERS_MAX + SIGNATURE_CHARACTERS_MAX
    + BINDING_CHARACTERS_MAX <= META_BYTES_MAX
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """The unit of decision: metadata (as bytes and on demand as `Meta`) and payload."""

    meta_bytes: bytes
    payload: bytes

    @property
    def meta(self) -> Meta:
        """The metadata, parsed anew at each call: keep it in a name if you need it twice."""
        return Meta.read(self.meta_bytes)

    @classmethod
    def make(cls, meta: Meta, payload: bytes) -> Self:
        """A message of this metadata and payload."""
        return cls(meta.write(), payload)
