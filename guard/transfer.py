"""The bare link as a tool: starts, watches and ends its two kinds of process, and names files.

`Sending` starts the sender of some files; `Receiving` opens the sockets, keeps them while it
starts the receiver again when that ends, and has complete streams given their names. The two
processes are confined as the guard's own roles are: what the table here does not list is not
possible. What they tell is looked at as from outside. Follows docs/spec/link-files.md.
"""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from guard.core.journey import May, Role, State
from guard.edge import durable
from guard.edge.confinement import State as LayerState
from guard.edge.finishing import Finisher, Namer
from guard.edge.keys import read_secret
from guard.edge.link_key import LinkKey
from guard.edge.naming import FileToSend
from guard.edge.processes import Process, start
from guard.edge.rights import write_rights
from guard.edge.sockets import Ear, one_way_pair
from guard.edge.spec import Spec, Value
from guard.edge.stream_landing import INCOMING
from guard.edge.told import Fact, read_receiver, read_sender
from guard.edge.udp import open_receiver, open_sender
from guard.link.params import LinkParams
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

__all__ = ["Fact", "LinkKey", "ReceiveOrder", "Receiving", "SendOrder", "Sending"]

STATE_FOLDER = ".checkvalve"
FILES_PER_S = 1000

SENDER = Role(
    "link-send", "guard.roles.link_send:prepare", State.NONE, State.SENT,
    tells=("tell",), reads=("the files",), may=May.LINK_KEY | May.SEND_UDP, domain="link",
)  # fmt: skip
RECEIVER = Role(
    "link-receive", "guard.roles.link_receive:prepare", State.SENT, State.LANDED,
    tells=("tell",), writes=(".",), may=May.LINK_KEY | May.RECEIVE_UDP, domain="link",
)  # fmt: skip

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RESTART_S, _RESTART_S_MAX = 0.2, 5.0
_STEADY_S = 10.0  # one that lived so long and ends may be started again at once
_STARTS_MAX = 20  # in a row that came to nothing
_POLL_MS = 100
_END_WITHIN_S = 5
_NAMES_WITHIN_S = 60
_FACTS_AT_ONCE = 1000

Layers = list[list[str]]
"""The layers of a process's confinement: name, state, sentence."""


@dataclass(frozen=True, slots=True)
class SendOrder:
    """What to send and how. links: the receiver's ADDRESS:PORT, one a link; sources: our own;
    files_per_s: as many as the receiver can make on its disk."""

    key: Path
    links: list[str]
    files: list[FileToSend]
    params: LinkParams
    sources: list[str] = field(default_factory=list)
    copies: bool = False
    precedence: int = 0
    flow: int = 1
    compression: str = "off"
    files_per_s: int = FILES_PER_S


@dataclass(frozen=True, slots=True)
class ReceiveOrder:
    """Where to listen, and where files land. source: the one address that may send, or ""."""

    key: Path
    links: list[str]
    folder: Path
    params: LinkParams
    source: str = ""
    replace: bool = False
    flow: int = 1
    compression: str = "off"


class _Worker:
    """One confined process and what it tells. `heard_out`: it will tell nothing more, because
    it has ended, or told what no such process tells."""

    def __init__(
        self, role: Role, values: dict[str, Value], key: bytes, sockets: list[socket.socket],
        reads: list[str], more: dict[str, int], read: Callable[[bytes], Fact],
    ) -> None:  # fmt: skip
        hearing, telling = one_way_pair()
        rights = write_rights(role, None, 0, None, None) | {"reads": list(reads)}
        descriptors = {"tell": telling.fileno(), **more}
        descriptors |= {f"udp{at}": one.fileno() for at, one in enumerate(sockets)}
        spec = Spec(role.name, role.run, "link", descriptors, values, {"link": key}, {}, rights)
        self._read = read
        self.heard_out = False
        self._ear = Ear(hearing.detach())
        try:
            self.process: Process = start(spec)
        except BaseException:
            self._ear.close()
            raise
        finally:
            telling.close()
        self.started_s = time.monotonic()
        try:
            self.layers = _confined(role, self.process.await_ready()["layers"])
        except BaseException:
            self.end()
            raise

    def facts(self, wait_ms: int) -> Iterator[Fact]:
        """What was told; waits at most so long for the first."""
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        poll.poll(0 if self.heard_out else wait_ms)
        for _ in range(_FACTS_AT_ONCE):
            if self.heard_out:
                return
            try:
                packet = self._ear.hear_now()
                if not packet:
                    self.heard_out = packet is None
                    return
                fact = self._read(packet)
            except Malformed as error:
                self.heard_out = True
                fact = {"what": "alarm", "reason": error.reason, "sentence": error.sentence}
            yield fact

    def ask_to_end(self) -> None:
        """Wait until it has ended, or not much longer."""
        if self.process.ended() is None:
            self.process.signal(signal.SIGTERM)
            poll = select.poll()
            poll.register(self.process.pidfd, select.POLLIN)
            poll.poll(_END_WITHIN_S * 1000)

    def end(self) -> int:
        """Kill it if it runs."""
        self._ear.close()
        return self.process.end()


