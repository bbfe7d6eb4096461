"""The bare link as a tool: starts, watches and ends its two kinds of process, and names files.

`Sending` starts the sender of some files; `Receiving` opens the sockets, keeps them while it
starts the receiver again when that ends, and gives complete streams their file names. The two
processes are confined as the guard's own roles are: what the table here does not list is not
possible. Follows docs/spec/link-files.md.
"""

import contextlib
import json
import os
import queue
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from guard.core.journey import May, Role, State
from guard.edge.durable_number import DurableNumber
from guard.edge.keys import read_secret
from guard.edge.naming import FileToSend, finish
from guard.edge.processes import Process, start
from guard.edge.rights import write_rights
from guard.edge.sockets import Ear, one_way_pair
from guard.edge.spec import Spec, Value
from guard.edge.udp import open_receiver, open_sender
from guard.link.params import LinkParams
from guard.roles.link_receive import INCOMING
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

STATE_FOLDER = ".checkvalve"
Fact = dict[str, Any]
"""What a process told: `what` and more, see the roles."""

SENDER = Role(
    "link-send", "guard.roles.link_send:prepare", State.NONE, State.SENT,
    tells=("tell",), reads=("the files",), may=May.LINK_KEY | May.SEND_UDP, domain="link",
)  # fmt: skip
RECEIVER = Role(
    "link-receive", "guard.roles.link_receive:prepare", State.SENT, State.LANDED,
    tells=("tell",), writes=(".",), may=May.LINK_KEY | May.RECEIVE_UDP, domain="link",
)  # fmt: skip

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RESTART_S = 0.2
_RESTARTS_MAX = 20  # without anything heard between
_POLL_MS = 100
_END_WITHIN_S = 5


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A link key's file, and the sender's two counters beside it.

    Restoring an old copy of the counters would repeat nonces: after that make a new key.
    """

    path: Path

    def make_counters(self) -> None:
        """For a new key."""
        for number in (self._session, self._sequence):
            DurableNumber(number).set(0)

    def next_session(self, files: int) -> tuple[int, int]:
        """(session, first sequence of so many files), durably taken. Raises `Broken`."""
        for path in (self._session, self._sequence):
            if not path.exists() or not path.stat().st_size:
                raise Broken(
                    Reason.KEY_MISSING,
                    f"the counter {path} is missing: a sender that forgot its sessions would repeat"
                    " them; make a new key with guard link key, and receive with it into a new"
                    " folder (docs/recovery.md)",
                )
        session, sequence = DurableNumber(self._session), DurableNumber(self._sequence)
        number, first = (session.value or 0) + 1, (sequence.value or 0) + 1
        session.set(number)
        sequence.set(first + files - 1)
        return number, first

    @property
    def _session(self) -> Path:
        return self.path.with_name(self.path.name + ".session")

    @property
    def _sequence(self) -> Path:
        return self.path.with_name(self.path.name + ".sequence")


@dataclass(frozen=True, slots=True)
class SendOrder:
    """What to send and how. links: the receiver's ADDRESS:PORT, one a link; sources: our own."""

    key: Path
    links: list[str]
    files: list[FileToSend]
    params: LinkParams
    sources: list[str] = field(default_factory=list)
    copies: bool = False
    precedence: int = 0
    flow: int = 1
    compression: str = "off"


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
    """One confined process and what it tells."""

    def __init__(
        self, role: Role, values: dict[str, Value], key: bytes, sockets: list[socket.socket],
        reads: list[str], more: dict[str, int],
    ) -> None:  # fmt: skip
        hearing, telling = one_way_pair()
        rights = write_rights(role, None, 0, None, None) | {"reads": list(reads)}
        descriptors = {"tell": telling.fileno(), **more}
        descriptors |= {f"udp{at}": one.fileno() for at, one in enumerate(sockets)}
        spec = Spec(role.name, role.run, "link", descriptors, values, {"link": key}, {}, rights)
        self.process: Process = start(spec)
        telling.close()
        self._ear = Ear(hearing.detach())
        self.layers = self.process.await_ready()["layers"]

    def facts(self, wait_ms: int) -> Iterator[Fact]:
        """What was told; waits at most so long for the first."""
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        poll.poll(wait_ms)
        while packet := self._ear.hear_now():
            yield json.loads(packet)

    def end(self) -> int:
        """Ask it to end, and kill it if it does not."""
        if self.process.ended() is None:
            self.process.signal(signal.SIGTERM)
            poll = select.poll()
            poll.register(self.process.pidfd, select.POLLIN)
            poll.poll(_END_WITHIN_S * 1000)
        self._ear.close()
        return self.process.end()


