"""One simulated run of the whole guard, from a seed.

Two hosts, a cable, senders that drop, faults that strike, and the observer that looks at all of it
after every step. At the end everything is mended, both sides come to rest, and nothing may be
missing.
"""

import errno
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from diode_sim.chance import Chance, stream
from diode_sim.link_world import Outcome
from diode_sim.trace import Trace
from diode_sim.violation import Violation
from diode_sim.world import sides, traffic
from diode_sim.world.asked_again import AskedAgain
from diode_sim.world.cable_between import CableBetween
from diode_sim.world.faults import Fault, Faults, draw, step_fault
from diode_sim.world.guard_options import GuardOptions
from diode_sim.world.hostile import ATTACKS, HostileStage
from diode_sim.world.inotify import MOVED_TO
from diode_sim.world.kernel import SECOND_NS, Host, Process
from diode_sim.world.loading import Mutation
from diode_sim.world.machine import Crash, Machines
from diode_sim.world.observer import Breach, Observer
from diode_sim.world.reviewers import Reviewers
from filters import catalog
from guard.core.journey import Journey
from schemas.stage import Kind

_CAPACITY_BYTES = 256 * 1024 * 1024
_START_NS = 2 * SECOND_NS
_TRAFFIC_FROM_NS = 4 * SECOND_NS
_REST_NS = 150 * SECOND_NS
_AGAIN_NS = SECOND_NS
_MORE = 6
_NOTICED_NS = 120 * SECOND_NS
_SMALL_SEGMENTS = Mutation("guard.edge.journal", "64 * 1024 * 1024", "24 * 1024")
_SOON_KEPT = Mutation("guard.edge.ledger_resume", "25_000", "60")


