"""A process of a side that is started as it would be, and then tries to break out.

`python -I -m guard.trial.process DESCRIPTOR`, started by the supervisor in the place of
`guard.process`, with the same orders. It imports and compiles its role's code as that does. Then
copies of it put on one layer of the sandbox each, and none, and try everything; at last it
confines itself wholly and tries again. It reports on the descriptor for `ready`:

    layers      of the whole confinement: [name, state, sentence]
    alone       layer (or "host": none) -> the attempts that it stops alone
    results     attempt -> "" when it was possible, else the error's name
    left_open   descriptors that are open in the end and are not its own
    strange     variables of the environment that are not the supervisor's constants
    keys        names of the secrets it was given, descriptors: of the channels
    modules     all that is imported when it is confined; after that nothing more can be
"""

import errno
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from guard.core.journey import CHAIN
from guard.edge.confinement import Confinement
from guard.edge.processes import ENVIRONMENT
from guard.edge.rights import confinement_of
from guard.edge.sandbox import confine, confine_by, self_test
from guard.edge.scanning import ANSWER, QUESTION
from guard.edge.spec import Spec
from guard.edge.system_calls import call
from guard.high import HIGH
from guard.low import LOW
from guard.process import EXIT_BROKEN, prepare
from guard.trial.attempts import Attempt, Place, attempts
from guard.trial.expected import ENDS
from schemas.errors import CheckvalveError

LAYERS = (
    "descriptors", "limits", "network namespace", "empty root", "user", "privileges", "landlock",
    "seccomp",
)  # fmt: skip
HOST = "host"
SITE_FOLDERS = ("keys", "trust", "run", "documents")
_PR_SET_PDEATHSIG = 1
_LIVES_S, _TRIES_WITHIN_S = 60, 20
_STANDARD = 3
_OURS = frozenset(
    {  # what the trial itself imported, beyond guard.process
        "guard.trial",
        "guard.trial.attempts",
        "guard.trial.expected",
        "guard.trial.process",
        "guard.low",
        "guard.high",
    }
)
_NULL_DEVICE = os.stat("/dev/null").st_rdev


def main(argv: list[str]) -> int:
    """Try, report, and wait to be ended, so that the starter can look at the process."""
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    spec = Spec.read(int(argv[1]))
    ready = spec.descriptors["ready"]
    strange = sorted(os.environ.keys() - ENVIRONMENT.keys())
    try:
        work = prepare(spec)  # kept: what it holds of the descriptors stays open
        modules = sorted(sys.modules.keys() - _OURS)
        confinement = confinement_of(spec)
        tried = list(attempts(place_of(spec, confinement)))
        alone = {HOST: _alone(confinement, "", tried)}
        alone |= {layer: _alone(confinement, layer, tried) for layer in LAYERS}
        report = confine(confinement)
        self_test(confinement)
    except CheckvalveError as error:
        print(f"{spec.side} {spec.name}: {error.sentence}", file=sys.stderr, flush=True)
        return EXIT_BROKEN
    told = {
        "layers": [[layer.name, layer.state, layer.sentence] for layer in report.layers],
        "alone": alone,
        "results": dict(_results(tried)),
        "left_open": _left_open(confinement),
        "strange": strange,
        "keys": sorted(spec.keys),
        "descriptors": sorted(spec.descriptors),
        "modules": modules,
    }
    os.write(ready, json.dumps(told).encode())
    time.sleep(_LIVES_S)
    del work
    return 0


def place_of(spec: Spec, confinement: Confinement) -> Place:
    """Where this process tries: its channels by direction, and all folders of its side."""
    channels = {name: number for name, number in spec.descriptors.items() if name != "ready"}
    journey = LOW if spec.side == "low" else HIGH
    row = next(
        role for role in journey.roles
        if role.name == (
            CHAIN if spec.name.startswith("stage:") else spec.name.partition(":")[0]
        )
    )  # fmt: skip
    serves = "listener" in channels
    ends = (row.hears, row.tells)
    if row.name == CHAIN:
        ends = ENDS[spec.run.removeprefix("guard.roles.").removesuffix(":prepare")]
    tells = {*ends[1], *(() if serves else ("feed",)), QUESTION}
    hears = {*ends[0], *(("feed", "stages-feed") if serves else ()), ANSWER}
    tells |= {name for name in channels if name.startswith(f"{ANSWER}-")}
    hears |= {name for name in channels if name.startswith(f"{QUESTION}-")}
    udp = {name: number for name, number in channels.items() if name.startswith("udp")}
    folder = Path(spec.text("folder"))
    return Place(
        hears={name: channels[name] for name in sorted(hears & channels.keys())},
        tells={name: channels[name] for name in sorted(tells & channels.keys())},
        folders={name: str(folder / name) for name in (*journey.folders, *SITE_FOLDERS)},
        other_pid=os.getppid(),
        memory_bytes_max=confinement.memory_bytes_max,
        udp_to=udp if spec.side == "low" else {},
        udp_from=udp if spec.side == "high" else {},
        listener=channels.get("listener"),
    )


def _alone(confinement: Confinement, layer: str, tried: list[tuple[str, Attempt]]) -> list[str]:
    """The attempts that one layer (none, for "") refuses, in a copy of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _try_in_copy(confinement, layer, tried, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said.splitlines()


def _try_in_copy(
    confinement: Confinement, layer: str, tried: list[tuple[str, Attempt]], writing: int
) -> None:
    signal.alarm(_TRIES_WITHIN_S)
    with_pipe = replace(confinement, descriptors=confinement.descriptors | {writing})
    try:
        if not layer or confine_by(with_pipe, layer):
            refused = [name for name, error in _results(tried) if error]
            os.write(writing, "\n".join(refused).encode())
    finally:
        os._exit(0)


def _results(tried: list[tuple[str, Attempt]]) -> Iterator[tuple[str, str]]:
    for name, attempt in tried:
        try:
            attempt()
        except OSError as error:
            yield name, errno.errorcode.get(error.errno or 0, "refused")
        except (RuntimeError, MemoryError, ValueError) as error:
            yield name, type(error).__name__
        else:
            yield name, ""


def _left_open(confinement: Confinement) -> list[int]:
    """Descriptors that are open and neither its own nor, for 0 and 1, the null device."""
    own = confinement.descriptors
    found = [number for number in range(confinement.files_max) if _is_open(number)]
    return [n for n in found if n not in own and not (n < _STANDARD and _is_null(n))]


def _is_null(number: int) -> bool:
    return os.fstat(number).st_rdev == _NULL_DEVICE


def _is_open(number: int) -> bool:
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:  # the number is free
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv))