def _confined(role: Role, layers: Layers) -> Layers:
    """The layers as they were. Raises `Broken` if one is not on that every host must have."""
    states = {name: state for name, state, _ in layers}
    for name in ("limits", "privileges", "landlock", "seccomp"):
        if states.get(name) != LayerState.ON:
            raise Broken(Reason.SANDBOX_MISSING, f"{role.name} is not confined by {name}")
    return layers


class _Watched:
    """One confined process, as it is now."""

    _worker: _Worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._worker.process.pid

    @property
    def layers(self) -> Layers:
        """The layers of its confinement."""
        return self._worker.layers


class Sending(_Watched):
    """One run of the sender; iterate over what it tells. Nobody else uses its key meanwhile."""

    def __init__(self, order: SendOrder) -> None:
        """Opens the sockets, takes the session and the sequences, starts the process."""
        key = read_secret(order.key)
        sources = order.sources or [""] * len(order.links)
        sockets: list[socket.socket] = []
        try:
            for to, source in zip(order.links, sources, strict=True):
                sockets.append(_named(source or to, open_sender, to, source or None))
            self._taken = LinkKey(order.key).take(len(order.files))
            try:
                self._worker = self._start(order, key, sockets)
            except BaseException:
                self._taken.close()
                raise
        finally:
            for one in sockets:
                one.close()
        self.session, self.first_sequence = self._taken.session, self._taken.first_sequence
        self._ended = False

    def _start(self, order: SendOrder, key: bytes, sockets: list[socket.socket]) -> _Worker:
        values: dict[str, Value] = {
            "folder": "/", "insecure": 0, "flow": order.flow, "session": self._taken.session,
            "first_sequence": self._taken.first_sequence, "precedence": order.precedence,
            "copies": int(order.copies), "links": list(order.links),
            "compression": order.compression, "files_per_s": order.files_per_s,
            "params": asdict(order.params), "files": [file.order for file in order.files],
        }  # fmt: skip
        reads = sorted({str(file.root) for file in order.files if file.root is not None})
        pipe = [file.descriptor for file in order.files if file.root is None]
        more = {"input": pipe[0]} if pipe else {}
        return _Worker(SENDER, values, key, sockets, reads, more, read_sender)

    def facts(self) -> Iterator[Fact]:
        """Until it has sent all. Raises `Broken` if it ends before that."""
        over = False
        while not over:
            for fact in self._worker.facts(_POLL_MS):
                over |= fact["what"] == "sent"
                yield fact
            if self._worker.heard_out and not over:
                self.close()
                raise Broken(Reason.ROLE_FAILED, "the sender ended before everything was sent")
        self.close()

    def stop(self) -> None:
        """End it now; what was not sent is a gap on the other side."""
        self._worker.process.signal(signal.SIGTERM)

    def close(self) -> None:
        """End the process, if it still runs; its key is free then."""
        if not self._ended:
            self._ended = True
            self._worker.ask_to_end()
            self._worker.end()
            self._taken.close()


