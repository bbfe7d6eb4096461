"""The output queue: delivered messages as files for whoever receives them.

Takes payloads and their metadata in batches, gives files in `queue/new/` (the default queue, named
`new`), `queue/NAME/new/` and `queue/gaps/`. May write under `queue/` and nowhere else. Follows
docs/spec/spool.md §6. A message is staged, then synced with its batch, then, when the ledger has
it, published: whoever sees `ID.EXT` finds `ID.meta.json` beside it. Where `tmp/` has folders, a
message is staged in one of them by its id: `guard.edge.spreading` says why.

System calls for a message: openat, write, close twice to stage it; openat, syncfs, close a batch;
rename twice to publish it.
"""

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from guard.edge import durable
from schemas.errors import Broken
from schemas.reasons import Reason

DEFAULT_QUEUE = "new"
SIDECAR_SUFFIX = "meta.json"
_ID = re.compile(r"[0-9a-f]{32}\Z")
_QUEUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}\Z")
_NOTICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_RESERVED = ("tmp", "gaps")
_SPREAD = re.compile(r"[0-9a-f]{2}\Z")

Move = tuple[str, str]  # from tmp/, to a queue
Facts = Mapping[str, int | str]


class OutputQueue:
    """The output directories of one destination side."""

    def __init__(self, root: Path) -> None:
        """root: the `queue` folder. Raises `Broken(SITE_MALFORMED)` where it is not there."""
        self._root = root
        self._tmp = str(root / "tmp")
        self._staged: dict[str, list[Move]] = {}
        self._made = {DEFAULT_QUEUE}
        for name in (*_RESERVED, DEFAULT_QUEUE):
            if not (root / name).is_dir():
                raise Broken(Reason.SITE_MALFORMED, f"{root / name} is no directory: make it")
        folders = [path.name for path in (root / "tmp").iterdir() if path.is_dir()]
        self._spread = sorted(f"{name}/" for name in folders if _SPREAD.match(name))

    def stage(self, id: str, queue: str, extension: str, payload: bytes, sidecar: Facts) -> None:
        """Write both files into `tmp/`, not synced. id: 32 hex digits. One call for each queue.

        Raises `Broken`: DISK when they cannot be written, ARGUMENT for a name that is none, or is
        that of a message which was staged or published before: that one is never replaced.
        """
        if not (_ID.match(id) and _EXTENSION.match(extension)):
            raise Broken(Reason.ARGUMENT, f"{id}.{extension} cannot name a delivered file")
        folder = self._folder(queue)
        stem = f"{self._among(id)}{id}.{queue}"
        if os.path.lexists(f"{folder}/{id}.{extension}") or os.path.lexists(
            f"{self._tmp}/{stem}.{extension}"
        ):
            raise Broken(Reason.ARGUMENT, f"another message was delivered as {id}")
        try:
            self._make(queue)
            durable.write_new(Path(f"{self._tmp}/{stem}.{SIDECAR_SUFFIX}"), _written(sidecar))
            durable.write_new(Path(f"{self._tmp}/{stem}.{extension}"), payload)
        except OSError as error:
            raise _disk(error) from error
        moves = [
            (f"{stem}.{suffix}", f"{folder}/{id}.{suffix}")
            for suffix in (SIDECAR_SUFFIX, extension)
        ]
        self._staged.setdefault(id, []).extend(moves)

    def sync(self) -> None:
        """All that was staged is on disk. Raises `Broken(DISK)`."""
        try:
            descriptor = os.open(self._tmp, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                durable.sync_filesystem(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _disk(error) from error

    def publish(self, id: str) -> None:
        """Rename a staged message into its queues, the metadata first. Raises `Broken(DISK)`."""
        try:
            for name, target in self._staged.pop(id, ()):
                os.rename(f"{self._tmp}/{name}", target)
        except OSError as error:
            raise _disk(error) from error

    def recover(self, known: Collection[str]) -> list[str]:
        """After a crash: the ids in `tmp/` that the ledger says are being delivered, to publish.

        Everything else there is removed: it comes again from the journal. Call it before the first
        `stage`. Raises `Broken(DISK)`.
        """  # spool §6 (3)
        found: dict[str, list[Move]] = {}
        try:
            for among in ("", *self._spread):
                for name in sorted(os.listdir(f"{self._tmp}/{among}"), key=_metadata_first):
                    if not among and f"{name}/" in self._spread:
                        continue
                    id, _, rest = name.partition(".")
                    queue, _, suffix = rest.partition(".")
                    if id in known and suffix and _is_queue(queue):
                        self._make(queue)
                        move = (f"{among}{name}", f"{self._folder(queue)}/{id}.{suffix}")
                        found.setdefault(id, []).append(move)
                    else:
                        os.unlink(f"{self._tmp}/{among}{name}")
        except OSError as error:
            raise _disk(error) from error
        self._staged = found
        return list(found)

    def notice(self, name: str, facts: Facts) -> None:
        """A gap notice, durable: `gaps/NAME.json`. Raises `Broken` (ARGUMENT, DISK)."""
        if not _NOTICE.match(name):
            raise Broken(Reason.ARGUMENT, f"{name!r} cannot name a notice")
        try:
            durable.replace(self._root / "gaps" / f"{name}.json", _written(facts))
        except OSError as error:
            raise _disk(error) from error

    def _among(self, id: str) -> str:
        """The folder in `tmp/` that a message is staged in, with a slash; "" for `tmp/` itself."""
        return self._spread[int(id[:8], 16) % len(self._spread)] if self._spread else ""

    def _folder(self, queue: str) -> str:
        if not _is_queue(queue):
            raise Broken(Reason.ARGUMENT, f"{queue!r} cannot name an output queue")
        return f"{self._root}/new" if queue == DEFAULT_QUEUE else f"{self._root}/{queue}/new"

    def _make(self, queue: str) -> None:
        if queue not in self._made:
            for path in (self._root / queue, self._root / queue / "new"):
                durable.make_directory(path)
            self._made.add(queue)


def _is_queue(name: str) -> bool:
    return bool(_QUEUE.match(name)) and name not in _RESERVED


def _metadata_first(name: str) -> tuple[str, bool]:
    return name.partition(".")[0], not name.endswith("." + SIDECAR_SUFFIX)


def _written(facts: Facts) -> bytes:
    return json.dumps(dict(facts), sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _disk(error: OSError) -> Broken:
    return Broken(Reason.DISK, f"the output queue cannot be written: {error.strerror}")
