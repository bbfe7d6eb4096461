"""Where the bytes of streams come from: files, and a pipe.

Takes a path or a descriptor and a trailer, gives a `guard.link.precedence.StreamSource`. May read
what it is given. A file is open only while it is read, and read straight to its place in a block.
System calls: openat, fstat, preadv, close; for the pipe read and poll.
"""

import os
import select
from collections.abc import Callable
from pathlib import Path

from guard.link.params import PIECE_BYTES_MAX

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileSource:
    """A regular file of a known size, then its trailer.

    A file that became shorter, that another has taken the place of, or that cannot be read gives
    fewer bytes than asked for: the sender gives the stream up. One that became longer is sent as
    long as it was. One that was changed in its place is told of by `on_change`.
    """

    def __init__(
        self, path: Path, size_bytes: int, trailer: bytes,
        state: tuple[int, int, int] | None = None, on_change: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """state: device, inode, and time of the last change in ns as they were; None: any file."""
        self._path = path
        self._size = size_bytes
        self._trailer = trailer
        self._state = state
        self._on_change = on_change
        self._descriptor = -1
        self.total_bytes: int | None = size_bytes + len(trailer)
        self.wrong = ""

    @property
    def ready(self) -> bool:
        """Always: a file does not make anyone wait."""
        return True

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `StreamSource.read_into`."""
        size, left = len(out), self._size - offset
        if left >= size and self._descriptor >= 0:  # the common case
            done = os.preadv(self._descriptor, [out], offset)
            if done == size:
                return size
        done = self._content(offset, out[: max(0, left)])
        if done < min(size, left):
            self.wrong = self.wrong or "became shorter while it was sent"
            self.close()
            return done
        end = offset + done - self._size
        more = self._trailer[end : end + size - done] if end >= 0 else b""
        out[done : done + len(more)] = more
        if offset + size == self.total_bytes:
            self.close()
        return done + len(more)

    def _content(self, offset: int, out: memoryview) -> int:
        """What there is of the file itself; `wrong` says why it cannot be read."""
        done = 0
        try:
            if self._descriptor < 0 and len(out) and not self._open():
                return 0
            while done < len(out):
                got = os.preadv(self._descriptor, [out[done:]], offset + done)
                if not got:
                    break
                done += got
        except OSError as error:
            self.wrong = error.strerror or "cannot be read"
        return done

    def _open(self) -> bool:
        """Whether it is still the same file."""
        self._descriptor = os.open(self._path, _READ)
        facts = os.fstat(self._descriptor)
        if self._state is None or (facts.st_dev, facts.st_ino) == self._state[:2]:
            return True
        self.wrong = "another file has taken its place"
        return False

    def _look_for_change(self) -> None:
        if self._state is None or self._on_change is None or self.wrong:
            return
        if os.fstat(self._descriptor).st_mtime_ns != self._state[2]:
            self._on_change()

    def close(self) -> None:
        """Close the file; a repeat opens it again."""
        if self._descriptor >= 0:
            self._look_for_change()
            os.close(self._descriptor)
            self._descriptor = -1


class PipeSource:
    """What comes through a pipe until its end, then a trailer. Cannot be sent a second time.

    Is ready when it has `piece_bytes`, or the end: whoever writes slowly into the pipe makes the
    pipe wait, and not the link.
    """

    def __init__(self, descriptor: int, trailer: bytes, piece_bytes: int) -> None:
        """piece_bytes: the most that is asked for at once."""
        self._descriptor = descriptor
        self._trailer = trailer
        self._piece_bytes = piece_bytes
        self._buffer = bytearray()
        self._start = 0  # the stream's offset of the buffer's first byte
        self._given = 0  # bytes of the buffer that were given
        self._ended = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.total_bytes: int | None = None

    @property
    def ready(self) -> bool:
        """Whether a whole piece can be read now, or the end is known."""
        wanted = self._given + self._piece_bytes  # what was given may be asked for again
        while not self._ended and len(self._buffer) < wanted and self._poll.poll(0):
            self._read()
        return self._ended or len(self._buffer) >= wanted

    def wait(self, wait_ms: int) -> None:
        """Until there is something to read, or the time is up."""
        if not self._ended:
            self._poll.poll(wait_ms)

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `StreamSource.read_into`: waits until `out` is full or the pipe has ended."""
        del self._buffer[: offset - self._start]
        self._start = offset
        while len(self._buffer) < len(out) and not self._ended:
            self._read()
        size = min(len(out), len(self._buffer))
        out[:size] = self._buffer[:size]
        self._given = size
        return size

    def _read(self) -> None:
        got = os.read(self._descriptor, PIECE_BYTES_MAX)
        self._buffer += got or self._trailer
        self._ended = not got
