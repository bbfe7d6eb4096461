"""The cable between the two simulated hosts, and who sits on it.

Takes bursts from the low side's socket, gives datagrams to the high side's when the cable brings
them. An attacker on it keeps what passes, and now and then sends an old datagram again, or one of
which a byte is changed.
"""

from diode_sim.cable import Cable
from diode_sim.chance import Chance, stream
from diode_sim.options import Options
from diode_sim.world.channels import Datagrams
from diode_sim.world.kernel import Kernel

_HEADER_BYTES = 24
_SHAPE_BYTES = 16  # where k, r and the symbol's index stand in a header: link §3
_RECORDED_MAX = 4000
_STRIKES_ONE_IN = 3
_LATER_NS = 1_000_000


class CableBetween:
    """One way, in the kernel's time."""

    def __init__(self, kernel: Kernel, options: Options, seed: int, *, attacker: bool) -> None:
        self._kernel = kernel
        self._seed = seed
        self._cable = Cable(options, seed)
        self._due_ns: int | None = None
        self._ears: list[Datagrams] = []
        self._attacker = attacker
        self._chance = Chance(stream(seed, "attacker"))
        self._recorded: list[bytes] = []
        self.datagrams = 0

    def plug_low(self, opened: Datagrams) -> None:
        """The sender's socket."""
        opened.transmit = self._transmit

    def plug_high(self, opened: Datagrams) -> None:
        """The receiver's socket, in the place of the one before."""
        self._ears = [opened]

    def mend(self) -> None:
        """From now on it is a good cable that nobody sits on; what is under way is lost."""
        self._cable = Cable(Options(), self._seed)
        self._due_ns = None
        self._attacker = False

    def _transmit(self, burst: bytes, segment_bytes: int) -> None:
        self.datagrams += -(-len(burst) // segment_bytes)
        if self._attacker:
            self._strike(burst, segment_bytes)
        self._cable.send(self._kernel.now_ns, burst, segment_bytes)
        self._arrange()

    def _strike(self, burst: bytes, segment_bytes: int) -> None:
        for at in range(0, len(burst), segment_bytes):
            if len(self._recorded) < _RECORDED_MAX:
                self._recorded.append(burst[at : at + segment_bytes])
        if self._chance.below(_STRIKES_ONE_IN):
            return
        fresh = self._chance.below(2)
        datagram = burst[:segment_bytes] if fresh else self._chance.choice(self._recorded)
        if self._chance.below(2):
            at = self._chance.choice((
                _SHAPE_BYTES + self._chance.below(3), self._chance.below(_HEADER_BYTES),
                self._chance.below(len(datagram)),
            ))  # fmt: skip
            byte = self._chance.choice((b"\0", b"\xff", self._chance.octets(1)))
            datagram = datagram[:at] + byte + datagram[at + 1 :]
        if fresh:
            self._bring([datagram])  # it overtakes the true one
        else:
            self._kernel.at(self._kernel.now_ns + _LATER_NS, lambda: self._bring([datagram]))

    def _arrange(self) -> None:
        due_ns = self._cable.next_ns()
        if due_ns is not None and (self._due_ns is None or due_ns < self._due_ns):
            self._due_ns = due_ns
            self._kernel.at(due_ns, self._arrivals)

    def _arrivals(self) -> None:
        self._due_ns = None
        self._bring(self._cable.arrivals(self._kernel.now_ns))
        self._arrange()

    def _bring(self, datagrams: list[bytes]) -> None:
        for ear in self._ears:
            for datagram in datagrams:
                ear.arrive(datagram)
