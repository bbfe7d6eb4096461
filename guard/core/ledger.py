"""The ledger's bytes: canonical entries, the chain, the tree, signed checkpoints. No I/O.

Takes entries (flat maps of texts and integers), gives the bytes of a batch with its checkpoint;
takes the bytes of batches again, gives the entries, having checked that they make the same tree.
Signs with the Ed25519 seed it is given, one an epoch. Follows docs/spec/ledger.md and, for
checkpoints, C2SP tlog-checkpoint and signed-note. The verifier (guard/report/ledger_verifier.py)
shares nothing with this module.
"""

import codecs
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from guard.core.epochs import (
    EPOCH_KIND,
    FIRST_EPOCH,
    Certificate,
    certificate_of,
    certify,
    check_certificate,
    entry_of,
)
from guard.core.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, Span
from schemas.entry import Entry
from schemas.errors import Broken, Forged, Malformed
from schemas.reasons import Reason

ENTRY_BYTES_MAX = 128 * 1024
BATCH_BYTES_MAX = 48 * 1024 * 1024
FIELDS_MAX = 64
INTEGER_MAX = 2**63 - 1
CHECKPOINT_BYTES_MAX = 600
FIRST_LINK = bytes(HASH_BYTES)

_NAMES_KNOWN_MAX = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ORIGIN = re.compile(r"[!-*,-~]{1,200}")
_ED25519 = b"\x01"
_KEY_HASH_BYTES = 4
_PAIRS = codecs.lookup("utf-16-le").name  # now: a confined process can import no codec
_encode = json.JSONEncoder(
    ensure_ascii=True, sort_keys=True, separators=(",", ":"), check_circular=False
).encode

Checkpoint = NewType("Checkpoint", bytes)
"""A checkpoint as it is published: the whole signed note."""


class Head(NamedTuple):
    """What a checkpoint states, once its signature was checked."""

    size: int
    root: bytes


def canonical(entry: Entry) -> bytes:
    """The one way to write an entry (ledger §2). Raises `Broken`: our own mistake.

    A surrogate without its pair is no character; it is written as U+FFFD.
    """
    for value in entry.values():
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise _broken("an entry has a value that is neither text nor integer")
        if isinstance(value, int) and not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise _broken("an entry has an integer out of bounds")
    if not 1 <= len(entry) <= FIELDS_MAX:
        raise _broken(f"an entry has {len(entry)} fields, not 1 to {FIELDS_MAX}")
    text = _encode(entry)
    if "\\ud" in text:
        text = _encode({name: _characters(value) for name, value in entry.items()})
    if len(text) > ENTRY_BYTES_MAX:
        raise _broken(f"an entry has {len(text)} bytes, more than {ENTRY_BYTES_MAX}")
    return text.encode("ascii")


def leaf_hash(link: bytes, line: bytes) -> bytes:
    """The tree's leaf for an entry: chained to the leaf before it, `link` (ledger §3)."""
    return sha256(b"\x00" + link + line).digest()


