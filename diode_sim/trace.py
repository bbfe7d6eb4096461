"""The trace of a run: a line a step, the same bytes for the same seed.

Takes the virtual time, who, and what; gives lines for people and their SHA-256. Pure but for the
file that it may be given.
"""

from hashlib import sha256
from typing import TextIO

from guard.link.events import Event

_S = 1_000_000_000


class Trace:
    """Lines, to a file if there is one; always their digest. Without either: `Trace.off`."""

    def __init__(self, out: TextIO | None = None, *, on: bool = True) -> None:
        self.on = on
        self.lines = 0
        self._out = out
        self._digest = sha256()

    @classmethod
    def off(cls) -> "Trace":
        """One that writes nothing: whoever has it need not make the lines."""
        return cls(on=False)

    def say(self, now_ns: int, who: str, what: str) -> None:
        """One line."""
        if not self.on:
            return
        line = f"{now_ns // _S:8}.{now_ns % _S:09} {who:9} {what}\n"
        self.lines += 1
        self._digest.update(line.encode())
        if self._out is not None:
            self._out.write(line)

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far, in hexadecimal."""
        return self._digest.hexdigest() if self.on else ""


def shown(event: Event) -> str:
    """An event in one line; contents are told by their length."""
    fields = []
    for name in event.__slots__:
        value = getattr(event, name)
        fields.append(f"{name}={f'{len(value)} bytes' if isinstance(value, bytes) else value}")
    return f"{type(event).__name__} {' '.join(fields)}"
