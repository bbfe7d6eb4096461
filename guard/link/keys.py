"""The link's keys, all from one link key.

Takes the link key, the flow number and a session counter, gives derived keys and the sealing of
blocks and heartbeats. Pure. Follows docs/spec/link.md §4 and §6 (2).
"""

from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from guard.link.params import SESSION_MAX
from schemas.errors import Broken, Forged
from schemas.reasons import Reason

LINK_KEY_BYTES = 32
TAG_KEY_BYTES = 48
SESSION_KEY_BYTES = 32
KEY_ID_BYTES = 16

_SALT = b"checkvalve link 1"
_BLOCK_NONCE = bytes(4)
_HEARTBEAT_NONCE = bytes([0, 0, 0, 1])


class NextKey(NamedTuple):
    """The link key that follows: sessions of this number and above are under it. link §4 (7)"""

    key: bytes
    first_session: int


def derive(link_key: bytes, info: bytes, length_bytes: int) -> bytes:
    """HKDF-SHA256 (RFC 5869) of the link key."""
    if len(link_key) != LINK_KEY_BYTES:
        raise Broken(Reason.KEY_MISSING, f"a link key has {LINK_KEY_BYTES} bytes")
    return HKDF(SHA256(), length_bytes, _SALT, info).derive(link_key)


def tag_key(link_key: bytes, flow: int) -> bytes:
    """The key of the datagram tags. link §4 (1)"""
    return derive(link_key, b"tag" + flow.to_bytes(4, "big"), TAG_KEY_BYTES)


def key_id(link_key: bytes, flow: int) -> str:
    """What names the link key to people, and tells nothing of it: 32 hexadecimal digits."""
    return derive(link_key, b"id" + flow.to_bytes(4, "big"), KEY_ID_BYTES).hex()


class SessionSeal:
    """AES-256-GCM under one session's key: blocks and heartbeats, each with nonces of its own."""

    def __init__(self, link_key: bytes, flow: int, session: int) -> None:
        if not 0 < session <= SESSION_MAX:
            raise Broken(Reason.ARGUMENT, f"a session is a number from 1 to {SESSION_MAX}")
        info = b"session" + flow.to_bytes(4, "big") + session.to_bytes(4, "big")
        self._cipher = AESGCM(derive(link_key, info, SESSION_KEY_BYTES))

    def seal_block(
        self, number: int, plaintext: memoryview, associated: bytes, out: memoryview
    ) -> None:
        """Seal into `out`, which is 16 bytes longer than the plaintext and may begin with it."""
        nonce = _BLOCK_NONCE + number.to_bytes(8, "big")
        self._cipher.encrypt_into(nonce, plaintext, associated, out)

    def open_block(
        self, number: int, sealed: memoryview, associated: bytes, out: memoryview
    ) -> None:
        """Open into `out`, which is 16 bytes shorter and may be the sealed bytes' own beginning.

        Raises `Forged` if it does not verify.
        """
        nonce = _BLOCK_NONCE + number.to_bytes(8, "big")
        try:
            self._cipher.decrypt_into(nonce, sealed, associated, out)
        except InvalidTag as error:
            raise Forged(Reason.BLOCK_TAG, "a block does not open under its key") from error

    def seal_heartbeat(self, number: int, plaintext: bytes, associated: bytes) -> bytes:
        """The sealed heartbeat, 16 bytes longer."""
        return self._cipher.encrypt(
            _HEARTBEAT_NONCE + number.to_bytes(8, "big"), plaintext, associated
        )

    def open_heartbeat(self, number: int, sealed: bytes, associated: bytes) -> bytes:
        """The heartbeat's plaintext. Raises `Forged` if it does not verify."""
        nonce = _HEARTBEAT_NONCE + number.to_bytes(8, "big")
        try:
            return self._cipher.decrypt(nonce, sealed, associated)
        except InvalidTag as error:
            raise Forged(Reason.BLOCK_TAG, "a heartbeat does not open under its key") from error