class Ledger:
    """A ledger's state: how many entries, the last link, the tree, whose key is in force.

    tree, link    all leaves; the last one
    grown         the leaves of the newest batch
    epoch, key    whose key (public, 32 bytes) signs the next checkpoint
    certificates  of all epochs but the first
    epoch_ms      when the epoch began: the time of its entry, or of the first entry; None before it
    """

    def __init__(self, origin: str, first_key: bytes) -> None:
        """origin: the log's name, also the keys'; first_key: public, 32 bytes. Raises `Broken`."""
        if not _ORIGIN.fullmatch(origin):
            raise _broken(f"{origin!r} cannot be a ledger's name")
        self._origin = origin
        self._sign: Callable[[bytes], bytes] | None = None
        self.epoch = FIRST_EPOCH
        self.epoch_ms: int | None = None
        self.certificates: list[Certificate] = []
        self.key = self._signer = self._first_key = first_key
        self._key_hash = key_hash(origin, first_key)
        self.tree = Frontier()
        self.grown = Span()
        self.link = FIRST_LINK
        self._names: set[str] = set()
        self.root = EMPTY_ROOT

    @property
    def size(self) -> int:
        """Entries so far."""
        return self.tree.end

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return self._origin

    @property
    def begins(self) -> int:
        """The first entry of the epoch."""
        return self.certificates[-1].begins if self.certificates else 0

    def seal(self, seed: bytes) -> None:
        """Sign with this seed (32 bytes) from now on. Raises `Broken(KEY_MISSING)`: another's."""
        key = Ed25519PrivateKey.from_private_bytes(seed)
        if key.public_key().public_bytes_raw() != self.key:
            raise Broken(
                Reason.KEY_MISSING, f"the sealing key is not the one of epoch {self.epoch}"
            )
        self._sign = key.sign

    def batch(self, entries: Iterable[Entry]) -> tuple[bytes, Checkpoint]:
        """The bytes of the next batch, and the checkpoint in it. Raises `Broken`."""
        lines = []
        for entry in entries:
            if not self._names.issuperset(entry):
                self._learn(entry)
            lines.append(canonical(entry))
        if not lines:
            raise _broken("a batch has no entries")
        if self.epoch_ms is None:
            self.epoch_ms = _time_of(read_entry(lines[0]))
        self._extend(lines)
        checkpoint = self._checkpoint()
        content = b"\n".join([*lines, b"", checkpoint])
        if len(content) > BATCH_BYTES_MAX:
            raise _broken(f"a batch has {len(content)} bytes, more than {BATCH_BYTES_MAX}")
        return content, checkpoint

    def turn(self, key: bytes, time_ms: int) -> tuple[bytes, Checkpoint]:
        """The batch that ends the epoch: its one entry certifies `key` (public) for the next.

        The signing key is forgotten; nothing is signed before `seal` is given the next one.
        """
        if self._sign is None:
            raise _broken("the ledger has no sealing key")
        begins = self.size + 1
        certificate = certify(self._origin, self.epoch + 1, begins, key, self._sign)
        content, checkpoint = self.batch([entry_of(certificate, time_ms)])
        self.enter(certificate, time_ms)
        return content, checkpoint

    def replay(self, untrusted_batch: bytes) -> tuple[list[bytes], Checkpoint]:
        """Take a batch that was written before; gives its entries' lines and its checkpoint.

        Raises `Malformed(LEDGER_TREE)` unless it goes on where this ledger stands, `Forged` for a
        new epoch that the one before it did not certify. The checkpoint's signature is not
        checked: a later checkpoint that is (see `check`) covers this one.
        """
        lines, note = split_batch(untrusted_batch)
        first = self.size
        self._extend(lines)
        stated = note.split(b"\n\n", 1)[0] + b"\n"
        if stated != self._text():
            raise Malformed(
                Reason.LEDGER_TREE,
                f"entries {first} to {self.size - 1} are not what their checkpoint states",
            )
        self._signer = self.key
        if self.epoch_ms is None:
            self.epoch_ms = _time_of(read_entry(lines[0]))
        if EPOCH_KIND in lines[-1]:
            self._follow(lines[-1])
        return lines, Checkpoint(note)

    def check(self, checkpoint: Checkpoint) -> Head:
        """What the newest checkpoint states: it is signed with the key that was in force then.

        Raises `Malformed`, `Forged`.
        """
        return read_checkpoint(checkpoint, self._origin, (self._signer,))

    def _follow(self, line: bytes) -> None:
        """Into the epoch that this line certifies. Raises `Forged`."""
        entry = read_entry(line)
        certificate = check_certificate(self._origin, certificate_of(entry), self.key)
        if (certificate.epoch, certificate.begins) != (self.epoch + 1, self.size):
            raise Forged(Reason.LEDGER_SIGNATURE, f"epoch {certificate.epoch} is out of its place")
        self.enter(certificate, _time_of(entry))

    def enter(self, certificate: Certificate, time_ms: int) -> None:
        """The epoch that a certificate is of begins; its signature was checked."""
        self.certificates.append(certificate)
        self.epoch, self.epoch_ms, self.key = certificate.epoch, time_ms, certificate.key
        self._key_hash = key_hash(self._origin, self.key)
        self._sign = None

    def resume(self, size: int, roots: Sequence[bytes], link: bytes, epoch_ms: int) -> None:
        """As after `size` entries that are not here. Raises IndexError, for roots too few."""
        self.tree = Frontier.of(size, roots)
        self.grown = self.tree.copy()
        self.root, self.link, self.epoch_ms = self.tree.root(), link, epoch_ms
        ended = bool(self.certificates) and self.certificates[-1].begins == size
        before = self.certificates[-2].key if len(self.certificates) > 1 else self._first_key
        self._signer = before if ended else self.key

    def _extend(self, lines: list[bytes]) -> None:
        link, links = self.link, []
        for line in lines:
            link = sha256(b"\x00" + link + line).digest()
            links.append(link)
        self.link = link
        self.grown = Span(self.size)
        self.grown.extend(links)
        self.tree.join(self.grown)
        self.root = self.tree.root()

    def _text(self) -> bytes:
        root = b64encode(self.root).decode()
        return f"{self._origin}\n{self.size}\n{root}\n".encode()

    def _checkpoint(self) -> Checkpoint:
        if self._sign is None:
            raise _broken("the ledger has no sealing key")
        self._signer = self.key
        text = self._text()
        signature = b64encode(self._key_hash + self._sign(text)).decode()
        return Checkpoint(text + f"\n\u2014 {self._origin} {signature}\n".encode())

    def _learn(self, entry: Entry) -> None:
        for name in entry:
            if not _NAME.fullmatch(name):
                raise _broken(f"{name!r} cannot be a field's name")
        if len(self._names) > _NAMES_KNOWN_MAX:
            self._names.clear()
        self._names.update(entry)


