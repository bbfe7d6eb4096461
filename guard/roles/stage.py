"""One stage of a chain, in a process of its own: take a frame, ask the stage, give the frame.

Hears the hop before it, tells the hop after it, may do nothing else. The stage's code is loaded
and compiled before the process is confined. An end of the inlet ends the process, after all that
was taken has been given: so a chain drains from its head.
"""

from collections.abc import Callable

from filters.catalog import load
from guard.core.chain import Place, Step
from guard.edge.clock import monotonic_ns
from guard.edge.sockets import Inlet, Outlet, close_descriptor
from guard.edge.spec import Spec
from guard.roles.feed import Feed
from schemas.errors import Malformed


def prepare(spec: Spec) -> Callable[[], None]:
    """Compile the stage that the policy names, with its parameters and documents."""
    stage = load(spec.text("use"))
    parameters = stage.parameters.model_validate(spec.values["parameters"])
    run = stage.make(parameters, spec.documents)
    payload_bytes_max = spec.number("payload_bytes_max")
    place = Place(
        spec.text("stage"), stage.version, stage.kind, spec.number("position"), payload_bytes_max
    )
    step = Step(place, run, bytes.fromhex(spec.text("scope")), spec.keys["stage"])
    inlet = Inlet(spec.descriptors["inlet"], payload_bytes_max)
    outlet = Outlet(spec.descriptors["outlet"])
    feed = Feed(spec)
    return lambda: _work(step, inlet, outlet, feed)


def _work(step: Step, inlet: Inlet, outlet: Outlet, feed: Feed) -> None:
    while True:
        try:
            taken = inlet.take()
        except BlockingIOError:
            feed.tell_if_due()
            continue
        except Malformed:
            feed.add("malformed_frames")  # not a frame: the tail misses it and raises the alarm
            continue
        if taken is None:
            return
        started_ns = monotonic_ns()
        frame, descriptor = taken
        given = step(frame)
        feed.handled(started_ns, monotonic_ns())
        unchanged = given.message.payload is frame.message.payload
        outlet.give(given, descriptor if unchanged else -1)
        close_descriptor(descriptor)
