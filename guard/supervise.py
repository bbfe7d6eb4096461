"""The supervisor of a side: starts the roles of its journey, watches them, starts them again.

Takes a verified site and the journey's table; gives each process its descriptors, its one key and
its rights, then holds none of them. It is never in the path of a message. When a process ends, its
failure domain is ended and started again together; everything else goes on.
"""

import contextlib
import os
import secrets
import select
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from guard.core.journey import Journey, May, Role, State
from guard.edge import policy_install
from guard.edge.collector import open_syslog
from guard.edge.endings import AT_FAULT_WITHIN_S, cause_of, domains_ended, ended_together
from guard.edge.key_watch import KeyWatch
from guard.edge.listener import open_listener
from guard.edge.ownership import HandedOver, User, users_of
from guard.edge.policy_memory import PolicyMemory
from guard.edge.processes import PROGRAM
from guard.edge.processes import start as start_process
from guard.edge.resend_files import OrdersKeeper
from guard.edge.rights import MEMORY_BYTES_MAX, write_rights
from guard.edge.role_keys import keys_for
from guard.edge.role_values import values_of
from guard.edge.running_alone import hold_site
from guard.edge.seats import Seat, scanner_folder, seats_of, stage_values
from guard.edge.site import Site
from guard.edge.sockets import feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from guard.edge.telling import processes_told, tell_numbers, write_status
from guard.edge.udp import bind_address, open_receiver, open_sender
from guard.version import VERSION
from schemas.errors import CheckvalveError
from schemas.reasons import Reason

Tell = Callable[[dict[str, Any]], None]
_STOP_WITHIN_S, _LAST_WITHIN_S = 15, 3
_CALM_S = 1.0 + AT_FAULT_WITHIN_S  # a domain that ends sooner after its start is given pauses
_BACKOFF_S_MAX = 5.0
_LOOK_S = 1.0
_STOP, _NOTES_MAX = b"s", 4096
_LANE = "lane"