def split_batch(untrusted_batch: bytes) -> tuple[list[bytes], bytes]:
    """A batch's entry lines and its checkpoint, neither looked into. Raises `Malformed`."""
    lines, separator, note = untrusted_batch.partition(b"\n\n")
    if not separator or not lines or not 0 < len(note) <= CHECKPOINT_BYTES_MAX:
        raise Malformed(Reason.RECORD_MALFORMED, "a batch of the ledger is not of its form")
    return lines.split(b"\n"), note


def read_entry(untrusted_line: bytes) -> Entry:
    """The entry on a line. Raises `Malformed`."""
    try:
        entry = json.loads(untrusted_line)
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.RECORD_MALFORMED, "an entry is no JSON") from error
    if type(entry) is not dict or not {int, str}.issuperset(map(type, entry.values())):
        raise Malformed(Reason.RECORD_MALFORMED, "an entry is no map of texts and integers")
    return entry


def _time_of(entry: Entry) -> int:
    time_ms = entry.get("time_ms", 0)
    return time_ms if isinstance(time_ms, int) else 0


def key_hash(name: str, public: bytes) -> bytes:
    """What names a key in a signed note: 4 bytes."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_HASH_BYTES]


def read_checkpoint(untrusted_note: bytes, origin: str, publics: Sequence[bytes]) -> Head:
    """What a checkpoint of the ledger `origin` states, if one of these keys signed it.

    publics: Ed25519 public keys, 32 bytes each. Raises `Malformed(RECORD_MALFORMED)` for bytes
    that are no checkpoint, `Forged(LEDGER_SIGNATURE)` when it is another log's or nobody of these
    signed it. Extension lines are allowed, and signatures by other keys (witnesses) are passed
    over, as the note's specification says.
    """
    if len(untrusted_note) > CHECKPOINT_BYTES_MAX:
        raise _no_checkpoint("is too long")
    try:
        body, separator, signatures = untrusted_note.decode().rpartition("\n\n")
        name, size, root, *_ = body.split("\n")
    except ValueError as error:
        raise _no_checkpoint("lacks a line") from error
    if not separator or not re.fullmatch(r"0|[1-9][0-9]{0,18}", size):
        raise _no_checkpoint("states no size")
    if name != origin:
        raise Forged(Reason.LEDGER_SIGNATURE, f"a checkpoint is of another ledger: {name!r}")
    found = _decode(root)
    if len(found) != HASH_BYTES:
        raise _no_checkpoint("states no root")
    known = {key_hash(origin, public): public for public in publics}
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        signer, _, value = rest.partition(" ")
        if dash != "\u2014":
            raise _no_checkpoint("has a line that is no signature")
        raw = _decode(value)
        public = known.get(raw[:_KEY_HASH_BYTES])
        if signer == origin and public is not None:
            _verify(public, raw[_KEY_HASH_BYTES:], f"{body}\n".encode())
            return Head(int(size), found)
    raise Forged(Reason.LEDGER_SIGNATURE, "no known key signed a checkpoint")


def _verify(public: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature as error:
        raise Forged(Reason.LEDGER_SIGNATURE, "a checkpoint's signature is wrong") from error


def _decode(text: str) -> bytes:
    try:
        raw = b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise _no_checkpoint("has a value that is no base64") from error
    if b64encode(raw).decode() != text:
        raise _no_checkpoint("has base64 that is not canonical")
    return raw


def _characters(value: int | str) -> int | str:
    if isinstance(value, int):
        return value
    return value.encode(_PAIRS, "surrogatepass").decode(_PAIRS, "replace")


def _no_checkpoint(what: str) -> Malformed:
    return Malformed(Reason.RECORD_MALFORMED, f"a checkpoint {what}")


def _broken(sentence: str) -> Broken:
    return Broken(Reason.RECORD_MALFORMED, sentence)
