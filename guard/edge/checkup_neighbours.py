"""The link's neighbour in the check-up: who stands for the far end's address on the cable.

Over a one-way link nobody answers ARP or neighbour discovery, so the low host must be told the
high host's hardware address by hand. Takes what the link needs, gives one finding. Reads the
kernel's tables; sends nothing.
"""

from ipaddress import ip_address

from guard.edge.checkup_link import LinkNeeds
from guard.edge.findings import Finding, fail, ok
from guard.edge.interfaces import mac_of, needs_neighbours
from guard.edge.netlink import Neighbour, neighbour, route_to

NAME = "neighbour"
_FAR_MAC = "HIGH_MAC"
_FAR_INTERFACE = "LOW_INTERFACE"


def neighbour_finding(needs: LinkNeeds) -> Finding:
    """On the low host the entry; on the high host the command that makes it there."""
    if not needs.side:
        return ok(NAME, "a real link needs a permanent entry for the high host on the low host")
    if needs.is_loopback:
        return ok(NAME, "the link is on the loopback interface: no entry is needed")
    try:
        return _of_low(needs) if needs.side == "low" else _of_high(needs)
    except OSError as error:
        return fail(
            NAME, f"no interface is found for the link at {needs.address} ({error.strerror})",
            "ip address; then set link in site.toml",
        )  # fmt: skip


def _of_low(needs: LinkNeeds) -> Finding:
    route = route_to(needs.host)
    if route.is_local or not needs_neighbours(route.interface):
        return ok(NAME, f"{route.interface} asks nobody for hardware addresses: no entry is needed")
    who = str(route.next_hop)
    found = neighbour(route.interface, route.next_hop)
    wrong = _wrong(found, mac_of(route.interface))
    if found is not None and not wrong:
        return ok(NAME, f"{who} is at {found.mac} on {route.interface}, permanently")
    by = "" if who == str(ip_address(needs.host)) else f", the gateway to {needs.host},"
    return fail(
        NAME, f"{who}{by} has {wrong} on {route.interface}: nobody answers over a one-way link",
        f"{command(who, _FAR_MAC, route.interface)}"
        f" (guard doctor on the high host prints it with its {_FAR_MAC})",
    )  # fmt: skip


def _wrong(found: Neighbour | None, own_mac: str) -> str:
    """What is wrong with an entry, or empty."""
    if found is None or not found.mac:
        return "no entry"
    if not found.is_permanent:
        return f"an entry that was learned, {found.mac}, and will be forgotten"
    if found.mac == own_mac:
        return f"this host's own hardware address, {found.mac},"
    return ""


def _of_high(needs: LinkNeeds) -> Finding:
    interface = needs.interface()
    mac = mac_of(interface)
    if not mac or not needs_neighbours(interface):
        return ok(NAME, f"{interface} has no hardware address: no entry is needed")
    host = str(ip_address(needs.host))
    told = "none is needed here; on the low host, with the name of its interface for the link"
    return ok(NAME, f"{told}: {command(host, mac, _FAR_INTERFACE)}")


def command(host: str, mac: str, interface: str) -> str:
    """What makes the entry; good for IPv4 and IPv6."""
    return f"ip neighbour replace {host} lladdr {mac} dev {interface} nud permanent"
