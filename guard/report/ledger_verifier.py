"""The ledger's verifier: reads a ledger as an outsider, from the written format alone.

Takes a ledger's directory and public keys, gives findings (each with its place and what follows
from it) and a summary. May read files. Shares no code with the writer: follows docs/spec/ledger.md
§6 and docs/spec/journal.md §3. Only bytes and files come in, so it can be carried elsewhere as it
is, with the other modules of its name (ledger_segments, ledger_entries, ledger_notes, ledger_keys,
ledger_anchor, ledger_findings).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from guard.report.ledger_anchor import ANCHOR_NAME, AnchorError, read_anchor
from guard.report.ledger_entries import Entry, EntryError, EntryForm, parse_entries
from guard.report.ledger_findings import Finding, Verification
from guard.report.ledger_keys import (
    EPOCH_MARK,
    EpochKey,
    KeyChainError,
    certificate_in,
    follow,
)
from guard.report.ledger_notes import Note, NoteError, PublicKeys, read_note
from guard.report.ledger_segments import Batch, Segments
from schemas.reasons import Reason

__all__ = ["Finding", "Tied", "Verification", "verify_ledger"]

FINDINGS_MAX = 100

See = Callable[[int, Entry], None]


@dataclass(frozen=True, slots=True)
class Tied:
    """A batch that the tree ties to the first entry: where its text stands, and what it says.

    file, at         the segment, and the byte there at which its first entry begins
    first            the number of its first entry
    entries, sizes   each entry, and the bytes of its line
    links            of each entry, 32 bytes (§3)
    """

    file: str
    at: int
    first: int
    entries: list[Entry]
    sizes: list[int]
    links: list[bytes]


Watch = Callable[[Tied], None]


def verify_ledger(
    directory: Path,
    public_key_file: Path,
    *,
    origin: str = "",
    witnessed: Iterable[bytes] = (),
    see: See | None = None,
    watch: Watch | None = None,
    form: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Verification:
    """Check a ledger, running or a copy.

    public_key_file: the Ed25519 public key of its first epoch, in hexadecimal. origin: the name it
    must have; "" takes the first checkpoint's. witnessed: checkpoints of it that were kept
    elsewhere. see: is shown (number, entry) of each entry that the tree ties to the first; watch:
    the same, a batch at a time, with its place; form: off for who looks at the entries' form beside
    it (`form_finding`); progress: is told how many bytes were read.
    Raises `OSError` and ValueError for a key that cannot be read; what stands in the ledger is a
    finding.
    """
    public = bytes.fromhex(public_key_file.read_text("ascii").strip())
    verifier = _Verifier(public, origin, see, watch, form=form)
    return verifier.run(directory, list(witnessed), progress or (lambda _: None))


def form_finding(
    form: EntryForm, place: str, body: bytes, lines: list[bytes]
) -> tuple[Reason, str, str] | None:
    """What is wrong with how a batch's entries are written: reason, place, consequence."""
    try:
        form.check(body, lines)
    except EntryError as error:
        return Reason.RECORD_MALFORMED, place, f"{error}: it cannot be read with certainty"
    return None