class Receiving(_Watched):
    """The receiver over restarts, and the naming of what it completes."""

    def __init__(self, order: ReceiveOrder) -> None:
        """Opens the sockets, so that nothing that comes from now on is answered by the kernel."""
        self.starts_max = _STARTS_MAX
        self._order = order
        self._key = read_secret(order.key)
        self._state = order.folder / STATE_FOLDER
        incoming = self._state / INCOMING
        for folder in (order.folder, self._state, incoming):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = _held_alone(self._state)
        rate_mbit_per_s = max(1, order.params.rate_bits_per_s // 1_000_000)
        self.sockets: list[socket.socket] = []
        self._stopping = threading.Event()
        self._starts = 0  # in a row that came to nothing
        self._failures = 0  # in a row, soon after a start
        self._namer = Namer(Finisher(incoming, order.folder, replace=order.replace))
        self._ended = False
        try:
            for one in order.links:
                self.sockets.append(_named(one, open_receiver, one, rate_mbit_per_s))
            self._worker = self._start()
        except BaseException:
            self._close()
            raise

    def facts(self) -> Iterator[Fact]:
        """For ever, or until `stop`: what the receiver tells, and `file` for each that has its
        name. A fact of an empty `what` comes now and then, so that the caller can look around."""
        while not self._stopping.is_set():
            yield from self._heard(_POLL_MS)
            yield from self._namer.told()
            if self._worker.heard_out and not self._stopping.is_set():
                yield self._restart()
            yield {"what": ""}

    def _heard(self, wait_ms: int) -> Iterator[Fact]:
        for fact in self._worker.facts(wait_ms):
            if fact["what"] == "landed":
                self._namer.put(fact["sequence"])
            elif fact["what"] == "open":
                self._starts = 0
            elif fact["what"] == "complete":
                for sequence in fact["sequences"]:
                    self._namer.put(sequence)
            yield fact

    def ask_to_stop(self) -> None:
        """`facts` ends soon; from another thread."""
        self._stopping.set()

    def rest(self) -> Iterator[Fact]:
        """End the receiver; what it still told, and the files that still got their names.

        For when nobody is in `facts` any more; then `stop`.
        """
        self._stopping.set()
        self._worker.ask_to_end()
        while not self._worker.heard_out and self._worker.process.ended() is not None:
            yield from self._heard(0)
        if not self._namer.end(_NAMES_WITHIN_S):
            sentence = "files still wait for their names: they get them at the next start"
            yield {"what": "alarm", "reason": Reason.ROLE_FAILED, "sentence": sentence}
        yield from self._namer.told()

    def stop(self) -> None:
        """End the receiver and close the sockets, when nobody is in `facts` any more."""
        if self._ended:
            return
        self._stopping.set()
        self._worker.ask_to_end()
        self._worker.end()
        self._close()

    def _close(self) -> None:
        self._ended = True
        self._namer.end(_NAMES_WITHIN_S)
        for one in self.sockets:
            one.close()
        os.close(self._lock)

    def _start(self) -> _Worker:
        order = self._order
        boot = _BOOT_ID.read_text("ascii").strip().replace("-", "")
        values: dict[str, Value] = {
            "folder": str(self._state), "insecure": 0, "flow": order.flow, "boot": boot,
            "compression": order.compression, "source": order.source,
            "link_count": len(order.links), "params": asdict(order.params),
        }  # fmt: skip
        return _Worker(RECEIVER, values, self._key, self.sockets, [], {}, read_receiver)

    def _restart(self) -> Fact:
        """Raises `Broken` when it does not even begin, again and again."""
        code = self._worker.end()
        if time.monotonic() - self._worker.started_s >= _STEADY_S:
            self._failures = 0
        while True:
            self._failures += 1
            self._starts += 1
            if self._starts > self.starts_max:
                sentence = "the receiver ends again and again: see what it says"
                raise Broken(Reason.ROLE_FAILED, sentence)
            self._stopping.wait(min(_RESTART_S * self._failures, _RESTART_S_MAX))
            try:
                self._worker = self._start()
            except (Broken, OSError):
                if self._stopping.is_set():
                    raise
                continue
            return {"what": "restarted", "code": code}


def _held_alone(state: Path) -> int:
    try:
        return durable.hold_alone(state)
    except BlockingIOError as error:
        sentence = f"another receiver lands in {state.parent}: give this one a folder of its own"
        raise Broken(Reason.ARGUMENT, sentence) from error


def _named(
    address: str, opening: Callable[..., socket.socket], *arguments: object
) -> socket.socket:
    """The socket. Raises `Broken` with the address in the sentence."""
    try:
        return opening(*arguments)
    except OSError as error:
        raise Broken(Reason.ARGUMENT, f"{address}: {error.strerror}") from error
