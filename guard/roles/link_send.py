"""The bare link's sender: files, or what comes through a pipe, to datagrams. `guard link send`.

Is told the files by name and size, reads each straight into the blocks, and tells what has left.
The session is a new one; what was not sent is never sent again by itself. The sockets are
never read. Follows docs/spec/link-files.md.
"""

import json
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from guard.edge.clock import monotonic_ns
from guard.edge.isal import best_codec
from guard.edge.side_links import SendingLinks
from guard.edge.sockets import Mouth
from guard.edge.spec import Spec
from guard.edge.stream_source import FileSource, PipeSource
from guard.link.blocks import Burst
from guard.link.compression import CODINGS, Coder
from guard.link.params import PIECE_BYTES_MAX, LinkParams
from guard.link.sender import Sender
from guard.link.trailer import Trailer
from schemas.errors import Overload

HEARTBEATS_AFTER = 3  # so that a loss at the very end shows
_TELL_NS = 200_000_000
_SHORT_NS = 20_000  # a sleep would last longer
_MS_NS = 1_000_000
_FILES_AT_ONCE = 256
_OFFER_NS = 5_000_000
_DOWN_S = 0.05


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the sockets and the code; files are opened inside the sandbox."""
    return LinkSend(spec).work


class LinkSend:
    """One run of the sender."""

    def __init__(self, spec: Spec) -> None:
        params = LinkParams(**spec.values["params"])  # type: ignore[arg-type] # made by guard.transfer
        self._params = params
        codec = best_codec()
        links = spec.values["links"]
        self._links = SendingLinks.adopt(
            spec, links if isinstance(links, list) else [], copies=bool(spec.values["copies"])
        )
        self._mouth = Mouth(spec.descriptors["tell"])
        compression = spec.text("compression")
        self._sender = Sender(
            params, spec.keys["link"], spec.number("session"), spec.number("flow"), codec,
            complete_below=spec.number("first_sequence"),
            coder=None if compression == "off" else Coder(CODINGS[compression]),
        )  # fmt: skip
        self._sources: dict[int, FileSource | PipeSource] = {}
        self._pipe: PipeSource | None = None
        self._changed: list[int] = []
        files = spec.values.pop("files")  # last first, so that it shrinks while it is sent
        self._files: list[dict[str, Any]] = files[::-1] if isinstance(files, list) else []
        self._files_per_s = spec.number("files_per_s")
        self._next_sequence = spec.number("first_sequence")
        self._offered = 0
        self._down = ""
        self._spec = spec
        self._tell_ns = 0
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def work(self) -> None:
        """Send everything, then a few heartbeats."""
        started_ns, cpu_ns = monotonic_ns(), time.process_time_ns()
        self._started_ns = started_ns
        self._step()
        while not (self._sender.idle and not self._files) and not self._stopping:
            if not self._step():
                self._rest()
        sent_ns, cpu_ns = monotonic_ns(), time.process_time_ns() - cpu_ns
        heartbeats = self._sender.counters["heartbeats"] + HEARTBEATS_AFTER
        self._pipe = None
        while self._sender.counters["heartbeats"] < heartbeats and not self._stopping:
            self._step()
            self._rest()
        self._tell(
            "sent", started_ns=started_ns, sent_ns=sent_ns, cpu_ns=cpu_ns, stopped=self._stopping
        )

    def _offer_due(self, now_ns: int) -> None:
        """So many files a second as the other side can make on its disk."""
        allowed = _FILES_AT_ONCE + (now_ns - self._started_ns) * self._files_per_s // 10**9
        while self._files and self._offered < allowed:
            self._offer(self._next_sequence + self._offered, self._files.pop())
            self._offered += 1

    def _offer(self, sequence: int, entry: dict[str, Any]) -> None:
        trailer = Trailer(entry["name"], entry["mode"], entry["time_s"]).write()
        source: FileSource | PipeSource
        if entry["path"] is None:
            plain = self._spec.text("compression") == "off"
            piece_bytes = self._params.block_bytes_max if plain else PIECE_BYTES_MAX
            source = self._pipe = PipeSource(self._spec.descriptors["input"], trailer, piece_bytes)
        else:
            device, inode, changed_ns = entry["state"]
            source = FileSource(
                Path(entry["path"]), entry["size"], trailer, (device, inode, changed_ns),
                partial(self._changed.append, sequence),
            )  # fmt: skip
        self._sources[sequence] = source
        self._sender.offer_stream(sequence, self._spec.number("precedence"), source)

    def _step(self) -> bool:
        """Send what may leave; says whether anything did."""
        now_ns = monotonic_ns()
        if self._files:
            self._offer_due(now_ns)
        bursts = self._sender.due(now_ns)
        for burst in bursts:
            self._send(burst)
        if now_ns >= self._tell_ns:
            self._tell_ns = now_ns + _TELL_NS
            self._tell_progress()
        for sequence in self._sender.given_up:
            source = self._sources[sequence]
            wrong = source.wrong if isinstance(source, FileSource) else "the input failed"
            self._tell("given-up", sequence=sequence, sentence=wrong)
        self._sender.given_up.clear()
        while self._changed:
            self._tell("changed", sequence=self._changed.pop())
        return bool(bursts)

    def _rest(self) -> None:
        """Until the sender has something."""
        now_ns = monotonic_ns()
        wait_ns = min(self._sender.wake_ns(now_ns) - now_ns, _TELL_NS)
        if self._files:
            wait_ns = min(wait_ns, _OFFER_NS)
        if self._pipe is not None and wait_ns >= _MS_NS and not self._pipe.ready:
            self._pipe.wait(wait_ns // _MS_NS)
        elif wait_ns > _SHORT_NS:
            time.sleep(wait_ns / 1e9)

    def _send(self, burst: Burst) -> None:
        while True:
            try:
                self._links.send(burst.buffer, burst.segment_bytes, heartbeat=burst.heartbeat)
            except Overload as error:
                if error.sentence != self._down:  # once, not at each try
                    self._down = error.sentence
                    self._tell("down", sentence=error.sentence)
                if self._stopping:
                    return
                time.sleep(_DOWN_S)
            else:
                self._down = ""
                return

    def _tell_progress(self) -> None:
        packet = {
            "what": "progress",
            "counters": self._sender.counters,
            "failed": self._links.failed,
        }
        self._mouth.tell_if_room(json.dumps(packet).encode())

    def _tell(self, what: str, **facts: int | str | bool) -> None:
        packet = {"what": what, "counters": self._sender.counters, **facts}
        self._mouth.tell(json.dumps(packet).encode())
