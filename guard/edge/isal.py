"""The fast erasure code: Intel ISA-L through ctypes.

Takes symbols as `guard.link.fec.Codec` does, gives the same bytes as the reference, hundreds of
times faster. May load one shared library: the system's `libisal.so.2`, or the one inside the
pyeclib wheel (found by its file list; pyeclib itself is not imported). Before use it must reproduce
the reference's answers. Follows docs/spec/link.md §6 (4).
"""

import ctypes
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files

import numpy as np
from numpy.typing import NDArray

from guard.link.fec import Codec, ReferenceCodec, Symbols, cauchy_rows, minor_inverse
from schemas.errors import Broken
from schemas.reasons import Reason

SYSTEM_LIBRARY = "libisal.so.2"
_TABLE_BYTES = 32  # a coefficient's table, at most
_TABLES_KEPT = 128
_PLACED_MAX = 1024
_SYMBOLS_MAX = 128  # lost at once: as many as there can be of each kind
_SELF_TEST_SHAPES = ((1, 3, 16), (5, 3, 48), (20, 9, 112), (80, 8, 1440))


class IsalCodec:
    """A `Codec` over a loaded ISA-L. Not for use by two threads at once."""

    name = "isa-l"

    def __init__(self, library: ctypes.CDLL) -> None:
        self._init = library.ec_init_tables
        self._init.restype = None
        self._init.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self._code = library.ec_encode_data
        self._code.restype = None
        self._code.argtypes = (
            ctypes.c_int, ctypes.c_int, ctypes.c_int,
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        self._tables: OrderedDict[tuple[int, ...], NDArray[np.uint8]] = OrderedDict()
        self._zeros = np.zeros(0, dtype=np.uint8)
        self._syndromes = np.zeros((0, 0), dtype=np.uint8)
        self._between = np.zeros(0, dtype=np.uint64)
        self._inverse = np.empty(_TABLE_BYTES * _SYMBOLS_MAX**2, dtype=np.uint8)
        self._inverse_tables = _at(self._inverse)
        self._placed: dict[object, NDArray[np.uint64]] = {}

    def encoder(self, sources: Symbols, repairs: Symbols) -> Callable[[], None]:
        """See `Codec.encoder`: with the addresses looked up once."""
        k, r, size = len(sources), len(repairs), sources.shape[1]
        if repairs.shape[1] != size or not r:
            raise Broken(Reason.ARGUMENT, "source and repair symbols differ in size")
        kept = tables, inputs, outputs = (
            self._tables_of(k, tuple(range(r))), _places(sources), _places(repairs),
        )  # fmt: skip
        code, places = self._code, (_at(tables), _at(inputs), _at(outputs))

        def encode(_alive: object = (kept, sources, repairs)) -> None:
            code(size, k, r, *places)

        return encode

    def rebuild(self, k: int, symbols: Symbols, lost: list[int], repairs: list[int]) -> None:
        """See `Codec.rebuild`."""
        count, size = len(lost), symbols.shape[1]
        if len(repairs) != count or not 0 < count <= _SYMBOLS_MAX:
            raise Broken(Reason.ARGUMENT, "as many repair symbols as symbols are lost")
        tables = self._tables_of(k, tuple([index - k for index in repairs]))
        zeros, syndromes, between = self._scratch(count, size)
        places = self._places_of(symbols)
        inputs = places[:k].copy()
        inputs[lost] = zeros
        self._code(size, k, count, _at(tables), _at(inputs), between)
        syndromes ^= symbols[repairs]
        inverse = minor_inverse(lost, repairs)
        self._init(count, count, _at(inverse), self._inverse_tables)
        outputs = places[lost]
        self._code(size, count, count, self._inverse_tables, between, _at(outputs))

    def _places_of(self, symbols: Symbols) -> NDArray[np.uint64]:
        """`_places`, remembered: a receiver's slots are always the same."""
        key = (_at(symbols), symbols.strides, symbols.shape)
        places = self._placed.get(key)
        if places is None:
            if len(self._placed) >= _PLACED_MAX:
                self._placed.clear()
            places = self._placed[key] = _places(symbols)
        return places

    def _scratch(self, count: int, size: int) -> tuple[int, NDArray[np.uint8], int]:
        """Where a symbol of zeros is; (count, size) bytes to work in; where their places stand."""
        if len(self._zeros) < size or self._syndromes.shape[1] != size:
            self._zeros = np.zeros(size, dtype=np.uint8)
            self._syndromes = np.empty((_SYMBOLS_MAX, size), dtype=np.uint8)
            self._between = _places(self._syndromes)
        return _at(self._zeros), self._syndromes[:count], _at(self._between)

    def _tables_of(self, k: int, repairs: tuple[int, ...]) -> NDArray[np.uint8]:
        """ISA-L's tables for these repair symbols, counted from 0, of k source symbols."""
        tables = self._tables.get((k, *repairs))
        if tables is None:
            rows = np.ascontiguousarray(cauchy_rows(k, max(repairs) + 1)[list(repairs)])
            tables = np.empty(_TABLE_BYTES * rows.size, dtype=np.uint8)
            self._init(k, len(rows), _at(rows), _at(tables))
            self._tables[k, *repairs] = tables
            if len(self._tables) > _TABLES_KEPT:
                self._tables.popitem(last=False)
        return tables


def best_codec() -> Codec:
    """The fastest code that works here."""
    return choose_codec()[0]


def choose_codec() -> tuple[Codec, str]:
    """The fastest code that works here, and a sentence for people that says which and why."""
    reference = ReferenceCodec()
    wrong = "no ISA-L library was found"
    for path in _candidates():
        try:
            codec = IsalCodec(ctypes.CDLL(path))
        except (OSError, AttributeError):
            continue
        try:
            _self_test(codec, reference)
        except Broken as error:
            wrong = error.sentence
            continue
        return codec, f"erasure code: ISA-L ({path.rpartition('/')[2]}), self-test passed"
    return reference, f"erasure code: the slow reference, because {wrong}; install libisal2"


def _candidates() -> list[str]:
    """The wheel's library is newer than Debian 12's, and faster: it comes first."""
    try:
        inside = files("pyeclib") or []
    except PackageNotFoundError:
        inside = []
    found = [str(file.locate()) for file in inside if file.name.startswith("libisal")]
    return [*found, SYSTEM_LIBRARY]


def _self_test(codec: Codec, reference: Codec) -> None:
    """Raises `Broken` unless the codec gives the reference's answers."""
    for k, r, size in _SELF_TEST_SHAPES:
        symbols = (np.arange((k + r) * size, dtype=np.uint32) * 2654435761 >> 13).astype(np.uint8)
        symbols = symbols.reshape(k + r, size)
        expected = symbols.copy()
        codec.encoder(symbols[:k], symbols[k:])()
        reference.encoder(expected[:k], expected[k:])()
        damaged = symbols.copy()
        lost = list(range(0, k, max(1, k // r)))[:r]
        damaged[lost] = 0
        codec.rebuild(k, damaged, lost, list(range(k + r - len(lost), k + r)))
        if not np.array_equal(symbols, expected) or not np.array_equal(damaged, expected):
            raise Broken(Reason.ROLE_FAILED, "ISA-L failed its self-test against the reference")


def _at(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _places(symbols: Symbols) -> NDArray[np.uint64]:
    """The address of each row; rows must be contiguous inside."""
    if symbols.strides[1] != 1:
        raise Broken(Reason.ARGUMENT, "a symbol's bytes are not contiguous")
    start, stride = _at(symbols), symbols.strides[0]
    return np.arange(start, start + stride * len(symbols), stride, dtype=np.uint64)
