"""`guard doctor` about a link that is no loopback: on the two ends of a real cable."""

import ctypes
import json
import socket
import struct
import tempfile
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from guard.edge.making import Made, make_site, pack_folder
from tests.guard.cli.conftest import Guard
from tests.system.namespaces import (
    INTERFACE,
    PORT,
    RULES,
    Pair,
    Side,
    diode_pair,
    give_neighbour,
    needs_namespaces,
)

pytestmark = needs_namespaces

SIOCETHTOOL = 0x8946
SET_CHECKSUMS, SET_GRO = 0x17, 0x2C  # ETHTOOL_STXCSUM, ETHTOOL_SGRO

versions = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


@pytest.fixture
def cable() -> Iterator[Pair]:
    """With the shipped rules, and nobody told about the other end."""
    with diode_pair(neighbours=()) as pair:
        yield pair


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def site_for(folder: Path, address: str) -> Made:
    return make_site(folder / "site", pack_folder("c2"), address, address)


def doctor(guard: Guard, side: Side, site: Made) -> dict[str, dict[str, Any]]:
    """What the check-up of a side finds where that side runs."""
    with side.inside():
        told = json.loads(guard("doctor", "--json", "--site", getattr(site, side.name)).stdout)
    return {check["name"]: check for check in told["checks"]}


def grades(checks: dict[str, dict[str, Any]], *names: str) -> list[str]:
    return [checks[name]["grade"] for name in names]


def switch(side: Side, command: int, on: bool) -> None:
    """As `ethtool -K INTERFACE gro|tx on|off`."""
    with side.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        place = ctypes.create_string_buffer(struct.pack("=II", command, on), 8)
        pointed = struct.pack("@16sP", INTERFACE.encode(), ctypes.addressof(place))
        ioctl(asked.fileno(), SIOCETHTOOL, pointed.ljust(40, b"\0"))


@versions
def test_the_command_that_the_high_host_prints_makes_the_low_hosts_entry(
    cable: Pair, folder: Path, guard: Guard, version: int
) -> None:
    site = site_for(folder, cable.high.address(version))
    before = doctor(guard, cable.low, site)["neighbour"]
    assert before["grade"] == "fail"
    assert "no entry" in before["found"]
    wanted = f"ip neighbour replace {cable.high.hosts[version]} lladdr "
    assert before["mend"].startswith(f"{wanted}HIGH_MAC dev {INTERFACE} nud permanent")
    there = doctor(guard, cable.high, site)["neighbour"]
    assert there["grade"] == "ok"
    command = there["found"].partition(": ")[2].replace("LOW_INTERFACE", INTERFACE)
    assert command == f"{wanted}{cable.high.mac} dev {INTERFACE} nud permanent"
    cable.low.run(*command.split())
    after = doctor(guard, cable.low, site)["neighbour"]
    assert (after["grade"], after["mend"]) == ("ok", "")
    assert cable.high.mac in after["found"]


@versions
def test_an_entry_that_was_learned_is_none(folder: Path, guard: Guard, version: int) -> None:
    with diode_pair(rules=(), neighbours=()) as pair:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with pair.low.inside(), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.sendto(b"?", (pair.high.hosts[version], PORT))
        pair.along.await_kind("udp")  # so its question was answered
        site = site_for(folder, pair.high.address(version))
        found = doctor(guard, pair.low, site)["neighbour"]
    assert found["grade"] == "fail"
    assert f"learned, {pair.high.mac}" in found["found"]


@versions
def test_the_entry_of_the_wrong_host_is_told(
    cable: Pair, folder: Path, guard: Guard, version: int
) -> None:
    host = cable.high.hosts[version]
    cable.low.run("ip", "neighbour", "replace", host, "lladdr", cable.low.mac, "dev", INTERFACE,
                  "nud", "permanent")  # fmt: skip
    found = doctor(guard, cable.low, site_for(folder, cable.high.address(version)))["neighbour"]
    assert found["grade"] == "fail"
    assert "this host's own" in found["found"]


@versions
def test_behind_a_gateway_it_is_the_gateways_entry(
    cable: Pair, folder: Path, guard: Guard, version: int
) -> None:
    far, length = ("10.200.0.1", 32) if version == 4 else ("fd20::1", 128)
    gateway = cable.high.hosts[version]
    cable.low.run("ip", "route", "add", f"{far}/{length}", "via", gateway)
    site = site_for(folder, f"[{far}]:{PORT}" if version == 6 else f"{far}:{PORT}")
    found = doctor(guard, cable.low, site)["neighbour"]
    assert found["grade"] == "fail"
    assert f"{gateway}, the gateway to {far}, has no entry" in found["found"]
    give_neighbour(cable.low, cable.high)
    assert doctor(guard, cable.low, site)["neighbour"]["grade"] == "ok"


def test_a_second_address_of_the_interface_is_found(
    cable: Pair, folder: Path, guard: Guard
) -> None:
    cable.high.run("ip", "address", "add", "10.99.0.3/32", "dev", INTERFACE)
    checks = doctor(guard, cable.high, site_for(folder, f"10.99.0.3:{PORT}"))
    assert grades(checks, "MTU", "neighbour", "nftables") == ["ok", "ok", "ok"]


def test_a_small_mtu_is_mended_by_the_command(cable: Pair, folder: Path, guard: Guard) -> None:
    site = site_for(folder, cable.high.address(4))
    for side in (cable.low, cable.high):
        side.run("ip", "link", "set", INTERFACE, "mtu", "1400")
        found = doctor(guard, side, site)["MTU"]
        assert found["grade"] == "fail"
        side.run(*found["mend"].partition(",")[0].split())
        assert doctor(guard, side, site)["MTU"]["grade"] == "ok"


def test_offloads_that_are_off_are_warnings_with_their_switch(
    cable: Pair, folder: Path, guard: Guard
) -> None:
    site = site_for(folder, cable.high.address(4))
    for side, command, name in ((cable.low, SET_CHECKSUMS, "tx"), (cable.high, SET_GRO, "gro")):
        switch(side, command, on=True)
        assert doctor(guard, side, site)["offloads"]["grade"] == "ok"
        switch(side, command, on=False)
        found = doctor(guard, side, site)["offloads"]
        assert found["grade"] == "warn"
        assert found["mend"] == f"ethtool -K {INTERFACE} {name} on"


def test_rules_count_only_on_the_links_interface_and_port(
    cable: Pair, folder: Path, guard: Guard
) -> None:
    right = site_for(folder / "right", cable.high.address(4))
    other = site_for(folder / "other", cable.high.address(4, PORT + 1))
    for side in (cable.low, cable.high):
        assert doctor(guard, side, right)["nftables"]["grade"] == "ok"
        wrong = doctor(guard, side, other)["nftables"]
        assert wrong["grade"] == "fail"
        assert f"set its port to {PORT + 1} first" in wrong["mend"]


def test_rules_on_another_interface_are_none(folder: Path, guard: Guard) -> None:
    with diode_pair(rules=()) as pair:
        site = site_for(folder, pair.high.address(4))
        for side in (pair.low, pair.high):
            shipped = (RULES / f"checkvalve-{side.name}.nft").read_text()
            side.run("nft", "-f", "-", given=shipped.replace(f'"{INTERFACE}"', '"lo"'))
            found = doctor(guard, side, site)["nftables"]
            assert found["grade"] == "warn"
            assert f"not on ingress of {INTERFACE}" in found["found"]
