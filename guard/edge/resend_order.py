"""The order to send again, as `send` sees it: a file that its supervisor replaces.

Takes a side's folder; gives `schemas.resend.ResendOrder`. System calls: newfstatat, openat, read,
close. Follows docs/spec/resend.md §3.
"""

import os
from pathlib import Path

from guard.edge.orders import FOLDER
from schemas.resend import ResendOrder

ORDER = "resend.json"


def read_order(folder: Path) -> ResendOrder | None:
    """The newest order. Raises `Malformed(RESEND)`."""
    try:
        untrusted = (folder / FOLDER / ORDER).read_bytes()
    except FileNotFoundError:
        return None
    return ResendOrder.read(untrusted)


class OrderFile:
    """As `send` sees it: call `now` from time to time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FOLDER / ORDER
        self._folder = folder
        self._stamp = (0, 0, 0)
        self._order: ResendOrder | None = None

    def now(self) -> ResendOrder | None:
        """The newest order; None: there was none. Raises `Malformed(RESEND)`."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self._order = read_order(self._folder)
            self._stamp = stamp
        return self._order
