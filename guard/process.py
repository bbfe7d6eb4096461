"""The start of every process of a side: read the orders, import, confine, prove it, work.

`python -I -m guard.process DESCRIPTOR`. Imports nothing of a role before it knows which it is, so
that each process holds its own code only. Everything is imported and compiled before the
confinement goes on; after it the process proves to itself that what is forbidden fails, reports
ready, and runs until its inlets end.
"""

import contextlib
import errno
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from guard.edge.confinement import Report
from guard.edge.processes import LAST_WORDS_BYTES_MAX
from guard.edge.rights import confinement_of
from guard.edge.sandbox import confine, self_test
from guard.edge.spec import Spec
from guard.edge.system_calls import call
from schemas.errors import Broken, CheckvalveError
from schemas.reasons import Reason

EXIT_BROKEN = 70  # sysexits(3): internal software error
GARBAGE_THRESHOLD = 50_000  # messages make no cycles: look for them seldom
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run the process whose orders are in descriptor argv[1]."""
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # no process outlives its supervisor
    spec = Spec.read(int(argv[1]))
    for caught in (signal.SIGINT, signal.SIGHUP):
        signal.signal(caught, signal.SIG_IGN)  # the supervisor decides when a process ends
    try:
        work = prepare(spec)
        confinement = confinement_of(spec)
        report = confine(confinement)
        if report.missing and not spec.values["insecure"]:
            raise Broken(Reason.SANDBOX_MISSING, f"{report.missing[0]}: see guard doctor")
        self_test(confinement)
        _say_ready(spec, report)
        work()
    except CheckvalveError as error:
        _say_why(spec, error.reason, error.sentence)
        return EXIT_BROKEN
    except (BrokenPipeError, ConnectionError):
        return 0  # the neighbour is gone: the supervisor has seen it too
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        reason = Reason.DISK if error.errno in _OF_THE_DISK else Reason.ROLE_FAILED
        _say_why(spec, reason, f"{error.strerror}{where}")
        return EXIT_BROKEN
    return 0


def _say_why(spec: Spec, reason: Reason, sentence: str) -> None:
    """To people, and to the supervisor: it goes into the status, the metrics and the ledger."""
    with contextlib.suppress(OSError):
        print(f"{spec.side} {spec.name}: {sentence}", file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        os.write(spec.descriptors["ready"], f"{reason}|{sentence}".encode()[:LAST_WORDS_BYTES_MAX])


def prepare(spec: Spec) -> Callable[[], None]:
    """Import and compile all that the role needs; gives its work."""
    module, _, function = spec.run.partition(":")
    work: Callable[[], None] = getattr(import_module(module), function)(spec)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    return work


def _say_ready(spec: Spec, report: Report) -> None:
    descriptor = spec.descriptors["ready"]
    layers = [[layer.name, layer.state, layer.sentence] for layer in report.layers]
    os.write(descriptor, json.dumps({"name": spec.name, "layers": layers}).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
