"""Writes GIF (GIF89a specification, CompuServe 1990): one picture has one file.

Takes frames of indices with a palette each, gives bytes: screen, how often an animation runs, and
for each frame a graphic control, a colour table of its own and its codes. No library of pictures.
"""

from struct import pack

import numpy as np

from filters.twins.picture_read import Crossed, Plane, Stored

_CLEAR_AT = 4096
_COLOURS_MAX = 256
_LEAVE, _TO_BACKGROUND = 1 << 2, 2 << 2


def write(crossed: Crossed) -> bytes:
    """The file."""
    first = crossed.frames[0]
    moves = len(crossed.frames) > 1
    parts = [b"GIF89a" + pack("<HHBBB", first.width, first.height, 0, 0, 0)]
    if moves and crossed.loops != 1:
        again = crossed.loops - 1 if crossed.loops else 0
        parts.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + pack("<H", again) + b"\x00")
    clears = moves and any(_unseen(frame.palette) >= 0 for frame in crossed.frames)
    after = (_TO_BACKGROUND if clears else _LEAVE) if moves else 0
    for frame in crossed.frames:
        indices, palette = frame.planes()[0], frame.palette
        if clears and _unseen(palette) < 0:
            indices, palette = _with_unseen(indices, palette)
        parts.append(_frame(frame, indices, palette, after))
    return b"".join([*parts, b"\x3b"])


def _unseen(palette: bytes) -> int:
    """The colour of no opacity, -1 where there is none."""
    return palette[3::4].find(b"\x00")


def _with_unseen(indices: Plane, palette: bytes) -> tuple[Plane, bytes]:
    """With a colour of no opacity in the palette: what a frame is cleared to when its time is over.

    Else it shines through where nobody sees the next one. Of 256 colours two become one for it: the
    two that are nearest to each other.
    """
    if len(palette) // 4 == _COLOURS_MAX:
        colours = np.frombuffer(palette, np.uint8).reshape(-1, 4).astype(np.int32)
        apart = ((colours[:, None] - colours[None]) ** 2).sum(axis=2)
        np.fill_diagonal(apart, apart.max() + 1)
        kept, gone = sorted(int(at) for at in divmod(int(apart.argmin()), _COLOURS_MAX))
        table = np.arange(_COLOURS_MAX) - (np.arange(_COLOURS_MAX) > gone)
        table[gone] = kept
        indices = table.astype(np.uint8)[indices]
        palette = palette[: 4 * gone] + palette[4 * gone + 4 :]
    return indices, palette + bytes(4)


def _frame(frame: Stored, indices: Plane, palette: bytes, after: int) -> bytes:
    """after: what becomes of it when its time is over (GIF89a, 23.c.iv)."""
    colours = len(palette) // 4
    bits = max((colours - 1).bit_length(), 1)
    unseen = _unseen(palette)
    control = after | (unseen >= 0)
    table = b"".join(palette[at : at + 3] for at in range(0, len(palette), 4))
    head = b"\x21\xf9\x04" + pack("<BHBB", control, frame.ms // 10, max(unseen, 0), 0)
    place = b"\x2c" + pack("<HHHHB", 0, 0, frame.width, frame.height, 0x80 | (bits - 1))
    codes = _coded(indices.tobytes(), max(bits, 2))
    blocks = b"".join(
        bytes([len(codes[at : at + 255])]) + codes[at : at + 255]
        for at in range(0, len(codes), 255)
    )
    return head + place + table.ljust(3 << bits, b"\x00") + bytes([max(bits, 2)]) + blocks + b"\x00"


def _coded(indices: bytes, bits: int) -> bytes:
    """LZW (appendix F): codes grow from `bits` + 1 to 12 bits, the table is cleared when full."""
    clear, end = 1 << bits, (1 << bits) + 1
    out = bytearray()
    table: dict[int, int] = {}
    width, following = bits + 1, end + 1
    open_bits, open_count = clear, width
    prefix = -1
    for index in indices:
        if prefix < 0:
            prefix = index
            continue
        key = prefix << 8 | index
        known = table.get(key)
        if known is not None:
            prefix = known
            continue
        open_bits |= prefix << open_count
        open_count += width
        if following < _CLEAR_AT:
            table[key] = following
            if following == 1 << width:
                width += 1
            following += 1
        else:
            open_bits |= clear << open_count
            open_count += width
            table.clear()
            width, following = bits + 1, end + 1
        if open_count >= 256:
            out += open_bits.to_bytes(64, "little")[:32]
            open_bits >>= 256
            open_count -= 256
        prefix = index
    open_bits |= prefix << open_count
    open_count += width
    if following == 1 << width and width < 12:
        width += 1
    open_bits |= end << open_count
    open_count += width
    return bytes(out) + open_bits.to_bytes((open_count + 7) // 8, "little")
