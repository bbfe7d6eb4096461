"""The sealing key on disk: an Ed25519 seed, and beside it an ML-DSA-65 seed for hybrid signatures.

Takes paths, gives `SealKey`; replaces one, and destroys the one before. Raises
`Broken(KEY_MISSING)` with a sentence for people. May read and write `keys/`. Follows docs/keys.md.

    keys/seal.key        the key in use: 64 hexadecimal digits; a second line "ml-dsa-65 " and 64
    keys/seal-next.key   one that waits for its certificate
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from guard.edge import durable
from guard.edge.keys import new_secret, public_of
from guard.edge.mldsa import mldsa_public_of
from schemas.errors import Broken
from schemas.reasons import Reason

SEAL, SEAL_NEXT = "seal.key", "seal-next.key"
FILE_BYTES_MAX = 256
KEY_FILE_MODE = 0o400
_FORM = re.compile(r"([0-9a-f]{64})\n(?:ml-dsa-65 ([0-9a-f]{64})\n)?")


@dataclass(frozen=True, slots=True)
class SealKey:
    """The seeds, 32 bytes each; mldsa is b"" in a site from before there was one."""

    ed25519: bytes
    mldsa: bytes = b""

    def write(self) -> bytes:
        """Its file."""
        second = f"ml-dsa-65 {self.mldsa.hex()}\n" if self.mldsa else ""
        return f"{self.ed25519.hex()}\n{second}".encode()

    @property
    def mldsa_public(self) -> bytes:
        """The ML-DSA-65 public key, 1,952 bytes, or b""."""
        return mldsa_public_of(self.mldsa) if self.mldsa else b""

    @property
    def public(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""
        return public_of(self.ed25519)


def new_seal_key() -> SealKey:
    """Two random seeds."""
    return SealKey(new_secret(), new_secret())


def read_seal_key(path: Path) -> SealKey:
    """Raises `Broken(KEY_MISSING)`."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1).decode("ascii", "replace")
    except OSError as error:
        raise _broken(f"the key {path} cannot be read: {error.strerror}") from error
    found = _FORM.fullmatch(text)
    if found is None:
        raise _broken(f"the key {path} is not 32 bytes in hexadecimal, and a line ml-dsa-65 of 32")
    return SealKey(bytes.fromhex(found[1]), bytes.fromhex(found[2] or ""))


def certified_key(keys: Path, public: bytes) -> SealKey:
    """The key in use: `seal.key`, or the next one if that is what the certificate is of.

    So the certificate alone says which it is, and a crash between two files changes nothing.
    """
    found = read_seal_key(keys / SEAL)
    if found.public != public and os.path.lexists(keys / SEAL_NEXT):
        following = read_seal_key(keys / SEAL_NEXT)
        return following if following.public == public else found
    return found


def replace_secret(path: Path, content: bytes) -> None:
    """The file has the new secret, durably, and the bytes of the old one are destroyed.

    After a crash at any step one of them is whole in its place; `.gone`, if it was left, is
    destroyed by the next call.
    """
    gone = _cleared(path)
    os.link(path, gone)
    durable.replace(path, content)
    path.chmod(KEY_FILE_MODE)
    _erase(gone)


def erase_secret(path: Path) -> None:
    """Overwrite a secret's file and remove it, durably. It loses its name first, so that no crash
    leaves zeros that would be read as a key."""
    gone = _cleared(path)
    os.rename(path, gone)
    durable.sync_directory(path.parent)
    _erase(gone)


def _cleared(path: Path) -> Path:
    """The name that a secret has while it is destroyed; what a crash left there is destroyed."""
    gone = path.with_name(f"{path.name}.gone")
    if gone.exists():
        _erase(gone)
    return gone


def _erase(path: Path) -> None:
    path.chmod(0o600)  # its mode keeps even its owner from it
    durable.erase(path)


def _broken(sentence: str) -> Broken:
    return Broken(Reason.KEY_MISSING, sentence)
