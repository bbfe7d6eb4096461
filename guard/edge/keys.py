"""Keys on disk and the signing they do: Ed25519 for seals and checkpoints, secrets for links.

Private keys are PKCS #8 PEM in files of mode 0400, read by the supervisor and handed to the one
process that uses each. Library: `cryptography`.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from schemas.errors import Broken, Forged
from schemas.reasons import Reason

SECRET_BYTES = 32


def new_secret() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(SECRET_BYTES)


def new_id() -> bytes:
    """16 random bytes: a message's id."""
    return os.urandom(16)


def write_secret(path: Path, secret: bytes) -> None:
    """A new file of mode 0400 with the secret in hexadecimal. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_secret(path: Path) -> bytes:
    """The 32 bytes of a secret's file. Raises `Broken(KEY_MISSING)` with a sentence for people."""
    try:
        secret = bytes.fromhex(path.read_bytes().decode().strip())
    except (OSError, ValueError) as error:
        raise Broken(Reason.KEY_MISSING, f"the key {path} cannot be read: {error}") from error
    if len(secret) != SECRET_BYTES:
        raise Broken(Reason.KEY_MISSING, f"the key {path} is not {SECRET_BYTES} bytes")
    return secret


def public_of(seed: bytes) -> bytes:
    """The Ed25519 public key (32 bytes) of a private seed (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signer(seed: bytes) -> Callable[[bytes], bytes]:
    """A function that signs bytes with the Ed25519 key of this seed (RFC 8032), 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign


def verifier(public: bytes) -> Callable[[bytes, bytes], None]:
    """A function (signature, signed) that raises `Forged(MANIFEST_SIGNATURE)` if they differ."""
    key = Ed25519PublicKey.from_public_bytes(public)

    def verify(signature: bytes, signed: bytes) -> None:
        try:
            key.verify(signature, signed)
        except InvalidSignature as error:
            raise Forged(Reason.MANIFEST_SIGNATURE, "the signature does not verify") from error

    return verify
