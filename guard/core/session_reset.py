"""A proposal of two persons to set the link's session counter: its text and its signatures.

Takes bytes, seeds and public keys; gives proposals, and who signed. Raises `Malformed` for bytes
that are no proposal and `Forged` for signatures that do not hold. Pure. Follows
docs/spec/session-reset.md; the signatures are those of C2SP signed-note, as for checkpoints.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from guard.core.ledger import key_hash
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

FIRST_LINE = "checkvalve link session reset 1"
PROPOSAL_BYTES_MAX = 4096
PURPOSE_CHARACTERS_MAX = 200
SIGNERS_MIN, SIGNERS_MAX = 2, 8
SESSION_MAX = 2**32 - 1
COUNTER_LOST = ("missing", "empty", "damaged")

_DASH = "\u2014"
_KEY_HASH_BYTES, _SIGNATURE_BYTES = 4, 64
_FORMS = {
    "flow": r"[a-z][a-z0-9_-]{0,31}",
    "link-key": r"[0-9a-f]{32}",
    "counter": r"missing|empty|damaged|0|[1-9][0-9]{0,9}",
    "ledger": r"[1-9][0-9]{0,17} [0-9a-f]{64}",
    "newest": r"0|[1-9][0-9]{0,9}",
    "receiver": r"0|[1-9][0-9]{0,9}",
    "session": r"[1-9][0-9]{0,9}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "purpose": rf"[!-~](?:[ -~]{{0,{PURPOSE_CHARACTERS_MAX - 2}}}[!-~])?",
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed, and the state of the source side that it is made for.

    link_key      names the link key (`guard.link.keys.key_id`), 32 hexadecimal digits
    counter       what the counter's file has: a number in decimal, or one of `COUNTER_LOST`
    ledger_size   entries of the source side's ledger, and the tree's root over them
    newest        the newest session that this ledger has (0: none)
    receiver      the newest session that the receiver has opened (0: none)
    session       what the counter is to be: greater than every session that was ever used
    time_s        when it was proposed, for people: seconds since 1970, UTC
    """

    flow: str
    link_key: str
    counter: str
    ledger_size: int
    ledger_root: bytes
    newest: int
    receiver: int
    session: int
    time_s: int
    purpose: str

    def text(self) -> str:
        """What is signed (session-reset §2). Raises `Malformed` for a field out of bounds."""
        values = {
            "flow": self.flow,
            "link-key": self.link_key,
            "counter": self.counter,
            "ledger": f"{self.ledger_size} {self.ledger_root.hex()}",
            "newest": str(self.newest),
            "receiver": str(self.receiver),
            "session": str(self.session),
            "time": datetime.fromtimestamp(self.time_s, UTC).strftime(_TIME),
            "purpose": self.purpose,
        }
        for name, value in values.items():
            if not re.fullmatch(_FORMS[name], value):
                raise _malformed(f"has a line {name} that is not of its form")
        counter = 0 if self.counter in COUNTER_LOST else int(self.counter)
        used = max(counter, self.newest, self.receiver)
        if not used < self.session <= SESSION_MAX:
            raise _malformed(
                f"sets the session to {self.session}: it must be more than {used},"
                f" and at most {SESSION_MAX}"
            )
        return "\n".join([FIRST_LINE, *(f"{name} {values[name]}" for name in _FORMS), ""])

    @classmethod
    def read(cls, untrusted: str) -> Self:
        """The proposal of this text, which is the one way to write it. Raises `Malformed`."""
        first, *lines = untrusted.split("\n")
        if first != FIRST_LINE or len(lines) != len(_FORMS) + 1:
            raise _malformed("is not of its form")
        values = {}
        for (name, form), line in zip(_FORMS.items(), lines, strict=False):
            given, _, value = line.partition(" ")
            if given != name or not re.fullmatch(form, value):
                raise _malformed(f"has no line {name} in its place and form")
            values[name] = value
        size, _, root = values["ledger"].partition(" ")
        found = cls(
            values["flow"], values["link-key"], values["counter"], int(size), bytes.fromhex(root),
            int(values["newest"]), int(values["receiver"]), int(values["session"]),
            _seconds(values["time"]), values["purpose"],
        )  # fmt: skip
        if found.text() != untrusted:
            raise _malformed("is not written as it must be")
        return found


