"""`isolation = "message"`: the process that stands in the chain and holds the stage's receipt key.

Takes a frame, has a cell (guard/roles/cells.py) look at its message, writes the receipt of what the
cell said, gives the frame. It loads no stage and looks at no content. A cell that breaks, hangs or
says what it may not costs its message alone: that one is held, with the reason.
"""

from collections.abc import Callable

from filters.catalog import entry
from guard.core.chain import Place
from guard.core.custody import Custody
from guard.core.frame import Frame
from guard.edge.clock import monotonic_ns
from guard.edge.sockets import NO_DESCRIPTOR, Ear, Inlet, Outlet, close_descriptor
from guard.edge.spec import Spec
from guard.roles.cells import ANSWERED
from guard.roles.feed import Feed
from guard.roles.stage import output_bytes_max, own_stage
from schemas.errors import Malformed


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the channels and the key."""
    return Keeper(spec).work


class Keeper:
    """One stage's place in a chain whose messages each meet a process of their own."""

    def __init__(self, spec: Spec) -> None:
        listed = entry(spec.text("use"), own_stage(spec))
        place = Place(
            spec.text("stage"), listed.version, listed.kind, spec.number("position"),
            output_bytes_max(spec),
        )  # fmt: skip
        scope = bytes.fromhex(spec.text("scope"))
        payload_bytes_max = spec.number("payload_bytes_max")
        self._custody = Custody(place, scope, spec.keys["stage"])
        self._inlet = Inlet(spec.descriptors["inlet"], payload_bytes_max)
        self._outlet = Outlet(spec.descriptors["outlet"])
        self._asked = Outlet(spec.descriptors["asked"])
        self._given = Inlet(spec.descriptors["given"], payload_bytes_max)
        self._ended = Ear(spec.descriptors["ended"])
        self._feed = Feed(spec)

    def work(self) -> None:
        """Frame after frame until the hop before ends."""
        while True:
            try:
                taken = self._inlet.take()
            except BlockingIOError:
                self._feed.tell_if_due()
                continue
            except Malformed:
                self._feed.add("malformed_frames")  # the tail misses it and raises the alarm
                continue
            if taken is None:
                return
            self._handle(*taken)

    def _handle(self, frame: Frame, descriptor: int) -> None:
        if frame.stopped:
            self._outlet.give(frame)
            return
        started_ns = monotonic_ns()
        self._asked.give(self._custody.question(frame), descriptor)
        given, passed, failure = self._answer()
        if given is None:
            self._feed.add("cells_failed")
            written = self._custody.failed(frame, failure)
        else:
            written = self._custody.answered(frame, given)
        self._feed.handled(started_ns, monotonic_ns())
        if given is not None and written.message.payload is given.message.payload:
            descriptor, passed = passed, descriptor
        self._outlet.give(written, descriptor if len(written.message.payload) else NO_DESCRIPTOR)
        close_descriptor(descriptor)
        close_descriptor(passed)

    def _answer(self) -> tuple[Frame | None, int, str]:
        """The cell's answer and the descriptor it came by, or why there is none to go by.

        Raises `BrokenPipeError` when nobody starts cells any more: why, this process does not know,
        and one that fails for its own reasons must be named, which may be the scanner's.
        """
        packet = self._ended.hear()
        if packet is None:
            raise BrokenPipeError("its cells are gone")
        failure = "" if packet == ANSWERED else packet.decode()
        frame, passed, count = self._only_answer()
        if count != 1:
            failure = failure or f"its process gave {count} answers"
        if failure or frame is None:
            close_descriptor(passed)
            return None, NO_DESCRIPTOR, failure or "its process gave what is no frame"
        return frame, passed, ""

    def _only_answer(self) -> tuple[Frame | None, int, int]:
        """The first answer, the descriptor it came by, and how many packets there were. The cell
        has ended: what is not here now does not come, and what it left is for no later one."""
        frame, passed, count = None, NO_DESCRIPTOR, 0
        while True:
            try:
                taken = self._given.take(wait=False)
            except BlockingIOError:
                return frame, passed, count
            except Malformed:
                count += 1
                continue
            if taken is None:
                raise BrokenPipeError("its cells are gone")
            count += 1
            if count == 1:
                frame, passed = taken
            else:
                close_descriptor(taken[1])
