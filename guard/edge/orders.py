"""The posture as a role sees it: a file that its supervisor replaces, looked at in every batch.

Takes a side's folder; gives `schemas.orders.Orders`. System calls: newfstatat, openat, read, close.
Raises `Broken(POSTURE)` when the file is gone or damaged: nothing passes without it.
"""

import os
from pathlib import Path

from schemas.entry import Entry, Kind
from schemas.errors import Broken, Malformed
from schemas.orders import Orders
from schemas.reasons import Reason

FOLDER, FILE = "posture", "orders.json"


class OrdersFile:
    """Call `now` at every batch."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FOLDER / FILE
        self._stamp = (0, 0, 0)
        self._orders = Orders()
        self._told = 0

    def now(self) -> Orders:
        """What is in force now."""
        try:
            found = os.stat(self._path)
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._orders = Orders.read(self._path.read_bytes())
                self._stamp = stamp
        except (OSError, Malformed) as error:
            raise Broken(
                Reason.POSTURE, f"{self._path} cannot be read: nothing passes without it"
            ) from error
        return self._orders

    @property
    def seen(self) -> Orders:
        """What `now` gave last: what the ledger was told before the batch that is decided."""
        return self._orders

    def news(self, time_ms: int) -> list[Entry]:
        """The ledger's entry about what is in force since the last call, if it is another."""
        orders = self._orders
        if orders.version == self._told:
            return []
        self._told = orders.version
        return [
            {
                "kind": Kind.POSTURE,
                "time_ms": time_ms,
                "version": orders.version,
                "digest": orders.digest,
                "signers": orders.signers,
                "text": orders.text,
            }
        ]
