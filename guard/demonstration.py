"""A throw-away flow on one machine: both sides, the simulated link, real messages, one account.

Makes a site, starts `guard run low`, `guard run high` and `diode-sim proxy` as the processes they
are (or the two sides in two network namespaces of `diode-sim netns`, with the shipped rules), drops
files, follows both ledgers until every message is accounted for, and checks both ledgers.
`guard demo`, the fault tests and the benchmarks are built on it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from guard.edge.ledger_files import LedgerReader
from guard.edge.making import Made, make_site
from guard.report.account import Account
from schemas.entry import Entry
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

START_WITHIN_S = 60.0
_END_WITHIN_S = 30.0
_RULES = Path(__file__).resolve().parents[1] / "deploy" / "nftables"
_RULES_PORT = 47000


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """What the simulated link does to datagrams; the seed makes it repeatable.

    direct: no simulated link stands between the sockets of the two sides.
    netns: the sides are in two network namespaces with a diode between them.
    """

    loss: float = 0.0
    seed: int = 1
    direct: bool = False
    netns: bool = False
    more: tuple[str, ...] = ()

    def scenario(self) -> str:
        """As a scenario of `diode-sim netns`; "" where nothing happens to datagrams."""
        return f"[link]\nloss = {self.loss}\nseed = {self.seed}\n" if self.loss else ""

    def options(self) -> list[str]:
        """As options of `diode-sim proxy`."""
        return ["--loss", str(self.loss), "--seed", str(self.seed), *self.more]


@dataclass(slots=True)
class Child:
    """A process that was started here, and its first lines of JSON on standard output."""

    popen: "subprocess.Popen[str]"
    name: str

    def await_line(self, key: str, wanted: str = "") -> dict[str, Any]:
        """The first line that has the key (with this value). Raises `Broken` if it ends before."""
        stream = self.popen.stdout
        if stream is None:
            raise Broken(Reason.ROLE_FAILED, f"{self.name} has no output")
        deadline_s = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline_s:
            readable, _, _ = select.select([stream], [], [], 1.0)
            line = stream.readline() if readable else ""
            if readable and not line:
                raise Broken(Reason.ROLE_FAILED, f"{self.name} ended before it ran")
            told: dict[str, Any] = json.loads(line) if line else {}
            if key in told and wanted in ("", told[key]):
                return told
        raise Broken(Reason.ROLE_FAILED, f"{self.name} did not start within {START_WITHIN_S:.0f} s")

    def end(self) -> None:
        """Ask it to end in good order, and wait; then kill it."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.communicate(timeout=_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.communicate()


@dataclass(slots=True)
class Dropped:
    """One file that was dropped: its unique name and when, in nanoseconds since 1970."""

    name: str
    at_ns: int