class _Verifier:
    """One pass over a ledger."""

    def __init__(self, public: bytes, origin: str, see: See | None, watch: Watch | None, *,
                 form: bool) -> None:  # fmt: skip
        self._epochs = [EpochKey(0, public)]
        self._keys = PublicKeys([public])
        self._form = EntryForm() if form else None
        self._see = see
        self._watch = watch
        self._result = Verification(origin)
        self._tied = True  # whether what is read still goes on from entry 0
        self._link = bytes(32)
        self._subtrees: list[bytes | None] = []  # at n: the root of 2^n leaves that wait for more
        self._size = 0
        self._root = sha256(b"").digest()
        self._stated = self._counted = 0  # entries until here, as the last checkpoint says, as read
        self._made: dict[int, bytes] = {}
        self._wanted: set[int] = set()

    def run(
        self, directory: Path, witnessed: Sequence[bytes], progress: Callable[[int], None]
    ) -> Verification:
        """Read all, then hold it against what is known from elsewhere."""
        result = self._result
        notes = [note for raw in witnessed if (note := self._witnessed_note(raw)) is not None]
        self._wanted = {note.size for note in notes}
        segments = Segments(directory, self._find, self._begin(directory))
        for batch in segments.batches():
            self._batch(batch)
            progress(segments.bytes_read + batch.payload_at + len(batch.payload))
        for note in notes:
            self._compare(note)
        if not result.checkpoints:
            self._find(Reason.LEDGER_CHAIN, str(directory), "there is no whole checkpoint")
        result.segments, result.bytes_read = segments.count, segments.bytes_read
        result.notes += segments.notes
        self._say_what_is_not_anchored()
        return result

    def _find(self, reason: Reason, place: str, consequence: str) -> None:
        if len(self._result.findings) < FINDINGS_MAX:
            self._result.findings.append(Finding(reason, place, consequence))

    def _untie(self, place: str, consequence: str) -> None:
        if self._tied:
            self._tied = False
            self._result.notes.append(f"{place}: {consequence}")

    def _batch(self, batch: Batch) -> None:
        if batch.after_gap:
            self._untie(batch.place, "it and all that follows is not tied to what is before it")
        body, _, raw_note = batch.payload.partition(b"\n\n")
        lines = body.split(b"\n")
        try:
            note = read_note(raw_note)
        except NoteError as error:
            consequence = f"its entries have no checkpoint: {error}"
            self._find(Reason.RECORD_MALFORMED, batch.place, consequence)
            self._untie(batch.place, "it has no checkpoint")
            return
        first = note.size - len(lines)
        place = f"{batch.place}, entries {first} to {note.size - 1}"
        formed = self._entries(place, body, lines)
        if batch.after_gap:
            self._stated = self._counted = first
        signed = self._checkpoint(place, note, len(lines))
        links = self._tie(place, note, lines) if self._tied else []
        if self._tied:
            self._count(lines if formed else [], first)
            if signed:
                self._result.checkpoint = raw_note.decode()
            if formed:
                self._show(batch, first, lines, links)
        if EPOCH_MARK in body:
            self._follow(place, note, lines)

    def _entries(self, place: str, body: bytes, lines: list[bytes]) -> bool:
        found = form_finding(self._form, place, body, lines) if self._form else None
        if found is not None:
            self._find(*found)
        return found is None

    def _checkpoint(self, place: str, note: Note, count: int) -> bool:
        """Whether it is the next one, as far as the note alone tells, and is signed."""
        result = self._result
        result.origin = result.origin or note.origin
        if note.origin != result.origin:
            self._find(Reason.LEDGER_CHAIN, place, f"it is of another ledger, {note.origin!r}")
        if note.size - count not in (self._stated, self._counted):
            self._find(
                Reason.LEDGER_CHAIN,
                place,
                f"its checkpoint counts {note.size} entries, and {self._stated + count} are there:"
                " entries were taken out, put in, or stand in another order",
            )
            self._untie(place, "entries are missing or too many before it")
        self._counted, self._stated = self._stated + count, note.size
        try:
            self._keys.check(note)
        except NoteError as error:
            self._find(
                Reason.LEDGER_SIGNATURE, place, f"nobody vouches for its checkpoint: {error}"
            )
            return False
        return True

    def _tie(self, place: str, note: Note, lines: list[bytes]) -> list[bytes]:
        """§3: the tree's root, and whether the checkpoint states it; gives the entries' links."""
        link = self._link
        links = [link := sha256(b"\x00" + link + line).digest() for line in lines]
        self._link = link
        self._grow(links)
        if self._root != note.root:
            self._find(
                Reason.LEDGER_TREE,
                place,
                "its checkpoint states another tree: an entry of this batch, or the order of the"
                " entries, is not what was signed",
            )
            self._untie(place, "what follows is not tied to what was signed")
        elif note.size in self._wanted:
            self._made[note.size] = note.root
        return links

    def _grow(self, hashes: list[bytes]) -> None:
        """Add leaves to the tree; its root is then in `_root`."""
        subtrees, level = self._subtrees, 0
        self._size += len(hashes)
        while hashes:
            if level == len(subtrees):
                subtrees.append(None)
            if (waiting := subtrees[level]) is not None:
                hashes = [waiting, *hashes]
            subtrees[level] = hashes[-1] if len(hashes) % 2 else None
            pairs = zip(hashes[::2], hashes[1::2], strict=False)
            hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1
        root, *larger = [each for each in subtrees if each is not None]
        for left in larger:
            root = sha256(b"\x01" + left + root).digest()
        self._root = root

    def _count(self, lines: list[bytes], first: int) -> None:
        result = self._result
        result.entries, result.root = self._size, self._root.hex()
        result.checkpoints += 1
        if not lines:
            return
        try:
            ends = parse_entries([lines[0], lines[-1]])
            times_ms = [time for end in ends if isinstance(time := end.get("time_ms"), int)]
        except (ValueError, RecursionError, AttributeError):  # the form is looked at elsewhere
            return
        if times_ms:
            result.first_ms = times_ms[0] if result.first_ms is None else result.first_ms
            result.last_ms = times_ms[-1]

    def _show(self, batch: Batch, first: int, lines: list[bytes], links: list[bytes]) -> None:
        if self._see is None and self._watch is None:
            return
        entries = parse_entries(lines)
        if self._watch is not None:
            sizes = list(map(len, lines))
            self._watch(Tied(batch.file, batch.payload_at, first, entries, sizes, links))
        if self._see is not None:
            for number, entry in enumerate(entries, first):
                self._see(number, entry)

    def _follow(self, place: str, note: Note, lines: list[bytes]) -> None:
        """§7: from the next batch on another key signs, which the one before has certified."""
        try:
            if any(EPOCH_MARK in line for line in lines[:-1]):
                raise KeyChainError("an epoch ends within a batch")
            certificate = certificate_in(parse_entries(lines[-1:])[0])
            if certificate.begins != note.size:
                raise KeyChainError("an epoch begins at another entry than it says")
            self._epochs.append(follow(note.origin, self._epochs[-1], certificate))
        except (KeyChainError, ValueError, RecursionError, AttributeError) as error:
            self._find(Reason.LEDGER_SIGNATURE, place, f"the ledger's next key: {error}")
            return
        self._keys = PublicKeys([self._epochs[-1].key])
        self._result.epoch, self._result.epoch_begins = certificate.epoch, certificate.begins

    def _begin(self, directory: Path) -> int:
        """The first batch that is to be there: not 0 where older ones were let go (§9)."""
        try:
            anchor = read_anchor(directory, self._epochs[0], self._result.origin)
        except AnchorError as error:
            self._find(Reason.LEDGER_SIGNATURE, f"{ANCHOR_NAME}", str(error))
            return 0
        if anchor is None:
            return 0
        self._epochs = list(anchor.epochs)
        self._keys = PublicKeys([self._epochs[-1].key])
        self._link = anchor.link
        self._subtrees = [None] * anchor.note.size.bit_length()
        for leaves, root in anchor.subtrees:
            self._subtrees[leaves.bit_length() - 1] = root
        note = anchor.note
        self._size = self._stated = note.size
        self._root = note.root
        self._made = {note.size: note.root}
        result = self._result
        result.origin, result.pruned = note.origin, note.size
        result.epoch, result.epoch_begins = self._epochs[-1].epoch, self._epochs[-1].begins
        result.notes.append(
            f"entries 0 to {note.size - 1} were let go: their root is signed, and nothing is"
            " provable here of what they said"
        )
        return anchor.batch

    def _say_what_is_not_anchored(self) -> None:
        result = self._result
        if result.entries > result.anchored:
            result.notes.append(
                f"tail unanchored: no checkpoint from elsewhere covers entries {result.anchored} to"
                f" {result.entries - 1}: a cut there, or a rewriting with the key of their epoch,"
                " would not show here"
            )

    def _witnessed_note(self, raw: bytes) -> Note | None:
        try:
            return read_note(raw)
        except NoteError as error:
            self._find(Reason.LEDGER_SIGNATURE, "a witnessed checkpoint", f"it is none: {error}")
            return None

    def _unless(self, note: Note) -> str:
        """What to add where no key that was in force signed a checkpoint from elsewhere."""
        keys = [each.key for each in self._epochs if each.begins < note.size or not each.epoch]
        try:
            PublicKeys(keys[-1:]).check(note)
        except NoteError:
            return ", or this is none of its checkpoints: no key that is known here signed it"
        return ""

    def _compare(self, note: Note) -> None:
        """A checkpoint that was kept elsewhere is one that this ledger made."""
        place = f"the witnessed checkpoint of {note.size} entries"
        if note.origin != self._result.origin:
            self._find(Reason.LEDGER_CHAIN, place, f"it is of another ledger, {note.origin!r}")
        elif not self._tied and note.size > self._result.entries:
            self._result.notes.append(
                f"{place}: it cannot be held against what is not tied to the first entry"
            )
        elif note.size > self._size:
            consequence = f"the ledger has only {self._size} entries: its end was cut off"
            self._find(Reason.LEDGER_CHAIN, place, consequence + self._unless(note))
        elif note.size < self._result.pruned:
            self._result.notes.append(f"{place}: the entries that it is of were let go")
        elif self._made.get(note.size) != note.root:
            consequence = "the ledger never made it: its history was written anew"
            self._find(Reason.LEDGER_TREE, place, consequence + self._unless(note))
        elif self._unless(note):
            self._find(Reason.LEDGER_SIGNATURE, place, "no key of the ledger signed it")
        else:
            self._result.anchored = max(self._result.anchored, note.size)
