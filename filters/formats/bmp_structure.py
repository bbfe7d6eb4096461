"""The structure of a Windows bitmap, to the last byte (Microsoft, "Bitmap Storage").

Takes untrusted bytes and bounds, gives a `Structure` whose `shown` is the file without a colour
profile, or raises `Malformed`. Taken are headers of 40 to 124 bytes, 1 to 32 bits, uncompressed,
bit fields, and run lengths of 4 and 8 bits.
"""

from struct import unpack

from filters.formats.picture_structure import (
    PictureLimits,
    Structure,
    broken,
    check_end,
    check_size,
    slice_of,
    unwanted,
)

_HEADERS = (40, 52, 56, 108, 124)
_RGB, _RLE8, _RLE4, _FIELDS, _ALPHA_FIELDS = 0, 1, 2, 3, 6
_BITS = {_RGB: (1, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _FIELDS: (16, 32),
         _ALPHA_FIELDS: (16, 32)}  # fmt: skip
_GAP_BYTES_MAX = 64


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a bitmap."""
    if untrusted[:2] != b"BM":
        broken("the file does not begin as a bitmap")
    whole = slice_of(untrusted, 0, 54, "the bitmap's header")
    size, _, pixels_at, header = unpack("<IIII", whole[2:18])
    if header not in _HEADERS:
        unwanted("a bitmap header that is not taken: save it as a Windows 3 bitmap")
    width, height, planes, bits, compression, stated, _, _, colours, _ = unpack(
        "<iiHHIIiiII", whole[18:54]
    )
    if planes != 1 or bits not in _BITS.get(compression, ()):
        unwanted("a bitmap of a depth or compression that is not taken")
    if width < 1 or height == 0 or (height < 0 and compression in (_RLE8, _RLE4)):
        broken("the bitmap has no width or no height")
    found = Structure("bmp", width, abs(height))
    found.all_pixels = check_size(found.width, found.height, limits)
    masks = 4 * (3 if compression == _FIELDS else 4) if header == 40 and compression >= 3 else 0
    entries = colours or (1 << bits if bits <= 8 else 0)
    if entries > 1 << min(bits, 8):
        broken("the bitmap's colour table is larger than its depth")
    table_end = 14 + header + masks + 4 * entries
    stride = (width * bits + 31) // 32 * 4
    if compression in (_RLE8, _RLE4):
        pixel_bytes = stated
        if not 2 <= stated <= 4 * (stride + 4) * found.height + 1024:
            broken("the bitmap's run lengths are of an impossible size")
    else:
        pixel_bytes = stride * found.height
    if not table_end <= pixels_at <= table_end + _GAP_BYTES_MAX:
        broken("the bitmap's pixels do not follow its colour table")
    pixels = slice_of(untrusted, pixels_at, pixel_bytes, "the bitmap's pixels")
    if pixels_at > table_end:
        found.drop("bytes before the pixels")
    end = _profile(untrusted, pixels_at + pixel_bytes, header, found)
    if size < pixels_at + pixel_bytes or size > len(untrusted):
        broken("the bitmap says another size than it has")
    if 0 < size - end <= 2 and not untrusted[end:size].strip(b"\x00"):
        end = size  # rows of some programs end on a word
    check_end(untrusted, end, found, limits)
    start = bytearray(slice_of(untrusted, 0, table_end, "the bitmap's header"))
    start[2:14] = (table_end + pixel_bytes).to_bytes(4, "little") + bytes(4) + start_of(table_end)
    if header == 124:
        start[14 + 112 : 14 + 120] = bytes(8)
    found.shown = bytes(start) + pixels
    return found


def start_of(table_end: int) -> bytes:
    """Where the pixels begin, as the header says it."""
    return table_end.to_bytes(4, "little")


def _profile(untrusted: bytes, end: int, header: int, found: Structure) -> int:
    """Past the colour profile of a header of 124 bytes, if it stands at the end."""
    if header != 124:
        return end
    offset, size = map(int, unpack("<II", untrusted[14 + 112 : 14 + 120]))
    if untrusted[14 + 56 : 14 + 60] != b"DEBM" or not size:
        return end
    start = 14 + offset
    if start < end or start - end > 3:
        broken("the bitmap's colour profile does not follow its pixels")
    slice_of(untrusted, start, size, "the bitmap's colour profile")
    found.drop("colour profile")
    return start + size
