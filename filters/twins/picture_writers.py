"""Writes PNG, TIFF and Windows bitmaps: one picture has one file, with nothing but the pixels.

Takes frames as the destination has read them, gives bytes. No library of pictures: headers by
hand, rows deflated by zlib. PNG third edition (W3C 2025), TIFF 6.0 with deflate (Adobe 2002),
bitmaps with a header of 40 bytes.
"""

import zlib
from struct import pack

import numpy as np

from filters.twins.picture_read import Crossed, Plane, Stored

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_COLOURS = {"L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
STRIP_BYTES = 1 << 20
_LEVEL = 4
_NONE, _UP = 0, 2
_BAND_ROWS = 256


def png(crossed: Crossed) -> bytes:
    """A PNG file; of several frames an animated one."""
    first = crossed.frames[0]
    depth_and_colour = bytes([8, PNG_COLOURS[first.mode], 0, 0, 0])
    parts = [
        PNG_SIGNATURE,
        _chunk(b"IHDR", pack(">II", first.width, first.height) + depth_and_colour),
    ]
    moves = len(crossed.frames) > 1
    if moves:
        parts.append(_chunk(b"acTL", pack(">II", len(crossed.frames), crossed.loops)))
    if first.mode == "P":
        colours = [first.palette[at : at + 4] for at in range(0, len(first.palette), 4)]
        parts.append(_chunk(b"PLTE", b"".join(colour[:3] for colour in colours)))
        opacity = bytes(colour[3] for colour in colours).rstrip(b"\xff")
        if opacity:
            parts.append(_chunk(b"tRNS", opacity))
    sequence = 0
    for at, frame in enumerate(crossed.frames):
        if moves:
            place = pack(
                ">IIIIIHHBB", sequence, frame.width, frame.height, 0, 0, frame.ms, 1000, 0, 0
            )
            parts.append(_chunk(b"fcTL", place))
            sequence += 1
        rows = _png_rows(frame)
        if at:
            parts.append(_chunk(b"fdAT", pack(">I", sequence) + rows))
            sequence += 1
        else:
            parts.append(_chunk(b"IDAT", rows))
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _png_rows(frame: Stored) -> bytes:
    """Rows with their filters: the row above where neighbours are alike, none for a palette."""
    plane = frame.planes()[0]
    deflate = zlib.compressobj(_LEVEL)
    parts = []
    for top in range(0, len(plane), _BAND_ROWS):
        band = plane[top : top + _BAND_ROWS]
        rows = np.empty((len(band), 1 + band.shape[1]), np.uint8)
        rows[:, 0] = _NONE if frame.mode == "P" else _UP
        rows[:, 1:] = band
        if frame.mode != "P":
            rows[1:, 1:] -= band[:-1]
            rows[0, 1:] -= plane[top - 1] if top else 0
        parts.append(deflate.compress(rows.data))
    return b"".join([*parts, deflate.flush()])


def tiff(crossed: Crossed) -> bytes:
    """A TIFF file, a directory a page, strips deflated."""
    out = bytearray(b"II\x2a\x00\x00\x00\x00\x00")
    link = 4
    for frame in crossed.frames:
        rows, places = strip_rows(frame.width * samples_of(frame.mode)), []
        plane = frame.planes()[0]
        for top in range(0, frame.height, rows):
            strip = zlib.compress(_differences(plane[top : top + rows], frame).data, _LEVEL)
            places.append((len(out), len(strip)))
            out += strip + bytes(len(strip) % 2)
        out[link : link + 4] = pack("<I", _longs_end(out, frame, rows, places))
        link = len(out) - 4
    return bytes(out)


def _differences(rows: Plane, frame: Stored) -> Plane:
    """Each pixel less the one before it in its row (TIFF 6.0 section 14)."""
    pixels = rows.reshape(len(rows), frame.width, -1).copy()
    pixels[:, 1:] -= rows.reshape(pixels.shape)[:, :-1]
    return pixels


def strip_rows(row_bytes: int) -> int:
    """How many rows a strip has."""
    return max(STRIP_BYTES // row_bytes, 1)


def samples_of(mode: str) -> int:
    """Samples a pixel."""
    return {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]


def _longs_end(out: bytearray, frame: Stored, rows: int, places: list[tuple[int, int]]) -> int:
    """Append the values that are too long for an entry, then the directory; gives where it is."""
    samples = samples_of(frame.mode)
    values: dict[int, tuple[int, int, bytes]] = {
        256: (4, 1, pack("<I", frame.width)),
        257: (4, 1, pack("<I", frame.height)),
        258: (3, samples, pack("<H", 8) * samples),
        259: (3, 1, pack("<I", 8)),
        262: (3, 1, pack("<I", 2 if samples > 2 else 1)),
        273: (4, len(places), b"".join(pack("<I", start) for start, _ in places)),
        277: (3, 1, pack("<I", samples)),
        278: (4, 1, pack("<I", rows)),
        279: (4, len(places), b"".join(pack("<I", size) for _, size in places)),
        317: (3, 1, pack("<I", 2)),
    }
    if samples in (2, 4):
        values[338] = (3, 1, pack("<I", 2))
    entries = b""
    for tag, (kind, count, raw) in values.items():
        if len(raw) > 4:
            where = pack("<I", len(out))
            out += raw
        else:
            where = raw.ljust(4, b"\x00")
        entries += pack("<HHI", tag, kind, count) + where
    start = len(out)
    out += pack("<H", len(values)) + entries + bytes(4)
    return start


def bmp(crossed: Crossed) -> bytes:
    """A bitmap of 8 bits with a colour table, or of 24."""
    frame = crossed.frames[0]
    plane = frame.planes()[0]
    table = b""
    if frame.mode == "L":
        table = bytes(value for grey in range(256) for value in (grey, grey, grey, 0))
    elif frame.mode == "P":
        table = _blue_first(np.frombuffer(frame.palette, np.uint8).reshape(-1, 4)).tobytes()
    else:
        plane = plane.reshape(frame.height, -1, 3)[:, :, ::-1].reshape(frame.height, -1)
    stride = (plane.shape[1] + 3) // 4 * 4
    rows = np.zeros((frame.height, stride), np.uint8)
    rows[:, : plane.shape[1]] = plane[::-1]
    start = 54 + len(table)
    size = rows.size
    head = b"BM" + pack("<IIIIiiHHIIiiII", start + size, 0, start, 40, frame.width, frame.height, 1,
                        8 if table else 24, 0, size, 2835, 2835, len(table) // 4, 0)  # fmt: skip
    return head + table + rows.tobytes()


def _blue_first(colours: Plane) -> Plane:
    found = np.zeros_like(colours)
    found[:, :3] = colours[:, 2::-1]
    return found
