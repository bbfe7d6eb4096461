"""A buffer may hold more blocks than the window: none of them is lost for that."""

from dataclasses import replace

import pytest

from guard.link.params import LinkParams
from tests.guard.link.pair import MS, SMALL, Pair, drain
from tests.guard.link.test_untagged import renumbered

FOUR = replace(SMALL, k_max=1, r_max=3, window_blocks=4)


@pytest.mark.parametrize("tag", [True, False])
@pytest.mark.parametrize("interleave", [1, 2])
@pytest.mark.parametrize("width", [4, 5, 8])
def test_sixteen_blocks_in_one_buffer_all_land(tag: bool, interleave: int, width: int) -> None:
    params = replace(FOUR, tag=tag, interleave_blocks=interleave, window_blocks=width)
    pair = Pair(params)
    pair.run()
    pair.offer([bytes([n]) * 150 for n in range(1, 41)])
    datagrams = list(drain(pair.sender, pair.now_ns + MS))
    assert len(datagrams) == 160
    for first in range(0, 160, 64):  # as UDP_GRO gives them
        together = b"".join(datagrams[first : first + 64])
        size = len(datagrams[0])
        pair._note(pair.receiver.take(memoryview(together), size, pair.now_ns))
    assert sorted(pair.landed) == list(range(1, 41))
    pair.settle()
    assert pair.gaps == []


def test_sixteen_blocks_in_one_buffer_all_land_where_memory_holds_four_at_a_time() -> None:
    params = replace(SMALL, k_max=200, r_max=54, mtu_bytes=1500, window_bytes_max=1_500_000)
    assert params.window_bytes_max // params.slot_bytes == 4
    pair = Pair(params)
    pair.run()
    datagrams: list[bytes] = []
    for sequence in range(1, 17):
        pair.sender.offer(sequence, 0, bytes([sequence]) * 100)
        datagrams += drain(pair.sender, pair.now_ns + MS)
    assert len(datagrams) == 64
    for whole in (datagrams, datagrams[::-1]):
        pair.restart_receiver()
        size = len(datagrams[0])
        pair._note(pair.receiver.take(memoryview(b"".join(whole)), size, pair.now_ns))
    assert sorted(pair.landed) == list(range(1, 17))
    assert pair.receiver.counters["blocks_done"] == 16


@pytest.mark.parametrize("params", [FOUR, replace(FOUR, tag=False)])
def test_numbers_of_thin_air_in_between_cost_nothing_of_the_rest(params: LinkParams) -> None:
    pair = Pair(params)
    pair.run()
    pair.offer([bytes([n]) * 150 for n in range(1, 17)])
    genuine = list(drain(pair.sender, pair.now_ns + MS))
    mixed = []
    for number, datagram in enumerate(genuine):
        mixed += [datagram, renumbered(datagram, number * 1000 + 700)]
    size = len(genuine[0])
    for first in range(0, len(mixed), 64):
        together = b"".join(mixed[first : first + 64])
        pair._note(pair.receiver.take(memoryview(together), size, pair.now_ns))
    assert sorted(pair.landed) == list(range(1, 17))
