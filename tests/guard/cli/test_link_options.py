"""What the bare link takes where people name nothing."""

import pytest

from guard.cli.link_options import block_symbols
from guard.link.params import (
    BURST_BYTES_MAX,
    BURST_SEGMENTS_MAX,
    SYMBOLS_MAX,
    LinkParams,
    repair_share,
)


@pytest.mark.parametrize(("mtu_bytes", "found"), [(1500, (120, 12)), (9000, (25, 3))])
def test_a_block_is_as_the_pages_say(mtu_bytes: int, found: tuple[int, int]) -> None:
    k = block_symbols(mtu_bytes, 10)
    assert (k, repair_share(k, 10)) == found


@pytest.mark.parametrize("repair_percent", [0, 1, 10, 33, 100, 399, 400])
@pytest.mark.parametrize("mtu_bytes", [256, 576, 1280, 1500, 4000, 9000, 65_535])
def test_every_choice_makes_a_link_and_whole_sends(mtu_bytes: int, repair_percent: int) -> None:
    k = block_symbols(mtu_bytes, repair_percent)
    r = repair_share(k, repair_percent)
    params = LinkParams(
        mtu_bytes=mtu_bytes, k_max=k, r_max=SYMBOLS_MAX - k, repair_percent=repair_percent,
        design_loss_ppm=0, window_bytes_max=160 * 2**20,
    )  # fmt: skip
    assert params.repair_symbols(k) == r
    a_send = min(BURST_SEGMENTS_MAX, BURST_BYTES_MAX // params.datagram_bytes_max)
    if repair_percent == 10:
        assert (k + r) % a_send == 0
