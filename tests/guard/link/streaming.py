"""Where the streams of tests come from and where they land: memory, or real files."""

import os
from pathlib import Path

from guard.link.events import Piece
from guard.link.streams import Stream
from schemas.sequences import RangeSet


class BytesSource:
    """A stream of these bytes; of unknown size unless told. What is `held` is not ready yet."""

    def __init__(self, data: bytes, *, known: bool = True) -> None:
        self.data = data
        self.total_bytes: int | None = len(data) if known else None
        self.ready = True

    def read_into(self, offset: int, out: memoryview) -> int:
        piece = self.data[offset : offset + len(out)]
        out[: len(piece)] = piece
        return len(piece)


class FileSource:
    """A file, read where it is asked for, as it is at that moment."""

    def __init__(self, path: Path) -> None:
        self.total_bytes: int | None = path.stat().st_size
        self.ready = True
        self._path = path

    def read_into(self, offset: int, out: memoryview) -> int:
        with self._path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.readinto(out)


class MemorySink:
    """Streams land in memory; how many bytes were given is counted."""

    def __init__(self) -> None:
        self.streams: dict[int, bytearray] = {}
        self.given_bytes = 0
        self.dropped: list[int] = []

    def land(self, piece: Piece) -> None:
        landed = self.streams.setdefault(piece.sequence, bytearray())
        end = piece.offset + len(piece.data)
        landed.extend(bytes(max(0, end - len(landed))))
        landed[piece.offset : end] = piece.data
        self.given_bytes += len(piece.data)

    def drop(self, sequence: int) -> None:
        self.streams.pop(sequence, None)
        self.dropped.append(sequence)


class HoldingSink(MemorySink):
    """Writes a piece only when three more have been given, as one that gathers writes may."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[Piece] = []

    def land(self, piece: Piece) -> None:
        self._waiting.append(piece)
        if len(self._waiting) > 3:
            super().land(self._waiting.pop(0))

    def flush(self) -> None:
        while self._waiting:
            super().land(self._waiting.pop(0))


class DiskSink:
    """A file a stream, and beside it a line a piece: what is needed to go on after a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def land(self, piece: Piece) -> None:
        target = os.open(self.path(piece.sequence), os.O_CREAT | os.O_WRONLY, 0o600)
        assert os.pwrite(target, piece.data, piece.offset) == len(piece.data)
        os.close(target)
        told = (piece.precedence, piece.total, piece.offset, piece.offset + len(piece.data) - 1)
        with (self.folder / f"{piece.sequence}.pieces").open("a") as file:
            file.write(" ".join(map(str, told)) + "\n")

    def drop(self, sequence: int) -> None:
        self.path(sequence).unlink()
        (self.folder / f"{sequence}.pieces").unlink()

    def path(self, sequence: int) -> Path:
        return self.folder / f"{sequence}.data"

    def held(self) -> list[Stream]:
        """What a receiver that starts again is given."""
        found = []
        for path in sorted(self.folder.glob("*.pieces")):
            lines = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
            held = RangeSet((first, last) for _, _, first, last in lines)
            total = max(line[1] for line in lines)
            found.append(Stream(int(path.stem), lines[0][0], total, bool(total), held))
        return found
