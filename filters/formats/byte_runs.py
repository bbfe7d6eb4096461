"""Which runs of bytes in a text are the same, for many runs at once.

Takes the text as numbers of eight bytes, and places and lengths of runs; gives a number for each
run, equal where the runs are. Exact: what hashes alike is compared.
"""

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Words = NDArray[np.uint64]

RUN_BYTES_MAX = 256
NUMBERS_MAX = 1 << 16
_MASKS = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
_ONE, _THREE, _LAST_BIT = np.uint64(1), np.uint64(3), np.uint64(63)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads the bits of a word


def eight(words: Words, places: Places, lengths: Places) -> Words:
    """The first bytes of runs at these places, up to eight, as one number each."""
    number, low = places >> 3, (places & 7).astype(np.uint64) << _THREE
    there = (words[number] >> low) | ((words[number + 1] << _ONE) << (_LAST_BIT - low))
    eights: Words = there & _MASKS[np.clip(lengths, 0, 8)]
    return eights


def distinct(words: Words, begins: Places, lengths: Places) -> tuple[Places, Places] | None:
    """Which of some runs of bytes are the same: a number for each run, and each number's first run.

    Runs with the same hash are compared with the first of them, byte by byte, so what is given is
    exact. None where two that differ have one hash, or a run is too long.
    """
    longest = int(lengths.max(initial=0))
    if longest > RUN_BYTES_MAX:
        return None
    hashes = lengths.astype(np.uint64)
    columns = []
    for at in range(0, longest, 8):
        long = np.flatnonzero(lengths > at)
        column = eight(words, begins[long] + at, lengths[long] - at)
        columns.append((long, column))
        hashes[long] = _mixed(hashes[long] ^ column)
    for firsts in (_firsts_of_few, _firsts_of_many):
        same = firsts(hashes)
        if (lengths[same] == lengths).all() and _agree(columns, same):
            is_first = same == np.arange(len(begins))
            return (np.cumsum(is_first) - 1)[same], np.flatnonzero(is_first)
    return None


def _agree(columns: list[tuple[Places, Words]], same: Places) -> bool:
    """Whether each run has the words of the one that it is said to be the same as.

    columns: of words, each with the numbers of the runs that are long enough to have one.
    """
    place = np.zeros(len(same), np.int64)
    for long, column in columns:
        place[long] = np.arange(len(long))
        if (column[place[same[long]]] != column).any():
            return False
    return True


def _mixed(words: Words) -> Words:
    words = words * _MIX
    mixed: Words = words ^ (words >> np.uint64(29))
    return mixed


def _firsts_of_few(hashes: Words) -> Places:
    """For each hash the first place with the same sixteen high bits."""
    buckets = (hashes >> np.uint64(48)).astype(np.int64)
    firsts = np.zeros(1 << 16, np.int64)
    firsts[buckets[::-1]] = np.arange(len(hashes) - 1, -1, -1)
    return firsts[buckets]


def _firsts_of_many(hashes: Words) -> Places:
    """For each hash the first place with the same one, by sorting: eight times as slow."""
    _, firsts, numbers = np.unique(hashes, return_index=True, return_inverse=True)
    return firsts[numbers]


def sequences(pieces: Places, kinds: int, heads: Places, values: Places) -> tuple[Places, int]:
    """A number for each distinct sequence of pieces, and how many there are.

    kinds: of pieces. heads: where each sequence begins; values: how many pieces follow its first.
    """
    numbers, count = _renumbered(pieces[heads], kinds)
    given = count
    longer = np.flatnonzero(values)
    for at in range(1, int(values.max(initial=0)) + 1):
        longer = longer[values[longer] >= at]
        pairs = numbers[longer] * kinds + pieces[heads[longer] + at]
        again, count = _renumbered(pairs, given * kinds)
        numbers[longer] = given + again
        given += count
    return _renumbered(numbers, given)


def _renumbered(numbers: Places, most: int) -> tuple[Places, int]:
    """Numbers below `most` as numbers without gaps, and how many differ."""
    if most > NUMBERS_MAX:
        found, again = np.unique(numbers, return_inverse=True)
        return again, len(found)
    used = np.zeros(most, np.bool_)
    used[numbers] = True
    ranks = np.cumsum(used)
    return ranks[numbers] - 1, int(ranks[-1])
