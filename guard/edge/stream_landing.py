"""Where the pieces of streams land: in place, in a file each, with a map of what has landed.

Takes pieces from the receiver, gives files `N.part` (the bytes) and `N.map` (which of them are
there), and `N.done` when a stream is complete. May write in its one folder. A process that is
killed loses nothing that had landed: the bytes and the map are in the page cache, the bytes first.
After a power cut neither is sure, so what has no name yet begins anew. `N.name` says that number N
has its name, or gets it just now (guard.edge.finishing). System calls: openat, pwritev, pwrite64,
read, ftruncate, rename, unlink. Format: docs/spec/link-files.md.
"""

import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from guard.link.events import Piece
from guard.link.streams import STREAMS_MAX, Stream
from schemas.sequences import RangeSet

INCOMING = "incoming"  # the folder, within that of the receiver's state
PIECES_HELD = 3  # the receiver keeps the data of so many valid beside the newest
_NEW = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_HEAD = struct.Struct("=4sI16sQ")  # magic, precedence, boot, total + 1 (0: not known)
_ENTRY = struct.Struct("=QQ")
_MAGIC = b"CVM1"
_ENTRIES_MAX = 262_144
_MAP_BYTES_MAX = _HEAD.size + _ENTRIES_MAX * _ENTRY.size
_OPEN_MAX = 64  # of these two files each: a block may begin and end thousands of small streams


@dataclass(slots=True)
class _Target:
    """One stream's two files; the last entry of the map and where it stands."""

    part: int
    map: int
    total: int
    first: int = 0
    end: int = 0
    entry: int = -1


