"""Every process of both sides starts, confined as it would be, and tries to break out.

Makes a throw-away site of a pack, starts each side's processes through its supervisor with
`guard.trial.process` in the place of `guard.process`, and holds what they report, and what the
kernel says of them from outside, against their rows. What `guard doctor --sandbox` prints.
"""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filters.policy_check import asks
from guard.core.journey import Journey, May
from guard.edge.collector import FILE
from guard.edge.confinement import State
from guard.edge.making import make_site, pack_folder
from guard.edge.policy_memory import PolicyMemory
from guard.edge.seats import Seat
from guard.edge.site import Site, load_site
from guard.high import HIGH
from guard.low import LOW
from guard.supervise import Supervisor
from guard.trial import expected
from guard.trial.outside import faults_from_outside
from guard.trial.process import HOST, LAYERS
from schemas.policy import StageLine
from schemas.token_names import KEY_PREFIX, SEALING_STAGE

_NOWHERE = "127.0.0.1:9"
_ANY_PORT = "127.0.0.1:0"
_COPIES = len(LAYERS) + 2  # with none of the layers, and with all


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt of one process. by: the layers that each stop it alone; "host" among them means
    that this host refuses it to an unconfined process too."""

    name: str
    allowed: bool
    error: str
    by: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Possible exactly if its row allows it."""
        return self.allowed == (not self.error)


@dataclass(frozen=True, slots=True)
class Trial:
    """One process: what it tried, the layers [name, state, sentence], and sentences of what is
    not as it must be beside the attempts. modules: what it had imported."""

    side: str
    name: str
    group: str
    layers: list[list[str]]
    tried: tuple[Tried, ...]
    faults: tuple[str, ...]
    modules: frozenset[str] = frozenset()

    @property
    def missing(self) -> list[str]:
        """The layers that its row wants and this host lacks."""
        return [name for name, state, _ in self.layers if state == State.MISSING]

    @property
    def off(self) -> list[str]:
        """The layers that only root can put on."""
        return [name for name, state, _ in self.layers if state == State.NOT_ROOT]

    @property
    def wrong(self) -> list[str]:
        """A sentence for everything that is not as the row says."""
        attempts = [
            f"{each.name}: " + ("is refused, and its row allows it (" + each.error + ")"
                                if each.allowed else "is possible")
            for each in self.tried if not each.right
        ]  # fmt: skip
        missing = [f"the layer {name} is missing" for name in self.missing]
        return [*attempts, *self.faults, *missing]


class Trying(Supervisor):
    """A supervisor whose processes try instead of work."""

    program = "guard.trial.process"

    def try_out(self) -> Iterator[tuple[Seat, dict[str, Any]]]:
        """Start every process once as `run` would, give each with its report, then end them all."""
        try:
            for domain in dict.fromkeys(seat.role.domain for seat in self._seats):
                self._start(domain)
            yield from ((seat, self._layers[seat.name]) for seat in self._seats)
        finally:
            for seat in self._seats:
                self._end(seat)
            self._close()

    def _close(self) -> None:
        for each in (*self._feed, *self._stages_feed, *self._udp, self._metrics):
            each.close()
        for descriptor in (*self._stop_asked, self._alone):
            os.close(descriptor)


def trials(pack: str = "c2", starting: type[Trying] = Trying) -> Iterator[Trial]:
    """Every process of the low side, then of the high side, then of the high side once more with
    a process a message."""
    folder = Path(tempfile.mkdtemp(prefix="checkvalve-trial-"))
    try:
        folder.chmod(0o711)
        made = make_site(folder / "site", pack_folder(pack), _NOWHERE, _ANY_PORT)
        for journey, side in ((LOW, made.low), (HIGH, made.high)):
            yield from _trials_of(starting, journey, _site_of(side))
        yield from _trials_of(starting, HIGH, _site_of(made.high, isolation="message"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _site_of(folder: Path, **chain: str) -> Site:
    """The site, with the roles that not every site has, and a stage that asks the scanner."""
    site = load_site(folder)
    scanner = f"unix:{folder}/run/scanner.sock"
    file = site.file.model_copy(update={"export": FILE, "antivirus": scanner})
    stages = [StageLine(name="antivirus"), *site.chain.stage]
    return replace(site, file=file, chain=site.chain.model_copy(update={"stage": stages, **chain}))


def _trials_of(starting: type[Trying], journey: Journey, site: Site) -> Iterator[Trial]:
    folder = site.folder
    stages = [f"stage:{line.name}" for line in site.chain.stage]
    supervisor = starting(site, journey, lambda _: None, PolicyMemory(), insecure=True)
    with contextlib.ExitStack() as clients:
        for _ in range(_COPIES):  # an accept that is possible does not wait
            client = clients.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.connect(str(folder / "run" / "metrics.sock"))
        for seat, report in supervisor.try_out():
            faults = [*_given(seat, report, stages, len(site.file.links))]
            if seat.process is not None:
                faults += faults_from_outside(
                    seat.process.pid, report["layers"], forks=May.FORK in seat.role.may
                )
            code = _code_of(seat)
            group = (seat.kind or code) if code == expected.STAGE else code
            yield Trial(
                journey.name, seat.name, str(group), report["layers"],
                tuple(_tried(seat, report)), tuple(faults),
                frozenset(report["modules"]),
            )  # fmt: skip


def _asks(seat: Seat) -> bool:
    return seat.kind is not None and seat.line is not None and asks(seat.line)


def _code_of(seat: Seat) -> str:
    """The role whose code it runs: a stage is one process of the chain, or two."""
    return seat.role.run.removeprefix("guard.roles.").removesuffix(":prepare")


def _tried(seat: Seat, report: dict[str, Any]) -> Iterator[Tried]:
    results: dict[str, str] = report["results"]
    may = expected.allowed(seat.role, seat.kind, results, threads=seat.threads)
    alone = {layer: set(names) for layer, names in report["alone"].items()}
    for name, error in results.items():
        stopped = tuple(layer for layer in (HOST, *LAYERS) if name in alone[layer])
        by = (HOST,) if HOST in stopped else stopped
        yield Tried(name, name in may, error, by)


def _given(seat: Seat, report: dict[str, Any], stages: list[str], links: int) -> Iterator[str]:
    """Whether it was given what its row says, and nothing else."""
    for what, wanted in (
        ("keys", expected.keys(seat.role, stages)),
        ("descriptors",
         expected.descriptors(seat.role, links, _code_of(seat), asks=_asks(seat))),
    ):  # fmt: skip
        besides = expected.second_keys(seat.role) if what == "keys" else frozenset()
        if what == "keys" and seat.line is not None and seat.line.catalog_name == SEALING_STAGE:
            besides |= {name for name in report[what] if name.startswith(KEY_PREFIX)}
        if more := (set(report[what]) - besides) ^ wanted:
            yield f"{what} differ from its row: {', '.join(sorted(more))}"
    if report["left_open"]:
        yield f"descriptors left open: {report['left_open']}"
    if report["strange"]:
        yield f"its environment has {', '.join(report['strange'])}"
