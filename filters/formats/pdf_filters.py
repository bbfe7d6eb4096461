"""How much the streams of an opened PDF will decode to, before anything decodes them.

Takes a document of pikepdf, raises `Malformed` where a stream is compressed twice or decodes to
more than the bound. Deflated streams were counted by `pdf_structure`; here are those that are not:
what is deflated beneath a filter for text is inflated in pieces that are not kept, LZW and run
lengths are counted code by code without building what they stand for.
"""

import zlib
from typing import Any

import pikepdf

from filters.formats.picture_structure import broken, unwanted
from schemas.errors import Malformed
from schemas.reasons import Reason

_COMPRESSING = frozenset({"FlateDecode", "Fl", "LZWDecode", "LZW", "RunLengthDecode", "RL"})
_TEXT = frozenset({"ASCII85Decode", "A85", "ASCIIHexDecode", "AHx"})
_PIECE_BYTES = 1 << 18
LISTED_MAX = 8  # filters that a stream may name: more than qpdf will apply
_END_OF_RUNS = 128
_CLEAR, _END, _CODES_MAX = 256, 257, 4096


def check_streams(pdf: pikepdf.Pdf, bytes_max: int, size: int) -> None:
    """`Malformed` for a stream that would grow beyond the bound. size: the file's bytes."""
    left, coded = bytes_max, size
    for thing in pdf.objects:
        if not isinstance(thing, pikepdf.Stream):
            continue
        coded -= length_of(thing)
        if coded < 0:
            broken("streams that lie in one another")
        names = names_of(thing.get("/Filter"))
        if sum(name in _COMPRESSING for name in names) > 1:
            unwanted("a stream that is compressed twice")
        if len(names) > 1 and names[-1] in _TEXT and _COMPRESSING & set(names):
            unwanted("a stream of text that is compressed beneath")
        if names and names[-1] in ("LZWDecode", "LZW"):
            left -= lzw_bytes(before_last(thing, names), _changes_early(thing), left)
        elif len(names) > 1 and names[-1] in ("FlateDecode", "Fl"):
            left -= inflated_bytes(before_last(thing, names), left)
        elif names and names[-1] in ("RunLengthDecode", "RL"):
            left -= run_length_bytes(before_last(thing, names), left)
        if left < 0:
            raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the streams hold too many bytes")


def length_of(stream: Any) -> int:
    """How many bytes a stream says that it has in the file."""
    length = stream.get("/Length", 0)
    return length if isinstance(length, int) else 0


def names_of(value: Any) -> list[str]:
    """The filters that a stream names, in order."""
    if isinstance(value, pikepdf.Array) and len(value) > LISTED_MAX:
        unwanted("a stream under too many filters")
    named = [] if value is None else [value] if isinstance(value, pikepdf.Name) else list(value)
    return [str(name)[1:] for name in named]


def before_last(stream: Any, names: list[str]) -> bytes:
    """The bytes as they are before the last filter."""
    raw = bytes(stream.read_raw_bytes())
    if len(names) == 1:
        return raw
    parms: Any = stream.get("/DecodeParms", None)
    if isinstance(parms, pikepdf.Array) and len(parms) > LISTED_MAX:
        unwanted("a stream with parameters for too many filters")
    given = list(parms)[:-1] if isinstance(parms, pikepdf.Array) else []
    if any(isinstance(each, pikepdf.Dictionary) and len(each) for each in given):
        unwanted("a stream under filters with parameters")
    filters = pikepdf.Array([pikepdf.Name(f"/{name}") for name in names[:-1]])
    holder = pikepdf.new()  # a stream lives as long as its document
    inner = pikepdf.Stream(holder, raw, pikepdf.Dictionary(Filter=filters))
    return bytes(inner.get_stream_buffer(pikepdf.StreamDecodeLevel.generalized))


def inflated_bytes(raw: bytes, bytes_max: int) -> int:
    """How many bytes a zlib stream holds; stops beyond the bound, or where it is damaged."""
    stream = zlib.decompressobj()
    total, waiting = 0, raw
    try:
        while waiting and not stream.eof and total <= bytes_max:
            total += len(stream.decompress(waiting, _PIECE_BYTES))
            waiting = stream.unconsumed_tail
    except zlib.error:
        return total
    return total


def _changes_early(stream: Any) -> int:
    parms = stream.get("/DecodeParms", pikepdf.Dictionary())
    if isinstance(parms, pikepdf.Array):
        parms = parms[-1] if len(parms) else None
    return int(parms.get("/EarlyChange", 1)) if isinstance(parms, pikepdf.Dictionary) else 1


def run_length_bytes(raw: bytes, bytes_max: int) -> int:
    """How many bytes run lengths (ISO 32000-2, 7.4.5) stand for; stops beyond the bound, and not
    at the end that they say, at which not every decoder stops."""
    total, at, end = 0, 0, len(raw)
    while at < end and total <= bytes_max:
        length = raw[at]
        if length < _END_OF_RUNS:
            at += length + 2
            total += length + 1 - max(at - end, 0)
        elif length > _END_OF_RUNS:
            at += 2
            total += 257 - length
        else:
            at += 1
    return total


def lzw_bytes(raw: bytes, early: int, bytes_max: int) -> int:
    """How many bytes LZW (ISO 32000-2, 7.4.4) stands for; stops beyond the bound."""
    lengths = [1] * _CLEAR + [0, 0]
    width, held, bits, total, last = 9, 0, 0, 0, 0
    for byte in raw:
        held = (held << 8 | byte) & 0xFFFFFFFF
        bits += 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits & ((1 << width) - 1)
        if code == _CLEAR:
            del lengths[_END + 1 :]
            width, last = 9, 0
            continue
        if code == _END or code > len(lengths):
            break
        if last and len(lengths) < _CODES_MAX:
            lengths.append(last + 1)
        last = lengths[code] if code < len(lengths) else last + 1
        total += last
        if total > bytes_max:
            return total
        if len(lengths) + early >= 1 << width and width < 12:
            width += 1
    return total