@dataclass(frozen=True, slots=True)
class Signature:
    """One person's: name, which key (4 bytes), Ed25519 over the proposal's text (64 bytes)."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedProposal:
    """A proposal with the signatures that it has so far, none of them checked."""

    proposal: Proposal
    signatures: tuple[Signature, ...] = ()

    def write(self) -> bytes:
        """The file's bytes."""
        lines = [
            f"{_DASH} {each.name} {b64encode(each.key_hash + each.signature).decode()}\n"
            for each in self.signatures
        ]
        return "".join([self.proposal.text(), "\n", *lines]).encode()

    @classmethod
    def read(cls, untrusted: bytes) -> Self:
        """Raises `Malformed(PROPOSAL_MALFORMED)`."""
        if len(untrusted) > PROPOSAL_BYTES_MAX:
            raise _malformed(f"has more than {PROPOSAL_BYTES_MAX} bytes")
        try:
            text, separator, rest = untrusted.decode("utf-8").partition("\n\n")
        except UnicodeDecodeError as error:
            raise _malformed("is no text") from error
        if not separator or (rest and not rest.endswith("\n")):
            raise _malformed("is cut short")
        lines = rest.split("\n")[:-1]
        if len(lines) > SIGNERS_MAX:
            raise _malformed(f"has more than {SIGNERS_MAX} signatures")
        found = cls(Proposal.read(f"{text}\n"), tuple(map(_signature, lines)))
        if found.write() != untrusted:
            raise _malformed("is not written as it must be")
        return found

    def signed_by(self, name: str, seed: bytes) -> Self:
        """With this person's signature. seed: Ed25519, 32 bytes. Raises `Malformed`, `Forged`."""
        if not _NAME.fullmatch(name):
            raise _malformed(f"cannot be signed as {name!r}: that is no operator's name")
        if len(self.signatures) == SIGNERS_MAX:
            raise _malformed(f"has {SIGNERS_MAX} signatures already")
        key = Ed25519PrivateKey.from_private_bytes(seed)
        hashed = key_hash(name, key.public_key().public_bytes_raw())
        if any(each.name == name for each in self.signatures):
            raise _forged(f"{name} has signed already: another person must be the second")
        signature = Signature(name, hashed, key.sign(self.proposal.text().encode()))
        return replace(self, signatures=(*self.signatures, signature))

    def signers(self, operators: Mapping[str, bytes]) -> tuple[str, ...]:
        """Who signed, if two different persons of these did, and nobody else.

        operators: name -> Ed25519 public key, 32 bytes. Raises `Forged(PROPOSAL_SIGNATURES)`.
        """
        text = self.proposal.text().encode()
        publics: dict[str, bytes] = {}
        for each in self.signatures:
            public = operators.get(each.name)
            if public is None or key_hash(each.name, public) != each.key_hash:
                raise _forged(f"{each.name} is no operator of this site with that key")
            if each.name in publics or public in publics.values():
                raise _forged(f"{each.name} has signed twice: two different persons must sign")
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(each.signature, text)
            except (InvalidSignature, ValueError) as error:
                raise _forged(f"the signature of {each.name} does not fit the proposal") from error
            publics[each.name] = public
        if len(publics) < SIGNERS_MIN:
            told = ", ".join(publics) or "nobody"
            raise _forged(f"two persons must sign, and so far {told} has")
        return tuple(publics)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, value = rest.partition(" ")
    try:
        raw = b64decode(value.encode("ascii"), validate=True)
    except ValueError as error:
        raise _malformed("has a signature that is no base64") from error
    right = dash == _DASH and _NAME.fullmatch(name)
    if not right or len(raw) != _KEY_HASH_BYTES + _SIGNATURE_BYTES:
        raise _malformed("has a line that is no signature")
    return Signature(name, raw[:_KEY_HASH_BYTES], raw[_KEY_HASH_BYTES:])


def _seconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
        return int(moment.timestamp())
    except ValueError as error:
        raise _malformed("names no time") from error


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.PROPOSAL_MALFORMED, f"the proposal {what}")


def _forged(sentence: str) -> Forged:
    return Forged(Reason.PROPOSAL_SIGNATURES, f"the proposal is not approved: {sentence}")
