"""Filter `picture_words_twin`: a written picture has no part that holds text.

Takes the file, changes nothing. `picture_verify` holds files to one form; this looks a second way,
for the parts in which the formats keep text: PNG chunks beside those of the pixels, JPEG
application segments and comments, GIF extensions, TIFF values of characters or of no type. What
pixels show is not read: a policy that must know it holds pictures for people.
"""

from collections.abc import Iterator

from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

_PNG = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND"})
_JPEG_TEXT = frozenset({*range(0xE1, 0xF0), 0xFE})
_TIFF_NUMBERS = frozenset({3, 4})


class PictureWordsTwinParameters(Parameters):
    """None."""


def _png(data: bytes) -> Iterator[str]:
    at = 8
    while at < len(data):
        if data[at + 4 : at + 8] not in _PNG:
            yield "a chunk"
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _jpeg(data: bytes) -> Iterator[str]:
    at = 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] in _JPEG_TEXT or (data[at + 1] == 0xE0 and length > 16):
            yield "a segment"
        at += 2 + length


def _gif(data: bytes) -> Iterator[str]:
    at = 13
    while data[at] != 0x3B:
        kind, label = data[at], data[at + 1]
        if kind == 0x21:
            if label in (0xFE, 0x01) or (
                label == 0xFF and data[at + 3 : at + 14] != b"NETSCAPE2.0"
            ):
                yield "an extension"
            at += 2
        else:
            flags = data[at + 9]
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        while data[at]:
            at += 1 + data[at]
        at += 1


def _tiff(data: bytes) -> Iterator[str]:
    at = int.from_bytes(data[4:8], "little")
    seen = 0
    while at > seen:
        seen = at
        end = at + 2 + 12 * int.from_bytes(data[at : at + 2], "little")
        for entry in range(at + 2, end, 12):
            if int.from_bytes(data[entry + 2 : entry + 4], "little") not in _TIFF_NUMBERS:
                yield "a value"
        at = int.from_bytes(data[end : end + 4], "little")


def _none(data: bytes) -> Iterator[str]:
    return iter(())


_FINDERS = (
    (b"\x89PNG", _png),
    (b"\xff\xd8", _jpeg),
    (b"GIF8", _gif),
    (b"II", _tiff),
    (b"BM", _none),
)


def make(parameters: PictureWordsTwinParameters, documents: Documents) -> Run:
    """A run that refuses a picture with a part for text."""

    def run(message: Message) -> Answer:
        payload = message.payload
        for first, find in _FINDERS:
            if payload.startswith(first):
                try:
                    part = next(find(payload), "")
                except IndexError as error:
                    raise Malformed(Reason.SYNTAX, "the picture ends too early") from error
                if part:
                    return Refuse(Reason.MODEL_UNKNOWN_NAME, f"{part} of the picture may hold text")
                return Pass("pixels were not read for words")
        raise Malformed(Reason.TYPE_UNKNOWN, "no picture that is written here")

    return run


STAGE = StageType(
    name="picture_words_twin",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PictureWordsTwinParameters,
    make=make,
    summary="a written picture has no part for text; what its pixels show is not read",
    rechecks=frozenset({"words"}),
)
