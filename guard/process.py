"""The start of every process of a side: read the orders, import, confine, prove it, work.

`python -I -m guard.process DESCRIPTOR`. Imports nothing of a role before it knows which it is, so
that each process holds its own code only. Everything is imported and compiled before the
confinement goes on; after it the process proves to itself that what is forbidden fails, reports
ready, and runs until its inlets end.
"""

import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from guard.edge.rights import confinement_of
from guard.edge.sandbox import confine, self_test
from guard.edge.spec import Spec
from schemas.errors import CheckvalveError

EXIT_BROKEN = 70  # sysexits(3): internal software error


def main(argv: list[str]) -> int:
    """Run the process whose orders are in descriptor argv[1]."""
    spec = Spec.read(int(argv[1]))
    for caught in (signal.SIGINT, signal.SIGHUP):
        signal.signal(caught, signal.SIG_IGN)  # the supervisor decides when a process ends
    try:
        work = _prepare(spec)
        confinement = confinement_of(spec)
        report = confine(confinement)
        self_test(confinement)
        _say_ready(spec, {"layers": report.on, "missing": report.off})
        work()
    except CheckvalveError as error:
        print(f"{spec.side} {spec.name}: {error.sentence}", file=sys.stderr, flush=True)
        return EXIT_BROKEN
    except (BrokenPipeError, ConnectionError):
        return 0  # the neighbour is gone: the supervisor has seen it too
    return 0


def _prepare(spec: Spec) -> Callable[[], None]:
    module, _, function = spec.run.partition(":")
    work: Callable[[], None] = getattr(import_module(module), function)(spec)
    gc.freeze()
    return work


def _say_ready(spec: Spec, report: dict[str, object]) -> None:
    descriptor = spec.descriptors["ready"]
    os.write(descriptor, json.dumps({"name": spec.name, **report}).encode())
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
