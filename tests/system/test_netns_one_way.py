"""Nothing goes against the flow through the diode of `diode-sim netns`, whatever the high end does.

What arrives is looked for in three places: a packet socket in the low end, the low end's own
interface counter, and the diode's counter of what went out at that end. None of them is a rule.
"""

import sys
from collections.abc import Iterator

import pytest

from diode_sim.netns.cable import KINDS
from tests.system.namespaces import diode_pair, needs_namespaces
from tests.system.netns_tool import Tool, needs_pair, pair

pytestmark = [needs_pair, pytest.mark.long]

HOSTILE = (sys.executable, "-m", "tests.system.hostile_end")
QUIET_S = 2.5  # router solicitations begin after one second, MLD reports are repeated within one
LISTENER = """
import socket, sys, time
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
heard.setsockopt(263, 23, 1)  # not what this end sends itself
heard.bind(("diode0", 3))
print("ready", flush=True)
sys.stdin.readline()
heard.setblocking(False)
count = 0
while True:
    try:
        heard.recv(65536)
    except BlockingIOError:
        break
    count += 1
print(count)
"""
SENDS_ONE = """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"?", ("10.99.0.2", 47000))
socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"?", ("fd99::2", 47000))
"""

# Each is a way in which root of the high end might open the way back; refusals do not matter.
SETTINGS = {
    "nothing": "true",
    "arp-and-multicast": "ip link set diode0 arp on multicast on allmulticast on promisc on",
    "down-and-up": "ip link set diode0 down; ip link set diode0 up",
    "second-address": "ip addr add 10.99.0.77/24 dev diode0; ip addr add fd99::77/64 dev diode0;"
    " ip addr add 10.99.0.1/32 dev diode0",
    "the-low-ends-own-address": "ip link set diode0 down;"
    " ip link set diode0 address 02:00:00:00:99:01; ip link set diode0 up",
    "forwarding": "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
    " ip route add default dev diode0; ip -6 route add default dev diode0",
    "link-local": "sysctl -qw net.ipv6.conf.diode0.addr_gen_mode=0; ip link set diode0 down;"
    " ip link set diode0 arp on multicast on; ip link set diode0 up",
    "another-name": "ip link set diode0 down; ip link set diode0 name low; ip link set low up",
    "larger-mtu": "ip link set diode0 mtu 9000",
    "no-rules": "nft flush ruleset; nft delete table netdev diode",
    "rules-of-its-own": "nft 'add table netdev x; add chain netdev x c { type filter hook egress"
    " device diode0 priority -1000; policy accept; }'",
    "upper-interfaces": "ip link add link diode0 name v1 type vlan id 5; ip link set v1 up;"
    " ip link add link diode0 name m1 type macvlan; ip link set m1 up",
    "bridge": "ip link add b0 type bridge; ip link set diode0 master b0; ip link set b0 up",
    "to-another-namespace": "unshare -n sh -c 'ip link set lo up'; ip netns add other",
}


def heard_in_low(tool: Tool, act: str, *words: str) -> int:
    """How many frames a packet socket in the low end hears while something runs in another."""
    with tool.start("exec", "low", "--", sys.executable, "-c", LISTENER) as listener:
        assert listener.stdout is not None
        assert listener.stdin is not None
        assert listener.stdout.readline() == "ready\n"
        tool.inside(act, *words)
        listener.stdin.write("\n")
        listener.stdin.flush()
        return int(listener.stdout.readline())


def received(tool: Tool, side: str) -> int:
    """What an end's interface has counted as come in."""
    told = tool.inside(side, "cat", "/proc/self/net/dev").stdout
    return int(next(line for line in told.splitlines() if "diode0:" in line).split()[2])


@pytest.fixture(scope="module")
def tool() -> Iterator[Tool]:
    """One pair for all tests that leave the high end's interface as it was."""
    with pair() as one:
        yield one


