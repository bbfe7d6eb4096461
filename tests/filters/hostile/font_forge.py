"""Fonts of few letters, as a test wants them: TrueType (OpenType 1.9) and CFF (Adobe note 5176)."""

import struct

UNITS_AN_EM = 1000
_RETURN, _END, _CALL, _MOVE, _LINE = b"\x0b", b"\x0e", b"\x1d", b"\x15", b"\x05"  # Type 2, 5177


def square(side: int) -> bytes:
    """A font whose glyph 1 is a square of so many units, an em having a thousand."""
    low, high = -(side // 2), side - side // 2
    corners = ((low, low), (high, low), (high, high), (low, high))
    steps = [(x - before[0], y - before[1]) for (x, y), before in
             zip(corners, ((0, 0), *corners[:3]), strict=True)]  # fmt: skip
    glyph = struct.pack(">hhhhhHH", 1, low, low, high, high, 3, 0) + b"\x01" * 4
    glyph += b"".join(struct.pack(">h", x) for x, _ in steps)
    glyph += b"".join(struct.pack(">h", y) for _, y in steps)
    return true_type([b"", glyph], low, high)


def composites(parts: int, levels: int) -> bytes:
    """A font whose glyph 1 is so many times glyph 2, that so many times glyph 3, and so on."""
    glyphs = [b""]
    for level in range(levels):
        more = [0x20] * (parts - 1) + [0]
        glyph = b"".join(struct.pack(">HHbb", 2 | flag, level + 2, 0, 0) for flag in more)
        glyphs.append(struct.pack(">hhhhh", -1, 0, 0, 9, 9) + glyph)
    return true_type([*glyphs, struct.pack(">hhhhhH", 0, 0, 0, 0, 0, 0)], 0, 9)


def true_type(glyphs: list[bytes], low: int, high: int) -> bytes:
    """A font of these glyphs, all within low and high."""
    glyphs = [glyph + bytes(-len(glyph) % 4) for glyph in glyphs]
    places = [sum(map(len, glyphs[:at])) // 2 for at in range(len(glyphs) + 1)]
    count = len(glyphs)
    head = struct.pack(">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, UNITS_AN_EM, 0, 0,
                       low, low, high, high, 0, 8, 2, 0, 0)  # fmt: skip
    tables = {
        b"glyf": b"".join(glyphs),
        b"head": head,
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 800, -200, 0, 500, 0, 0, 0, 1, 0, 0, 0,
                             0, 0, 0, 0, count),
        b"hmtx": struct.pack(">Hh", 500, low) * count,
        b"loca": struct.pack(f">{count + 1}H", *places),
        b"maxp": struct.pack(">IH13H", 0x10000, count, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 999, 99),
    }  # fmt: skip
    written = struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 32)
    at, bodies = 12 + 16 * len(tables), b""
    for name, body in tables.items():
        written += struct.pack(">4sIII", name, 0, at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    return written + bodies


def of_subroutines(glyphs: int, calls: int, levels: int) -> bytes:
    """A CFF font whose glyphs call a subroutine that calls the next so many times, and so on."""

    def call(number: int) -> bytes:
        return bytes([139 - 107 + number]) + _CALL

    lines = [call(level + 1) * calls + _RETURN for level in range(levels - 1)]
    subroutines = _index([*lines, (b"\x8b\x8b" + _LINE) * calls + _RETURN])
    outlines = _index([_END, *[b"\x8b\x8b" + _MOVE + call(0) + _END] * glyphs])
    start = b"\1\0\4\4" + _index([b"X"])
    at = len(start) + len(_index([_top(0, 0)])) + len(_index([])) + len(subroutines)
    top = _index([_top(at, at + len(outlines))])
    return start + top + _index([]) + subroutines + outlines + b"\x8b\x14"


def _top(outlines: int, private: int) -> bytes:
    """The dictionary of the font: charset, CharStrings, Private."""
    number = [b"\x1d" + struct.pack(">i", value) for value in (0, outlines, 2, private)]
    return number[0] + b"\x0f" + number[1] + b"\x11" + number[2] + number[3] + b"\x12"


def _index(items: list[bytes]) -> bytes:
    if not items:
        return b"\0\0"
    ends = [1 + sum(map(len, items[:at])) for at in range(len(items) + 1)]
    return struct.pack(f">HB{len(ends)}I", len(items), 4, *ends) + b"".join(items)
