"""Complete streams get the names that their trailers say, below one folder.

Takes the sequences of complete streams, `N.done` in the receiver's folder; gives each the name of
its trailer, durably, and never over another file unless asked to. What can have no name is kept as
`N.unnamed`. `N.name` says for the receiver that number N was dealt with: it is on disk before the
name is, and the receiver removes it. The receiver may be owned: whatever it put there is looked at
as from outside. May write in the two folders. Follows docs/spec/link-files.md.
"""

import contextlib
import errno
import os
import queue
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from guard.edge import durable
from guard.link.trailer import END_BYTES, TRAILER_BYTES_MAX, Trailer
from schemas.errors import Malformed
from schemas.reasons import Reason

BATCH_MAX = 256
_SAFE_MODE = 0o755
_TRIES_MAX = 1000
_SIZE_BYTES = 8
_END_BYTES_MAX = TRAILER_BYTES_MAX + END_BYTES
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe put there is not waited for

Told = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A stream without its trailer, with the times and rights that it said."""

    sequence: int
    trailer: Trailer
    size_bytes: int


class Finisher:
    """Names in batches: two syncs for all of a batch, however many files."""

    def __init__(self, incoming: Path, folder: Path, *, replace: bool) -> None:
        """incoming: where the receiver lands; folder: where names are given, on the same disk."""
        self._incoming = incoming
        self._folder = folder
        self._replace = replace

    def finish(self, sequences: list[int]) -> list[Told]:
        """`file` {sequence, name, path, bytes} or `unnamed` {sequence, path, sentence} for each.

        None for what has its name already. Raises `OSError` when nothing can be made durable.
        """
        if not stat.S_ISDIR(os.lstat(self._incoming).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "is no directory", str(self._incoming))
        told: list[Told] = []
        ready: list[_Ready] = []
        for sequence in sequences:
            try:
                ready.append(self._prepare(sequence))
            except FileNotFoundError:
                continue
            except (OSError, Malformed) as error:
                told.append(self._keep(sequence, "", error))
        if ready:
            self._sync([self._done(one.sequence) for one in ready])
        folders = set()
        for one in ready:
            try:
                final = self._publish(one, _make_folders(self._folder, one.trailer.name))
            except (OSError, Malformed, UnicodeError) as error:
                told.append(self._keep(one.sequence, f" ({one.trailer.name})", error))
                continue
            folders.add(final.parent)
            told.append({
                "what": "file", "sequence": one.sequence, "name": one.trailer.name,
                "path": str(final), "bytes": one.size_bytes,
            })  # fmt: skip
        self._sync([*folders, self._incoming])
        return told

    def _done(self, sequence: int) -> Path:
        return self._incoming / f"{sequence}.done"

    def _prepare(self, sequence: int) -> _Ready:
        """Cut off the trailer, of which a copy is kept in `N.name`; nothing is durable yet."""
        descriptor = _open_regular(self._done(sequence), os.O_RDWR)
        try:
            held = os.fstat(descriptor).st_size
            total, end = held, _last_of(descriptor, held)
            before = self._read_name(sequence)
            if before is not None:  # it ended after the trailer was cut off, or just before
                total, end = before
            trailer, size = Trailer.read(end)
            if held not in (total, total - size):
                raise Malformed(Reason.BLOCK_MALFORMED, "it has another length than it had")
            if before is None:
                self._write_name(sequence, total.to_bytes(_SIZE_BYTES, "big") + end)
            os.ftruncate(descriptor, total - size)
            os.fchmod(descriptor, trailer.mode & _SAFE_MODE | 0o600)
            os.utime(descriptor, (trailer.time_s, trailer.time_s))
        finally:
            os.close(descriptor)
        return _Ready(sequence, trailer, total - size)

    def _read_name(self, sequence: int) -> tuple[int, bytes] | None:
        """(length with the trailer, the last bytes), if this was begun before."""
        try:
            descriptor = _open_regular(self._incoming / f"{sequence}.name", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            content = os.pread(descriptor, _SIZE_BYTES + _END_BYTES_MAX, 0)
        finally:
            os.close(descriptor)
        if not content:  # it ended before the one write
            os.unlink(self._incoming / f"{sequence}.name")
            return None
        return int.from_bytes(content[:_SIZE_BYTES], "big"), content[_SIZE_BYTES:]

    def _write_name(self, sequence: int, content: bytes) -> None:
        """Durable with the next sync."""
        durable.write_new(self._incoming / f"{sequence}.name", content)

    def _keep(self, sequence: int, called: str, error: OSError | Malformed | UnicodeError) -> Told:
        """What can have no name stays, where neither side takes it for something else."""
        why = error.sentence if isinstance(error, Malformed) else str(error)
        kept = self._incoming / f"{sequence}.unnamed"
        with contextlib.suppress(OSError):  # then it stays `N.done`, and the next start tries
            if not os.path.lexists(self._incoming / f"{sequence}.name"):
                self._write_name(sequence, b"")
            os.rename(self._done(sequence), kept)
        sentence = f"number {sequence}{called} has no name, and is kept as {kept}: {why}"
        return {"what": "unnamed", "sequence": sequence, "path": str(kept), "sentence": sentence}

    def _publish(self, one: _Ready, final: Path) -> Path:
        done = self._done(one.sequence)
        if self._replace and not os.path.isdir(final):
            os.rename(done, final)
            return final
        for attempt in range(_TRIES_MAX):
            target = final.with_name(final.name + _suffix(one.sequence, attempt))
            try:
                durable.rename_new(done, target)
            except FileExistsError:
                continue
            return target
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))

    def _sync(self, paths: list[Path]) -> None:
        """These, and what was written beside them: one by one where they are few."""
        if len(paths) <= 2:
            for path in {*paths, self._incoming}:
                _sync_one(path)
            return
        descriptor = os.open(self._incoming, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            durable.sync_filesystem(descriptor)
        finally:
            os.close(descriptor)


class Namer:
    """A thread with a `Finisher`: a sync may take seconds, and the receiver must be heard."""

    def __init__(self, finisher: Finisher) -> None:
        self._finisher = finisher
        self._waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[Told | Exception] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, sequence: int) -> None:
        """This stream is complete."""
        self._waiting.put(sequence)

    def told(self) -> list[Told]:
        """What became of them so far, each once. Raises what the thread raised."""
        found: list[Told] = []
        with contextlib.suppress(queue.Empty):
            while True:
                one = self._told.get_nowait()
                if isinstance(one, Exception):
                    raise one
                found.append(one)
        return found

    def end(self, within_s: float) -> bool:
        """Finish what waits; says whether it did so in that time."""
        self._waiting.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        going = True
        while going:
            batch = [self._waiting.get()]
            while batch[-1] is not None and len(batch) < BATCH_MAX and not self._waiting.empty():
                batch.append(self._waiting.get())
            going = batch[-1] is not None
            try:
                for told in self._finisher.finish([one for one in batch if one is not None]):
                    self._told.put(told)
            except Exception as error:
                self._told.put(error)


def _suffix(sequence: int, attempt: int) -> str:
    if not attempt:
        return ""
    return f".{sequence}" if attempt == 1 else f".{sequence}.{attempt}"


def _open_regular(path: Path, access: int) -> int:
    """A descriptor of a regular file that has this one name. Raises `Malformed` for another."""
    descriptor = os.open(path, access | _FLAGS)
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        os.close(descriptor)
        raise Malformed(Reason.BLOCK_MALFORMED, "it is no regular file of its own")
    return descriptor


def _last_of(descriptor: int, size_bytes: int) -> bytes:
    last = min(size_bytes, _END_BYTES_MAX)
    return os.pread(descriptor, last, size_bytes - last)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folders(folder: Path, name: str) -> Path:
    """The path of this name; its folders are there, and none of them is a symbolic link."""
    path = folder
    *parents, last = name.split("/")
    for part in parents:
        path = path / part
        durable.make_directory(path)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Malformed(Reason.ARGUMENT, f"{path} is in the way: it is no directory")
    return path / last
