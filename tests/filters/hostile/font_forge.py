"""A TrueType font of one letter, a square as large as a test wants it (OpenType 1.9)."""

import struct

UNITS_AN_EM = 1000


def square(side: int) -> bytes:
    """A font whose glyph 1 is a square of so many units, an em having a thousand."""
    low, high = -(side // 2), side - side // 2
    corners = ((low, low), (high, low), (high, high), (low, high))
    steps = [(x - before[0], y - before[1]) for (x, y), before in
             zip(corners, ((0, 0), *corners[:3]), strict=True)]  # fmt: skip
    glyph = struct.pack(">hhhhhHH", 1, low, low, high, high, 3, 0) + b"\x01" * 4
    glyph += b"".join(struct.pack(">h", x) for x, _ in steps)
    glyph += b"".join(struct.pack(">h", y) for _, y in steps)
    glyph += bytes(-len(glyph) % 4)
    head = struct.pack(">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, UNITS_AN_EM, 0, 0,
                       low, low, high, high, 0, 8, 2, 0, 0)  # fmt: skip
    tables = {
        b"glyf": glyph,
        b"head": head,
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 800, -200, 0, 500, 0, 0, 0, 1, 0, 0, 0,
                             0, 0, 0, 0, 2),
        b"hmtx": struct.pack(">HhHh", 500, 0, 500, low),
        b"loca": struct.pack(">HHH", 0, 0, len(glyph) // 2),
        b"maxp": struct.pack(">IH13H", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    }  # fmt: skip
    written = struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 32)
    at, bodies = 12 + 16 * len(tables), b""
    for name, body in tables.items():
        written += struct.pack(">4sIII", name, 0, at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    return written + bodies
