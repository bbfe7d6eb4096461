"""The bounded recogniser of JSON: says whether bytes are JSON we are willing to parse at all.

Takes bytes and limits; gives nothing or raises `Malformed` with a reason of its own for each
thing refused. It runs before any parser sees the bytes and builds no tree: compiled regular
expressions take one member or element at a time, in time linear in its length (no character can
match in two ways), and a stack holds what is open. Follows RFC 8259 and I-JSON (RFC 7493),
stricter: one object at the top (or, if the limits say so, an array), UTF-8 without a byte order
mark, no duplicate names (compared after escapes are resolved), no lone surrogates, no control
characters or noncharacters in strings, escaped or not (tab, line feed and carriage return may stand
there escaped), numbers that fit IEEE 754 double in size.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from schemas.errors import Malformed
from schemas.reasons import Reason

EXPONENT_MAX = 307


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """Bounds of one document; each is the largest value still accepted.

    items_max        values of any kind, in the whole document
    array            whether the document may be an array
    byte_order_mark  whether the bytes may begin with one
    """

    bytes_max: int = 1 << 20
    depth_levels_max: int = 16
    items_max: int = 4096
    string_characters_max: int = 8192
    name_characters_max: int = 128
    number_characters_max: int = 32
    array: bool = False
    byte_order_mark: bool = False


_WS = r"[ \t\n\r]*+"
_STRING = r'"([^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*)*)"'
_NUMBER = r"(-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+\-]?+[0-9]++)?)"
_VALUE = rf"(?:(?:{_STRING}|{_NUMBER}|(true|false|null)){_WS}([,}}\]])|([{{\[]))"
# Groups of both: string, number, literal, what follows it, what opens; a member's name before.
_MEMBER = re.compile(rf"{_WS}{_STRING}{_WS}:{_WS}{_VALUE}")
_ELEMENT = re.compile(rf"{_WS}{_VALUE}")
_EMPTY = re.compile(rf"{_WS}([}}\]])")
_AFTER = re.compile(rf"{_WS}([,}}\]])")
_START = re.compile(rf"{_WS}([{{\[])")
_END = re.compile(rf"{_WS}\Z")

_PLAIN_ASCII = bytes([9, 10, 13, *range(0x20, 0x7F)])
_NOT_ALLOWED = re.compile("[^\t\n\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_SHORT_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}
_NUMBER_PARTS = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+\-]?[0-9]+))?")
_NOT_NUMBERS = ("NaN", "nan", "Infinity", "-Infinity", "+Infinity", "-NaN", "inf", "-inf")
_RAW_CONTROL = re.compile(rf'{_WS}"[^"\x00-\x1f]*+[\x00-\x1f]')
_OTHER_ENCODINGS = (
    (b"\xef\xbb\xbf", "it starts with a byte order mark"),
    (b"\xff\xfe", "it is UTF-16 or UTF-32"),
    (b"\xfe\xff", "it is UTF-16"),
    (b"{\x00", "it is UTF-16 or UTF-32"),
    (b"\x00{", "it is UTF-16"),
    (b"\x00\x00", "it is UTF-32"),
    (b"+AHs", "it is UTF-7"),
)


def recognise(untrusted: bytes, limits: JsonLimits) -> None:
    """Return if `untrusted` is one bounded JSON object of this profile, else `Malformed`."""
    if len(untrusted) > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the document is larger than its bound")
    if limits.byte_order_mark:
        untrusted = untrusted.removeprefix(_OTHER_ENCODINGS[0][0])
    text = _characters(untrusted)
    _Walk(text, limits).document()


def _characters(untrusted: bytes) -> str:
    for mark, sentence in _OTHER_ENCODINGS:
        if untrusted.startswith(mark):
            raise Malformed(Reason.ENCODING_NOT_UTF8, f"not plain UTF-8: {sentence}")
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error
    if text.isascii():
        if untrusted.translate(None, _PLAIN_ASCII):
            raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character")
    elif _NOT_ALLOWED.search(text) or any(ord(c) & 0xFFFE == 0xFFFE for c in set(text)):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character or a noncharacter")
    return text


class _Walk:
    __slots__ = ("closers", "escapes", "items", "limits", "names", "text")

    def __init__(self, text: str, limits: JsonLimits) -> None:
        self.text = text
        self.limits = limits
        self.escapes = "\\" in text
        self.closers: list[str] = []
        self.names: list[set[str]] = []
        self.items = 0

    def document(self) -> None:
        start = _START.match(self.text)
        if start is None or (start[1] == "[" and not self.limits.array):
            _refuse(self.text, 0, "the document does not begin as one JSON object")
        at = self.members(start[1], start.end())
        if _END.match(self.text, at) is None:
            raise Malformed(Reason.TRAILING_DATA, "something follows the JSON value")

    def members(self, opener: str, at: int) -> int:
        """Walk from what follows the first bracket on; gives where the document ends."""
        text, items_max = self.text, self.limits.items_max
        at, closed = self.open(opener, at)
        while not closed or self.closers:
            if closed:
                at, closed = self.after(at)
                continue
            in_object = self.closers[-1] == "}"
            found = (_MEMBER if in_object else _ELEMENT).match(text, at)
            if found is None:
                _refuse(text, at, "no JSON")
            at = found.end()
            self.items += 1
            if self.items > items_max:
                raise Malformed(Reason.TOO_MANY_ELEMENTS, "more values than their bound")
            if in_object:
                name, string, number, _, ends, opens = found.groups()
                self.name(name)
            else:
                string, number, _, ends, opens = found.groups()
            if string is not None:
                self.string(string)
            elif number is not None:
                self.number(number)
            if opens is not None:
                at, closed = self.open(opens, at)
            elif ends != ",":
                self.close(ends)
                closed = True
        return at

    def open(self, opener: str, at: int) -> tuple[int, bool]:
        """Enter an object or array; gives where to go on and whether it is already closed."""
        if len(self.closers) == self.limits.depth_levels_max:
            raise Malformed(Reason.TOO_DEEP, "objects and arrays nest deeper than their bound")
        self.closers.append("}" if opener == "{" else "]")
        self.names.append(set())
        empty = _EMPTY.match(self.text, at)
        if empty is None:
            return at, False
        self.close(empty[1])
        return empty.end(), True

    def close(self, closer: str) -> None:
        if self.closers.pop() != closer:
            raise Malformed(Reason.SYNTAX, "a bracket closes what it did not open")
        self.names.pop()

    def after(self, at: int) -> tuple[int, bool]:
        """What follows a closed object or array inside another one."""
        found = _AFTER.match(self.text, at)
        if found is None:
            _refuse(self.text, at, "no comma or end")
        if found[1] != ",":
            self.close(found[1])
        return found.end(), found[1] != ","

    def name(self, raw: str) -> None:
        name = self.resolved(raw) if self.escapes and "\\" in raw else raw
        if len(name) > self.limits.name_characters_max:
            raise Malformed(Reason.NAME_TOO_LONG, "a member's name is longer than its bound")
        names = self.names[-1]
        if name in names:
            raise Malformed(Reason.JSON_DUPLICATE_KEY, "a name stands twice in one object")
        names.add(name)

    def string(self, raw: str) -> None:
        if self.escapes and "\\" in raw:
            raw = self.resolved(raw)
        if len(raw) > self.limits.string_characters_max:
            raise Malformed(Reason.TEXT_TOO_LONG, "a string is longer than its bound")

    def number(self, number: str) -> None:
        if len(number) > self.limits.number_characters_max:
            raise Malformed(Reason.JSON_NUMBER_SIZE, "a number has more characters than its bound")
        if "e" in number or "E" in number:
            check_magnitude(number)

    @staticmethod
    def resolved(raw: str) -> str:
        """The string that `raw` with its escapes stands for."""
        parts: list[str] = []
        at = 0
        high = 0
        for escape in _ESCAPE.finditer(raw):
            hexadecimal, short = escape.groups()
            plain = raw[at : escape.start()]
            at = escape.end()
            code = int(hexadecimal, 16) if hexadecimal else 0
            is_low = 0xDC00 <= code <= 0xDFFF
            if bool(high) != is_low or (high and plain):
                raise Malformed(Reason.JSON_LONE_SURROGATE, "half of a surrogate pair")
            parts.append(plain)
            if 0xD800 <= code <= 0xDBFF:
                high = code
                continue
            if is_low:
                code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
                high = 0
            character = chr(code) if hexadecimal else _SHORT_ESCAPES.get(short, "\0")
            if _NOT_ALLOWED.match(character) or ord(character) & 0xFFFE == 0xFFFE:
                raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "an escaped control character")
            parts.append(character)
        if high:
            raise Malformed(Reason.JSON_LONE_SURROGATE, "half of a surrogate pair")
        return "".join(parts) + raw[at:]


def check_magnitude(number: str) -> None:
    """Refuse what overflows or vanishes as an IEEE 754 double. `number` is of JSON's grammar."""
    parts = _NUMBER_PARTS.fullmatch(number)
    if parts is None:
        raise Malformed(Reason.SYNTAX, "not a number")
    whole, fraction, exponent = parts.groups(default="")
    if len(exponent) > 5:
        raise Malformed(Reason.JSON_NUMBER_SIZE, "a number's exponent is out of bounds")
    digits = (whole + fraction).lstrip("0")
    if digits:
        first = len(digits) - len(fraction) - 1 + int(exponent or 0)
        if not -EXPONENT_MAX <= first <= EXPONENT_MAX:
            raise Malformed(Reason.JSON_NUMBER_SIZE, "a number is too large or too small")


def _refuse(text: str, at: int, sentence: str) -> NoReturn:
    """Name what stands at `at`, where nothing of the profile does."""
    rest = text[at : at + 65_536]
    value = rest.lstrip(" \t\n\r")
    named = re.match(r'"[^"\\]*+(?:\\.[^"\\]*)*"[ \t\n\r]*+:[ \t\n\r]*+', value)
    value = value[named.end() :] if named else value
    if value.startswith(_NOT_NUMBERS):
        raise Malformed(Reason.JSON_NOT_A_NUMBER, "NaN and Infinity are no JSON numbers")
    if _RAW_CONTROL.match(value):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character inside a string")
    raise Malformed(Reason.SYNTAX, f"{sentence} at character {at}")
