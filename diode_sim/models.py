"""Link models: what becomes of datagram number n. Pure, seeded, composable.

Takes options and datagram indexes, gives fates; may do nothing else. A fate follows from the seed
and the datagram's index alone, never from time or from how datagrams were batched, so a run can
be repeated. Fates are made a chunk of `CHUNK_DATAGRAMS` at a time with integer arithmetic only
(SplitMix64 as a counter-based generator): the same on every machine and every version of NumPy.

A model writes into a chunk's arrays; a channel is a tuple of models applied in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from diode_sim.chance import ALL, GOLDEN, MASK, mix
from diode_sim.options import Burst as BurstOptions
from diode_sim.options import Options

CHUNK_DATAGRAMS = 4096

U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
Draw = Callable[[int], U64]
"""A stream number to CHUNK_DATAGRAMS random 64-bit words, one a datagram."""


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of one chunk of datagrams, arrays of shape (CHUNK_DATAGRAMS,).

    lost, duplicated   what they say; of a lost datagram nothing else counts
    corrupted, flip    one bit is flipped: number `flip` modulo the datagram's bits
    truncated, keep    it is cut to `keep` modulo its length, in bytes, before a bit is flipped
    after_datagrams    the datagram leaves when that many later ones have passed; 0 in its turn
    delay_us           what it takes longer
    """

    lost: Bools
    duplicated: Bools
    corrupted: Bools
    flip: U64
    truncated: Bools
    keep: U64
    after_datagrams: npt.NDArray[np.int64]
    delay_us: npt.NDArray[np.int64]

    def odd(self) -> npt.NDArray[np.int64]:
        """Offsets in the chunk, ascending, of datagrams that do not just pass in their turn."""
        odd = self.lost | self.duplicated | self.corrupted | self.truncated
        odd |= self.after_datagrams > 0
        return np.flatnonzero(odd | (self.delay_us != self.delay_us[0]))


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a datagram as it leaves: when, which bit is flipped, to what it is cut, if so."""

    delay_us: int
    after_datagrams: int
    flip_bit: int | None
    length_bytes: int | None = None

    def mutate(self, datagram: bytes) -> bytes:
        """The bytes that leave."""
        datagram = datagram[: self.length_bytes]
        if self.flip_bit is None:
            return datagram
        changed = bytearray(datagram)
        changed[self.flip_bit >> 3] ^= 1 << (self.flip_bit & 7)
        return bytes(changed)


class Model(Protocol):
    """One kind of trouble."""

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """Write what it does to chunk number `chunk` into `fates`."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Each datagram is lost by itself with this probability."""

    share: float

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        fates.lost[:] |= _happens(draw(0), self.share)