@pytest.mark.parametrize("change", SETTINGS.values(), ids=SETTINGS)
def test_nothing_comes_back_whatever_the_high_end_sets_and_sends(change: str) -> None:
    with pair() as tool:
        tool.inside("high", "sh", "-c", change)
        assert heard_in_low(tool, "high", *HOSTILE) == 0
        assert received(tool, "low") == 0
        reverse = tool.status()["reverse"]
        assert reverse["passed"] == {"packets": 0, "bytes": 0}
        tried = {kind for kind in KINDS if reverse[kind]["packets"]}
        assert tried >= {"udp4", "udp6", "icmp4", "icmp6", "igmp", "tcp4", "tcp6", "arp", "other"}
        assert reverse["dropped"]["packets"] == sum(reverse[kind]["packets"] for kind in KINDS)
        assert tool.command("status").returncode == 0


def test_the_same_frames_forward_arrive_so_the_instruments_count(tool: Tool) -> None:
    before = received(tool, "high")
    tool.inside("low", *HOSTILE)
    forward = tool.status()["forward"]
    entered = {kind for kind in KINDS if forward[kind]["packets"]}
    assert entered >= {"udp4", "udp6", "icmp4", "icmp6", "igmp", "tcp4", "tcp6", "arp", "other"}
    came = received(tool, "high") - before
    assert came == forward["passed"]["packets"] >= sum(f["packets"] for f in by_kind(forward)) - 1


def by_kind(way: dict[str, dict[str, int]]) -> list[dict[str, int]]:
    return [way[kind] for kind in KINDS]


def test_nothing_is_said_by_itself() -> None:
    """No ARP, no neighbour discovery, no report, from either end, from the start."""
    with pair() as tool:
        tool.python_inside("low", f"import time; time.sleep({QUIET_S})")
        told = tool.status()
        for way in ("forward", "reverse"):
            assert all(one == {"packets": 0, "bytes": 0} for one in told[way].values()), way
        tool.python_inside("low", SENDS_ONE)
        forward = tool.status()["forward"]
        assert (forward["udp4"]["packets"], forward["udp6"]["packets"]) == (1, 1)
        assert forward["passed"]["packets"] == 2


def test_the_high_ends_kernel_answers_and_the_answers_stop_at_the_diode() -> None:
    with pair() as tool:
        tool.python_inside("low", SENDS_ONE)  # nobody listens
        reverse = tool.status()["reverse"]
        assert (reverse["icmp4"]["packets"], reverse["icmp6"]["packets"]) == (1, 1)
        assert reverse["passed"]["packets"] == 0
        assert received(tool, "low") == 0


# The diode's namespace has number 0 for each end, as the place of its interface's other half.
REACHES_OVER = "ip link add link if{index} link-netnsid 0 name x0 type macvlan"


def test_root_of_the_high_end_cannot_reach_into_the_diode(tool: Tool) -> None:
    assert "link-netnsid 0" in tool.inside("high", "ip", "link", "show", "diode0").stdout
    for index in range(1, 5):
        tried = tool.inside("high", *REACHES_OVER.format(index=index).split())
        assert tried.returncode != 0
        assert "Operation not permitted" in tried.stderr
    assert tool.inside("high", "nft", "list", "tables").stdout == ""
    assert tool.status()["reverse"]["passed"]["packets"] == 0


@needs_namespaces
def test_where_the_namespaces_have_one_owner_the_same_command_reaches_over() -> None:
    """Which is why each end has a user namespace of its own."""
    with diode_pair(rules=()) as straight:
        command = REACHES_OVER.format(index=2)
        assert straight.high.run(*command.split()) == ""
        assert "x0" in straight.high.run("ip", "link", "show", "x0")


SEES = """
import os, pathlib
own = {os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "user", "pid")}
print(sorted(int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*")))
print(os.readlink("/proc/1/ns/net") in own, len(os.listdir("/proc/1/fd")))
"""


def test_an_end_sees_its_own_processes_and_none_that_leads_elsewhere(tool: Tool) -> None:
    if tool.inside("high", "sh", "-c", "ls -d /proc/[0-9]* | wc -l").stdout.strip() not in "23456":
        pytest.skip("this host does not let an end have a /proc of its own")
    with tool.start("exec", "low", "--", "sleep", "60") as other:
        seen, first = tool.python_inside("high", SEES).splitlines()
        other.kill()
    assert len(seen.strip("[]").split(",")) == 2  # process 1, and the one that looks
    assert first == "True 3"  # only the null device
