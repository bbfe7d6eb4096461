"""The bare link's receiver: from datagrams to complete streams in a folder. `guard link receive`.

Reads the sockets that its supervisor opened and keeps, lands the pieces of streams in place, and
tells what has landed, what is missing, and what is odd. It chooses no file's name: that is the
supervisor's, after the stream is complete. What it must remember is durable before it is told.
Follows docs/spec/link.md and docs/spec/link-files.md.
"""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from guard.edge import durable
from guard.edge.clock import monotonic_ns
from guard.edge.isal import best_codec
from guard.edge.link_parameters import plain_coder
from guard.edge.side_links import ReceivingLinks
from guard.edge.sockets import Mouth
from guard.edge.spec import Spec
from guard.edge.stream_landing import Landing
from guard.edge.udp import buffer_bytes
from guard.link.arrivals import ReceiverState
from guard.link.events import (
    Alarm,
    Checkpoint,
    Event,
    Gap,
    Landed,
    LinkBack,
    LinkDead,
    SessionOpened,
    Silence,
    StreamGap,
    StreamLanded,
)
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from schemas.sequences import RangeSet

STATE_FILE = "state.json"
INCOMING = "incoming"
RANGES_TOLD_MAX = 1000
_TICK_MS = 20
_TICK_NS = _TICK_MS * 1_000_000
_TELL_NS = 200_000_000


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the sockets and the code; the folder is opened inside the sandbox."""
    np.unique(np.zeros(1, np.uint8))  # numpy imports a part of itself at the first such call
    return LinkReceive(spec).work


class LinkReceive:
    """One run of the receiver."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._folder = Path(spec.text("folder"))
        self._params = LinkParams(**spec.values["params"])  # type: ignore[arg-type] # made by guard.transfer
        self._codec = best_codec()
        self._links = ReceivingLinks.adopt(spec, spec.number("link_count"), spec.text("source"))
        self._mouth = Mouth(spec.descriptors["tell"])
        self._tell_ns = 0
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def work(self) -> None:
        """Land what comes until asked to stop."""
        self._open()
        self._cpu_ns = time.process_time_ns()
        tick_ns = 0
        while not self._stopping:
            events: list[Event] = []
            for buffer, segment_bytes, link in self._links.read(_TICK_MS):
                events += self._receiver.take(buffer, segment_bytes, monotonic_ns(), link)
            now_ns = monotonic_ns()
            if now_ns >= tick_ns:
                tick_ns = now_ns + _TICK_NS
                self._landing.flush()
                self._receiver.note_buffer(self._links.fill_percent(), self._links.kernel_drops)
                events += self._receiver.tick(now_ns)
            if events:
                self._settle(events, now_ns)
            if now_ns >= self._tell_ns:
                self._tell_progress(now_ns)

    def _open(self) -> None:
        """Find what was known before; complete streams count as landed from now on."""
        self._landing = Landing(self._folder / INCOMING, bytes.fromhex(self._spec.text("boot")))
        streams, complete = self._landing.recover()
        before = _read_state(self._folder / STATE_FILE)
        landed = RangeSet(before.landed)
        for sequence in complete:
            landed.add(sequence)
        state = ReceiverState.rebuild_ranges(before.session, landed, before.gaps)
        self._receiver = Receiver(
            self._params, self._spec.keys["link"], self._spec.number("flow"), self._codec, state,
            coder=plain_coder(self._spec.text("compression")), sink=self._landing,
            links=self._spec.number("link_count"),
            streams=[one for one in streams if one.sequence not in landed],
        )  # fmt: skip
        self._receiver.note_buffer_size(
            self._links.smallest_buffer_bytes(), buffer_bytes(self._params.rate_bits_per_s // 10**6)
        )
        self._keep_state()
        self._tell("open", session=before.session, complete=complete)

    def _settle(self, events: list[Event], now_ns: int) -> None:
        """Make what happened durable, then tell it."""
        self._landing.flush()
        for event in events:
            if isinstance(event, StreamLanded):
                self._landing.complete(event.sequence)
        if any(isinstance(event, StreamLanded | Landed | Gap | SessionOpened) for event in events):
            self._keep_state()
        for event in events:
            self._tell_event(event, now_ns)

    def _keep_state(self) -> None:
        state = self._receiver.checkpoint_state()
        content = {"session": state.session, "landed": state.landed, "gaps": state.gaps}
        durable.replace(self._folder / STATE_FILE, json.dumps(content).encode())

    def _tell_event(self, event: Event, now_ns: int) -> None:
        match event:
            case StreamLanded(sequence, total, late):
                self._tell("landed", sequence=sequence, total=total, late=late, time_ns=now_ns,
                           cpu_ns=time.process_time_ns() - self._cpu_ns)  # fmt: skip
            case StreamGap(sequence, total, missing):
                count = sum(last - first + 1 for first, last in missing)
                told = [list(each) for each in missing[:RANGES_TOLD_MAX]]
                self._tell("stream-gap", sequence=sequence, total=total, missing=told,
                           ranges=len(missing), missing_bytes=count)  # fmt: skip
            case Gap(first, last):
                self._tell("gap", first=first, last=last)
            case SessionOpened(session):
                self._tell("session", session=session)
            case Alarm(reason, sentence):
                self._tell("alarm", reason=reason, sentence=sentence)
            case Silence():
                self._tell("silent")
            case LinkDead(link):
                self._tell("link-dead", link=link)
            case LinkBack(link):
                self._tell("link-back", link=link)
            case Landed(sequence):
                self._tell("message", sequence=sequence)
            case Checkpoint():
                pass

    def _tell_progress(self, now_ns: int) -> None:
        self._tell_ns = now_ns + _TELL_NS
        packet = {"what": "progress", "counters": self._counters()}
        self._mouth.tell_if_room(json.dumps(packet).encode())

    def _counters(self) -> dict[str, int]:
        return {
            **self._receiver.counters,
            "foreign": self._links.foreign,
        }

    def _tell(self, what: str, **facts: object) -> None:
        self._mouth.tell(json.dumps({"what": what, **facts}).encode())


def _read_state(path: Path) -> ReceiverState:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return ReceiverState()
    landed = tuple((first, last) for first, last in content["landed"])
    gaps = tuple((first, last) for first, last in content["gaps"])
    return ReceiverState(content["session"], landed, gaps)