class GuardRun:
    """A world of two hosts."""

    def __init__(
        self, options: GuardOptions, seed: int, trace: Trace, mutations: tuple[Mutation, ...] = ()
    ) -> None:  # fmt: skip
        small = (_SMALL_SEGMENTS, _SOON_KEPT) if options.small_segments else ()
        self._seed = seed
        self._options = options
        self._trace = trace
        self._machines = Machines(seed, trace, (*small, *mutations))
        self._kernel = self._machines.kernel
        review = options.review and not (options.hijack or options.rollback)
        self._sites = sides.sites("events", options.link_lines, options.resend_days, review=review)
        self._low = self._machines.host("low", _CAPACITY_BYTES)
        self._high = self._machines.host("high", _CAPACITY_BYTES)
        for host, site in zip((self._low, self._high), self._sites, strict=True):
            sides.make_folders(host.disk, site)
        self._observer = Observer(self._kernel, self._low, self._high)
        self._kernel.after_call = self._observer.after
        self._chance = self._stream("run")
        self._cable = CableBetween(self._kernel, options.link, seed, attacker=options.attacker)
        self._supervisors: dict[str, Process] = {}
        self._stopping = False
        self._to_come = 0
        self._faults = Faults(self._machines, self._stream("faults"), self._start)
        self._kernel.before_step = self._faults.before_step
        if review:
            self._observer.on_hold = Reviewers(
                self._kernel, self._low, self._sites[0], self._machines.loader,
                self._stream("reviewers"), self._observer,
            ).on_hold  # fmt: skip
        self._asked_again = AskedAgain(
            self._machines, self._observer, self._stream("resend"), self._start
        )
        if options.hijack:
            self._hijack()
        if options.poison:
            self._machines.stages.poison["words"] = traffic.POISON

    # -- the run -----------------------------------------------------------------------------

    def run(self) -> Outcome:
        """All of it. Raises `Violation` for the first promise that does not hold."""
        try:
            self._go()
        except (Breach, Crash) as found:
            invariant = found.invariant if isinstance(found, Breach) else "no-traceback"
            raise Violation(
                invariant, self._kernel.steps, self._kernel.now_ns, str(found)
            ) from found
        return Outcome(
            link_seconds=self._kernel.now_ns / SECOND_NS, steps=self._kernel.steps,
            offered=len(self._observer.messages), landed=len(self._observer.delivered),
            gaps=len(self._observer.gaps), datagrams=self._cable.datagrams, harmed=0,
            trace=self._trace.digest,
        )  # fmt: skip

    def _go(self) -> None:
        for host, side in zip((self._low, self._high), self._sites, strict=True):
            self._init(side, host)
        for host in (self._low, self._high):
            self._kernel.at(_START_NS, partial(self._start, host))
        last_ns = self._plan_traffic()
        planned = self._plan_faults(last_ns)
        self._faults.plan(planned)
        busy_until_ns = max([last_ns, *(fault.at_ns for fault in planned)]) + SECOND_NS
        self._kernel.run(lambda: self._kernel.now_ns >= busy_until_ns)
        self._mend()
        if self._options.rollback:
            self._roll_back()
            return
        self._rest()
        if self._options.resend:
            self._asked_again.run(self._low)
        self._stop_both()
        self._observer.check_end(
            self._verify, may_hold=bool(planned or self._options.poison or self._options.hijack)
        )

    def _roll_back(self) -> None:
        """Somebody puts back an older copy of the low side's disk: the high side must say so.

        What was sealed since is in the high side's hands, and its witness has a checkpoint of it;
        the low side knows nothing of it, has the sealing key, and goes on as if nothing had been.
        """
        self._rest()
        older, known = self._low.disk.snapshot(), len(self._observer.low_ledger.entries)
        more = traffic.make(
            self._stream("more"), _MORE, self._kernel.now_ns, 2 * SECOND_NS,
            first=len(self._observer.messages) + 1,
        )  # fmt: skip
        for message in more:
            self._kernel.at(message.at_ns, partial(self._drop, message))
        self._to_come += len(more)
        self._rest()
        deadline_ns = self._kernel.now_ns + _REST_NS
        self._kernel.run(
            lambda: self._observer.witnessed > known or self._kernel.now_ns >= deadline_ns
        )
        self._machines.kill_all(self._low)
        self._low.disk.put_back(older)
        self._observer.rolled_back()
        deadline_ns = self._kernel.now_ns + _NOTICED_NS
        self._kernel.run(lambda: self._observer.noticed or self._kernel.now_ns >= deadline_ns)
        if not self._observer.noticed:
            raise Breach("noticed", "the low side was put back, and the high side says nothing")

    def _rest(self) -> None:
        deadline_ns = self._kernel.now_ns + _REST_NS
        self._kernel.run(lambda: self._rests() or self._kernel.now_ns >= deadline_ns)
        missing = self._observer.unsettled()
        if missing:
            raise Breach("exact", "; ".join(missing[:3]))

    def _plan_traffic(self) -> int:
        options = self._options
        same = options.each_step  # the traffic is one and the same, the crash wanders through it
        count = options.messages if same else self._chance.between(1, options.messages)
        chance = Chance(0) if same else self._stream("traffic")
        within_ns = options.within_s * SECOND_NS
        messages = traffic.make(chance, count, _TRAFFIC_FROM_NS, within_ns, poison=options.poison)
        for message in messages:
            self._kernel.at(message.at_ns, partial(self._drop, message))
        self._to_come = count
        return messages[-1].at_ns

    def _plan_faults(self, last_ns: int) -> list[Fault]:
        if self._options.each_step:
            return [step_fault(self._seed)]
        if not self._options.faults:
            return []
        count = self._chance.between(1, self._options.faults)
        within_ns = last_ns - _START_NS + 2 * SECOND_NS
        return draw(self._stream("plan"), self._options.kinds, count, _START_NS, within_ns)

    def _stream(self, name: str) -> Chance:
        return Chance(stream(self._seed, name))

    def _mend(self) -> None:
        """Nothing breaks any more: what is still armed is forgotten, the cable is a clean one."""
        self._kernel.before_step = None
        self._cable.mend()
        for host in self._machines.hosts:
            host.disk.capacity_bytes = host.disk.whole_bytes
            host.disk.fail_syncs = host.disk.fail_writes = 0
        for process in list(self._kernel.processes):
            self._kernel.go_on(process)

    def _rests(self) -> bool:
        up = all(host.up for host in self._machines.hosts)
        return up and not self._to_come and not self._observer.unsettled()

    def _stop_both(self) -> None:
        self._stopping = True
        for process in list(self._supervisors.values()):
            self._kernel.signal(process, 15)
        deadline_ns = self._kernel.now_ns + 40 * SECOND_NS
        self._kernel.run(lambda: not self._supervisors or self._kernel.now_ns >= deadline_ns)
        if self._supervisors:
            raise Breach("stops", f"asked to stop, {', '.join(self._supervisors)} went on")

    def _hijack(self) -> None:
        """A stage of one side that may change nothing runs an attacker's code from the start."""
        chance = self._stream("hijack")
        at = chance.below(2)
        looking = [
            line.name for line in self._sites[at].chain.stage
            if catalog.entry(line.catalog_name, line.own_stage).kind in (Kind.FILTER, Kind.ROUTE)
        ]  # fmt: skip
        attack = chance.choice(ATTACKS)
        last = chance.below(3) == 0  # what it gives goes to the tail, and no stage looks again
        side, name = ("low", "high")[at], f"stage:{looking[-1] if last else chance.choice(looking)}"
        self._kernel.say(side, f"{name} is taken over: {attack}")
        self._machines.hijacked[(side, name)] = HostileStage(attack, chance)
        self._observer.low_is_trusted = side != "low"

    # -- hosts -------------------------------------------------------------------------------

    def _init(self, side: sides.SideParts, host: Host) -> None:
        """What `guard init` makes beside folders: the session counter, the ledger's first seed."""
        load = self._machines.loader.load
        path = load("pathlib").Path

        def make() -> int:
            keys = load("guard.edge.sealing_keys").SealingKeys(path(f"{side.folder}/sealing"))
            keys.make(0, sides.secret(f"{side.side} ledger"))
            if side.side == "low":
                load("guard.edge.session_counter").make_counter(path("/low/cursor"))
            return 0

        process = self._kernel.start(host, "init", make, {})
        self._kernel.run(lambda: process.exit_code is not None)

    def _start(self, host: Host) -> None:
        """Power on, or `guard run` again: what systemd does."""
        if self._stopping or host.name in self._supervisors:
            return
        host.up = True
        low = host is self._low
        site = self._sites[0 if low else 1]
        journey: Journey = getattr(
            self._machines.loader.load(f"guard.{host.name}"), host.name.upper()
        )
        adopt = self._cable.plug_low if low else self._cable.plug_high
        process = self._machines.start_side(host, site, _without_metrics(journey), adopt)
        self._supervisors[host.name] = process
        process.on_end.append(lambda: self._ended(host))

    def _ended(self, host: Host) -> None:
        """A supervisor that ends is started again a second later, unless the power is off."""
        del self._supervisors[host.name]
        if host.up and not self._stopping:
            self._kernel.at(self._kernel.now_ns + _AGAIN_NS, lambda: self._start(host))

    # -- senders -----------------------------------------------------------------------------

    def _drop(self, message: traffic.Message) -> None:
        """A sender writes beside, then renames; tries again while the host is down or full."""
        disk = self._low.disk
        try:
            if not self._low.up:
                raise OSError(errno.EHOSTDOWN, "down")
            folder = disk.find(b"/low/spool/drop/alpha")
            if message.sidecar:
                self._write(message.name + ".meta.json", message.sidecar)
            self._write(message.name, message.payload)
        except OSError:
            again_ns = self._kernel.now_ns + SECOND_NS
            self._kernel.at(again_ns, lambda: self._drop(message))
            return
        self._to_come -= 1
        self._observer.dropped(message)
        disk.sync_directory(folder)

    def _write(self, name: str, content: bytes) -> None:
        disk = self._low.disk
        folder = disk.find(b"/low/spool/drop/alpha")
        beside = f".{name}.tmp".encode()
        if beside in folder.entries:
            disk.unlink(folder, beside)
        made = disk.create(folder, beside)
        if disk.write(made, 0, content) < len(content):
            raise OSError(errno.ENOSPC, "full")
        disk.sync_content(made)
        disk.rename((folder, beside), (folder, name.encode()), over=True)
        disk.sync_directory(folder)
        self._machines.calls.watches.tell(folder, name.encode(), MOVED_TO)

    # -- verifying ---------------------------------------------------------------------------

    def _verify(self, side: str) -> list[str]:
        """What the independent verifier finds in a side's ledger."""
        module = self._machines.loader.load("guard.report.ledger_verifier")
        path: Callable[[str], PurePosixPath] = self._machines.loader.load("pathlib").Path
        host = self._low if side == "low" else self._high
        found: list[str] = []

        def verify() -> int:
            key: Any = path(f"/{side}/ledger.pub")
            key.write_text(sides.public(f"{side} ledger").hex())
            result: Any = module.verify_ledger(path(f"/{side}/ledger"), key)
            found.extend(str(finding) for finding in result.findings)
            return 0

        process = self._kernel.start(host, "auditor", verify, {})
        self._kernel.run(lambda: process.exit_code is not None)
        return found


def _without_metrics(journey: Journey) -> Journey:
    """The journey without the role that only counts."""
    roles = tuple(role for role in journey.roles if role.domain != "watch")
    return replace(journey, roles=roles)
