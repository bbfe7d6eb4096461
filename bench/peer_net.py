"""A network that has loopback and nothing else, for tools that listen on every address.

`enter` starts the program again in a network namespace of its own, by `unshare` of util-linux:
nothing that runs in it can be reached from outside or reach anything there. `raise_loopback` gives
loopback the MTU that is to be measured, so that a tool whose datagrams are larger pays for
fragments, as it would on a wire. The rest reads the kernel's tables of that namespace.
"""

import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

INSIDE = "--inside"
_SET_FLAGS, _GET_FLAGS, _SET_MTU = 0x8914, 0x8913, 0x8922  # SIOC* of the kernel's headers
_UP = 1


def enter(module: str) -> None:
    """Start `module` again with the same arguments in a new network namespace; never returns."""
    unshare = shutil.which("unshare")
    if unshare is None:
        sys.exit("bench: needs `unshare`: sudo apt-get install util-linux")
    rights = ["--net"] if os.geteuid() == 0 else ["--net", "--user", "--map-root-user"]
    tried = subprocess.run([unshare, *rights, "true"], capture_output=True, check=False)
    if tried.returncode:
        reason = tried.stderr.decode("utf-8", "replace").strip()
        sys.exit(f"bench: no network namespace to be had here ({reason}); run it as root")
    argv = [unshare, *rights, sys.executable, "-m", module, INSIDE, *sys.argv[1:]]
    os.execv(unshare, argv)  # noqa: S606 -- the program itself, started again, 2026-11-25


def raise_loopback(mtu_bytes: int) -> None:
    """Set loopback's MTU and switch it on; ends the program if another interface is on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        on = [name for _, name in socket.if_nameindex() if _flags(any_socket, name) & _UP]
        if set(on) - {"lo"}:
            sys.exit(f"bench: not alone in this network namespace: {', '.join(on)}")
        fcntl.ioctl(any_socket, _SET_MTU, struct.pack("16si12x", b"lo", mtu_bytes))
        flags = _flags(any_socket, "lo") | _UP
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags))


def _flags(any_socket: socket.socket, name: str) -> int:
    answer = fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack("16s16x", name.encode()))
    flags: int = struct.unpack("16xh14x", answer)[0]
    return flags


def bound_hosts(port: int) -> frozenset[str]:
    """The IPv4 addresses of this namespace on which a UDP socket is bound to this port."""
    return hosts_in(Path("/proc/self/net/udp").read_text("ascii"), port)


def hosts_in(table: str, port: int) -> frozenset[str]:
    """The addresses with this port in the text of /proc/net/udp, where they stand as hex words."""
    locals_ = re.findall(r"^\s*\d+: ([0-9A-F]{8}):([0-9A-F]{4}) ", table, re.MULTILINE)
    return frozenset(
        str(IPv4Address(int(host, 16).to_bytes(4, sys.byteorder)))
        for host, bound_port in locals_
        if int(bound_port, 16) == port
    )


def fragments_made() -> int:
    """IP fragments sent in this namespace so far."""
    names, values = (
        line.split()
        for line in Path("/proc/self/net/snmp").read_text("ascii").splitlines()
        if line.startswith("Ip: ")
    )
    return int(values[names.index("FragCreates")])