class Supervisor:
    """One side. `run` returns when it has been asked to stop and everything has drained."""

    program = PROGRAM

    def __init__(self, site: Site, journey: Journey, tell: Tell, memory: PolicyMemory, *,
                 insecure: bool = False) -> None:  # fmt: skip
        """tell: hears of events, for people; memory: what the ledger has of policies."""
        self._site = site
        self._journey = journey
        self._memory = memory
        self._alone = hold_site(site.folder)
        self._posture = OrdersKeeper(site, memory.posture)
        self._keys = KeyWatch(site)
        self._tell = tell
        self._insecure = insecure
        self._seats = self._seats_for(site)
        self._users: dict[str, User] = users_of([s.name for s in self._seats], site.file.first_user)
        self._feed, self._stages_feed = feed_pair(), feed_pair()  # the latter: what reads content
        self._udp = self._open_udp()
        self._metrics = open_listener(site.file.metrics, site.folder / "run" / "metrics.sock")
        self._cause = "start"
        self._ended_by_us = False
        self._restarts = 0
        self._stop_asked = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._layers: dict[str, Any] = {}
        self._failures: Counter[str] = Counter()
        self._started_s: dict[str, float] = {}
        self._pause_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}
        self._handed = HandedOver(site.folder)
        self._scanner_folder = scanner_folder(self._seats, site.file.antivirus)

    # -- what it opens before any role runs ------------------------------------------------

    def _open_udp(self) -> list[socket.socket]:
        """The links' sockets; the receiving ones stay open over restarts, so that what arrives
        meanwhile waits in them and the kernel never answers with ICMP."""
        file, line = self._site.file, self._site.policy.link
        if file.side == "low":
            source = bind_address(file.link_from)
            return [open_sender(address, source) for address in file.links]
        return [open_receiver(address, line.mbit_per_s) for address in file.links]

    def _seats_for(self, site: Site) -> list[Seat]:
        seats = seats_of(self._journey, site.chain.stage, site.chain.isolation)
        return [s for s in seats if site.file.export or May.COLLECTOR not in s.role.may]

    # -- starting a failure domain -----------------------------------------------------------

    def _start(self, domain: str) -> None:
        """Fresh sockets, fresh keys, all processes of a domain; returns when all are ready."""
        seats = [seat for seat in self._seats if seat.role.domain == domain]
        self._site = self._keys.checked(self._site)
        if domain == _LANE:
            self._scanner_folder.enter()
        nonce = secrets.token_bytes(16)
        values = values_of(self._site, nonce) | {
            "insecure": int(self._insecure),
            "confinement": "users and network namespaces" if self._users else "no root: one user",
            "software": VERSION,
            "cause": self._cause,
            "ended_by_us": int(self._ended_by_us),
            "key_events": self._keys.untold() if domain == _LANE else [],
        }
        keys = self._receipt_keys(seats)
        channels = {name: one_way_pair() for seat in seats for name in seat.role.tells}
        try:
            for seat in seats:
                self._handed.ensure(seat.name, seat.role, self._users.get(seat.name))
                seat.process = start_process(self._spec(seat, values, keys, channels), self.program)
        finally:
            for end in (end for pair in channels.values() for end in pair):
                end.close()
        for seat in seats:
            if seat.process is not None:
                self._layers[seat.name] = seat.process.await_ready()
        self._started_s[domain] = time.monotonic()
        if domain == _LANE:
            self._ended_by_us = False

    def _receipt_keys(self, seats: list[Seat]) -> dict[str, bytes]:
        names = ["head", *(seat.name for seat in seats if May.STAGE_KEY in seat.role.may)]
        return {name: secrets.token_bytes(32) for name in names}

    def _spec(self, seat: Seat, values: dict[str, Value], keys: dict[str, bytes],
              channels: dict[str, tuple[socket.socket, socket.socket]]) -> Spec:  # fmt: skip
        role = seat.role
        memory_bytes_max = MEMORY_BYTES_MAX
        values = values | stage_values(seat, self._site.chain)
        descriptors = {name: channels[name][0].fileno() for name in role.hears}
        descriptors |= {name: channels[name][1].fileno() for name in role.tells}
        descriptors = seat.named(descriptors)
        if seat.line is not None:
            memory_bytes_max = (seat.line.limits or self._site.chain.limits).memory_bytes_max
        feed = self._stages_feed if seat.reads_content else self._feed
        descriptors["feed"] = feed[0 if May.SERVE in role.may else 1].fileno()
        if role.may & (May.SEND_UDP | May.RECEIVE_UDP):
            descriptors |= {f"udp{at}": link.fileno() for at, link in enumerate(self._udp)}
        if May.COLLECTOR in role.may and (to := open_syslog(self._site.file.export)) is not None:
            self._collector, descriptors["collector"] = to, to.fileno()
        if May.SERVE in role.may:
            descriptors["listener"] = self._metrics.fileno()
            descriptors["stages-feed"] = self._stages_feed[0].fileno()
            values = values | {"stage_names": [s.name for s in self._seats if s.reads_content]}
        user = self._users.get(seat.name)
        rights = write_rights(
            role, seat.kind, self._site.policy.payload_bytes_max,
            user.uid if user else None, user.gid if user else None, memory_bytes_max,
            root=self._scanner_folder.root, threads=seat.threads,
        )  # fmt: skip
        linked = bool(role.may & (May.SEND_UDP | May.RECEIVE_UDP))
        own = self._site.link_documents if linked else {}
        documents = own if seat.kind is None else self._site.documents
        return Spec(
            seat.name, role.run, self._site.file.side, descriptors, values,
            keys_for(seat, self._site.keys, keys), documents, rights,
        )  # fmt: skip

    # -- running -----------------------------------------------------------------------------

    def run(self) -> None:
        """Start everything, watch, start again what ends, stop when asked."""
        try:
            for domain in dict.fromkeys(seat.role.domain for seat in self._seats):
                self._start(domain)  # what is wrong at the first start is for people to mend
            self._say("running")
            while not self._asked_to_stop():
                for domain in self._ended_domains():
                    self._restart(domain)
                self._start_due()
                self._look_for_changes()
            self._say("stopping")
            self._drain(frozenset(seat.role.domain for seat in self._seats))
        finally:
            for seat in self._seats:
                self._end(seat)
            self._say("stopped")

    def stop(self, *_: object) -> None:
        """Ask for an orderly end; safe in a signal handler."""
        self._note(_STOP)

    def look(self, *_: object) -> None:
        """Look for a new policy or posture now; safe in a signal handler."""
        self._note(b"l")

    def _note(self, what: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._stop_asked[1], what)

    def _asked_to_stop(self) -> bool:
        poller = select.poll()
        poller.register(self._stop_asked[0], select.POLLIN)
        for seat in self._seats:
            if seat.process is not None and seat.process.pidfd >= 0:
                poller.register(seat.process.pidfd, select.POLLIN)
        waits_s = [due_s - time.monotonic() for due_s in self._due_s.values()]
        wait_ms = 1000 * max(0.0, min([_LOOK_S, *waits_s]))
        ready = [descriptor for descriptor, _ in poller.poll(wait_ms)]
        return self._stop_asked[0] in ready and _STOP in os.read(self._stop_asked[0], _NOTES_MAX)

    def _ended_domains(self) -> Iterator[str]:
        """The domains of which a process has ended, each with its cause noted."""
        for domain in domains_ended(self._seats):
            ended = ended_together([seat for seat in self._seats if seat.role.domain == domain])
            self._cause, reason = cause_of(ended)
            self._failures[f"failed_{reason}"] += 1
            if reason in (Reason.ROLE_FAILED, Reason.DISK):
                self._handed.doubt()
            yield domain

    def _restart(self, domain: str) -> None:
        """End what is left of a domain and say when it is started again: at once, unless it ended
        soon after its last start. The other domains are watched meanwhile."""
        self._restarts += 1
        self._tell({"event": "restart", "domain": domain, "cause": self._cause})
        self._end_domain(domain)
        wait_s = self._pause_s.pop(domain, 0.0)
        if time.monotonic() - self._started_s.get(domain, 0.0) < _CALM_S:
            wait_s = self._pause_s[domain] = _longer(wait_s)
            self._handed.doubt()
        self._due_s[domain] = time.monotonic() + wait_s
        self._write_status("restarting")

    def _start_due(self) -> None:
        """Start the domains whose time has come; one that cannot start is given a longer pause."""
        for domain, due_s in list(self._due_s.items()):
            if time.monotonic() < due_s:
                continue
            try:
                self._start(domain)
            except Exception as error:
                self._end_domain(domain)
                self._handed.doubt()
                self._tell({"event": "failed", "domain": domain, "cause": str(error)})
                wait_s = self._pause_s[domain] = _longer(self._pause_s.get(domain, 0.0))
                self._due_s[domain] = time.monotonic() + wait_s
                continue
            del self._due_s[domain]
            if not self._due_s:
                self._say("running")

    def _end_domain(self, domain: str) -> None:
        for seat in self._seats:
            if seat.role.domain == domain:
                self._end(seat)

    # -- a new posture, a new policy -----------------------------------------------------------

    def _look_for_changes(self) -> None:
        """A posture at once; a policy or key when what was taken under the old one is settled."""
        self._look_at_keys()
        if _LANE not in self._due_s and self._scanner_folder.is_another():
            self._cause = "the directory of the scanner's socket is another one"
            self._suspect_none()
            self._restart(_LANE)
        told = self._posture.look(self._site)
        if told is not None:
            self._tell(told)
            self._write_status("restarting" if self._due_s else "running")
        if self._keys.hold and policy_install.is_laid(self._site.folder):  # else it waits
            with policy_install.alone(self._site.folder) as held:
                if held:  # else it is being laid, and taken up at the next look
                    self._take_policy()

    def _look_at_keys(self) -> None:
        """Without a key that holds the lane ends at once; it is started when one does again."""
        try:
            found = self._keys.look(self._site)
        except CheckvalveError as error:
            self._cause = error.sentence
            self._failures[f"failed_{error.reason}"] += 1
            self._tell({"event": "keys-refused", "cause": error.sentence})
            self._suspect_none()
            self._end_domain(_LANE)
            self._due_s[_LANE] = time.monotonic() + _longer(0.0)
            self._write_status("restarting")
            return
        if found is not None:
            self._change_to(found, "keys", "other keys of this side, or a token to be revealed")

    def _suspect_none(self) -> None:
        """The lane is about to be killed from here, and so at no message's turn; unless it is down
        already, or something of it has failed. (Where it is drained, its head suspects none.)"""
        lane = [seat.process for seat in self._seats if seat.role.domain == _LANE]
        self._ended_by_us |= not any(process is None or process.ended() for process in lane)

    def _take_policy(self) -> None:
        try:
            found = policy_install.next_site(self._site, self._memory)
        except CheckvalveError as error:
            policy_install.discard(self._site.folder)
            self._tell({"event": "policy-refused", "cause": error.sentence})
            return
        self._change_to(found, "policy", f"policy version {found.policy.version}")

    def _change_to(self, found: Site, what: str, cause: str) -> None:
        """Empty the lane, put the new policy in its place, start what depends on it anew.

        `receive` goes on where nothing of its own changes: what arrives meanwhile lands.
        """
        old, before = self._site, {seat.name: seat for seat in self._seats}
        seats = self._seats_for(found)
        users = users_of([s.name for s in seats], found.file.first_user)
        kept = {
            seat.name for seat in seats
            if seat.role.domain == "link" and old.same_link(found)
            and users.get(seat.name) == self._users.get(seat.name)
        }  # fmt: skip
        domains = frozenset(seat.role.domain for seat in seats if seat.name not in kept)
        self._drain(domains)
        for domain in domains:
            self._end_domain(domain)
        if what == "policy":
            policy_install.take_up(found)
        for seat in seats:
            if seat.name in kept:
                seat.process = before[seat.name].process
        self._site, self._seats, self._users = found, seats, users
        self._handed.doubt()
        self._scanner_folder = scanner_folder(seats, found.file.antivirus)
        self._cause = cause
        self._due_s |= dict.fromkeys((s.role.domain for s in seats if s.name not in kept), 0.0)
        self._tell({"event": what, "cause": self._cause, "digest": found.policy_digest.hex()})

    # -- stopping ----------------------------------------------------------------------------

    def _drain(self, domains: frozenset[str]) -> None:
        """Of these domains, heads first: each chain empties itself; then the link and the rest."""
        heads = (State.DROPPED, State.LANDED)
        tails = (State.COMMITTED, State.DELIVERED)
        deadline_s = time.monotonic() + _STOP_WITHIN_S
        self._signal(lambda it: it.domain in domains and it.takes in heads)
        self._await(lambda it: it.domain in domains and it.gives in tails, deadline_s)
        links = (State.COMMITTED, State.SENT)
        self._signal(lambda it: it.domain in domains and it.takes in links)
        self._await(lambda it: it.domain in domains - {"watch", "export"}, deadline_s)
        self._signal(lambda it: it.domain in domains)
        self._await(lambda it: it.domain in domains, time.monotonic() + _LAST_WITHIN_S)

    def _signal(self, which: Callable[[Role], bool]) -> None:
        for seat in self._seats:
            if seat.process is not None and which(seat.role):
                seat.process.signal(signal.SIGTERM)

    def _await(self, which: Callable[[Role], bool], deadline_s: float) -> None:
        while time.monotonic() < deadline_s:
            if not [s for s in self._seats
                    if which(s.role) and s.process and s.process.ended() is None]:  # fmt: skip
                return
            time.sleep(0.01)

    def _end(self, seat: Seat) -> None:
        if seat.process is not None:
            seat.process.end()
            seat.process = None

    # -- saying how it is --------------------------------------------------------------------

    def _say(self, state: str) -> None:
        """Tell it, and write `run/status.json` for `guard status`."""
        self._write_status(state)
        self._tell({"event": state, "restarts": self._restarts, "cause": self._cause})

    def _write_status(self, state: str) -> None:
        status = {
            "state": state,
            "side": self._site.file.side,
            "pid": os.getpid(),
            "restarts": self._restarts,
            "cause": self._cause,
            "policy_version": self._site.policy.version,
            "policy_digest": self._site.policy_digest.hex(),
            "posture_version": self._posture.version,
            "processes": processes_told(self._seats, self._layers),
        }
        write_status(self._site.folder / "run" / "status.json", status)
        numbers = {"restarts": self._restarts, "runs": int(state == "running")}
        tell_numbers(self._feed[1], {**self._failures, **numbers})


def _longer(wait_s: float) -> float:
    return min(_BACKOFF_S_MAX, wait_s * 2 + 0.25)
