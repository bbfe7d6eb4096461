"""Two network namespaces joined by one cable, with the shipped rules on both of its ends.

    with diode_pair() as pair:
        far = pair.high.start([sys.executable, "-m", ...])
        pair.low.run("ip", "neighbour")
        assert pair.answers() == Counter()

The namespaces have no names: each lives as long as this process holds its descriptor (or a process
runs in it), so nothing is left behind by a test that is killed, and any number may exist at a time.
The order is that of a host: rules first, then the interface comes up. What comes against the flow
is counted twice and without nftables: by a packet socket on the low end, which sees a frame before
any rule does, and by the interface's own counter. Needs root, `ip` and `nft`.
"""

import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.system.frames import kind_of

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "nftables"
INTERFACE = "diode0"  # as in the shipped rules, which are loaded as they are
PORT = 47000
SIDES: tuple[Literal["low"], Literal["high"]] = ("low", "high")
HOSTS = {"low": {4: "10.99.0.1", 6: "fd99::1"}, "high": {4: "10.99.0.2", 6: "fd99::2"}}
MACS = {"low": "02:00:00:00:99:01", "high": "02:00:00:00:99:02"}
TOOLS_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
EGRESS_KERNEL_MIN = (5, 16)
ADDRESSES_WITHIN_S = 15.0
COMES_WITHIN_S = 15.0
QUIET_S = 1.5  # MLD reports are repeated within a second

_CLONE_NEWNET = 0x40000000
_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_IGNORE_OUTGOING = 23
_SO_RCVBUFFORCE = 33
_CAPTURE_BYTES = 32 * 2**20
_FRAME_BYTES_MAX = 2**17
_LIBC = ctypes.CDLL(None, use_errno=True)


def lacking() -> str:
    """Why no pair can be made here, in a sentence; "" if one can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    for program in ("ip", "nft"):
        if shutil.which(program, path=TOOLS_PATH) is None:
            return f"there is no {program} (apt-get install iproute2 nftables)"
    numbers = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < EGRESS_KERNEL_MIN:
        return f"Linux {os.uname().release} has no egress hook for nftables (5.16 has)"
    try:
        os.close(_new_namespace())
    except OSError as error:
        return f"this host does not let root make a network namespace ({error.strerror})"
    return ""


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace: what runs in it, and what stands there."""

    name: Literal["low", "high"]
    descriptor: int
    hosts: dict[int, str]  # IP version to numeric address
    mac: str
    interface: str = INTERFACE

    def address(self, version: int, port: int = PORT) -> str:
        """`10.99.0.2:47000` or `[fd99::2]:47000`."""
        host = self.hosts[version]
        return f"[{host}]:{port}" if version == 6 else f"{host}:{port}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in the namespace: sockets and processes made now belong there."""
        before = _this_namespace()
        try:
            _checked(_LIBC.setns(self.descriptor, _CLONE_NEWNET))
            yield
        finally:
            _checked(_LIBC.setns(before, _CLONE_NEWNET))
            os.close(before)

    def run(self, *words: str, given: str = "") -> str:
        """What a program says that runs here; fails the test if the program fails."""
        program = shutil.which(words[0], path=TOOLS_PATH) or words[0]
        with self.inside():
            done = subprocess.run(
                [program, *words[1:]], cwd=ROOT, input=given, text=True, check=False, timeout=60,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=_named_in(words),
            )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}"
        return done.stdout

    def start(self, words: Sequence[str], kept: Collection[int] = ()) -> "subprocess.Popen[str]":
        """A process that runs here, in the project's folder; what it says is text, by a pipe.

        kept: descriptors that it gets beside the standard ones
        """
        with self.inside():
            return subprocess.Popen(
                words, cwd=ROOT, stdout=subprocess.PIPE, text=True, pass_fds=tuple(kept)
            )

    def setting(self, name: str, value: str) -> None:
        """As `sysctl -w NAME=VALUE`, of the network only: `net/ipv4/ip_forward`."""
        with self.inside():
            (Path("/proc/sys") / name).write_text(value)

    def counter(self, name: str) -> int:
        """A counter of this namespace's kernel, as `Udp.NoPorts` or `Udp6NoPorts`."""
        with self.inside():
            net = Path("/proc/thread-self/net")
            six = dict(line.split() for line in (net / "snmp6").read_text().splitlines())
            if name in six:
                return int(six[name])
            group, _, field = name.partition(".")
            rows = [
                line.split() for line in (net / "snmp").read_text().splitlines()
                if line.startswith(f"{group}:")
            ]  # fmt: skip
            return int(dict(zip(*rows, strict=True))[field])

    def received_packets(self) -> int:
        """What the interface itself has counted as come in."""
        told = json.loads(self.run("ip", "-json", "-s", "link", "show", "dev", self.interface))
        return int(told[0]["stats64"]["rx"]["packets"])


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
def diode_pair(*, rules: Collection[str] = SIDES, mtu_bytes: int = 1500,
               neighbours: Collection[str] = SIDES) -> Iterator[Pair]:  # fmt: skip
    """A low and a high namespace, their interfaces up, their addresses usable.

    rules: the sides that load their shipped nftables file, before their interface comes up
    neighbours: the sides that get a permanent entry for the other, in both families. On a real
        high host there is none; here it makes the kernel's answers ready to leave at once.
    """
    with ExitStack() as stack:
        low, high = (_side(stack, name) for name in SIDES)
        low.run(
            "ip", "link", "add", "name", INTERFACE, "type", "veth", "peer", "name", INTERFACE,
            "netns", f"/proc/self/fd/{high.descriptor}",
        )  # fmt: skip
        against, along = Capture(low), Capture(high)
        stack.callback(against.close)
        stack.callback(along.close)
        for side in (low, high):
            if side.name in rules:
                side.run("nft", "-f", str(RULES / f"checkvalve-{side.name}.nft"))
        for side, other in ((low, high), (high, low)):
            _configure(side, mtu_bytes)
            if side.name in neighbours:
                give_neighbour(side, other)
        for side in (low, high):
            _await_addresses(side)
        yield Pair(low, high, against, along)


