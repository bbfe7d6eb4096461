"""Writes baseline JPEG (ITU-T T.81, JFIF) from planes of luminance and colour.

Takes planes and a quality, gives the file: JFIF header, quantisation and Huffman tables of T.81
Annex K, one scan, nothing else. No library of pictures: integers in NumPy arrays, coded a band of
block rows at a time.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filters.twins.jpeg_blocks import ZIGZAG, Plane, coefficients, quantisation, turns

BAND_PIXELS = 1 << 19  # coded at a time: each takes some 370 bytes meanwhile
_JFIF = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
_DC_COUNTS = (
    bytes.fromhex("00010501010101010100000000000000"),
    bytes.fromhex("00030101010101010101010000000000"),
)  # fmt: skip
_DC_VALUES = bytes(range(12))
_AC_COUNTS = (
    bytes.fromhex("0002010303020403050504040000017d"),
    bytes.fromhex("00020102040403040705040400010277"),
)  # fmt: skip
_AC_VALUES = (
    bytes.fromhex(
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a"
        "25262728292a3435363738393a434445464748494a535455565758595a636465666768696a73747576777879"
        "7a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9"
        "cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    ),
    bytes.fromhex(
        "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f117"
        "18191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778"
        "797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7"
        "c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
    ),
)
_END_OF_BLOCK, _SIXTEEN_ZEROS = 0x00, 0xF0

Numbers = NDArray[np.int64]


def write(width: int, height: int, planes: list[Plane], quality: int) -> bytes:
    """The file. planes: Y, or Y, Cb, Cr, the colours of the same or of half the size (4:2:0)."""
    halved = len(planes) == 3 and planes[1].shape != planes[0].shape
    tables = [quantisation(quality, colour) for colour in (False, True)[: 1 + (len(planes) == 3)]]
    head = [_JFIF]
    for at, table in enumerate(tables):
        head.append(b"\xff\xdb\x00\x43" + bytes([at]) + bytes(table[ZIGZAG].tolist()))
    sampling = [0x22 if halved and at == 0 else 0x11 for at in range(len(planes))]
    parts = b"".join(bytes([at + 1, each, min(at, 1)]) for at, each in enumerate(sampling))
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    head.append(_segment(0xC0, b"\x08" + size + bytes([len(planes)]) + parts))
    for at in range(len(tables)):
        head.append(_segment(0xC4, bytes([at]) + _DC_COUNTS[at] + _DC_VALUES))
        head.append(_segment(0xC4, bytes([16 + at]) + _AC_COUNTS[at] + _AC_VALUES[at]))
    scan = b"".join(bytes([at + 1, 0x11 * min(at, 1)]) for at in range(len(planes)))
    head.append(_segment(0xDA, bytes([len(planes)]) + scan + b"\x00\x3f\x00"))
    bits = _Bits(len(planes))
    coded = [bits.put(*band) for band in _bands(planes, tables, halved)]
    return b"".join([*head, *coded, bits.end(), b"\xff\xd9"])


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _bands(
    planes: list[Plane], tables: list[NDArray[np.int32]], halved: bool
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int8]]]:
    """Blocks in the order of the scan, and the component of each, some rows at a time."""
    height, width = planes[0].shape
    allowed = turns(planes)
    rows = max(BAND_PIXELS // width // 16 * 16, 16)  # whole blocks, of halved colours too
    for top in range(0, height, rows):
        found = []
        for at, plane in enumerate(planes):
            step = 2 if halved and at else 1
            band = plane[top // step : (top + rows) // step]
            found.append(coefficients(band, tables[min(at, 1)], allowed))
        if len(found) == 1:
            yield found[0].reshape(-1, 64), np.zeros(found[0].shape[0] * found[0].shape[1], np.int8)
            continue
        units = [found[0][:, :, None]] if not halved else [_fours(found[0], found[1])]
        units += [each[:, :, None] for each in found[1:]]
        joined = np.concatenate(units, axis=2)
        order = [0] * units[0].shape[2] + [1, 2]
        yield (
            joined.reshape(-1, 64),
            np.tile(np.array(order, np.int8), len(found[1]) * found[1].shape[1]),
        )


def _fours(luminance: NDArray[np.int32], colour: NDArray[np.int32]) -> NDArray[np.int32]:
    """Four blocks of luminance to one of colour (T.81, A.2.3); what is beyond the edge is flat."""
    down, across = colour.shape[:2]
    missing = ((0, 2 * down - luminance.shape[0]), (0, 2 * across - luminance.shape[1]))
    whole = np.pad(luminance, (*missing, (0, 0)))
    whole[:, :, 0] = np.pad(luminance[:, :, 0], missing, "edge")
    return (
        whole.reshape(down, 2, across, 2, 64).transpose(0, 2, 1, 3, 4).reshape(down, across, 4, 64)
    )


def _codes(counts: bytes, values: bytes) -> tuple[Numbers, Numbers]:
    """Codes and their lengths by symbol (T.81, C.2)."""
    codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
    code, at = 0, 0
    for bits, count in enumerate(counts, 1):
        for symbol in values[at : at + count]:
            codes[symbol], lengths[symbol] = code, bits
            code += 1
        at += count
        code <<= 1
    return codes, lengths


def _tables(of: list[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    return np.array([each[0] for each in of]), np.array([each[1] for each in of])


_DC = _tables([_codes(counts, _DC_VALUES) for counts in _DC_COUNTS])
_AC = _tables([_codes(c, v) for c, v in zip(_AC_COUNTS, _AC_VALUES, strict=True)])


class _Bits:
    """The coded scan on its way: each component's last DC, and bits that fill no byte yet."""

    def __init__(self, components: int) -> None:
        self._last = np.zeros(components, np.int64)
        self._open, self._open_bits = 0, 0

    def put(self, blocks: NDArray[np.int32], component: NDArray[np.int8]) -> bytes:
        """The whole bytes of these blocks (T.81, F.1.2)."""
        table = np.minimum(component, 1).astype(np.int64)
        keys, values, lengths = zip(
            self._dc(blocks[:, 0].astype(np.int64), component, table), *_ac(blocks, table),
            strict=True,
        )  # fmt: skip
        order = np.argsort(np.concatenate(keys), kind="stable")
        return self._packed(np.concatenate(values)[order], np.concatenate(lengths)[order])

    def _dc(
        self, dc: Numbers, component: NDArray[np.int8], table: Numbers
    ) -> tuple[Numbers, Numbers, Numbers]:
        differences = np.empty_like(dc)
        for at in range(len(self._last)):
            own = dc[component == at]
            differences[component == at] = np.diff(own, prepend=self._last[at])
            self._last[at] = own[-1]
        return np.arange(len(dc)) << 9, *_coded(differences, 0, table, _DC)

    def _packed(self, values: Numbers, lengths: Numbers) -> bytes:
        ends = np.cumsum(lengths) + self._open_bits
        starts = ends - lengths
        words, within = starts >> 5, starts & 31
        wide = values << (63 - lengths - within)  # 63: the sign's bit stays free
        high, low = wide >> 31, (wide & 0x7FFFFFFF) << 1
        count = int(ends[-1] + 31) // 32 + 1
        sums = np.bincount(words, high, count + 1) + np.bincount(words + 1, low, count + 1)
        whole = bytearray(sums.astype(np.uint64).astype(">u4").tobytes())
        for at, part in enumerate(self._open.to_bytes(1, "big")):
            whole[at] |= part
        full, self._open_bits = divmod(int(ends[-1]), 8)
        self._open = whole[full] if self._open_bits else 0
        return bytes(whole[:full]).replace(b"\xff", b"\xff\x00")

    def end(self) -> bytes:
        """The last byte, filled up with ones."""
        if not self._open_bits:
            return b""
        return bytes([self._open | 0xFF >> self._open_bits]).replace(b"\xff", b"\xff\x00")


