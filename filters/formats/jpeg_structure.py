"""The structure of a JPEG file, to the last byte (ITU-T T.81, JFIF 1.02 in T.871).

Takes untrusted bytes and bounds, gives a `Structure` whose `shown` holds tables, frame and scans,
a JFIF or Adobe segment of our own where the colours depend on it, or raises `Malformed`. Taken are
Huffman-coded baseline, extended and progressive pictures of 8 bits and 1, 3 or 4 components.
"""

import re
from typing import Literal

from filters.formats.picture_structure import (
    PictureLimits,
    Structure,
    broken,
    check_end,
    check_parts,
    check_size,
    slice_of,
    unwanted,
)
from schemas.errors import Malformed
from schemas.reasons import Reason

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
_FRAMES = {0xC0, 0xC1, 0xC2}
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xD0)} - {0xCC}
_SCAN_END = re.compile(rb"\xff(?![\x00\xd0-\xd7])")
_JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")
_APPLICATION = {
    0xE1: "Exif or XMP", 0xE2: "colour profile or further pictures", 0xED: "IPTC",
}  # fmt: skip


def walk(untrusted: bytes, limits: PictureLimits) -> Structure:
    """The structure of a JPEG file."""
    return _Walk(untrusted, limits).run()


class _Walk:
    """One file on its way."""

    def __init__(self, untrusted: bytes, limits: PictureLimits) -> None:
        self.data, self.limits = untrusted, limits
        self.found = Structure("jpeg", 0, 0)
        self.shown = [b"\xff\xd8"]
        self.parts = self.scans = 0
        self.components: dict[int, tuple[int, int]] = {}
        self.jfif = False

    def run(self) -> Structure:
        if self.data[:2] != b"\xff\xd8":
            broken("the file does not begin as JPEG")
        at = 2
        while True:
            at, marker = self.marker(at)
            if marker == _EOI:
                break
            length = int.from_bytes(slice_of(self.data, at, 2, "a JPEG segment"), "big")
            body = slice_of(self.data, at + 2, max(length - 2, -1), "a JPEG segment")
            at += length
            if self.segment(marker, body):
                self.shown.append(bytes((0xFF, marker)) + length.to_bytes(2, "big") + body)
            if marker == _SOS:
                at = self.scan(at)
        if not self.scans:
            broken("the JPEG file has no scan")
        self.found.parts = self.parts
        self.shown.append(b"\xff\xd9")
        check_end(self.data, at, self.found, self.limits)
        if self.jfif:
            self.shown.insert(1, _JFIF)
        self.found.shown = b"".join(self.shown)
        return self.found

    def marker(self, at: int) -> tuple[int, int]:
        """The next marker, after any number of fill bytes (T.81, B.1.1.2), and where it ends."""
        if slice_of(self.data, at, 1, "a JPEG marker") != b"\xff":
            broken("there is no JPEG marker where one must be")
        while slice_of(self.data, at, 1, "a JPEG marker") == b"\xff":
            at += 1
        self.parts += 1
        check_parts(self.parts, self.limits)
        return at + 1, self.data[at]

    def segment(self, marker: int, body: bytes) -> bool:
        """Check one segment; says whether a decoder needs it."""
        if marker in _FRAMES:
            self.frame(body)
        elif marker in _OTHER_FRAMES:
            unwanted("a lossless, hierarchical or arithmetic-coded JPEG")
        elif marker == _DQT:
            self.quantisation(body)
        elif marker == _DHT:
            self.codes(body)
        elif marker == _DRI:
            if len(body) != 2:
                broken("a restart interval of a wrong length")
        elif marker == _SOS:
            self.scan_header(body)
        elif 0xE0 <= marker <= 0xEF:
            return self.application(marker, body)
        elif marker == _COM:
            self.found.drop("comment")
            return False
        else:
            broken(f"a JPEG marker {marker:02X} at the wrong place")
        return True

    def frame(self, body: bytes) -> None:
        if self.components:
            broken("the JPEG file has two frames")
        if len(body) < 6 or len(body) != 6 + 3 * body[5]:
            broken("a JPEG frame of a wrong length")
        if body[0] != 8:
            unwanted("a JPEG of more than 8 bits")
        found = self.found
        found.height, found.width = (
            int.from_bytes(body[1:3], "big"),
            int.from_bytes(body[3:5], "big"),
        )
        found.all_pixels = check_size(found.width, found.height, self.limits)
        found.colours = body[5]
        if found.colours not in (1, 3, 4):
            broken(f"a JPEG of {found.colours} components")
        for at in range(6, len(body), 3):
            across, down = body[at + 1] >> 4, body[at + 1] & 15
            if not (1 <= across <= 4 and 1 <= down <= 4 and body[at + 2] <= 3):
                broken("a JPEG component's sampling or table is out of range")
            self.components[body[at]] = (across, down)
        if len(self.components) != found.colours:
            broken("two JPEG components have one name")
        found.halved = list(self.components.values()) == [(2, 2), (1, 1), (1, 1)]

    def quantisation(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            wide, table = body[at] >> 4, body[at] & 15
            values = slice_of(body, at + 1, 128 if wide else 64, "a quantisation table")
            step = 2 if wide else 1
            zero = any(not any(values[i : i + step]) for i in range(0, len(values), step))
            if wide > 1 or table > 3 or zero:
                broken("a quantisation table is out of range")
            at += 1 + len(values)

    def codes(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            kind, table = body[at] >> 4, body[at] & 15
            counts = slice_of(body, at + 1, 16, "a Huffman table")
            slice_of(body, at + 17, sum(counts), "a Huffman table")
            used = sum(count << (16 - bits) for bits, count in enumerate(counts, 1))
            if kind > 1 or table > 3 or sum(counts) > 256 or used > 1 << 16:
                broken("a Huffman table is out of range")
            at += 17 + sum(counts)

    def scan_header(self, body: bytes) -> None:
        if not self.components:
            broken("a scan before its frame")
        if not body or not 1 <= body[0] <= 4 or len(body) != 4 + 2 * body[0]:
            broken("a scan of a wrong length")
        names = body[1 : 1 + 2 * body[0] : 2]
        if len(set(names)) != len(names) or not set(names) <= self.components.keys():
            broken("a scan of components that the frame does not name")
        self.scans += 1
        if self.scans > self.limits.scans_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, f"more than {self.limits.scans_max} scans")

    def scan(self, at: int) -> int:
        """Past the coded data of a scan: to the first marker that is no restart."""
        end = _SCAN_END.search(self.data, at)
        if end is None:
            broken("the file ends within a scan")
        self.shown.append(self.data[at : end.start()])
        return end.start()

    def application(self, marker: int, body: bytes) -> bool:
        if marker == 0xE0 and body.startswith(b"JFIF\x00"):
            self.jfif = True
            if len(body) > 14:
                self.found.drop("thumbnail")
        elif marker == 0xEE and len(body) == 12 and body.startswith(b"Adobe"):
            transform = body[11]
            if transform > 2:
                broken("an Adobe segment names what JPEG does not have")
            self.shown.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + body[11:])
        else:
            if marker == 0xE1 and body.startswith(b"Exif\x00\x00") and self.found.orientation == 1:
                self.found.orientation = orientation_of(body[6:])
            self.found.drop(_APPLICATION.get(marker, f"application data {marker - 0xE0}"))
        return False


def orientation_of(untrusted: bytes) -> int:
    """The orientation in an Exif block's first directory; 1 where there is none to be read.

    A wrong block is no reason to refuse a picture: all of it but this number is dropped.
    """
    order: Literal["little", "big"] = "big" if untrusted.startswith(b"MM\x00*") else "little"
    if order == "little" and not untrusted.startswith(b"II*\x00"):
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(untrusted[at : at + size], order)

    start = number(4, 4)
    for entry in range(start + 2, start + 2 + 12 * min(number(start, 2), 512), 12):
        if untrusted[entry : entry + 2] and number(entry, 2) == 0x0112:
            value = number(entry + 8, 2)
            return value if number(entry + 2, 2) == 3 and 1 <= value <= 8 else 1
    return 1