class Landing:
    """The `PieceSink` of a receiver. Pieces next to each other are written by one call."""

    def __init__(self, folder: Path, boot: bytes) -> None:
        """boot: 16 bytes that differ after each start of the machine."""
        self._folder = folder
        self._boot = boot
        self._targets: dict[int, _Target] = {}
        self._held: list[memoryview] = []
        self._held_of = (-1, 0, 0)  # sequence, offset of the first byte, place after the last
        self._refused: set[int] = set()
        self.refused: list[int] = []  # streams that this file system cannot hold, until told

    def recover(self, boot_before: bytes) -> tuple[list[Stream], list[int], list[int]]:
        """What a process before this one left, `boot_before` being its `boot`.

        (streams in progress with what is held of them, sequences of complete ones that wait for
        their names, sequences that have theirs). After a start of the machine only the last is
        sure to be on disk; the rest is removed.
        """
        if boot_before != self._boot:
            for suffix in ("part", "map", "done"):
                for sequence in self._numbers(suffix):
                    (self._folder / f"{sequence}.{suffix}").unlink(missing_ok=True)
                    if suffix == "done":
                        self.forget_named(sequence)
        found: list[Stream] = []
        for sequence in self._numbers("map"):
            stream = self._recover_one(self._folder / f"{sequence}.map")
            if stream is None or len(found) >= STREAMS_MAX:
                self._remove(sequence)
            else:
                found.append(stream)
        for sequence in set(self._numbers("part")) - {one.sequence for one in found}:
            self._remove(sequence)
        done = self._numbers("done")
        return found, done, sorted(set(self._numbers("name")) - set(done))

    def waits(self, sequence: int) -> bool:
        """Whether a complete stream has no name yet."""
        return (self._folder / f"{sequence}.done").exists()

    def forget_named(self, sequence: int) -> None:
        """What says that this number has its name is not needed any more."""
        (self._folder / f"{sequence}.name").unlink(missing_ok=True)

    def _numbers(self, suffix: str) -> list[int]:
        """The sequences of the files of a kind, in order."""
        names = (path.stem for path in self._folder.glob(f"*.{suffix}"))
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def _recover_one(self, path: Path) -> Stream | None:
        with path.open("rb") as file:
            raw = file.read(_MAP_BYTES_MAX)
        if len(raw) < _HEAD.size or not path.with_suffix(".part").exists():
            return None
        magic, precedence, boot, total = _HEAD.unpack_from(raw)
        if magic != _MAGIC or boot != self._boot:
            return None
        body = raw[_HEAD.size :]
        held = RangeSet()
        for first, end in _ENTRY.iter_unpack(body[: len(body) - len(body) % _ENTRY.size]):
            if first < end:
                held.add(first, end - 1)
        return Stream(int(path.stem), precedence, max(0, total - 1), total > 0, held)

    def land(self, piece: Piece) -> None:
        """See `PieceSink.land`."""
        size = len(piece.data)
        sequence, first, end = self._held_of
        if self._held and (sequence != piece.sequence or end != piece.offset):
            self.flush()
        if piece.sequence in self._refused:
            return
        if size and size == piece.total and piece.sequence not in self._targets:
            self._land_whole(piece)
            return
        target = self._target(piece)
        if piece.total and not target.total:
            target.total = piece.total
            self._write_head(target, piece.precedence)
        if not size:
            return
        if self._held:
            self._held_of = (sequence, first, end + size)
        else:
            self._held_of = (piece.sequence, piece.offset, piece.offset + size)
        self._held.append(piece.data)
        if len(self._held) > PIECES_HELD:
            self.flush()

    def _land_whole(self, piece: Piece) -> None:
        """A small stream in one piece: `complete` follows, and no map is worth its making."""
        path = self._folder / f"{piece.sequence}.part"
        descriptor = os.open(path, _NEW, 0o640)
        try:
            _write(descriptor, [piece.data], 0, len(piece.data))
        finally:
            os.close(descriptor)

    def flush(self) -> None:
        """Write what is held: call it now and then, and before anything is said of it.

        A stream that reaches further than a file can is removed and is in `refused`. Raises
        `OSError` for a full disk: what was held is then not there, and the map says so.
        """
        if not self._held:
            return
        sequence, first, end = self._held_of
        target = self._targets[sequence]
        try:
            _write(target.part, self._held, first, end)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            self._refuse(sequence)
            return
        self._held.clear()
        if first == target.end and target.entry >= 0:
            target.end = end
        else:
            target.entry += 1
            target.first, target.end = first, end
            if target.entry >= _ENTRIES_MAX:
                self._compact(target)
        at = _HEAD.size + target.entry * _ENTRY.size
        os.pwrite(target.map, _ENTRY.pack(target.first, target.end), at)

    def complete(self, sequence: int) -> bool:
        """Every byte is there: the file is now `N.done`. False for a refused one."""
        self.flush()
        if sequence in self._refused:
            self._refused.discard(sequence)
            return False
        self._close(sequence)
        part = self._folder / f"{sequence}.part"
        os.rename(part, part.with_suffix(".done"))
        part.with_suffix(".map").unlink(missing_ok=True)
        return True

    def drop(self, sequence: int) -> None:
        """See `PieceSink.drop`."""
        if self._held_of[0] == sequence:
            self._held.clear()
        self._close(sequence)
        self._refused.discard(sequence)
        self._remove(sequence)

    def _refuse(self, sequence: int) -> None:
        self.drop(sequence)
        self._refused.add(sequence)
        self.refused.append(sequence)

    def _close(self, sequence: int) -> None:
        target = self._targets.pop(sequence, None)
        if target is not None:
            os.close(target.part)
            os.close(target.map)

    def _remove(self, sequence: int) -> None:
        for suffix in ("part", "map"):
            (self._folder / f"{sequence}.{suffix}").unlink(missing_ok=True)

    def _target(self, piece: Piece) -> _Target:
        target = self._targets.get(piece.sequence)
        return target if target is not None else self._open(piece)

    def _open(self, piece: Piece) -> _Target:
        if len(self._targets) >= _OPEN_MAX:
            self._close(next(iter(self._targets)))  # opened again if more of it comes
        path = self._folder / f"{piece.sequence}.part"
        target = _Target(os.open(path, _NEW, 0o640), -1, 0)
        target.map = os.open(path.with_suffix(".map"), _NEW, 0o640)
        target.entry = (os.fstat(target.map).st_size - _HEAD.size) // _ENTRY.size - 1
        if target.entry < -1:
            target.entry = -1
            self._write_head(target, piece.precedence)
        target.entry += target.entry >= 0  # go on behind what was there before
        target.first = target.end = piece.offset
        self._targets[piece.sequence] = target
        return target

    def _write_head(self, target: _Target, precedence: int) -> None:
        total = target.total + 1 if target.total else 0
        os.pwrite(target.map, _HEAD.pack(_MAGIC, precedence, self._boot, total), 0)

    def _compact(self, target: _Target) -> None:
        """The map is full: write its ranges joined (the receiver keeps far fewer)."""
        raw = os.pread(target.map, _ENTRIES_MAX * _ENTRY.size, _HEAD.size)
        held = RangeSet((first, end - 1) for first, end in _ENTRY.iter_unpack(raw) if first < end)
        joined = b"".join(_ENTRY.pack(first, last + 1) for first, last in held.ranges())
        os.pwrite(target.map, joined.ljust(len(raw), b"\0"), _HEAD.size)
        target.entry = len(held)


def _write(descriptor: int, parts: list[memoryview], first: int, end: int) -> None:
    done = os.pwritev(descriptor, parts, first)
    while done < end - first:  # a signal or a full disk: what is left, part by part
        skip = done
        for part in parts:
            if skip < len(part):
                done += os.pwritev(descriptor, [part[skip:]], first + done)
                break
            skip -= len(part)