class Burst:
    """Gilbert-Elliott: a two-state chain, one step a datagram; the bad state loses everything."""

    def __init__(self, options: BurstOptions) -> None:
        self._leave = 1.0 / options.mean_datagrams
        good_to_bad = (1.0 - options.rate) * options.mean_datagrams
        self._enter = options.rate / (options.rate + good_to_bad)
        self._bad_before = bytearray(1)  # state before each chunk, so far as computed

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`. Chunks are to be asked for in order, or again: the state comes from before.

        Raises `IndexError` if a chunk before this one has not been computed.
        """
        lost, bad = self._run(draw, bool(self._bad_before[chunk]))
        fates.lost[:] |= lost
        if chunk + 1 == len(self._bad_before):
            self._bad_before.append(bad)

    def _run(self, draw: Draw, bad: bool) -> tuple[Bools, bool]:
        enters = np.flatnonzero(_happens(draw(0), self._enter))
        leaves = np.flatnonzero(_happens(draw(1), self._leave))
        lost = np.zeros(CHUNK_DATAGRAMS, dtype=np.bool_)
        at = 0
        while True:
            turns = leaves if bad else enters
            found = int(np.searchsorted(turns, at))
            end = int(turns[found]) if found < len(turns) else CHUNK_DATAGRAMS
            if bad:
                lost[at : end + 1] = True  # the datagram at which it leaves is the last one lost
                end += 1
            if end >= CHUNK_DATAGRAMS:
                still = bad and found == len(turns)
                return lost, still
            at, bad = end, not bad


@dataclass(frozen=True, slots=True)
class Reorder:
    """A share of the datagrams is overtaken by 1..span later ones."""

    share: float
    span_datagrams: int

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        hit = _happens(draw(0), self.share)
        back = (draw(1) % np.uint64(self.span_datagrams)).astype(np.int64) + 1
        fates.after_datagrams[hit] = back[hit]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A share of the datagrams arrives twice."""

    share: float

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        fates.duplicated[:] |= _happens(draw(0), self.share)


@dataclass(frozen=True, slots=True)
class Corrupt:
    """One bit of a share of the datagrams is flipped (of both copies, where there are two)."""

    share: float

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        fates.corrupted[:] |= _happens(draw(0), self.share)
        fates.flip[:] = draw(1)


@dataclass(frozen=True, slots=True)
class Delay:
    """Every datagram takes this much longer."""

    delay_us: int

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        fates.delay_us[:] += self.delay_us


@dataclass(frozen=True, slots=True)
class Truncate:
    """A share of the datagrams is cut short (both copies, where there are two)."""

    share: float

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        fates.truncated[:] |= _happens(draw(0), self.share)
        fates.keep[:] = draw(1)


@dataclass(frozen=True, slots=True)
class Jitter:
    """Every datagram takes up to so much longer, each by itself."""

    most_us: int

    def apply(self, chunk: int, draw: Draw, fates: Fates) -> None:
        """See `Model`."""
        if self.most_us:
            fates.delay_us[:] += (draw(0) % np.uint64(self.most_us + 1)).astype(np.int64)


class Channel:
    """A seed and models in order: datagram index to fate."""

    def __init__(self, seed: int, models: tuple[Model, ...]) -> None:
        self._seed = seed
        self._models = models
        self._chunk = -1
        self._fates: Fates | None = None
        self._chunks_known = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing at all happens to datagrams here."""
        return not self._models

    def fates(self, chunk: int) -> Fates:
        """Fates of datagrams chunk * CHUNK_DATAGRAMS and following; the last answer is kept."""
        if chunk == self._chunk and self._fates is not None:
            return self._fates
        for earlier in range(self._chunks_known, chunk):
            self._make(earlier)
        self._chunk, self._fates = chunk, self._make(chunk)
        self._chunks_known = max(self._chunks_known, chunk + 1)
        return self._fates

    def decide(self, index: int, length_bytes: int) -> tuple[Copy, ...]:
        """What leaves for datagram `index`: no copy (lost), one, or two."""
        chunk, offset = divmod(index, CHUNK_DATAGRAMS)
        fates = self.fates(chunk)
        if fates.lost[offset]:
            return ()
        flip = cut = None
        if fates.truncated[offset] and length_bytes:
            cut = length_bytes = int(fates.keep[offset]) % length_bytes
        if fates.corrupted[offset] and length_bytes:
            flip = int(fates.flip[offset]) % (8 * length_bytes)
        after = int(fates.after_datagrams[offset])
        copy = Copy(int(fates.delay_us[offset]), after, flip, cut)
        return (copy, copy) if fates.duplicated[offset] else (copy,)

    def _make(self, chunk: int) -> Fates:
        fates = Fates(
            lost=np.zeros(CHUNK_DATAGRAMS, dtype=np.bool_),
            duplicated=np.zeros(CHUNK_DATAGRAMS, dtype=np.bool_),
            corrupted=np.zeros(CHUNK_DATAGRAMS, dtype=np.bool_),
            flip=np.zeros(CHUNK_DATAGRAMS, dtype=np.uint64),
            truncated=np.zeros(CHUNK_DATAGRAMS, dtype=np.bool_),
            keep=np.zeros(CHUNK_DATAGRAMS, dtype=np.uint64),
            after_datagrams=np.zeros(CHUNK_DATAGRAMS, dtype=np.int64),
            delay_us=np.zeros(CHUNK_DATAGRAMS, dtype=np.int64),
        )
        for position, model in enumerate(self._models):
            model.apply(chunk, _draw(self._seed, position, chunk), fates)
        return fates


def make_channel(options: Options) -> Channel:
    """The channel an options record describes; models that would do nothing are left out.

    Each kind of trouble has its own random stream, so switching one on does not change what
    another one does to the same datagrams.
    """
    models: tuple[Model, ...] = (
        Loss(options.loss),
        Burst(options.burst),
        Reorder(options.reorder, options.reorder_span_datagrams),
        Duplicate(options.duplicate),
        Corrupt(options.corrupt),
        Delay(round(options.delay_ms * 1000)),
        Truncate(options.truncate),
        Jitter(round(options.jitter_ms * 1000)),
    )
    troubles = (
        options.loss,
        options.burst.rate,
        options.reorder,
        options.duplicate,
        options.corrupt,
        options.delay_ms,
        options.truncate,
        options.jitter_ms,
    )
    return Channel(options.seed, models if any(troubles) else ())


def _happens(words: U64, share: float) -> Bools:
    happens: Bools = (words >> np.uint64(11)) < np.uint64(round(share * ALL))
    return happens


def _draw(seed: int, model: int, chunk: int) -> Draw:
    """The random words of one model in one chunk: SplitMix64 at counter = datagram index."""
    first = chunk * CHUNK_DATAGRAMS

    def words(stream: int) -> U64:
        key = mix(seed ^ mix((model << 8 | stream) + 1))
        start = (key + first * GOLDEN) & MASK
        return _mix_array(np.uint64(start) + _STEPS)

    return words


def _mix_array(words: U64) -> U64:
    """`chance.mix` on an array; unsigned arithmetic wraps."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


_STEPS: U64 = np.arange(CHUNK_DATAGRAMS, dtype=np.uint64) * np.uint64(GOLDEN)