class Sending:
    """One run of the sender; iterate over what it tells."""

    def __init__(self, order: SendOrder) -> None:
        """Takes the session and the sequences, opens the sockets, starts the process."""
        key = read_secret(order.key)
        self.session, self.first_sequence = LinkKey(order.key).next_session(len(order.files))
        sources = order.sources or [""] * len(order.links)
        sockets = [
            open_sender(to, source or None) for to, source in zip(order.links, sources, strict=True)
        ]
        values: dict[str, Value] = {
            "folder": "/", "insecure": 0, "flow": order.flow, "session": self.session,
            "first_sequence": self.first_sequence, "precedence": order.precedence,
            "copies": int(order.copies), "links": list(order.links),
            "compression": order.compression,
            "params": asdict(order.params), "files": [file.order for file in order.files],
        }  # fmt: skip
        reads = sorted({str(file.root) for file in order.files if file.root is not None})
        pipe = [file.descriptor for file in order.files if file.root is None]
        more = {"input": pipe[0]} if pipe else {}
        self._worker = _Worker(SENDER, values, key, sockets, reads, more)
        for one in sockets:
            one.close()

    @property
    def pid(self) -> int:
        """The sender's process."""
        return self._worker.process.pid

    def facts(self) -> Iterator[Fact]:
        """Until it has sent all. Raises `Broken` if it ends before that."""
        over = False
        while not over:
            ended = self._worker.process.ended() is not None
            for fact in self._worker.facts(0 if ended else _POLL_MS):
                over |= fact["what"] == "sent"
                yield fact
            if ended and not over:
                raise Broken(Reason.ROLE_FAILED, "the sender ended before everything was sent")
        self._worker.end()

    def stop(self) -> None:
        """End it now; what was not sent is a gap on the other side."""
        self._worker.process.signal(signal.SIGTERM)


class Receiving:
    """The receiver over restarts, and the naming of what it completes."""

    def __init__(self, order: ReceiveOrder) -> None:
        """Opens the sockets, so that nothing that comes from now on is answered by the kernel."""
        self._order = order
        self._key = read_secret(order.key)
        self._state = order.folder / STATE_FOLDER
        for folder in (order.folder, self._state, self._state / INCOMING):
            folder.mkdir(parents=True, exist_ok=True)
        rate_mbit_per_s = max(1, order.params.rate_bits_per_s // 1_000_000)
        self.sockets = [open_receiver(one, rate_mbit_per_s) for one in order.links]
        self._complete: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self._naming = threading.Thread(target=self._name_files, daemon=True)
        self._naming.start()
        self._failures = 0
        self._stopping = False
        self._worker = self._start()

    @property
    def pid(self) -> int:
        """The receiver's process, as it is now."""
        return self._worker.process.pid

    @property
    def layers(self) -> list[list[str]]:
        """The layers of its confinement: name, state, sentence."""
        layers: list[list[str]] = self._worker.layers
        return layers

    def facts(self) -> Iterator[Fact]:
        """For ever, or until `stop`: what the receiver tells, and `file` for each that has its
        name. A fact of an empty `what` comes now and then, so that the caller can look around."""
        while not self._stopping:
            for fact in self._worker.facts(_POLL_MS):
                self._failures = 0
                if fact["what"] == "landed":
                    self._complete.put(fact["sequence"])
                for sequence in fact.get("complete", ()):
                    self._complete.put(sequence)
                yield fact
            with contextlib.suppress(queue.Empty):
                while True:
                    yield self._finished.get_nowait()
            if self._worker.process.ended() is not None and not self._stopping:
                yield self._restart()
            yield {"what": ""}

    def ask_to_stop(self) -> None:
        """`facts` ends soon; from another thread."""
        self._stopping = True

    def stop(self) -> None:
        """End the receiver and close the sockets, when nobody is in `facts` any more."""
        self._stopping = True
        self._worker.end()
        for one in self.sockets:
            one.close()

    def _start(self) -> _Worker:
        order = self._order
        boot = _BOOT_ID.read_text("ascii").strip().replace("-", "")
        values: dict[str, Value] = {
            "folder": str(self._state), "insecure": 0, "flow": order.flow, "boot": boot,
            "compression": order.compression, "source": order.source,
            "link_count": len(order.links), "params": asdict(order.params),
        }  # fmt: skip
        return _Worker(RECEIVER, values, self._key, self.sockets, [], {})

    def _restart(self) -> Fact:
        code = self._worker.end()
        self._failures += 1
        if self._failures > _RESTARTS_MAX:
            raise Broken(Reason.ROLE_FAILED, "the receiver ends again and again: see what it says")
        time.sleep(_RESTART_S * min(self._failures, 10))
        self._worker = self._start()
        return {"what": "restarted", "code": code}

    def _name_files(self) -> None:
        """A thread of its own: a sync may take seconds, and the receiver must be heard."""
        while True:
            sequence = self._complete.get()
            part = self._state / INCOMING / f"{sequence}.done"
            fact: Fact = {"what": "file", "sequence": sequence}
            try:
                fact |= finish(part, self._order.folder, sequence, replace=self._order.replace)
            except FileNotFoundError:
                continue  # it has its name already
            except (OSError, Malformed) as error:
                wrong = error.sentence if isinstance(error, Malformed) else error.strerror
                fact |= {"what": "unnamed", "sentence": f"{part} keeps its number: {wrong}"}
            self._finished.put(fact)


def process_cpu_s(pid: int) -> float:
    """User and system seconds of a process that runs or has not been waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
