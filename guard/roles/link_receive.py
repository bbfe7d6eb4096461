"""The bare link's receiver: from datagrams to complete streams in a folder. `guard link receive`.

Reads the sockets that its supervisor opened and keeps, lands the pieces of streams in place, and
tells what has landed, what is missing, and what is odd. It chooses no file's name: that is the
supervisor's, after the stream is complete. Sessions and gaps are on disk before they are told; that
a stream has landed is written down when it has its name, for only then its bytes are on disk.
Follows docs/spec/link.md and docs/spec/link-files.md.
"""

import json
import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from guard.edge import durable
from guard.edge.clock import monotonic_ns
from guard.edge.isal import best_codec
from guard.edge.side_links import ReceivingLinks
from guard.edge.sockets import Mouth
from guard.edge.spec import Spec
from guard.edge.stream_landing import INCOMING, Landing
from guard.edge.udp import buffer_bytes
from guard.link.arrivals import ReceiverState
from guard.link.compression import CODINGS, Coder
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
from schemas.errors import Broken
from schemas.reasons import Reason
from schemas.sequences import RangeSet

STATE_FILE = "state.json"
RANGES_TOLD_MAX = 1000
COMPLETE_TOLD_MAX = 5000  # in one packet
UNTOLD_MAX = 50_000
_LOOKED_AT_MAX = 1000
_TICK_MS = 20
_TICK_NS = _TICK_MS * 1_000_000
_TELL_NS = 200_000_000
_TOO_LONG = "it reaches further than a file can on this file system"


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
        self._untold: deque[bytes] = deque()
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
            for buffer, segment_bytes, link in self._links.read(_TICK_MS, self._receiver.room):
                events = self._receiver.take(buffer, segment_bytes, monotonic_ns(), link)
                if events:
                    self._settle(events)
            now_ns = monotonic_ns()
            if now_ns >= tick_ns:
                tick_ns = now_ns + _TICK_NS
                self._landing.flush()
                self._receiver.note_buffer(self._links.fill_percent(), self._links.kernel_drops)
                self._settle(self._receiver.tick(now_ns))
            if now_ns >= self._tell_ns:
                self._note_named()
                self._tell_progress(now_ns)
        self._note_named()
        self._tell_on()

    def _open(self) -> None:
        """Find what was known before; complete streams count as landed from now on."""
        boot = bytes.fromhex(self._spec.text("boot"))
        before, boot_before = _read_state(self._folder / STATE_FILE)
        self._landing = Landing(self._folder / INCOMING, boot)
        streams, complete, named = self._landing.recover(boot_before)
        landed = RangeSet(before.landed)
        for sequence in (*complete, *named):
            landed.add(sequence)
        self._waiting = deque(complete)  # complete, and not known to have their names
        self._unnamed = RangeSet((sequence, sequence) for sequence in complete)
        state = ReceiverState.rebuild_ranges(before.session, landed, before.gaps)
        self._receiver = Receiver(
            self._params, self._spec.keys["link"], self._spec.number("flow"), self._codec, state,
            coder=Coder(CODINGS[self._spec.text("compression")]), sink=self._landing,
            links=self._spec.number("link_count"),
            streams=[one for one in streams if one.sequence not in landed],
        )  # fmt: skip
        self._receiver.note_buffer_size(
            self._links.smallest_buffer_bytes(), buffer_bytes(self._params.rate_bits_per_s // 10**6)
        )
        if named or boot_before != boot:  # else it is as it was, and a full disk no hindrance
            self._keep_state()
        for sequence in named:
            self._landing.forget_named(sequence)
        self._tell("open", session=before.session)
        for at in range(0, len(complete), COMPLETE_TOLD_MAX):
            self._tell("complete", sequences=complete[at : at + COMPLETE_TOLD_MAX])

    def _settle(self, events: list[Event]) -> None:
        """Make what happened durable, then tell it."""
        if not events:
            return
        self._landing.flush()
        for event in events:
            if isinstance(event, StreamLanded) and self._landing.complete(event.sequence):
                self._waiting.append(event.sequence)
                self._unnamed.add(event.sequence)
        if any(isinstance(event, Landed | Gap | SessionOpened) for event in events):
            self._landing.flush()
            self._keep_state()
        while self._landing.refused:
            self._tell("refused", sequence=self._landing.refused.pop(), sentence=_TOO_LONG)
        now_ns = monotonic_ns()
        for event in events:
            self._tell_event(event, now_ns)

    def _note_named(self) -> None:
        """Write down which streams have got their names, and remove what said so."""
        named = []
        for _ in range(min(len(self._waiting), _LOOKED_AT_MAX)):
            sequence = self._waiting.popleft()
            if self._landing.waits(sequence):
                self._waiting.append(sequence)
            else:
                named.append(sequence)
                self._unnamed.remove(sequence, sequence)
        if named:
            self._keep_state()
        for sequence in named:
            self._landing.forget_named(sequence)

    def _keep_state(self) -> None:
        state = self._receiver.checkpoint_state()
        landed = RangeSet(state.landed)
        for first, last in self._unnamed.ranges():
            landed.remove(first, last)
        content = {
            "boot": self._spec.text("boot"), "session": state.session, "landed": landed.ranges(),
            "gaps": state.gaps,
        }  # fmt: skip
        durable.replace(self._folder / STATE_FILE, json.dumps(content).encode())

    def _tell_event(self, event: Event, now_ns: int) -> None:
        match event:
            case StreamLanded(sequence, total, late):
                if sequence not in self._unnamed:
                    return  # refused
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
        self._tell_on()
        if not self._untold:
            packet = {"what": "progress", "counters": self._counters()}
            self._mouth.tell_if_room(json.dumps(packet).encode())

    def _counters(self) -> dict[str, int]:
        return {
            **self._receiver.counters,
            "foreign": self._links.foreign,
        }

    def _tell(self, what: str, **facts: object) -> None:
        self._untold.append(json.dumps({"what": what, **facts}).encode())
        self._tell_on()

    def _tell_on(self) -> None:
        """As much as there is room for: a supervisor whose terminal is stopped stops nothing."""
        while self._untold and self._mouth.tell_if_room(self._untold[0]):
            self._untold.popleft()
        while len(self._untold) > UNTOLD_MAX:
            self._mouth.tell(self._untold.popleft())


def _read_state(path: Path) -> tuple[ReceiverState, bytes]:
    """(what was kept, in which boot of the machine). Raises `Broken` if it is damaged."""
    try:
        content = json.loads(path.read_bytes())
        landed = tuple((int(first), int(last)) for first, last in content["landed"])
        gaps = tuple((int(first), int(last)) for first, last in content["gaps"])
        state = ReceiverState(int(content["session"]), landed, gaps)
        return state, bytes.fromhex(content["boot"])
    except FileNotFoundError:
        return ReceiverState(), b""
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        sentence = f"{path} is damaged: without it a recording would be taken for new"
        raise Broken(Reason.RECORD_MALFORMED, f"{sentence} (docs/link.md)") from error
