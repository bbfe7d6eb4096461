"""Tokens: values sealed so that whoever has the key can have them back, and nobody else.

Takes keys by id, values and where they stand, gives texts; opens them again. Pure: the nonce is
derived, never drawn, so the same message gives the same tokens. Follows docs/spec/tokens.md.
"""

import re
from base64 import b32decode, b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.cbor import CborValue, decode, encode
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from schemas.token_names import KEY_ID_PATTERN

KEY_BYTES = 32
NAME_PATTERN = r"[a-z][a-z0-9_]{0,31}"
VALUE_BYTES_MAX = 4096
TOKEN_CHARACTERS_MAX = 8192
_PAD_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16
_FORM = re.compile(rf"tok1\.([gs])\.({KEY_ID_PATTERN})\.([a-z2-7]+)")

Plain = str | int | bool | bytes | None


@dataclass(frozen=True, slots=True)
class Where:
    """What makes a nonce one of its own: the message, the policy's place, which value there."""

    message_id: str
    place: str
    number: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in a token: the value, the name under which it joins ("" none), the key's id."""

    value: Plain
    name: str
    key_id: str


class TokenKey:
    """One key of a flow. tokens §2"""

    def __init__(self, key_id: str, secret: bytes, flow: str) -> None:
        """key_id, flow: of their fixed forms; secret: 32 bytes."""
        if re.fullmatch(KEY_ID_PATTERN, key_id) is None or len(secret) != KEY_BYTES:
            raise ValueError("a token key is an id and 32 bytes")
        info = f"checkvalve token v1 {flow}".encode()
        keys = HKDF(SHA256(), 128, None, info).derive(secret)
        self.key_id, self._about = key_id, f"tok1 {key_id} {flow}".encode()
        self._gcm, self._nonce_key, self._siv = AESGCM(keys[:32]), keys[32:64], AESSIV(keys[64:])

    def seal(self, value: Plain, where: Where) -> str:
        """A token that is like no other. Raises `Malformed(TEXT_TOO_LONG)`. tokens §3"""
        padded = _padded(value, "")
        parts = (where.message_id, where.place, str(where.number))
        told = b"".join(sha256(part.encode()).digest() for part in parts) + padded
        nonce = digest(self._nonce_key, told, "sha256")[:_NONCE_BYTES]
        return self._text("g", nonce + self._gcm.encrypt(nonce, padded, self._about))

    def seal_joined(self, value: Plain, name: str) -> str:
        """The token of this value under this name, the same each time. tokens §3"""
        return self._text("s", self._siv.encrypt(_padded(value, name), [self._about]))

    def opened(self, mode: str, body: bytes) -> bytes:
        """The padded value of a token's body. Raises `Forged(PSEUDONYM_FORGED)`."""
        try:
            if mode == "s":
                return self._siv.decrypt(body, [self._about])
            return self._gcm.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], self._about)
        except InvalidTag as error:
            raise _forged("the token was not made with this key") from error

    def _text(self, mode: str, body: bytes) -> str:
        return f"tok1.{mode}.{self.key_id}.{b32encode(body).decode().rstrip('=').lower()}"


def newest(keys: Mapping[str, TokenKey]) -> TokenKey:
    """The key that seals: the last of the ids in ASCII order. tokens §2. Raises `ValueError`."""
    return keys[max(keys)]


def open_token(untrusted_token: str, keys: Mapping[str, TokenKey]) -> Opened:
    """What is in a token. tokens §4

    Raises `Malformed(PSEUDONYM_MALFORMED)` for what is no token, `Forged(PSEUDONYM_FORGED)` for
    one that no key here has made.
    """
    found = None
    if len(untrusted_token) <= TOKEN_CHARACTERS_MAX:
        found = _FORM.fullmatch(untrusted_token)
    if found is None:
        raise _malformed("this is no token: one has the form tok1.g.KEY.…")
    mode, key_id, text = found.groups()
    body = _unwritten(text)
    if key_id not in keys:
        raise _forged(f"the token was made with the key {key_id}: give that")
    value, name = _unpadded(keys[key_id].opened(mode, body))
    return Opened(value, name, key_id)


def _unwritten(text: str) -> bytes:
    try:
        body = b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        body = b""
    written_again = b32encode(body).decode().rstrip("=").lower()
    if len(body) < _NONCE_BYTES + _TAG_BYTES or written_again != text:
        raise _malformed("the token is cut short or changed")
    return body


def _padded(value: Plain, name: str) -> bytes:
    raw = encode([name, value])
    if len(raw) > VALUE_BYTES_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, f"a value is longer than {VALUE_BYTES_MAX} bytes")
    return raw + b"\x80" + bytes(-(len(raw) + 1) % _PAD_BYTES)


def _unpadded(padded: bytes) -> tuple[Plain, str]:
    """Of what a key has opened, and so of what was sealed: else it is `Forged`."""
    try:
        model: CborValue = decode(padded.rstrip(b"\x00")[:-1])
    except Malformed as error:
        raise _forged("the token holds no value") from error
    if isinstance(model, list) and len(model) == 2:
        name, value = model
        if isinstance(name, str) and (value is None or isinstance(value, str | int | bytes)):
            return value, name
    raise _forged("the token holds no value")


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.PSEUDONYM_MALFORMED, sentence)


def _forged(sentence: str) -> Forged:
    return Forged(Reason.PSEUDONYM_FORGED, sentence)
