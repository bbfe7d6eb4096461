"""One stage of a chain, in a process of its own: take a frame, ask the stage, give the frame.

Hears the hop before it, tells the hop after it, may do nothing else. The stage's code is loaded
and compiled before the process is confined. An end of the inlet ends the process, after all that
was taken has been given: so a chain drains from its head.

`isolation = "pooled"`: the process itself reads no message. It starts a worker by fork, watches it,
and starts a fresh one after so many messages; what waits in the inlet waits meanwhile. A worker
that takes too long over a message, or breaks, is ended, and the process with it. One that has left
work behind is replaced too, after its answer (`guard.edge.left_behind`). Without a word on
isolation (a rehearsal) it does the work itself.
"""

import select
from collections.abc import Callable

from filters.catalog import load
from guard.core.chain import Place, Step
from guard.core.watch import Spent, Watch
from guard.edge.asking import asker_of
from guard.edge.clock import monotonic_ns
from guard.edge.forking import EXIT_ALONE, Children, Ended, Page
from guard.edge.left_behind import bounder, works_on
from guard.edge.rights import confinement_of
from guard.edge.scanning import ANSWER, QUESTION
from guard.edge.sockets import Inlet, Outlet, close_descriptor
from guard.edge.spec import Spec
from guard.roles.feed import Feed
from schemas.errors import Broken, Malformed
from schemas.own_stage import OwnStage
from schemas.reasons import Reason
from schemas.token_names import KEY_PREFIX

_STANDARD_ERROR = 2
_REPLACE_ME = 64  # the exit code of a worker that has done its share
_WORKS_ON = 65  # of one in which something goes on that it has given up
_BEGUN, _ENDED, _BUSY_NS, _MALFORMED = range(4)  # what stands where in the page of numbers
_NUMBERS = 4


def prepare(spec: Spec) -> Callable[[], None]:
    """Compile the stage that the policy names, with its parameters and documents."""
    work = Work(spec)
    if spec.values.get("isolation") != "pooled":
        return work.until_ended
    return Pool(spec, work).work


class Work:
    """What handles messages: in a worker, or in the process itself."""

    def __init__(self, spec: Spec) -> None:
        self._inlet = Inlet(spec.descriptors["inlet"], spec.number("payload_bytes_max"))
        self._outlet = Outlet(spec.descriptors["outlet"])
        self._feed = Feed(spec)
        self._step = step_of(spec, spec.keys["stage"], bytes.fromhex(spec.text("scope")))

    def inlet_ended(self) -> bool:
        """Whether the hop before is gone and there is nothing left of it to take."""
        poller = select.poll()
        poller.register(self._inlet.fileno(), select.POLLIN)
        events = dict(poller.poll(0)).get(self._inlet.fileno(), 0)
        return bool(events & select.POLLHUP)

    def until_ended(self) -> None:
        """Handle messages until the inlet ends."""
        self.until_replaced()

    def until_replaced(
        self, numbers: "memoryview | list[int] | None" = None, messages_max: int = 0
    ) -> int:
        """Handle messages until the inlet ends (0), or so many have been handled (_REPLACE_ME), or
        one has left work behind (_WORKS_ON).

        numbers: where to count, from what stands there.
        """
        counts = [0] * _NUMBERS if numbers is None else numbers
        inlet, outlet, feed, step = self._inlet, self._outlet, self._feed, self._step
        feed.counters["messages"] = counts[_ENDED]
        feed.counters["busy_ns"] = counts[_BUSY_NS]
        last = counts[_BEGUN] + messages_max if messages_max else -1
        while counts[_BEGUN] != last:
            try:
                taken = inlet.take()
            except BlockingIOError:
                feed.tell_if_due()
                continue
            except Malformed:  # not a frame: the tail misses it and raises the alarm
                counts[_MALFORMED] += 1
                feed.counters["malformed_frames"] = counts[_MALFORMED]
                continue
            if taken is None:
                return 0
            counts[_BEGUN] += 1
            started_ns = monotonic_ns()
            frame, descriptor = taken
            given = step(frame)
            counts[_ENDED] = counts[_BEGUN]
            feed.handled(started_ns, monotonic_ns())
            counts[_BUSY_NS] = feed.counters["busy_ns"]
            unchanged = given.message.payload is frame.message.payload
            outlet.give(given, descriptor if unchanged else -1)
            close_descriptor(descriptor)
            if numbers is not None and works_on():
                return _WORKS_ON
        return _REPLACE_ME


