"""What a virus scanner says of a payload, and the packets in which it is asked (scanning.md).

Takes bytes, gives bytes and `Scanned`; no I/O. A question is the payload in pieces, each under the
question's number; an answer is one packet under the same number.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from schemas.errors import Malformed
from schemas.reasons import Reason

NUMBER_BYTES = 8
PIECE_BYTES_MAX = 128 * 1024
WORDS_CHARACTERS_MAX = 120
ANSWER_MS_MAX = 600_000
_PIECE = struct.Struct(">8sIB")  # number, milliseconds for the answer, whether it is the last
_ANSWER = struct.Struct(">8sBH")  # number, `Said`, days (or _UNKNOWN)
_UNKNOWN = 0xFFFF


class Said(IntEnum):
    """The three answers there are."""

    CLEAN = 0
    FOUND = 1
    NOTHING = 2  # nobody answered in time, or not in words that are known


@dataclass(frozen=True, slots=True)
class Scanned:
    """One answer.

    words  what was found, or why there is no answer: printable ASCII, at most 120 characters
    days   how old the scanner's signatures are; None if it does not say
    """

    said: Said
    words: str = ""
    days: int | None = None


Ask = Callable[[bytes, int], Scanned]
"""(payload, milliseconds that an answer may take) -> the answer. Raises nothing."""


def nobody(_payload: bytes, _answer_ms_max: int) -> Scanned:
    """The `Ask` of a stage that is run where there is no scanner."""
    return Scanned(Said.NOTHING, "no scanner is named here")


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a question."""

    number: bytes
    answer_ms_max: int
    last: bool
    content: bytes


def write_question(number: bytes, payload: bytes, answer_ms_max: int) -> Iterator[bytes]:
    """The packets of one question, in order; at least one."""
    view = memoryview(payload)
    for at in range(0, max(1, len(view)), PIECE_BYTES_MAX):
        piece = view[at : at + PIECE_BYTES_MAX]
        last = at + PIECE_BYTES_MAX >= len(view)
        yield b"".join((_PIECE.pack(number, answer_ms_max, last), piece))


def read_piece(packet: bytes) -> Piece:
    """Part of a question. Raises `Malformed`."""
    if not _PIECE.size <= len(packet) <= _PIECE.size + PIECE_BYTES_MAX:
        raise Malformed(Reason.FRAME_MALFORMED, "a packet is no part of a question")
    number, answer_ms_max, last = _PIECE.unpack_from(packet)
    if last > 1 or not 0 < answer_ms_max <= ANSWER_MS_MAX:
        raise Malformed(Reason.FRAME_MALFORMED, "a question's numbers are out of bounds")
    return Piece(number, answer_ms_max, bool(last), packet[_PIECE.size :])


def write_answer(number: bytes, scanned: Scanned) -> bytes:
    """The packet of an answer. What is not printable ASCII in its words is written as `?`."""
    days = _UNKNOWN if scanned.days is None else min(max(scanned.days, 0), _UNKNOWN - 1)
    words = printable(scanned.words).encode("ascii")
    return _ANSWER.pack(number, scanned.said, days) + words


def read_answer(packet: bytes) -> tuple[bytes, Scanned]:
    """(number, answer). Raises `Malformed`."""
    if not _ANSWER.size <= len(packet) <= _ANSWER.size + WORDS_CHARACTERS_MAX:
        raise Malformed(Reason.FRAME_MALFORMED, "a packet is no answer")
    number, said, days = _ANSWER.unpack_from(packet)
    if said not in set(Said):
        raise Malformed(Reason.FRAME_MALFORMED, f"there is no answer {said}")
    words = packet[_ANSWER.size :].decode("latin-1")
    if printable(words) != words:
        raise Malformed(Reason.FRAME_MALFORMED, "an answer's words are not printable")
    return number, Scanned(Said(said), words, None if days == _UNKNOWN else days)


def printable(words: str) -> str:
    """At most 120 characters of printable ASCII: they stand in receipts, logs and terminals."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in words[:WORDS_CHARACTERS_MAX])
    return shown.strip()
