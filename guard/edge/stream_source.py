"""Where the bytes of streams come from: files, and a pipe.

Takes a path or a descriptor and a trailer, gives a `guard.link.precedence.StreamSource`. May read
what it is given. A file is open only while it is read, and read straight to its place in a block.
System calls: openat, fstat, preadv, close; for the pipe read and poll.
"""

import os
import select
from pathlib import Path

from guard.link.params import PIECE_BYTES_MAX

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileSource:
    """A regular file of a known size, then its trailer.

    A file that became shorter, or cannot be read, gives fewer bytes than asked for: the sender
    gives the stream up. One that became longer is sent as long as it was.
    """

    def __init__(self, path: Path, size_bytes: int, trailer: bytes) -> None:
        self._path = path
        self._size = size_bytes
        self._trailer = trailer
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
            if self._descriptor < 0 and len(out):
                self._descriptor = os.open(self._path, _READ)
            while done < len(out):
                got = os.preadv(self._descriptor, [out[done:]], offset + done)
                if not got:
                    break
                done += got
        except OSError as error:
            self.wrong = error.strerror or "cannot be read"
        return done

    def close(self) -> None:
        """Close the file; a repeat opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class PipeSource:
    """What comes through a pipe until its end, then a trailer. Cannot be sent a second time.

    Holds at most one piece; what was read stays until a later offset is asked for.
    """

    def __init__(self, descriptor: int, trailer: bytes) -> None:
        self._descriptor = descriptor
        self._trailer = trailer
        self._buffer = bytearray()
        self._start = 0  # the stream's offset of the buffer's first byte
        self._ended = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.total_bytes: int | None = None

    @property
    def ready(self) -> bool:
        """Whether something can be read now, or the end is known."""
        return self._ended or bool(self._buffer) or bool(self._poll.poll(0))

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `StreamSource.read_into`: waits until `out` is full or the pipe has ended."""
        del self._buffer[: offset - self._start]
        self._start = offset
        while len(self._buffer) < len(out) and not self._ended:
            got = os.read(self._descriptor, PIECE_BYTES_MAX)
            self._buffer += got or self._trailer
            self._ended = not got
        size = min(len(out), len(self._buffer))
        out[:size] = self._buffer[:size]
        return size
