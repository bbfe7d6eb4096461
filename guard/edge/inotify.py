"""Inotify: hear what happens in directories, without asking them.

Takes directories to watch, gives events with names as bytes; may create one inotify descriptor and
add watches. Follows `inotify(7)`. The package `inotify_simple` does the same; these few lines keep
names as bytes, say "overflow" apart from events, and are one dependency less.
"""

import ctypes
import os
import struct
from dataclasses import dataclass
from typing import NamedTuple

from guard.edge.system_calls import call

MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_TO = 0x80
CREATE = 0x100
DELETE_SELF = 0x400
MOVE_SELF = 0x800
_OVERFLOW = 0x4000
IGNORED = 0x8000
ONLY_DIRECTORY = 0x1000000
DONT_FOLLOW = 0x2000000
EXCLUDE_UNLINKED = 0x4000000

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_HEAD = struct.Struct("=iIII")  # watch, mask, cookie, length of the name
_BUFFER_BYTES = 64 * 1024


class Event(NamedTuple):
    """One event: which watch, what happened (a mask of the constants above), to which entry."""

    watch: int
    mask: int
    name: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What one reading gave. After an overflow events are lost: look at everything again."""

    events: list[Event]
    overflow: bool


class Inotify:
    """One inotify descriptor and its watches."""

    def __init__(self) -> None:
        """Raises `OSError` (EMFILE: `fs.inotify.max_user_instances` is reached)."""
        self._descriptor = call("inotify_init1", _NONBLOCK_CLOEXEC)

    def fileno(self) -> int:
        """For poll: readable when there are events."""
        return self._descriptor

    def watch(self, path: bytes, mask: int) -> int:
        """Watch a file or directory; gives the watch number. Raises `OSError`."""
        name = ctypes.create_string_buffer(path)
        return call("inotify_add_watch", self._descriptor, ctypes.addressof(name), mask)

    def read(self) -> Heard:
        """All events that wait, at most one buffer's worth; does not block."""
        try:
            buffer = os.read(self._descriptor, _BUFFER_BYTES)
        except BlockingIOError:
            return Heard([], False)
        events: list[Event] = []
        overflow = False
        at = 0
        while at < len(buffer):
            watch, mask, _, length = _HEAD.unpack_from(buffer, at)
            at += _HEAD.size
            if mask & _OVERFLOW:
                overflow = True
            else:
                events.append(Event(watch, mask, buffer[at : at + length].rstrip(b"\0")))
            at += length
        return Heard(events, overflow)

    def close(self) -> None:
        """End all watches."""
        os.close(self._descriptor)
