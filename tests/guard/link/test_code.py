"""The erasure code: reference and ISA-L agree, and any k of k + r symbols are enough."""

import itertools
import random

import numpy as np
import pytest

from guard.edge.isal import best_codec, choose_codec
from guard.link.fec import Codec, ReferenceCodec, cauchy_rows, multiply

CODECS: list[Codec] = [ReferenceCodec(), best_codec()]


def block(seed: int, k: int, r: int, size: int) -> np.ndarray:
    symbols = np.zeros((k + r, size), dtype=np.uint8)
    symbols[:k] = np.random.default_rng(seed).integers(0, 256, (k, size), dtype=np.uint8)
    return symbols


def lose(codec: Codec, coded: np.ndarray, k: int, lost_any: tuple[int, ...]) -> np.ndarray:
    """The block with these symbols lost and rebuilt."""
    damaged = coded.copy()
    damaged[list(lost_any)] = 0xAA
    lost = [index for index in lost_any if index < k]
    spare = [index for index in range(k, len(coded)) if index not in lost_any]
    if lost:
        codec.rebuild(k, damaged, lost, spare[: len(lost)])
    return damaged[:k]


def test_the_field_has_inverses() -> None:
    values = np.arange(1, 256, dtype=np.uint8)
    rows = cauchy_rows(1, 254)[:, 0]  # 1 / (i xor 0) for i = 1 ...
    assert (multiply(values[:254], rows) == 1).all()


def test_isa_l_is_in_use_and_says_so() -> None:
    codec, sentence = choose_codec()
    assert sentence.startswith("erasure code: ")
    assert codec.name in ("isa-l", "reference")


@pytest.mark.parametrize(
    "shape", [(1, 3, 16), (2, 3, 16), (7, 4, 208), (64, 12, 32), (230, 25, 48)]
)
def test_both_codecs_give_the_same_symbols(shape: tuple[int, int, int]) -> None:
    k, r, size = shape
    first, second = block(1, k, r, size), block(1, k, r, size)
    CODECS[0].encoder(first[:k], first[k:])()
    CODECS[1].encoder(second[:k], second[k:])()
    assert np.array_equal(first, second)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.name))
def test_every_loss_of_up_to_r_symbols_is_repaired(codec: Codec) -> None:
    k, r = 5, 3
    coded = block(2, k, r, 32)
    codec.encoder(coded[:k], coded[k:])()
    for count in range(r + 1):
        for lost in itertools.combinations(range(k + r), count):
            assert np.array_equal(lose(codec, coded, k, lost), coded[:k]), lost


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.name))
def test_random_losses_of_large_blocks_are_repaired(codec: Codec) -> None:
    chance = random.Random(3)
    for k, r in ((80, 8), (230, 25), (1, 254), (127, 128)):
        coded = block(k, k, r, 16)
        codec.encoder(coded[:k], coded[k:])()
        for _ in range(4):
            lost = tuple(sorted(chance.sample(range(k + r), r)))
            assert np.array_equal(lose(codec, coded, k, lost), coded[:k]), (k, r, lost)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.name))
def test_symbols_may_lie_apart_in_memory(codec: Codec) -> None:
    k, r, size = 6, 3, 48
    wide = np.zeros((k + r, size + 32), dtype=np.uint8)
    apart = wide[:, 32:]
    apart[:] = block(4, k, r, size)
    codec.encoder(apart[:k], apart[k:])()
    close = block(4, k, r, size)
    CODECS[0].encoder(close[:k], close[k:])()
    assert np.array_equal(apart, close)
    assert not wide[:, :32].any()
