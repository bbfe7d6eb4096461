"""The fast erasure code: Intel ISA-L through ctypes.

Takes symbols as `guard.link.fec.Codec` does, gives the same bytes as the reference, hundreds of
times faster. May load one shared library: the system's `libisal.so.2`, or the one inside the
pyeclib wheel (found by its file list; pyeclib itself is not imported). Before use it must reproduce
the reference's answers. Follows docs/spec/link.md §6 (4).
"""

import ctypes
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, files

import numpy as np
from numpy.typing import NDArray

from guard.link.fec import Codec, ReferenceCodec, Symbols, cauchy_rows, rebuild_rows
from schemas.errors import Broken
from schemas.reasons import Reason

SYSTEM_LIBRARY = "libisal.so.2"
_TABLE_BYTES = 32  # a coefficient's table, at most
_TABLES_KEPT = 128
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
        self._tables: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()

    def encode(self, sources: Symbols, repairs: Symbols) -> None:
        """See `Codec.encode`."""
        k, r, size = len(sources), len(repairs), sources.shape[1]
        if repairs.shape[1] != size or not r:
            raise Broken(Reason.ARGUMENT, "source and repair symbols differ in size")
        tables = self._tables.get((k, r))
        if tables is None:
            tables = self._tables[k, r] = self._tables_of(cauchy_rows(k, r))
            if len(self._tables) > _TABLES_KEPT:
                self._tables.popitem(last=False)
        inputs, outputs = _places(sources), _places(repairs)
        self._code(size, k, r, _at(tables), _at(inputs), _at(outputs))

    def rebuild(self, k: int, symbols: Symbols, lost: list[int], repairs: list[int]) -> None:
        """See `Codec.rebuild`."""
        tables = self._tables_of(rebuild_rows(k, lost, repairs))
        places = _places(symbols)
        inputs = np.concatenate([np.delete(places[:k], lost), places[repairs]])
        outputs = places[lost]
        if len(inputs) != k:
            raise Broken(Reason.ARGUMENT, "a block is rebuilt from exactly k symbols")
        self._code(symbols.shape[1], k, len(lost), _at(tables), _at(inputs), _at(outputs))

    def _tables_of(self, rows: Symbols) -> NDArray[np.uint8]:
        count, k = rows.shape
        tables = np.empty(_TABLE_BYTES * k * count, dtype=np.uint8)
        self._init(k, count, _at(rows), _at(tables))
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
    found = [SYSTEM_LIBRARY]
    try:
        inside = files("pyeclib") or []
    except PackageNotFoundError:
        inside = []
    found += [str(file.locate()) for file in inside if file.name.startswith("libisal")]
    return found


def _self_test(codec: Codec, reference: Codec) -> None:
    """Raises `Broken` unless the codec gives the reference's answers."""
    for k, r, size in _SELF_TEST_SHAPES:
        symbols = (np.arange((k + r) * size, dtype=np.uint32) * 2654435761 >> 13).astype(np.uint8)
        symbols = symbols.reshape(k + r, size)
        expected = symbols.copy()
        codec.encode(symbols[:k], symbols[k:])
        reference.encode(expected[:k], expected[k:])
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
