"""Somebody asks the low side to send again what was lost, and something breaks meanwhile.

Takes a simulated run that has come to rest; gives the numbers that must arrive now. What is asked
for has numbers that have arrived as well, and one that nobody was ever given.
"""

from collections.abc import Callable

from diode_sim.chance import Chance
from diode_sim.world.kernel import SECOND_NS, Host
from diode_sim.world.machine import Machines
from diode_sim.world.observer import Breach, Observer
from schemas.entry import Kind
from schemas.resend import ResendRequest
from schemas.sequences import RangeSet

_WITHIN_NS = 150 * SECOND_NS
_BREAKS_WITHIN_NS = SECOND_NS
_SENDER = "alpha"


class AskedAgain:
    """One order of a day."""

    def __init__(
        self, machines: Machines, observer: Observer, chance: Chance, start: Callable[[Host], None]
    ) -> None:
        self._machines, self._kernel = machines, machines.kernel
        self._observer, self._chance, self._start = observer, chance, start

    def run(self, low: Host) -> None:
        """Ask, break, wait. Raises `Breach` for what does not arrive."""
        lost = self._observer.open_gaps()
        sent = len(self._observer.committed)
        if not sent:
            return
        wanted = RangeSet((number, number) for number in lost)
        wanted.add(self._chance.between(1, sent))
        wanted.add(sent + 1 + self._chance.below(3))
        self._ask(low, wanted)
        self._break(low)
        deadline_ns = self._kernel.now_ns + _WITHIN_NS
        self._kernel.run(lambda: self._carried_out() or self._kernel.now_ns >= deadline_ns)
        if not self._carried_out():
            left = sorted(self._observer.open_gaps())[:3]
            raise Breach("sent-again", f"asked for {wanted.text()}, and {left} did not arrive")

    def _ask(self, low: Host, wanted: RangeSet) -> None:
        request = ResendRequest(1, ((_SENDER, wanted.text()),))
        load = self._machines.loader.load
        path = load("pathlib").Path

        def ask() -> int:
            load("guard.edge.resend_files").lay_request(path("/low"), request)
            return 0

        process = self._kernel.start(low, "guard resend", ask, {})
        self._kernel.run(lambda: process.exit_code is not None)

    def _break(self, low: Host) -> None:
        """Nothing, a process, all of them, or the power: some time within the next second."""
        until_ns = self._kernel.now_ns + self._chance.below(_BREAKS_WITHIN_NS)
        what = self._chance.choice(("nothing", "send", "audit", "all", "power"))
        self._kernel.run(lambda: self._kernel.now_ns >= until_ns)
        self._kernel.say("low", f"while something is sent again, breaks: {what}")
        if what == "power":
            self._machines.power_cut(low, self._chance)
            self._kernel.at(self._kernel.now_ns + SECOND_NS, lambda: self._start(low))
        elif what == "all":
            self._machines.kill_all(low)
        else:
            for process in list(self._kernel.processes):
                if process.host is low and process.name == what:
                    self._kernel.kill(process)

    def _carried_out(self) -> bool:
        told = [e for e in self._observer.low_ledger.entries if e["kind"] == Kind.RESENT]
        return bool(told) and not self._observer.open_gaps()
