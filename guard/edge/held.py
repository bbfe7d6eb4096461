"""The folder of held messages: what came in, what would have gone out, and why it is held.

`held/ID/input`, `held/ID/output` (when there is one) and `held/ID/record.json`, whole or not at
all: written beside and renamed in. System calls: mkdir, openat, write, fsync, rename.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from guard.edge import durable


class HeldStore:
    """One side's held messages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(
        self, ident: str, accepted: bytes, output: bytes, record: Mapping[str, object]
    ) -> None:
        """Keep one, durably. Keeping the same id again changes nothing."""
        final = self._folder / ident
        if final.exists():
            durable.sync_directory(self._folder)  # the sync after its renaming may have failed
            return
        made = self._folder / f".{ident}.tmp"
        parts = {"input": accepted, "output": output, "record.json": json.dumps(record).encode()}
        try:
            made.mkdir()
        except FileExistsError:  # a crash left it half made, perhaps for another reason
            durable.remove(made, list(parts))
        for name, content in parts.items():
            if content:
                durable.replace(made / name, content)
        durable.publish(made, final)
