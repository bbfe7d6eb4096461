"""`python -m diode_sim.netns.holder SPEC`: the process that is one pair of namespaces.

Takes its orders (`Spec`, as JSON) on the command line, says `{"up": ...}` or `{"error": ...}` in
one line, and then answers on an abstract Unix socket whose name holds the pair's. Such a socket is
no file: the name is taken while the process lives and free when it does not, however it ended.
Everything else hangs on this process too: the diode's namespace is its own, the ends and all that
runs in them live by `keeper`, what passes frames on by the kernel's word (`kernel.die_with`).

Answers `status`, `enter` (with the descriptors of an end), `listens` and `end`, to its own user.
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from diode_sim.netns import kernel
from diode_sim.netns.cable import Rules, bring_up, join_by_diode, read_counters
from diode_sim.netns.keeper import Keeper, start_keeper
from diode_sim.netns.side import NAMES, Side, new_side
from schemas.errors import CheckvalveError, Malformed
from schemas.reasons import Reason

ANSWER_BYTES_MAX = 65_536
HEARS_WITHIN_S = 5.0
PATH_WITHIN_S = 20.0
_CREDENTIALS = struct.Struct("=iII")


@dataclass(frozen=True, slots=True)
class Spec:
    """What pair to be.

    options   of the link models, as `Options.model_dump()`; None: the kernel passes frames on
    tied_to   process without which it ends; 0: none
    """

    name: str
    mtu_bytes: int = 1500
    options: dict[str, Any] | None = None
    low_rules: str = ""
    high_rules: str = ""
    tied_to: int = 0

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """From `text`, which this program wrote."""
        return cls(**json.loads(text))

    def rules(self) -> Rules:
        """The files for the ends."""
        return Rules(*(Path(text) if text else None for text in (self.low_rules, self.high_rules)))


def socket_name(user: int, name: str) -> bytes:
    """The pair's name as an abstract socket."""
    return f"\0diode-sim/{user}/{name}".encode()


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end of a Unix socket."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, user, _ = _CREDENTIALS.unpack(told)
    return process, user


