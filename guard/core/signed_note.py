"""A text with the signatures of persons: what trust roots, policy signatures and postures are.

Takes bytes, seeds and public keys; gives texts, and who signed them. Raises `Malformed` for bytes
that are no note and `Forged` for signatures that do not hold; the caller names the reasons. Pure.
Follows docs/spec/trust-root.md §2, which is C2SP signed-note with Ed25519 (RFC 8032).
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from guard.core.ledger import key_hash
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

SIGNATURES_MAX = 64
PUBLIC_BYTES = 32
_DASH = "\u2014"
_KEY_HASH_BYTES, _SIGNATURE_BYTES = 4, 64
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class PersonKey(NamedTuple):
    """One person's public key (Ed25519, 32 bytes) and name."""

    name: str
    public: bytes


class Signature(NamedTuple):
    """One line: whose, which key (4 bytes), and the signature of the text (64 bytes)."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and its signatures, none of them checked. `what` calls it in sentences."""

    text: str
    signatures: tuple[Signature, ...] = ()
    what: str = "the file"

    def write(self) -> bytes:
        """The file's bytes."""
        lines = [
            f"{_DASH} {each.name} {b64encode(each.key_hash + each.signature).decode()}\n"
            for each in self.signatures
        ]
        return "".join([self.text, "\n", *lines]).encode()

    @classmethod
    def read(cls, untrusted: bytes, bytes_max: int, what: str, reason: Reason) -> Self:
        """Raises `Malformed(reason)`. The text is everything before the last empty line."""
        if len(untrusted) > bytes_max:
            raise Malformed(reason, f"{what} has more than {bytes_max:,} bytes")
        try:
            text, separator, rest = untrusted.decode("utf-8").rpartition("\n\n")
        except UnicodeDecodeError as error:
            raise Malformed(reason, f"{what} is no text in UTF-8") from error
        if not separator or (rest and not rest.endswith("\n")):
            raise Malformed(reason, f"{what} is cut short: get it again")
        lines = rest.split("\n")[:-1]
        if len(lines) > SIGNATURES_MAX:
            raise Malformed(reason, f"{what} has more than {SIGNATURES_MAX} signatures")
        found = cls(f"{text}\n", tuple(_signature(line, what, reason) for line in lines), what)
        if found.write() != untrusted:
            raise Malformed(reason, f"{what} is not written as it must be: get it again")
        return found

    def signed_by(self, key: PersonKey, seed: bytes, reason: Reason) -> Self:
        """With this person's signature. seed: Ed25519, 32 bytes. Raises `Forged(reason)`."""
        hashed = key_hash(key.name, key.public)
        if any((each.name, each.key_hash) == (key.name, hashed) for each in self.signatures):
            raise Forged(reason, f"{key.name} has signed {self.what} already")
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(self.text.encode())
        made = Signature(key.name, hashed, signature)
        return replace(self, signatures=(*self.signatures, made))

    def signers(self, keys: Iterable[PersonKey], reason: Reason) -> frozenset[PersonKey]:
        """Whose signatures these are; each must be good, by one of these keys, and given once.

        Raises `Forged(reason)` naming the first that is not.
        """
        known = {(key.name, key_hash(*key)): key for key in keys}
        found: set[PersonKey] = set()
        for each in self.signatures:
            key = known.get((each.name, each.key_hash))
            if key is None:
                raise Forged(
                    reason,
                    f"{self.what} is signed by {each.name} with a key that may not sign it:"
                    " take that line away, or have the right person sign",
                )
            if key in found or any(key.public == other.public for other in found):
                raise Forged(reason, f"{each.name} has signed {self.what} twice:"
                             " another person must be the second")  # fmt: skip
            try:
                public = Ed25519PublicKey.from_public_bytes(key.public)
                public.verify(each.signature, self.text.encode())
            except (InvalidSignature, ValueError) as error:
                raise Forged(
                    reason, f"{self.what} is not what {each.name} signed: it was changed since"
                ) from error
            found.add(key)
        return frozenset(found)


def check_quorum(
    signers: Iterable[PersonKey], keys: Iterable[PersonKey], quorum: int, what: str, reason: Reason
) -> tuple[str, ...]:
    """Who of these keys signed, if they are enough. Raises `Forged(reason)`."""
    names = sorted(key.name for key in set(signers) & set(keys))
    if len(names) < quorum:
        told = " and ".join(names) or "nobody"
        verb = "have" if len(names) > 1 else "has"
        raise Forged(
            reason,
            f"{quorum} persons must sign {what}, and so far {told} {verb}: have more sign it",
        )
    return tuple(names)


def is_name(text: str) -> bool:
    """Whether a person may be called so in a note."""
    return _NAME.fullmatch(text) is not None


def _signature(line: str, what: str, reason: Reason) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, value = rest.partition(" ")
    try:
        raw = b64decode(value.encode("ascii"), validate=True)
    except ValueError as error:
        raise Malformed(reason, f"{what} has a signature that is no base64") from error
    right = dash == _DASH and is_name(name)
    if not right or len(raw) != _KEY_HASH_BYTES + _SIGNATURE_BYTES:
        raise Malformed(reason, f"{what} has a line that is no signature")
    return Signature(name, raw[:_KEY_HASH_BYTES], raw[_KEY_HASH_BYTES:])
