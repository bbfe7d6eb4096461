"""The cable between two ends: straight, or through a diode that stands in a third namespace.

The diode is two interfaces, `low` and `high`, in a namespace of its own, and rules on them:

    what comes in at `low` goes out at `high`          (nftables: ingress hook, `fwd`)
    what comes in at `high` is counted and dropped     (ingress hook)
    what would go out at `low` is counted and dropped  (egress hook)

It has no address, speaks no ARP and no IPv6 and forwards nothing by routing. Neither end can
reach it: not by a packet, which it never takes for itself, and not by a setting, because the
namespace belongs to a user namespace in which the ends have no rights. What has really gone out
at each interface is read from the interface itself, without nftables.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from diode_sim.netns.side import Side, await_addresses, configure, give_neighbour

KINDS = {
    "udp4": "ip protocol udp",
    "udp6": "ip6 nexthdr udp",
    "icmp4": "ip protocol icmp",
    "icmp6": "ip6 nexthdr icmpv6",
    "igmp": "ip protocol igmp",
    "mld": "ip6 nexthdr hopopt",
    "tcp4": "ip protocol tcp",
    "tcp6": "ip6 nexthdr tcp",
    "arp": "meta protocol arp",
    "other": "",
}
"""Kind of frame to what matches it, in this order; `other` is what none has matched. An MLD report
has a hop-by-hop header before its ICMPv6 (RFC 3810)."""

ETHERNET_BYTES = 14  # at the ingress hook the kernel has taken them off already

Tally = dict[str, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """nftables files that the ends load before their interface comes up; None: none."""

    low: Path | None = None
    high: Path | None = None

    def of(self, side: Side) -> Path | None:
        """The file of this end."""
        return self.low if side.name == "low" else self.high


def join_straight(low: Side, high: Side) -> None:
    """One veth from end to end, both ways open; its interfaces stay down."""
    _veth(low, low.interface, high, high.interface)


def join_by_diode(low: Side, middle: Side, high: Side, mtu_bytes: int, *, fwd: bool) -> None:
    """Both ends to the diode, whose rules stand before anything is up; the ends stay down.

    fwd: the kernel passes frames on; else they are dropped there, and a process passes them on.
    """
    _veth(middle, "low", low, low.interface)
    _veth(middle, "high", high, high.interface)
    middle.run("nft", "-f", "-", given=diode_rules(fwd=fwd))
    for device in ("low", "high"):
        if 6 in low.hosts:
            middle.setting(f"net/ipv6/conf/{device}/disable_ipv6", "1")
        middle.run("ip", "link", "set", "dev", device, "mtu", str(mtu_bytes), "arp", "off",
                   "multicast", "off", "up")  # fmt: skip


def bring_up(low: Side, high: Side, mtu_bytes: int, rules: Rules) -> None:
    """Both ends of a diode: rules, then the interface, then what stands in for ARP."""
    for side, other in ((low, high), (high, low)):
        if path := rules.of(side):
            side.run("nft", "-f", str(path))
        configure(side, mtu_bytes, silent=True)
        give_neighbour(side, other)
    for side in (low, high):
        await_addresses(side)


def diode_rules(*, fwd: bool) -> str:
    """The diode as nftables reads it."""
    return "\n".join([
        "table netdev diode {",
        *(f"\tcounter {way}_{kind} {{}}" for way in ("entered", "tried") for kind in KINDS),
        "\tcounter out_low {}",
        *_chain("from_low", 'ingress device "low"', "entered", 'fwd to "high"' if fwd else "drop"),
        *_chain("from_high", 'ingress device "high"', "tried", "drop"),
        "\tchain to_low {",
        '\t\ttype filter hook egress device "low" priority -500; policy drop;',
        "\t\tcounter name out_low drop",
        "\t}",
        "}\n",
    ])  # fmt: skip


def read_counters(middle: Side) -> dict[str, dict[str, Tally]]:
    """What the diode has counted, packets and bytes with their Ethernet headers.

    forward   entered, by kind, and passed: what went out at the high end's interface
    reverse   tried, by kind, dropped and passed: what went out at the low end's, which must be 0
    """
    told = json.loads(middle.run("nft", "-j", "list", "counters", "table", "netdev", "diode"))
    counted: dict[str, Tally] = {}
    for row in told["nftables"]:
        if one := row.get("counter"):
            headed = 0 if one["name"] == "out_low" else ETHERNET_BYTES * one["packets"]
            counted[one["name"]] = {"packets": one["packets"], "bytes": one["bytes"] + headed}
    entered = {kind: counted[f"entered_{kind}"] for kind in KINDS}
    tried = {kind: counted[f"tried_{kind}"] for kind in KINDS}
    stopped = [*tried.values(), counted["out_low"]]
    dropped = {unit: sum(one[unit] for one in stopped) for unit in ("packets", "bytes")}
    return {
        "forward": {**entered, "passed": _went_out(middle, "high")},
        "reverse": {**tried, "dropped": dropped, "passed": _went_out(middle, "low")},
    }


def _went_out(middle: Side, device: str) -> Tally:
    told = json.loads(middle.run("ip", "-json", "-s", "link", "show", "dev", device))
    sent = told[0]["stats64"]["tx"]
    return {"packets": int(sent["packets"]), "bytes": int(sent["bytes"])}


def _chain(name: str, hook: str, way: str, then: str) -> list[str]:
    return [
        f"\tchain {name} {{",
        f"\t\ttype filter hook {hook} priority -500; policy drop;",
        *(f"\t\t{match} counter name {way}_{kind} {then}" for kind, match in KINDS.items()),
        "\t}",
    ]


def _veth(one: Side, device: str, other: Side, far: str) -> None:
    one.run("ip", "link", "add", "name", device, "type", "veth", "peer", "name", far, "netns",
            f"/proc/self/fd/{other.descriptor}")  # fmt: skip