@dataclass(slots=True)
class Holder:
    """One pair, from `make` until `end`."""

    spec: Spec
    listener: socket.socket
    made_s: float = field(default_factory=time.time)
    keepers: list[Keeper] = field(default_factory=list)
    sides: list[Side] = field(default_factory=list)
    middle: Side = field(init=False)
    path: "subprocess.Popen[str] | None" = None

    def make(self) -> None:
        """Build it. Raises the project's errors."""
        for name in NAMES:
            keeper = start_keeper()
            self.keepers.append(keeper)
            self.sides.append(new_side(name, keeper.namespaces["net"]))
        low, high = self.sides
        self.middle = Side("diode", kernel.this_namespace("net"), {}, "")
        by_kernel = self.spec.options is None
        join_by_diode(low, self.middle, high, self.spec.mtu_bytes, fwd=by_kernel)
        if not by_kernel:
            self._start_path()
        bring_up(low, high, self.spec.mtu_bytes, self.spec.rules())

    def _start_path(self) -> None:
        words = [sys.executable, "-m", "diode_sim.netns.path", str(os.getpid()),
                 json.dumps(self.spec.options)]  # fmt: skip
        self.path = self.middle.start(words)
        if self._told_by_path(PATH_WITHIN_S) is None:
            raise Malformed(Reason.LINK_DOWN, "what passes datagrams on did not start")

    def _told_by_path(self, within_s: float) -> dict[str, int] | None:
        """A line of counters from the process; None if it has ended."""
        if self.path is None or self.path.stdout is None:
            return None
        if not select.select([self.path.stdout], [], [], within_s)[0]:
            return None
        line = self.path.stdout.readline()
        return json.loads(line) if line else None

    def path_counters(self) -> dict[str, int] | None:
        """What the models have done to datagrams so far; None if nobody does, or it has ended."""
        if self.path is None or self.path.stdin is None:
            return None
        with suppress(OSError):
            self.path.stdin.write("\n")
            self.path.stdin.flush()
        return self._told_by_path(HEARS_WITHIN_S)

    def status(self) -> dict[str, Any]:
        """What `status` tells."""
        return {
            "name": self.spec.name,
            "process": os.getpid(),
            "since_s": int(self.made_s),
            "mtu_bytes": self.spec.mtu_bytes,
            "ends": {
                side.name: {f"ipv{version}": host for version, host in side.hosts.items()}
                for side in self.sides
            },
            **read_counters(self.middle),
            "models": self.path_counters(),
            "works": self.spec.options is None or (
                self.path is not None and self.path.poll() is None
            ),
        }  # fmt: skip

    def serve(self, wake: int) -> None:
        """Answer until told to end, by request or signal, or an end's process 1 is gone."""
        watched = [self.listener.fileno(), wake, *(keeper.inner for keeper in self.keepers)]
        while True:
            ready = select.select(watched, [], [])[0]
            if ready != [self.listener.fileno()]:
                return
            with suppress(OSError, ValueError):  # who does not speak as we do gets no answer
                connection, _ = self.listener.accept()
                with connection:
                    connection.settimeout(HEARS_WITHIN_S)
                    if self._answer(connection) == "end":
                        return

    def _answer(self, connection: socket.socket) -> str:
        if peer_of(connection)[1] != os.geteuid():
            return ""
        asked = json.loads(connection.recv(ANSWER_BYTES_MAX))
        descriptors: list[int] = []
        answer: dict[str, Any] = {}
        try:
            match asked.get("do"):
                case "status":
                    answer = self.status()
                case "enter":
                    keeper = self.keepers[NAMES.index(asked.get("side"))]
                    descriptors = list(keeper.namespaces.values())
                case "listens":
                    side = self.sides[NAMES.index(asked.get("side"))]
                    answer = {"listens": side.listens()}
                case "end":
                    answer = self.status()
                    self.end()
        except CheckvalveError as error:
            answer = {"error": error.sentence}
        socket.send_fds(connection, [json.dumps(answer).encode()], descriptors)
        return str(asked.get("do"))

    def end(self) -> None:
        """Take everything away. May be called again."""
        while self.keepers:
            self.keepers.pop().end()
        if self.path:
            self.path.kill()
            self.path.wait()
            self.path = None


def main() -> None:
    """Be the pair that the argument says."""
    spec = Spec.read(sys.argv[1])
    if spec.tied_to:
        kernel.die_with(spec.tied_to)
    wake_in, wake_out = socket.socketpair()
    wake_out.setblocking(False)
    signal.set_wakeup_fd(wake_out.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        holder = Holder(spec, _listen(spec.name))
        _go_into_the_diode()
        if spec.tied_to:
            kernel.die_with(spec.tied_to)
    except CheckvalveError as error:
        _say({"error": error.sentence, "reason": error.reason})
        sys.exit(1)
    try:
        holder.make()
        _say({"up": spec.name})
        if not spec.tied_to:
            kernel.leave_terminal()
        holder.serve(wake_in.fileno())
    except CheckvalveError as error:
        _say({"error": error.sentence, "reason": error.reason})
    except BrokenPipeError:
        pass  # who asked for the pair is gone: so is the pair
    finally:
        holder.end()


def _listen(name: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(socket_name(os.geteuid(), name))
    except OSError as error:
        raise Malformed(
            Reason.LINK_DOWN, f"there is a pair named {name} already: give another --name, or"
            f" take it down with  diode-sim netns down --name {name}"
        ) from error  # fmt: skip
    listener.listen()
    return listener


def _go_into_the_diode() -> None:
    """This process is in a new network namespace, and has all rights over it."""
    root = os.geteuid() == 0
    try:
        if not root:
            kernel.become_namespace_root()
        kernel.unshare(kernel.NEWNET)
    except OSError as error:
        who, mend = ("root", "") if root else ("a user who is not root", ": use sudo")
        raise Malformed(
            Reason.SANDBOX_MISSING,
            f"this host lets {who} make no network namespace ({error.strerror}){mend}",
        ) from error


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
