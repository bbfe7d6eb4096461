"""`isolation = "message"`: the process that starts a fresh process, a cell, for every message.

It has the stage's code, loaded and compiled, and no key. It never reads a message: it waits until
there is one, forks, and the child reads it, answers and ends. What one message breaks no other
meets, not even in memory that was given back. A child may not start another, has the one question
to read and the one answer to tell, and is ended when it takes too long. When it has ended the
keeper (guard/roles/keeper.py) is told how, and only then asks again.
"""

import math
import select
import socket
from collections.abc import Callable

from guard.core.custody import NO_KEY, NO_SCOPE
from guard.core.frame import Frame
from guard.core.watch import Spent, Watch
from guard.edge.clock import monotonic_ns
from guard.edge.forking import EXIT_ALONE, Children, Ended
from guard.edge.rights import confinement_of
from guard.edge.scanning import ANSWER, QUESTION
from guard.edge.sockets import Inlet, Mouth, Outlet, close_descriptor
from guard.edge.spec import Spec
from guard.roles.stage import step_of
from schemas.message import Message

ANSWERED = b"\x00"
_STANDARD_ERROR = 2
_IDLE_MS = 60_000
_NOTHING = Message(b"", b"")


def prepare(spec: Spec) -> Callable[[], None]:
    """Compile the stage; the channels are opened here, because a child may set no option."""
    return Cells(spec).work


class Cells:
    """The cells of one stage, one at a time."""

    def __init__(self, spec: Spec) -> None:
        asked, given = spec.descriptors["asked"], spec.descriptors["given"]
        self._answer_end = spec.descriptors.get(ANSWER)
        scanner = (spec.descriptors[n] for n in (QUESTION, ANSWER) if n in spec.descriptors)
        keeps = frozenset({asked, given, _STANDARD_ERROR, *scanner})
        self._children = Children(confinement_of(spec), keeps)
        self._asked = Inlet(asked, spec.number("payload_bytes_max"))
        self._given = Outlet(given)
        self._ended = Mouth(spec.descriptors["ended"])
        self._step = step_of(spec, NO_KEY, NO_SCOPE)
        self._limits = spec.number("message_ms_max"), spec.number("message_cpu_ms_max")
        self._cpu_s_max = math.ceil(self._limits[1] / 1000) + 1

    def work(self) -> None:
        """A cell for each question, until nobody asks any more."""
        self._children.prove()
        poller = select.poll()
        poller.register(self._asked.fileno(), select.POLLIN)
        while True:
            events = dict(poller.poll(_IDLE_MS)).get(self._asked.fileno(), 0)
            if events & select.POLLHUP:
                return
            if events & select.POLLIN:
                self._children.start(self._answer, self._cpu_s_max)
                sentence = self._await_end()
                self._drop_unread()
                self._ended.tell(sentence.encode() or ANSWERED)

    def _answer(self) -> int:
        """In the cell: one question, one answer."""
        taken = self._asked.take(wait=False)
        if taken is None:
            return 0
        frame, descriptor = taken
        close_descriptor(descriptor)
        given = self._step(frame)
        if given.message is frame.message:  # the keeper has it
            given = Frame(given.id, given.number, given.legs, _NOTHING, given.stopped)
        self._given.give(given)
        return 0

    def _await_end(self) -> str:
        """Why there is no answer to believe, or "" when the cell ended in good order."""
        watch = Watch(*self._limits)
        while True:
            ended = self._children.wait(watch.look_ms)
            if ended == Ended(code=EXIT_ALONE) and self._scanner_is_gone():
                raise BrokenPipeError
            if ended is not None and not ended.stopped:
                return "" if ended == Ended() else f"its process {ended.words}"
            why = watch.look(Spent(1, 0, self._children.cpu_ns()), monotonic_ns())
            if ended is not None:
                why = f"its process {ended.words}"
            if why:
                self._children.kill()
                return why

    def _scanner_is_gone(self) -> bool:
        """Whether that is why a cell ended, as it says: a stage that asks gives no verdict then."""
        if self._answer_end is None:
            return False
        poller = select.poll()
        poller.register(self._answer_end, select.POLLIN)
        return bool(dict(poller.poll(0)).get(self._answer_end, 0) & select.POLLHUP)

    def _drop_unread(self) -> None:
        """A question that its cell did not read is nobody's: taken off unread."""
        while self._waiting():
            end = socket.socket(fileno=self._asked.fileno())
            try:
                end.recv(0, socket.MSG_DONTWAIT)
            finally:
                end.detach()

    def _waiting(self) -> bool:
        poller = select.poll()
        poller.register(self._asked.fileno(), select.POLLIN)
        events = dict(poller.poll(0)).get(self._asked.fileno(), 0)
        return bool(events & select.POLLIN) and not events & select.POLLHUP
