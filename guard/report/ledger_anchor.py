"""Where a ledger begins whose oldest entries were let go, as a verifier reads it.

Takes a ledger's directory, gives the anchor or raises `AnchorError`. May read files. A part of the
ledger's verifier: shares no code with the writer. Follows docs/spec/ledger.md §9.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from guard.report.ledger_keys import Certificate, EpochKey, KeyChainError, follow
from guard.report.ledger_notes import Note, NoteError, PublicKeys, read_note

ANCHOR_NAME = "anchor"
_HASH_BYTES = 32


class AnchorError(Exception):
    """An anchor that nobody signed, or that is none; the text is for people."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the entries that were let go have left: their checkpoint, and how to go on from it.

    batch     the first that is still there
    link      of the last entry that is not
    subtrees  (leaves, root) of the complete subtrees over them, largest first
    epochs    the keys until then, each certified by the one before
    """

    batch: int
    note: Note
    link: bytes
    subtrees: tuple[tuple[int, bytes], ...]
    epochs: tuple[EpochKey, ...]


def read_anchor(directory: Path, first: EpochKey, origin: str) -> Anchor | None:
    """The anchor of a ledger; None if it begins with its first entry. Raises `AnchorError`.

    first: the key of its first epoch; origin: the name it must have, or "".
    """
    try:
        content = (directory / ANCHOR_NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        told = json.loads(content)
        note = read_note(told["checkpoint"].encode())
        batch, link = told["batch"], bytes.fromhex(told["link"])
        roots = [bytes.fromhex(root) for root in told["subtrees"]]
        epochs = [first]
        for number, (begins, key, signature) in enumerate(told["epochs"], 1):
            certificate = Certificate(
                number, int(begins), bytes.fromhex(key), bytes.fromhex(signature)
            )
            epochs.append(follow(note.origin, epochs[-1], certificate))
        in_force = [each.key for each in epochs if each.begins < note.size or not each.epoch]
        PublicKeys(in_force[-1:]).check(note)
    except (NoteError, KeyChainError) as error:
        raise AnchorError(f"nobody vouches for where the ledger begins: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AnchorError("it does not say where the ledger begins") from error
    sizes = [1 << bit for bit in range(note.size.bit_length() - 1, -1, -1) if note.size >> bit & 1]
    if type(batch) is not int or batch < 1 or len(roots) != len(sizes) or not sizes:
        raise AnchorError("it does not say where the ledger begins")
    if {len(each) for each in (link, *roots)} != {_HASH_BYTES} or _root(roots) != note.root:
        raise AnchorError("what it says of the entries that were let go is not what was signed")
    if origin and note.origin != origin:
        raise AnchorError(f"it is of another ledger, {note.origin!r}")
    subtrees = tuple(zip(sizes, roots, strict=True))
    return Anchor(batch, note, link, subtrees, tuple(epochs))


def _root(roots: list[bytes]) -> bytes:
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = sha256(b"\x01" + left + root).digest()
    return root
