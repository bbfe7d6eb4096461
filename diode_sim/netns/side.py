"""One end of a cable: a network namespace, its interface `diode0`, and what runs in it.

Takes a descriptor of the namespace. May run `ip` and `nft` in it, start processes there, and write
its network settings. What fails is `Broken(LINK_DOWN)` with what the program said.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from diode_sim.netns import kernel
from schemas.errors import Broken
from schemas.reasons import Reason

INTERFACE = "diode0"  # as in the shipped rules of deploy/nftables
PORT = 47000
Name = Literal["low", "high"]
NAMES: tuple[Name, Name] = ("low", "high")
HOSTS = {"low": {4: "10.99.0.1", 6: "fd99::1"}, "high": {4: "10.99.0.2", 6: "fd99::2"}}
MACS = {"low": "02:00:00:00:99:01", "high": "02:00:00:00:99:02"}
TOOLS_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
PROGRAM_S = 60.0
ADDRESSES_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace: what runs in it, and what stands there.

    hosts: IP version to numeric address
    """

    name: str
    descriptor: int
    hosts: dict[int, str]
    mac: str
    interface: str = INTERFACE
    folder: Path | None = None  # where its programs start; None: where this process is

    def address(self, version: int, port: int = PORT) -> str:
        """`10.99.0.2:47000` or `[fd99::2]:47000`."""
        host = self.hosts[version]
        return f"[{host}]:{port}" if version == 6 else f"{host}:{port}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in the namespace: sockets and processes made now belong there."""
        with kernel.inside(self.descriptor):
            yield

    def run(self, *words: str, given: str = "") -> str:
        """What a program says that runs here. Raises `Broken(LINK_DOWN)` if it fails."""
        program = shutil.which(words[0], path=TOOLS_PATH) or words[0]
        with self.inside():
            done = subprocess.run(  # noqa: S603 - ip, nft, and what a test names
                [program, *words[1:]], cwd=self.folder, input=given, text=True, check=False,
                timeout=PROGRAM_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=_named_in(words),
            )  # fmt: skip
        if done.returncode:
            raise Broken(Reason.LINK_DOWN, f"{' '.join(words)}: {done.stdout.strip()}")
        return done.stdout

    def start(self, words: Sequence[str], kept: Collection[int] = ()) -> "subprocess.Popen[str]":
        """A process that runs here; what it says is text, by a pipe.

        kept: descriptors that it gets beside the standard ones
        """
        with self.inside():
            return subprocess.Popen(  # noqa: S603 - our own programs, and what a test names
                words, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                pass_fds=tuple(kept),
            )  # fmt: skip

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

    def listens(self) -> bool:
        """Whether a UDP socket is bound here."""
        with self.inside():
            tables = [Path(f"/proc/thread-self/net/{name}") for name in ("udp", "udp6")]
            there = [path.read_text("ascii") for path in tables if path.exists()]
        return any(len(text.splitlines()) > 1 for text in there)

    def received_packets(self) -> int:
        """What the interface itself has counted as come in."""
        told = json.loads(self.run("ip", "-json", "-s", "link", "show", "dev", self.interface))
        return int(told[0]["stats64"]["rx"]["packets"])


def new_side(name: Name, descriptor: int, folder: Path | None = None) -> Side:
    """An end with its addresses: IPv6 as well, where the kernel has it."""
    six = os.path.exists("/proc/net/if_inet6")
    hosts = {version: host for version, host in HOSTS[name].items() if version == 4 or six}
    return Side(name, descriptor, hosts, MACS[name], folder=folder)


def give_neighbour(side: Side, other: Side) -> None:
    """Permanent entries for the other end, as deploy/README.md has them."""
    for host in other.hosts.values():
        side.run("ip", "neighbour", "replace", host, "lladdr", other.mac, "dev", side.interface,
                 "nud", "permanent")  # fmt: skip


def configure(side: Side, mtu_bytes: int, *, silent: bool = False) -> None:
    """Addresses on, interfaces up.

    silent: no ARP, no neighbour discovery, no report of groups, from the moment it is up; one
        frame a datagram, as on a wire. Else a host as hosts are, except that its ICMP is not
        rationed: a gap of a millisecond has to show.
    """
    device = ("dev", side.interface)
    side.run("ip", "link", "set", "dev", "lo", "up")
    side.run("ip", "link", "set", *device, "address", side.mac, "mtu", str(mtu_bytes))
    if silent:
        side.run("ip", "link", "set", *device, "arp", "off", "multicast", "off", "gso_max_segs",
                 "1", "addrgenmode", "none")  # fmt: skip
    else:
        side.setting("net/ipv4/icmp_ratelimit", "0")
        side.setting("net/ipv6/icmp/ratelimit", "0")
    side.run("ip", "address", "add", f"{side.hosts[4]}/30", *device)
    side.run("ip", "link", "set", *device, "up")
    if 6 in side.hosts:
        side.run("ip", "address", "add", f"{side.hosts[6]}/64", *device, *["nodad"] * silent)


def await_addresses(side: Side) -> None:
    """Duplicate address detection takes its second, also where its questions cannot leave."""
    deadline_s = time.monotonic() + ADDRESSES_WITHIN_S
    while side.run("ip", "-6", "address", "show", "dev", side.interface, "tentative").strip():
        if time.monotonic() > deadline_s:
            raise Broken(Reason.LINK_DOWN, f"{side.hosts[6]} does not become usable")
        time.sleep(0.05)


def _named_in(words: Sequence[str]) -> list[int]:
    """The descriptors that a command line names as /proc/self/fd/N."""
    return [int(word.rpartition("/")[2]) for word in words if word.startswith("/proc/self/fd/")]
