"""The link's interface in the check-up: its MTU, its offloads, the rules that are on it.

Takes what the link needs, gives findings. Asks the kernel and `nft`; a route is looked up, never
used, and nothing is sent.
"""

import ipaddress
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from guard.edge.findings import Finding, fail, ok, warn
from guard.edge.interfaces import Feature, features_of, mtu_bytes_of
from guard.edge.netlink import interface_of, route_to
from guard.edge.udp import read_address

_RULES_WITHIN_S = 10
_RULES = {"low": "checkvalve_low", "high": "checkvalve_high"}
_HOOKS = ("ingress", "egress")
_OFFLOADS = "offloads"
_CHECKSUMS = {4: "tx-checksum-ipv4", 6: "tx-checksum-ipv6"}
_ANY_CHECKSUM = "tx-checksum-ip-generic"
_SEGMENTATION = "tx-udp-segmentation"
_GRO = "rx-gro"


@dataclass(frozen=True, slots=True)
class LinkNeeds:
    """side: "low", "high" or "" for no site; address: the link's in site.toml."""

    side: str
    address: str
    rate_mbit_per_s: int
    mtu_bytes: int

    @property
    def host(self) -> str:
        """The address without its port."""
        return read_address(self.address)[0]

    @property
    def port(self) -> int:
        """The port."""
        return read_address(self.address)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether the link stays on this machine."""
        return ipaddress.ip_address(self.host).is_loopback

    def interface(self) -> str:
        """What datagrams leave by, on the high side what has the address. Raises `OSError`."""
        if self.side == "high":
            return interface_of(self.host)
        return route_to(self.host).interface


def link_findings(needs: LinkNeeds) -> Iterator[Finding]:
    """What the interface offers, against what the link needs."""
    yield _mtu(needs)
    yield _offloads(needs)
    yield _rules(needs)


def _mtu(needs: LinkNeeds) -> Finding:
    """The MTU of the interface that the link uses, against the policy's."""
    try:
        interface = needs.interface()
        mtu_bytes = mtu_bytes_of(interface)
    except OSError as error:
        return fail(
            "MTU", f"no interface is found for the link at {needs.address} ({error.strerror})",
            "ip address; then set link in site.toml",
        )  # fmt: skip
    told = f"{interface} has {mtu_bytes:,} bytes, the policy's link {needs.mtu_bytes:,}"
    if mtu_bytes < needs.mtu_bytes:
        mend = f"ip link set {interface} mtu {needs.mtu_bytes}, or lower mtu_bytes in the policy"
        return fail("MTU", told, mend)
    return ok("MTU", told)


def _offloads(needs: LinkNeeds) -> Finding:
    """What lets many datagrams pass the host as one: without it the link works, slower.

    rx-udp-gro-forwarding is not asked for: the receiver's socket asks for its datagrams together.
    """
    if not needs.side or needs.is_loopback:
        return ok(_OFFLOADS, "the link is on the loopback interface, which has them all")
    try:
        interface = needs.interface()
        features = features_of(interface)
    except OSError as error:
        return warn(_OFFLOADS, f"what the interface can do is not readable ({error.strerror})",
                    "ethtool -k INTERFACE")  # fmt: skip
    if needs.side == "high":
        return receiving_finding(interface, features)
    return sending_finding(interface, features, ipaddress.ip_address(needs.host).version)


def receiving_finding(interface: str, features: dict[str, Feature]) -> Finding:
    """What an interface's offloads mean for the receiver."""
    if _GRO in features and not features[_GRO].is_on:
        told = f"{interface} has {_GRO} off: every datagram comes in by itself, which costs a core"
        return warn(_OFFLOADS, told, f"ethtool -K {interface} gro on")
    return ok(_OFFLOADS, f"{interface} brings datagrams in together ({_GRO} is on)")


def sending_finding(interface: str, features: dict[str, Feature], ip_version: int) -> Finding:
    """What an interface's offloads mean for the sender."""
    checksums = (_ANY_CHECKSUM, _CHECKSUMS[ip_version])
    if not any(features[each].is_on for each in checksums if each in features):
        told = f"{interface} computes no checksums: a burst may go out a datagram a call"
        return warn(_OFFLOADS, told, f"ethtool -K {interface} tx on")
    cut = features.get(_SEGMENTATION, Feature(is_on=False, can_change=False))
    if cut.is_on:
        return ok(_OFFLOADS, f"{interface} cuts bursts into datagrams ({_SEGMENTATION} is on)")
    if cut.can_change:
        told = f"{interface} has {_SEGMENTATION} off: the kernel cuts bursts into datagrams"
        return warn(_OFFLOADS, told, f"ethtool -K {interface} {_SEGMENTATION} on")
    return ok(_OFFLOADS, f"{interface} cannot cut bursts into datagrams, so the kernel does")


def _rules(needs: LinkNeeds) -> Finding:
    """Whether the kernel itself is kept from answering on a real link, on the right interface."""
    name = "nftables"
    if not needs.side:
        return ok(name, "a real link needs the rules of deploy/nftables on its interface")
    if needs.is_loopback:
        return ok(name, "the link is on the loopback interface: no rules are needed")
    table = _RULES[needs.side]
    mend = f"nft -f deploy/nftables/checkvalve-{needs.side}.nft (set its interface first)"
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return warn(name, "there is no nft to ask: the kernel may answer datagrams by ICMP", mend)
    try:
        # a fixed program and fixed words
        done = subprocess.run(  # noqa: S603  # nothing of it comes from outside
            [program, "list", "table", "netdev", table],
            capture_output=True, check=False, timeout=_RULES_WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return warn(name, "nft does not answer", mend)
    if done.returncode:
        found = f"no table netdev {table} is loaded (or not for this user to see)"
        return warn(name, f"{found}: the kernel may answer datagrams by ICMP", mend)
    return _loaded_rules(needs, table, done.stdout.decode("utf-8", "replace"), mend)


def _loaded_rules(needs: LinkNeeds, table: str, listing: str, mend: str) -> Finding:
    """Rules name an interface and a port; an interface that is made anew has lost its rules."""
    name = "nftables"
    try:
        interface = needs.interface()
    except OSError:
        return ok(name, f"table netdev {table} is loaded")  # the MTU's finding says what is wrong
    lines = listing.splitlines()
    for hook in _HOOKS:
        if not any(f" hook {hook} " in line and _names(line, interface) for line in lines):
            told = f"table netdev {table} is loaded, but not on {hook} of {interface}"
            return warn(name, f"{told}: the kernel may answer datagrams by ICMP", mend)
    if not any("udp dport" in line and _names(line, str(needs.port)) for line in lines):
        told = f"table netdev {table} lets no datagram of port {needs.port} pass"
        return fail(name, told, f"{mend.partition(' (')[0]} (set its port to {needs.port} first)")
    return ok(name, f"table netdev {table} is loaded on {interface}, for port {needs.port}")


def _names(line: str, word: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", line) is not None
