"""Two network namespaces joined by one cable, with the shipped rules on both of its ends.

    with diode_pair() as pair:
        far = pair.high.start([sys.executable, "-m", ...])
        pair.low.run("ip", "neighbour")
        assert pair.answers() == Counter()

The ends and the cable are those of `diode-sim netns`, without the diode: what keeps back answers
here is the rules. The namespaces have no names: each lives as long as this process holds its
descriptor (or a process runs in it), so nothing is left behind by a test that is killed, and any
number may exist at a time. The order is that of a host: rules first, then the interface comes up.
What comes against the flow is counted twice and without nftables: by a packet socket on the low
end, which sees a frame before any rule does, and by the interface's own counter. Needs root, `ip`
and `nft`.
"""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from diode_sim.netns import kernel
from diode_sim.netns.cable import join_straight
from diode_sim.netns.host import check_host
from diode_sim.netns.side import (
    INTERFACE,
    NAMES,
    PORT,
    Name,
    Side,
    await_addresses,
    configure,
    give_neighbour,
    new_side,
)
from schemas.errors import Malformed
from tests.system.frames import kind_of

__all__ = ["INTERFACE", "PORT", "RULES", "Capture", "Pair", "Side", "diode_pair", "give_neighbour",
           "needs_namespaces"]  # fmt: skip

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "nftables"
COMES_WITHIN_S = 15.0
QUIET_S = 1.5  # MLD reports are repeated within a second

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_IGNORE_OUTGOING = 23
_SO_RCVBUFFORCE = 33
_CAPTURE_BYTES = 32 * 2**20
_FRAME_BYTES_MAX = 2**17


def lacking() -> str:
    """Why no pair can be made here, in a sentence; "" if one can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces and go back"
    try:
        check_host()
        os.close(kernel.new_network())
    except Malformed as error:
        return error.sentence
    except OSError as error:
        return f"this host does not let root make a network namespace ({error.strerror})"
    return ""


class Capture:
    """Every frame that comes in at an interface, from before it is up until the end."""

    def __init__(self, side: Side, interface: str = INTERFACE) -> None:
        with side.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            with suppress(PermissionError):  # root of a user namespace may not
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _CAPTURE_BYTES)
            self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # "it is down": it comes up yet
        self._frames: list[bytes] = []
        self._quiet_from = 0

    def frames(self) -> list[bytes]:
        """All so far."""
        while True:
            try:
                self._frames.append(self._socket.recv(_FRAME_BYTES_MAX))
            except BlockingIOError:
                return list(self._frames)

    def kinds(self) -> "Counter[str]":
        """How many of each kind, for people: `icmp 3/3`, `icmp6 143`, `arp`."""
        return Counter(map(kind_of, self.frames()))

    def await_frame(self, suits: Callable[[bytes], bool], start: int = 0) -> bytes:
        """The first frame, not counting the first `start`, that suits; fails if none comes."""
        deadline_s = time.monotonic() + COMES_WITHIN_S
        while True:
            for frame in self.frames()[start:]:
                if suits(frame):
                    return frame
            assert time.monotonic() < deadline_s, f"no such frame came; there were {self.kinds()}"
            time.sleep(0.01)

    def await_kind(self, kind: str, *, since_quiet: bool = False) -> None:
        """Until a frame of this kind has come, or come since `await_quiet`; else fails the test."""
        start = self._quiet_from if since_quiet else 0
        self.await_frame(lambda frame: kind_of(frame) == kind, start)

    def await_quiet(self) -> None:
        """Until nothing has come for a second and a half: what an interface says at its start."""
        seen, since_s = len(self.frames()), time.monotonic()
        while time.monotonic() - since_s < QUIET_S:
            time.sleep(0.05)
            if len(self.frames()) > seen:
                seen, since_s = len(self.frames()), time.monotonic()
        self._quiet_from = seen

    def close(self) -> None:
        """Stop."""
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Pair:
    """The two ends of one cable."""

    low: Side
    high: Side
    against: Capture  # at the low end: what came from the high side
    along: Capture  # at the high end: what came from the low side

    def answers(self) -> "Counter[str]":
        """What has come against the flow so far, by kind; the interface must have counted as many.

        A frame is counted by the interface first and seen by the capture after, so they are read
        until they agree.
        """
        for _ in range(100):
            counted = self.low.received_packets()
            seen = self.against.kinds()
            if counted == seen.total():
                return seen
            time.sleep(0.02)
        pytest.fail(f"the interface counted {counted} packets, the capture saw {seen}")


@contextmanager
def diode_pair(*, rules: Collection[str] = NAMES, mtu_bytes: int = 1500,
               neighbours: Collection[str] = NAMES) -> Iterator[Pair]:  # fmt: skip
    """A low and a high namespace, their interfaces up, their addresses usable.

    rules: the sides that load their shipped nftables file, before their interface comes up
    neighbours: the sides that get a permanent entry for the other, in both families. On a real
        high host there is none; here it makes the kernel's answers ready to leave at once.
    """
    with ExitStack() as stack:
        low, high = (_side(stack, name) for name in NAMES)
        join_straight(low, high)
        against, along = Capture(low), Capture(high)
        stack.callback(against.close)
        stack.callback(along.close)
        for side in (low, high):
            if side.name in rules:
                side.run("nft", "-f", str(RULES / f"checkvalve-{side.name}.nft"))
        for side, other in ((low, high), (high, low)):
            configure(side, mtu_bytes)
            if side.name in neighbours:
                give_neighbour(side, other)
        for side in (low, high):
            await_addresses(side)
        yield Pair(low, high, against, along)


def _side(stack: ExitStack, name: Name) -> Side:
    descriptor = kernel.new_network()
    stack.callback(os.close, descriptor)
    return new_side(name, descriptor, ROOT)


_LACKING = lacking()
needs_namespaces = pytest.mark.skipif(bool(_LACKING), reason=_LACKING)