def give_neighbour(side: Side, other: Side) -> None:
    """Permanent entries for the other end, as deploy/README.md has them."""
    for host in other.hosts.values():
        side.run("ip", "neighbour", "replace", host, "lladdr", other.mac, "dev", side.interface,
                 "nud", "permanent")  # fmt: skip


def _side(stack: ExitStack, name: Literal["low", "high"]) -> Side:
    descriptor = _new_namespace()
    stack.callback(os.close, descriptor)
    return Side(name, descriptor, HOSTS[name], MACS[name])


def _configure(side: Side, mtu_bytes: int) -> None:
    """Answers are not rationed: a gap of a millisecond has to show."""
    side.setting("net/ipv4/icmp_ratelimit", "0")
    side.setting("net/ipv6/icmp/ratelimit", "0")
    side.run("ip", "link", "set", "dev", "lo", "up")
    side.run("ip", "link", "set", "dev", INTERFACE, "address", side.mac, "mtu", str(mtu_bytes))
    side.run("ip", "address", "add", f"{side.hosts[4]}/30", "dev", INTERFACE)
    side.run("ip", "link", "set", "dev", INTERFACE, "up")
    side.run("ip", "address", "add", f"{side.hosts[6]}/64", "dev", INTERFACE)


def _await_addresses(side: Side) -> None:
    """Duplicate address detection takes its second, also where its questions cannot leave."""
    deadline_s = time.monotonic() + ADDRESSES_WITHIN_S
    while side.run("ip", "-6", "address", "show", "dev", INTERFACE, "tentative").strip():
        assert time.monotonic() < deadline_s, f"{side.hosts[6]} does not become usable"
        time.sleep(0.05)


def _named_in(words: Sequence[str]) -> list[int]:
    """The descriptors that a command line names as /proc/self/fd/N."""
    return [int(word.rpartition("/")[2]) for word in words if word.startswith("/proc/self/fd/")]


def _new_namespace() -> int:
    """A descriptor of a new, empty network namespace.

    Made by a thread of its own: where going back is refused, it is not this one that is stranded.
    """

    def make() -> int:
        before = _this_namespace()
        try:
            _checked(_LIBC.unshare(_CLONE_NEWNET))
            made = _this_namespace()
            _checked(_LIBC.setns(before, _CLONE_NEWNET))
        finally:
            os.close(before)
        return made

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def _this_namespace() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_LACKING = lacking()
needs_namespaces = pytest.mark.skipif(bool(_LACKING), reason=_LACKING)
