"""The high side's witness of the low side's ledger: what it has seen, and what it makes of more.

Takes statements that came over the link, gives what is seen now; raises `StatementError` and
nothing else. Pure. Shares no code with what made the statements: follows docs/spec/ledger.md §8.
"""

import struct
from dataclasses import dataclass

from guard.report.ledger_keys import Certificate, EpochKey, KeyChainError, follow
from guard.report.ledger_notes import Note, NoteError, PublicKeys, read_note
from guard.report.ledger_tree import SIZE_MAX, grew
from schemas.reasons import Reason

_HEAD = struct.Struct(">BBHQQI")
_CERTIFICATE = struct.Struct(">Q32s64s")
_HASH_BYTES = 32
STATEMENT_BYTES_MAX = 8192
NOTHING = -1
"""The size of what is seen when a key is known and no tree: the first checkpoint is believed."""


class StatementError(Exception):
    """A statement that an honest low side does not make. The text is for people."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


_fault = StatementError


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest checkpoint that was accepted: entries, their root, the key in force after it."""

    size: int
    root: bytes
    key: EpochKey


@dataclass(frozen=True, slots=True)
class Statement:
    """A checkpoint, and the proof that the tree of `old_size` entries grew into it."""

    old_size: int
    size: int
    epoch: int
    certificates: tuple[Certificate, ...]
    proof: tuple[bytes, ...]
    note: bytes


def read_statement(untrusted: bytes) -> Statement:
    """The statement in these bytes, nothing verified. Raises `StatementError(RECORD_MALFORMED)`."""
    if not _HEAD.size < len(untrusted) <= STATEMENT_BYTES_MAX:
        raise _malformed("has a length out of bounds")
    version, hashes, keys, old_size, size, epoch = _HEAD.unpack_from(untrusted)
    at = _HEAD.size + keys * _CERTIFICATE.size
    end = at + hashes * _HASH_BYTES
    if version != 1 or end >= len(untrusted):
        raise _malformed("is not of its form")
    if not old_size < size <= SIZE_MAX:
        raise _malformed("does not grow")
    certificates = tuple(
        Certificate(epoch + 1 + number, *_CERTIFICATE.unpack_from(untrusted, place))
        for number, place in enumerate(range(_HEAD.size, at, _CERTIFICATE.size))
    )
    proof = tuple(untrusted[start : start + _HASH_BYTES] for start in range(at, end, _HASH_BYTES))
    return Statement(old_size, size, epoch, certificates, proof, untrusted[end:])


def witness(origin: str, seen: Seen, untrusted: bytes) -> tuple[Seen, str] | None:
    """What is seen after this statement, and its checkpoint; None if it adds nothing.

    None also for one that does not go on from what is seen: another, that does, is waited for.
    Raises `StatementError`: LEDGER_CHAIN for a ledger that has become smaller, LEDGER_TREE for one
    that was written anew, LEDGER_SIGNATURE for one that the keys known here did not sign.
    """
    statement = read_statement(untrusted)
    note = _note(origin, statement)
    if note.size < seen.size:
        raise StatementError(
            Reason.LEDGER_CHAIN,
            f"the source side's ledger states {note.size} entries and has stated {seen.size}:"
            " it was cut off or rolled back",
        )
    if note.size == seen.size:
        if note.root != seen.root:
            raise _forked(seen.size)
        return None
    if seen.size not in (NOTHING, statement.old_size):
        return None
    keys = _keys(origin, seen, statement)
    if not keys:
        return None
    signer = keys[-2] if len(keys) > 1 and keys[-1].begins == note.size else keys[-1]
    _check_signature(note, signer)
    proves = grew(seen.size, seen.root, note.size, note.root, statement.proof)
    if seen.size != NOTHING and not proves:
        raise _forked(seen.size)
    return Seen(note.size, note.root, keys[-1]), statement.note.decode()


def _note(origin: str, statement: Statement) -> Note:
    try:
        note = read_note(statement.note)
    except NoteError as error:
        raise StatementError(
            Reason.RECORD_MALFORMED, f"a statement of the ledger: {error}"
        ) from error
    if note.origin != origin:
        raise _fault(Reason.LEDGER_SIGNATURE, "a checkpoint is of another ledger")
    if note.size != statement.size:
        raise _malformed("counts otherwise than its checkpoint")
    return note


def _keys(origin: str, seen: Seen, statement: Statement) -> list[EpochKey]:
    """The key that is known and those that follow, by certificates. Empty: not told here."""
    known = seen.key
    skipped = known.epoch - statement.epoch
    if seen.size == NOTHING and not 0 <= skipped <= len(statement.certificates):
        return []
    if seen.size != NOTHING and skipped:
        raise StatementError(
            Reason.LEDGER_SIGNATURE,
            f"a statement has the key of epoch {statement.epoch} in force at entry {seen.size},"
            f" and it was that of epoch {known.epoch}",
        )
    if skipped > 0 and statement.certificates[skipped - 1].key != known.key:
        raise StatementError(
            Reason.LEDGER_SIGNATURE, f"the key of epoch {known.epoch} is another one"
        )
    keys, ends = [known], statement.old_size
    try:
        for certificate in statement.certificates[max(0, skipped) :]:
            keys.append(follow(origin, keys[-1], certificate))
            if not ends < keys[-1].begins <= statement.size:
                raise KeyChainError(f"epoch {keys[-1].epoch} begins out of its place")
            ends = keys[-1].begins
    except KeyChainError as error:
        raise StatementError(
            Reason.LEDGER_SIGNATURE, f"the source side's ledger: {error}"
        ) from error
    return keys


def _check_signature(note: Note, key: EpochKey) -> None:
    try:
        PublicKeys([key.key]).check(note)
    except (NoteError, ValueError) as error:
        raise StatementError(
            Reason.LEDGER_SIGNATURE,
            f"nobody vouches for the source side's ledger of {note.size} entries: {error}",
        ) from error


def _forked(size: int) -> StatementError:
    return StatementError(
        Reason.LEDGER_TREE,
        f"the source side's ledger is not the one that had {size} entries: it was written anew",
    )


def _malformed(what: str) -> StatementError:
    return StatementError(
        Reason.RECORD_MALFORMED, f"a statement of the source side's ledger {what}"
    )
