"""Compression: what comes back, what is refused, and how much memory a lie can cost."""

import os
import subprocess
import sys
from pathlib import Path

import lz4.block
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from guard.link.compression import DICTIONARY_BYTES_MAX, WORK_BYTES_MAX, Coder, Coding
from schemas.errors import Malformed
from schemas.reasons import Reason

ROOT = Path(__file__).parents[3]
DICTIONARY = (ROOT / "schemas" / "packs" / "c2" / "cot.zdict").read_bytes()
CODERS = [
    Coder(Coding.LZ4),
    Coder(Coding.ZSTD),
    Coder(Coding.ZSTD_DICTIONARY, DICTIONARY, lambda _: 75),
    Coder(Coding.ZSTD_DICTIONARY, b"an event of any kind", lambda _: 10**9),
]
NAMES = ["lz4", "zstd", "dictionary", "raw dictionary"]
PLAIN = b"<event version='2.0' uid='x' type='a-f-G-U-C' how='m-g'/>" * 4


def coded(coder: Coder, plain: bytes = PLAIN) -> bytes:
    shrunk = coder.shrink(plain)
    assert shrunk is not None
    return shrunk


def refused(coder: Coder, untrusted: bytes, plain_bytes: int, coding: int | None = None) -> str:
    with pytest.raises(Malformed) as caught:
        coder.expand(coder.coding if coding is None else coding, memoryview(untrusted), plain_bytes)
    assert caught.value.reason is Reason.BLOCK_MALFORMED
    return caught.value.sentence