@dataclass(slots=True)
class Demonstration:
    """Use in a `with`: entering makes the site and starts everything, leaving ends it."""

    folder: Path
    pack: Path
    faults: LinkFaults = field(default_factory=LinkFaults)
    insecure: bool = False
    made: Made = field(init=False)
    account: Account = field(init=False, default_factory=Account)
    dropped: list[Dropped] = field(init=False, default_factory=list)
    cable: dict[str, Any] = field(init=False, default_factory=dict)
    _pair: str = field(init=False, default="")
    _children: list[Child] = field(init=False, default_factory=list)
    _ledgers: list[LedgerReader] = field(init=False, default_factory=list)

    def __enter__(self) -> Self:
        try:
            self._start_all()
        except BaseException:
            self.end()
            raise
        return self

    def _start_all(self) -> None:
        if self.faults.netns:
            listen = link_to = self._start_pair()
        else:
            listen = f"127.0.0.1:{_free_port()}"
            link_to = listen if self.faults.direct else self._start_link(listen)
        self.made = make_site(self.folder, self.pack, link_to, listen)
        sides = [self.start_side("high"), self.start_side("low")]
        for child in sides:
            child.await_line("event", "running")
        self._ledgers = [LedgerReader(side / "ledger") for side in (self.made.low, self.made.high)]

    def __exit__(self, *_: object) -> None:
        self.end()
        for reader in self._ledgers:
            reader.close()

    def end(self) -> None:
        """End both sides in good order (low first), then the link; what that counted is kept."""
        while self._children:
            if len(self._children) == 1 and self._pair:
                with suppress(OSError, ValueError, subprocess.SubprocessError):
                    self.cable = self._pair_status()
            self._children.pop().end()

    def _start_link(self, listen: str) -> str:
        command = ["-m", "diode_sim", "proxy", "--json", "--listen", "127.0.0.1:0", "--to", listen]
        link = self._start("the simulated link", [*command, *self.faults.options()])
        return str(link.await_line("listening")["listening"])

    def _start_pair(self) -> str:
        """Two namespaces and the diode; gives the high end's address, which is the link's."""
        self._pair = f"demo-{os.getpid()}"
        command = ["-m", "diode_sim", "netns", "up", "--foreground", "--json", "--name", self._pair]
        for side in ("low", "high"):
            rules = _RULES / f"checkvalve-{side}.nft"
            if not rules.exists():
                raise Malformed(Reason.ARGUMENT, f"{rules} is not here: use the project's folder")
            command += [f"--{side}-rules", str(rules)]
        if scenario := self.faults.scenario():
            path = self.folder.parent / f"{self.folder.name}-link.toml"
            path.write_text(scenario)
            command += ["--scenario", str(path)]
        told = self._start("the pair of namespaces", command).await_line("ends")
        return f"{told['ends']['high']['ipv4']}:{_RULES_PORT}"

    def _pair_status(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "diode_sim", "netns", "status", "--json"]
        done = subprocess.run(  # noqa: S603 - this program and a name made here
            [*command, "--name", self._pair], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, check=False, timeout=START_WITHIN_S,
        )  # fmt: skip
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return told

    def start_side(self, side: str) -> Child:
        """Start one side; the caller awaits its first event."""
        command = ["-m", "guard", "run", side, "--site", str(self.folder / side), "--json"]
        command += ["--insecure"] * self.insecure
        if self._pair:
            into = ["-m", "diode_sim", "netns", "exec", "--name", self._pair, "--no-root", side]
            command = [*into, "--", sys.executable, *command]
        return self._start(f"the {side} side", command)

    def side(self, side: str) -> Child:
        """The process of a side that was started last."""
        return next(it for it in reversed(self._children) if it.name == f"the {side} side")

    def _start(self, name: str, arguments: Sequence[str]) -> Child:
        log = (self.folder.parent / f"{self.folder.name}.log").open("a")
        with log:
            popen = subprocess.Popen(  # noqa: S603 - this program and options made here
                [sys.executable, *arguments],
                stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        child = Child(popen, name)
        self._children.append(child)
        return child

    # -- messages ----------------------------------------------------------------------------

    def drop(self, payload: bytes, name: str, sidecar: bytes | None = None) -> None:
        """Drop one file as a sender does: written beside, then renamed in; the sidecar first."""
        folder = f"{self.made.low}/spool/drop/{self.made.policy.senders[0]}"
        unique = f"{len(self.dropped):07d}-{name}"
        if sidecar is not None:
            _write(f"{folder}/.sidecar.tmp", sidecar)
            os.rename(f"{folder}/.sidecar.tmp", f"{folder}/{unique}.meta.json")
        _write(f"{folder}/.drop.tmp", payload)
        self.dropped.append(Dropped(unique, time.time_ns()))
        os.rename(f"{folder}/.drop.tmp", f"{folder}/{unique}")

    def lay_ready(self, payload: bytes, name: str) -> tuple[str, str]:
        """Write a file beside the drops, as yet unseen: `drop_laid` renames it in."""
        folder = f"{self.made.low}/spool/drop/{self.made.policy.senders[0]}"
        hidden = f"{folder}/.{name}"
        _write(hidden, payload)
        return hidden, f"{folder}/{name}"

    def drop_laid(self, laid: tuple[str, str]) -> None:
        """Drop a file that was laid ready: one rename."""
        hidden, seen = laid
        self.dropped.append(Dropped(seen.rpartition("/")[2], time.time_ns()))
        os.rename(hidden, seen)

    def follow(self) -> Account:
        """Read what is new in both ledgers into the account."""
        self.low_entries()
        for entry in self._ledgers[1].take():
            self.account.see_high(entry)
        return self.account

    def low_entries(self) -> list[Entry]:
        """What is new in the source side's ledger; counted in the account as well."""
        entries = self._ledgers[0].take()
        for entry in entries:
            self.account.see_low(entry)
        return entries

    def settled(self) -> bool:
        """Whether every dropped message has reached its one place, on both sides."""
        account = self.follow()
        arrived = len(account.delivered) + len(account.held_high) + account.gaps
        return (
            account.decided >= len(self.dropped)
            and account.sent >= len(account.committed)
            and arrived >= account.sent
        )

    def latencies_ms(self) -> list[float]:
        """From a file's drop to its appearance in the output queue, ascending."""
        at_ns = {dropped.name: dropped.at_ns for dropped in self.dropped}
        sequences = self.account.delivering
        arrived_ns = {
            sequences[path.stem]: path.stat().st_ctime_ns
            for path in self.delivered_files()
            if path.stem in sequences
        }
        return sorted(
            (arrived_ns[sequence] - at_ns[name]) / 1e6
            for sequence, name in self.account.committed.values()
            if sequence in arrived_ns and name in at_ns
        )

    def delivered_files(self) -> Iterable[Path]:
        """The delivered payloads in the output queue, in no order."""
        destination = self.made.policy.destination
        extension = destination.extension if destination else "bin"
        found = (self.made.high / "queue").glob(f"**/new/**/*.{extension or '*'}")
        return (path for path in found if not path.name.endswith(".meta.json"))

    def pids(self, side: str) -> dict[str, int]:
        """The processes of a side by name, as its supervisor last wrote them."""
        status = json.loads((self.folder / side / "run" / "status.json").read_text())
        return {process["name"]: process["pid"] for process in status["processes"]}


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.write(descriptor, content)
    os.close(descriptor)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