def _coded(
    values: Numbers, runs: Numbers | int, table: Numbers, codes: tuple[Numbers, Numbers]
) -> tuple[Numbers, Numbers]:
    """Huffman code and value bits of each as one number, and how many bits that is."""
    sizes = np.frexp(np.abs(values).astype(np.float64))[1].astype(np.int64)
    symbols = (np.asarray(runs) << 4) | sizes
    extra = np.where(values < 0, values + (1 << sizes) - 1, values)
    return (codes[0][table, symbols] << sizes) | extra, codes[1][table, symbols] + sizes


def _ac(blocks: NDArray[np.int32], table: Numbers) -> list[tuple[Numbers, Numbers, Numbers]]:
    """Values with the zeros before them, runs of sixteen zeros, ends of blocks: keys and codes."""
    rest = blocks.copy()
    rest[:, 0] = 0
    block, at = np.nonzero(rest)
    values = rest[block, at].astype(np.int64)
    before = np.zeros_like(at)
    same = block[1:] == block[:-1]
    before[1:][same] = at[:-1][same]
    zeros = at - before - 1
    coded = _coded(values, zeros & 15, table[block], _AC)
    keys = (block << 9) | (at << 2) | 3
    long, sixteens = np.flatnonzero(zeros >> 4), zeros >> 4
    which = np.repeat(long, sixteens[long])
    codes, lengths = _AC
    last = np.zeros(len(blocks), np.int64)
    last[block] = at  # the last of a block is written last
    open_ended = np.flatnonzero(last < 63)
    return [
        (keys, *coded),
        (keys[which] - 3, codes[table[block[which]], _SIXTEEN_ZEROS],
         lengths[table[block[which]], _SIXTEEN_ZEROS]),
        ((open_ended << 9) | 511, codes[table[open_ended], _END_OF_BLOCK],
         lengths[table[open_ended], _END_OF_BLOCK]),
    ]  # fmt: skip