@pytest.mark.parametrize("coder", CODERS, ids=NAMES)
@pytest.mark.parametrize("size", [150, 4096, 4097, 70_000, 3 * 2**20])
def test_what_shrinks_comes_back(coder: Coder, size: int) -> None:
    plain = (os.urandom(70) + b"the same again " * (size // 15 + 1))[:size]
    assert coder.expand(coder.coding, memoryview(coded(coder, plain)), size) == plain
    assert coder.shrink(memoryview(plain)) == coded(coder, plain)


@given(st.binary(max_size=2000), st.integers(1, 8))
def test_any_bytes_come_back_or_are_left_as_they_are(noise: bytes, times: int) -> None:
    plain = noise * times
    for coder in CODERS:
        shrunk = coder.shrink(plain)
        if shrunk is not None:
            assert len(shrunk) < len(plain)
            assert coder.expand(coder.coding, shrunk, len(plain)) == plain


@pytest.mark.parametrize("coder", CODERS, ids=NAMES)
def test_what_does_not_shrink_is_none(coder: Coder) -> None:
    assert coder.shrink(b"") is None
    assert coder.shrink(b"x") is None
    assert coder.shrink(os.urandom(5000)) is None
    assert Coder(Coding.NONE).shrink(PLAIN) is None


@pytest.mark.parametrize("coder", CODERS, ids=NAMES)
def test_every_other_length_is_refused(coder: Coder) -> None:
    shrunk = coded(coder)
    for plain_bytes in (0, 1, len(shrunk), len(PLAIN) - 1, len(PLAIN) + 1, 2**20):
        refused(coder, shrunk, plain_bytes)


@pytest.mark.parametrize("coder", CODERS, ids=NAMES)
def test_cut_short_or_followed_by_bytes_it_is_refused(coder: Coder) -> None:
    shrunk = coded(coder)
    for size in range(len(shrunk)):
        refused(coder, shrunk[:size], len(PLAIN))
    for more in (b"\0", b"\0\0\0\0", shrunk):
        refused(coder, shrunk + more, len(PLAIN))
        refused(coder, shrunk + more, 2 * len(PLAIN))


@pytest.mark.parametrize("coder", CODERS, ids=NAMES)
@given(noise=st.binary(min_size=0, max_size=600), plain_bytes=st.integers(0, 70_000))
@example(noise=b"\x4b\0\0a", plain_bytes=9)  # the last block: nine times "a"
def test_any_bytes_are_an_envelope_or_malformed(
    coder: Coder, noise: bytes, plain_bytes: int
) -> None:
    try:
        plain = coder.expand(coder.coding, memoryview(noise), plain_bytes)
    except Malformed:
        return
    assert len(plain) == plain_bytes


@pytest.mark.parametrize("coder", CODERS, ids=NAMES)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_changed_bit_gives_that_length_or_malformed(coder: Coder, at: int, bit: int) -> None:
    shrunk = bytearray(coded(coder))
    shrunk[at % len(shrunk)] ^= 1 << bit
    try:
        plain = coder.expand(coder.coding, bytes(shrunk), len(PLAIN))
    except Malformed:
        return
    assert len(plain) == len(PLAIN)


def test_another_coding_than_the_links_is_refused() -> None:
    for coder in CODERS:
        for coding in {*range(6), 255} - {int(coder.coding)}:
            refused(coder, coded(coder), len(PLAIN), coding)
    refused(Coder(Coding.NONE), PLAIN, len(PLAIN) + 1, 0)


def test_a_frame_with_a_start_of_its_own_is_refused() -> None:
    """Of one that tells its size, the library would believe that and not ours."""
    coder = CODERS[1]
    for flags in ({"write_content_size": 1}, {"write_checksum": 1, "write_content_size": 0}):
        parameters = zstandard.ZstdCompressionParameters.from_level(
            3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, **flags
        )
        frame = zstandard.ZstdCompressor(compression_params=parameters).compress(PLAIN)
        refused(coder, frame, len(PLAIN))
    refused(coder, b"\0\x50" + coded(coder), len(PLAIN))
    refused(coder, zstandard.ZstdCompressor().compress(PLAIN), len(PLAIN))


def test_under_another_dictionary_another_envelope_comes_out() -> None:
    """Nothing here can know; the envelope's signature then does not verify."""
    one = Coder(Coding.ZSTD_DICTIONARY, b"abcdefgh" * 100)
    other = Coder(Coding.ZSTD_DICTIONARY, b"hgfedcba" * 100)
    plain = b"abcdefgh" * 40
    came = other.expand(Coding.ZSTD_DICTIONARY, coded(one, plain), len(plain))
    assert len(came) == len(plain)
    assert came != plain


@pytest.mark.parametrize(
    "dictionary",
    [b"", b"x" * (DICTIONARY_BYTES_MAX + 1), DICTIONARY[:100], DICTIONARY[:8] + os.urandom(4000)],
    ids=["none", "too large", "cut short", "without tables"],
)
def test_what_is_no_dictionary_is_the_policys_fault(dictionary: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        Coder(Coding.ZSTD_DICTIONARY, dictionary)
    assert caught.value.reason is Reason.POLICY_MALFORMED
    with pytest.raises(Malformed):
        Coder(Coding.ZSTD, b"a dictionary")


BOMB = """
import resource, sys
sys.path.insert(0, {root!r})
from guard.link.compression import Coder, Coding
from schemas.errors import Malformed
coder = Coder(Coding[{coding!r}])
bomb = {bomb}
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
coder.shrink(b"warm " * 10000)
before = peak()
for plain_bytes in (len(bomb) + 1, 1 << 20):
    for _ in range(3):
        try: coder.expand(coder.coding, bomb, plain_bytes)
        except Malformed: pass
        else: sys.exit("expanded")
print(peak() - before)
"""
ZSTD_BOMB = """(((131072 << 3) | 2).to_bytes(3, "little") + b"a") * 100_000"""
LZ4_BOMB = """b"\\x1fa\\1\\0" + b"\\xff" * 500_000 + b"\\0" """


@pytest.mark.parametrize(("coding", "bomb"), [("ZSTD", ZSTD_BOMB), ("LZ4", LZ4_BOMB)])
def test_a_bomb_costs_no_more_memory_than_it_may(coding: str, bomb: str) -> None:
    """13 GB of zstd in 400 KB, 127 MB of lz4 in 500 KB; in its own process, to see its peak."""
    script = BOMB.format(root=str(ROOT), coding=coding, bomb=bomb)
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) <= 2**20 + WORK_BYTES_MAX


def test_an_lz4_block_is_what_any_lz4_reads() -> None:
    assert lz4.block.decompress(coded(CODERS[0]), uncompressed_size=len(PLAIN)) == PLAIN


def test_a_zstd_frame_is_what_any_zstd_reads() -> None:
    frame = b"\x28\xb5\x2f\xfd\0\x50" + coded(CODERS[1])
    assert zstandard.ZstdDecompressor().decompress(frame, max_output_size=len(PLAIN)) == PLAIN