class Pool:
    """The process that starts the workers and reads no message."""

    def __init__(self, spec: Spec, work: Work) -> None:
        names = {"inlet", "outlet", "feed", QUESTION, ANSWER} & spec.descriptors.keys()
        keeps = frozenset({_STANDARD_ERROR, *(spec.descriptors[name] for name in names)})
        self._children = Children(confinement_of(spec), keeps)
        self._numbers = Page().numbers
        self._worker = work
        self._messages_max = spec.number("process_messages_max")
        self._watch = Watch(spec.number("message_ms_max"), spec.number("message_cpu_ms_max"))

    def work(self) -> None:
        """One worker after the other until the inlet ends. Raises `Broken` when one failed."""
        self._children.prove()
        while True:
            due = self._numbers[_BEGUN] + self._messages_max
            self._turn_page()
            self._children.start(
                lambda: self._worker.until_replaced(self._numbers, self._messages_max)
            )
            ended = self._await_end()
            if ended == Ended(code=EXIT_ALONE):
                raise BrokenPipeError
            if ended == Ended() and self._worker.inlet_ended():
                return
            if ended == Ended(code=_WORKS_ON) and self._numbers[_BEGUN] == self._numbers[_ENDED]:
                continue
            if ended != Ended(code=_REPLACE_ME) or self._numbers[_BEGUN] < due:
                raise Broken(Reason.STAGE_FAILED, f"its worker {ended.words} before it was due")

    def _turn_page(self) -> None:
        """A page that no worker has written to, with the counts and nothing else of the last."""
        counts = self._numbers[:_NUMBERS]
        self._numbers = Page().numbers
        self._numbers[:_NUMBERS] = counts

    def _await_end(self) -> Ended:
        while True:
            ended = self._children.wait(self._watch.look_ms)
            if ended is not None and not ended.stopped:
                return ended
            spent = Spent(self._numbers[_BEGUN], self._numbers[_ENDED], self._children.cpu_ns())
            why = self._watch.look(spent, monotonic_ns())
            if ended is not None:
                why = f"its worker {ended.words}"
            if why:
                self._children.kill()
                raise Broken(Reason.STAGE_FAILED, why)


def step_of(spec: Spec, key: bytes, scope: bytes) -> Step:
    """The stage that a spec names, loaded and compiled, in its place."""
    stage = load(spec.text("use"), own_stage(spec))
    parameters = stage.parameters.model_validate(spec.values["parameters"])
    tokens = {name: key for name, key in spec.keys.items() if name.startswith(KEY_PREFIX)}
    documents = {**spec.documents, **tokens}
    if stage.make_asking is not None:
        run = stage.make_asking(parameters, documents, asker_of(spec))
    elif stage.make_bounded is not None:
        run = stage.make_bounded(parameters, documents, bounder())
    else:
        run = stage.make(parameters, documents)
    place = Place(
        spec.text("stage"), stage.version, stage.kind, spec.number("position"),
        output_bytes_max(spec),
    )  # fmt: skip
    return Step(place, run, scope, key)


def own_stage(spec: Spec) -> OwnStage | None:
    """What the policy says of it, if it is a site's own."""
    own = spec.values.get("own")
    return OwnStage(**own) if isinstance(own, dict) else None


def output_bytes_max(spec: Spec) -> int:
    """How large a payload the stage may give."""
    payload_bytes_max = spec.number("payload_bytes_max")
    bound = spec.values.get("output_bytes_max")
    return min(bound, payload_bytes_max) if isinstance(bound, int) else payload_bytes_max
