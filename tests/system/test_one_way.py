"""No packet against the flow: counted on a cable between two network namespaces.

With the shipped rules on both ends nothing comes back, whatever becomes of the receiver: no ICMP,
no MLD, no neighbour discovery. Without them the kernel answers, which also shows that the
instrument counts.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from guard.edge.udp import open_receiver
from tests.system.link_end import BUFFER_FOR_MBIT, await_landed, await_ready, link_end
from tests.system.namespaces import RULES, Pair, diode_pair, needs_namespaces

pytestmark = needs_namespaces

MESSAGES = 600  # 12 MB: two seconds at the ends' pace
BEFORE_THE_KILL = 60
ENDS_WITHIN_S = 60
LINGER_S = 1.5  # MLD reports are repeated within a second, router solicitations begin after one
PORT_UNREACHABLE = {4: "icmp 3/3", 6: "icmp6 1"}
NO_PORTS = {4: "Udp.NoPorts", 6: "Udp6NoPorts"}
REFUSED = {4: "Icmp.OutDestUnreachs", 6: "Icmp6OutDestUnreachs"}
# What a host says because an interface came up: MLD report, neighbour and router solicitation.
AT_LINK_UP = ("icmp6 143", "icmp6 135", "icmp6 133")
NOTHING: "Counter[str]" = Counter()

versions = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


@pytest.fixture(scope="module")
def shipped() -> Iterator[Pair]:
    """One cable with the shipped rules for all tests: what was once answered stays counted."""
    with diode_pair() as pair:
        yield pair
        time.sleep(LINGER_S)
        assert pair.answers() == NOTHING


@versions
def test_nothing_comes_back_from_a_receiver_that_is_alive(shipped: Pair, version: int) -> None:
    address = shipped.high.address(version)
    with link_end(shipped.high, "receive", address, MESSAGES) as receiver:
        await_ready(receiver)
        with link_end(shipped.low, "send", address, MESSAGES) as sender:
            await_landed(receiver, MESSAGES)
            assert sender.wait(ENDS_WITHIN_S) == 0
        assert receiver.wait(ENDS_WITHIN_S) == 0
    assert shipped.answers() == NOTHING


@versions
@pytest.mark.parametrize("kept", [False, True], ids=["nobody-keeps-the-socket", "kept-socket"])
def test_nothing_comes_back_when_the_receiver_is_killed_in_mid_transfer(
    shipped: Pair, version: int, kept: bool
) -> None:
    address = shipped.high.address(version)
    with ExitStack() as stack:
        descriptor = None
        if kept:
            with shipped.high.inside():
                descriptor = stack.enter_context(open_receiver(address, BUFFER_FOR_MBIT)).fileno()
        receiver = stack.enter_context(
            link_end(shipped.high, "receive", address, MESSAGES, descriptor)
        )
        await_ready(receiver)
        sender = stack.enter_context(link_end(shipped.low, "send", address, MESSAGES))
        await_landed(receiver, BEFORE_THE_KILL)
        receiver.kill()
        receiver.wait()
        assert sender.poll() is None, "the sender had ended before the receiver was killed"
        came = shipped.high.received_packets()
        to_nobody = shipped.high.counter(NO_PORTS[version])
        assert sender.wait(ENDS_WITHIN_S) == 0
        assert shipped.high.received_packets() > came
        assert (shipped.high.counter(NO_PORTS[version]) > to_nobody) == (not kept)
        if kept:
            again = link_end(shipped.high, "receive", address, MESSAGES, descriptor)
            receiver = stack.enter_context(again)
            await_ready(receiver)
            await_landed(receiver, 1)
    assert shipped.answers() == NOTHING


@versions
def test_nothing_comes_back_where_no_receiver_ever_was(shipped: Pair, version: int) -> None:
    refused = shipped.high.counter(REFUSED[version])
    with link_end(shipped.low, "send", shipped.high.address(version), MESSAGES) as sender:
        assert sender.wait(ENDS_WITHIN_S) == 0
    assert shipped.high.counter(REFUSED[version]) > refused, "the kernel did not even try to answer"
    assert shipped.answers() == NOTHING


@versions
def test_without_the_rules_the_kernel_answers_and_is_counted(version: int) -> None:
    with diode_pair(rules=()) as pair:
        with link_end(pair.low, "send", pair.high.address(version), 1) as sender:
            assert sender.wait(ENDS_WITHIN_S) == 0
        for kind in (PORT_UNREACHABLE[version], *AT_LINK_UP):
            pair.against.await_kind(kind)
        assert pair.answers().keys() >= {PORT_UNREACHABLE[version], *AT_LINK_UP}


def test_loading_the_rules_again_leaves_no_gap(shipped: Pair) -> None:
    rules = str(RULES / "checkvalve-high.nft")
    with link_end(shipped.low, "send", shipped.high.address(4), MESSAGES) as sender:
        while sender.poll() is None:
            shipped.high.run("nft", "-f", rules)
        assert sender.returncode == 0
    assert shipped.answers() == NOTHING
