"""clamd's Unix socket: a payload by INSTREAM, and how old its signatures are.

Takes a path and bytes, gives what clamd replied. One connection a command, all of it within the
time given. System calls: socket (Unix streams only), connect, sendto, recvfrom, poll, close.
Follows clamd(8).
"""

import re
import select
import socket
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime

from guard.edge.clock import monotonic_ns, now_s
from schemas.scanned import Said, Scanned

REPLY_BYTES_MAX = 4096
_LENGTH = struct.Struct(">I")
_END = _LENGTH.pack(0)
_FOUND = re.compile(r"stream: (.+) FOUND")
_AGAIN_S = 0.02
_DAY_S = 86_400
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# not strptime, which imports more at its first use: a confined process cannot
_DATE = re.compile(r"\w{3} (?P<month>\w{3}) +(?P<day>\d{1,2}) [\d:]{8} (?P<year>\d{4})", re.ASCII)


class NoAnswerError(Exception):
    """clamd did not do its part in time; says what."""


class Connection:
    """One connection, not waiting by itself: every wait ends when the time has come."""

    def __init__(self, path: str, until_ns: int) -> None:
        """Connect; one that is being started or is busy is asked again until `until_ns` on the
        monotonic clock. Raises `NoAnswerError`."""
        self._until_ns = until_ns
        while True:
            # as the sandbox allows it; not Python's own time limits, which need more calls
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                self._socket.connect(path)
            except OSError as error:
                self._socket.close()
                if monotonic_ns() > until_ns:
                    why = error.strerror or error
                    raise NoAnswerError(f"nobody takes a connection: {why}") from error
                time.sleep(_AGAIN_S)
            else:
                return

    def send(self, content: bytes) -> None:
        """All of it. Raises `NoAnswerError`."""
        view = memoryview(content)
        while view:
            self._wait(select.POLLOUT)
            try:
                view = view[self._socket.send(view, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise NoAnswerError(f"it ended the connection: {error.strerror}") from error

    def reply(self) -> str:
        """Its one line of reply, as latin-1. Raises `NoAnswerError`."""
        reply = b""
        while b"\0" not in reply:
            self._wait(select.POLLIN)
            try:
                part = self._socket.recv(REPLY_BYTES_MAX)
            except BlockingIOError:
                continue
            except OSError as error:
                raise NoAnswerError(f"it ended the connection: {error.strerror}") from error
            reply += part
            if not part or len(reply) > REPLY_BYTES_MAX:
                raise NoAnswerError("it ended without a reply" if not part else "it replied a book")
        return reply.partition(b"\0")[0].decode("latin-1")

    def close(self) -> None:
        """Let it go."""
        self._socket.close()

    def _wait(self, event: int) -> None:
        poller = select.poll()
        poller.register(self._socket.fileno(), event)
        left_ms = (self._until_ns - monotonic_ns()) // 1_000_000
        if left_ms <= 0 or not poller.poll(left_ms):
            raise NoAnswerError("the time is over")


class Scan:
    """A payload on its way to clamd, in pieces."""

    def __init__(self, path: str, until_ns: int) -> None:
        """Raises `NoAnswerError`."""
        self._connection = Connection(path, until_ns)
        self._connection.send(b"zINSTREAM\0")

    def give(self, piece: bytes) -> None:
        """The next piece. Raises `NoAnswerError`; `last_words` may say why."""
        if piece:
            self._connection.send(_LENGTH.pack(len(piece)) + piece)

    def ended(self) -> Scanned:
        """After the last piece: what it found. Raises `NoAnswerError`."""
        self._connection.send(_END)
        return read_reply(self._connection.reply())

    def last_words(self) -> Scanned | None:
        """What clamd replied before it ended the connection; None if nothing."""
        try:
            return read_reply(self._connection.reply())
        except NoAnswerError:
            return None

    def close(self) -> None:
        """Let it go, finished or not."""
        self._connection.close()


def read_reply(reply: str) -> Scanned:
    """Of a reply to INSTREAM; only the two known ones are answers."""
    if reply == "stream: OK":
        return Scanned(Said.CLEAN)
    if found := _FOUND.fullmatch(reply):
        return Scanned(Said.FOUND, found[1])
    return Scanned(Said.NOTHING, f"clamd says {reply}")


def version(path: str, until_ns: int) -> str:
    """What clamd says of itself and its signatures. Raises `NoAnswerError`."""
    connection = Connection(path, until_ns)
    try:
        connection.send(b"zVERSION\0")
        return connection.reply()
    finally:
        connection.close()


def days_of(told: str, clock: Callable[[], int] = now_s) -> int | None:
    """How many days old the signatures of a VERSION reply are; None if it does not say.

    "ClamAV 1.4.3/27800/Mon Oct  6 08:45:20 2025": the date is clamd's local time, without a zone.
    """
    found = _DATE.fullmatch(told.split("/")[-1].strip())
    if found is None or found["month"] not in _MONTHS:
        return None
    try:
        made = datetime(
            int(found["year"]), _MONTHS.index(found["month"]) + 1, int(found["day"]), tzinfo=UTC
        )
    except ValueError:
        return None
    return max(0, (clock() - int(made.timestamp())) // _DAY_S)
