"""The collector of a side's ledger: an append-only file, or a syslog daemon's Unix socket.

Takes messages, says whether they are there. A collector that is slow or gone is never waited for
longer than it is told; it is no reason to end. May write the one file, or send on the one socket.
"""

import contextlib
import os
import select
import socket
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from guard.edge import durable

UNIX = "unix:"
FILE = "file"
FILE_NAME = "ledger.log"
_SEND_BUFFER_BYTES = 1024 * 1024


class Collector(Protocol):
    """Where messages go."""

    def give(self, messages: Sequence[bytes], wait_ms: int) -> bool:
        """Hand over all of them; False if some are not known to be there: all come again.

        Raises ConnectionError when nobody hears any more.
        """


class FileCollector:
    """An append-only file, a message a line; a message is there when it is on disk."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, durable.FILE_MODE)
        durable.sync_directory(path.parent)

    def give(self, messages: Sequence[bytes], wait_ms: int) -> bool:
        """One write and one sync; a disk that is full takes them later."""
        content = memoryview(b"".join(message + b"\n" for message in messages))
        try:
            while content:
                content = content[os.write(self._descriptor, content) :]
            os.fdatasync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, b"\n")  # what was cut ends here, and comes again
            return False
        return True


class SyslogCollector:
    """A syslog daemon; a message is there when its socket took it."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._given = 0
        self.too_long = 0

    def give(self, messages: Sequence[bytes], wait_ms: int) -> bool:
        """A datagram each. A daemon that stopped reading leaves the rest for the next time."""
        while self._given < len(messages):
            try:
                self._socket.send(messages[self._given], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                poller = select.poll()
                poller.register(self._socket.fileno(), select.POLLOUT)
                if not poller.poll(wait_ms):
                    return False
                continue
            except ConnectionError:
                raise
            except OSError as error:
                if not self._send_digest(messages[self._given]):
                    raise ConnectionError(error.strerror) from error
            self._given += 1
        self._given = 0
        return True

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close()

    def _send_digest(self, message: bytes) -> bool:
        """For one that is longer than the daemon's socket takes: where it belongs, and its hash."""
        head = message[: message.find(b"] ") + 2]
        digest = f"too long for this socket: sha256 {sha256(message).hexdigest()}".encode()
        try:
            self._socket.send(head + digest, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return False
        self.too_long += 1
        return True


def open_syslog(where: str) -> socket.socket | None:
    """A socket to the daemon at `unix:PATH`; None if nobody is there, or none is named."""
    if not where.startswith(UNIX):
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    try:
        made.connect(where.removeprefix(UNIX))
        made.shutdown(socket.SHUT_RD)
    except OSError:
        made.close()
        return None
    return made
