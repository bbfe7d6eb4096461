"""Whether entries are written in the one way they must be, fast.

Takes the entry lines of a batch, raises `EntryError` or returns. Pure. A part of the ledger's
verifier: shares no code with the writer. Follows docs/spec/ledger.md §2.

Two ways to the same answer. The sure one parses the lines and writes them again. The fast one is a
regular expression made from the names of entries that passed the sure one: it knows only plain
texts, lines of them, and short integers, and what it does not match goes the sure way.
"""

import json
import re
from itertools import chain

_INTEGER_MAX = 2**63 - 1
_FIELDS_MAX = 64
_ENTRY_BYTES_MAX = 131_072
_SHAPES_MAX = 32
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLAIN = rb"[ !#-\[\]-~\x7f]*+"
_PLAIN_TEXT = rb'"' + _PLAIN + rb"(?:\\n" + _PLAIN + rb')*"'
_SHORT_INTEGER = rb"(?:0|-?[1-9][0-9]{0,17}+)"
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

Entry = dict[str, int | str]
Shape = tuple[tuple[str, type], ...]


class EntryError(Exception):
    """An entry that is not of the form; the text says what is wrong, for people."""


class EntryForm:
    """Knows the shapes (names and kinds of values) that it has seen."""

    def __init__(self) -> None:
        self._shapes: dict[Shape, bytes] = {}
        self._fast = re.compile(rb"(?!)")

    def check(self, body: bytes, lines: list[bytes]) -> None:
        """body: the lines, joined by line feeds. Raises `EntryError`."""
        if self._fast.fullmatch(body) and max(map(len, lines)) <= _ENTRY_BYTES_MAX:
            return
        entries = _parse_surely(body, lines)
        before = len(self._shapes)
        for entry in entries:
            shape = tuple((name, type(value)) for name, value in entry.items())
            if shape not in self._shapes and len(self._shapes) < _SHAPES_MAX:
                self._shapes[shape] = _expression(shape)
        if len(self._shapes) > before:
            any_shape = b"(?:" + b"|".join(self._shapes.values()) + b")"
            self._fast = re.compile(any_shape + rb"(?:\n" + any_shape + rb")*")


def parse_entries(lines: list[bytes]) -> list[Entry]:
    """Entries whose form was checked."""
    parsed: list[Entry] = json.loads(b"[" + b",".join(lines) + b"]")
    return parsed


def _parse_surely(body: bytes, lines: list[bytes]) -> list[Entry]:
    array = b"[" + b",".join(lines) + b"]"
    try:
        entries = json.loads(array)
        again = _encode(entries).encode("ascii")
    except (ValueError, RecursionError) as error:
        raise EntryError("an entry is no JSON") from error
    if again != array or len(entries) != len(lines) or {type(each) for each in entries} != {dict}:
        raise EntryError("an entry is not written in the one way it must be")
    sizes = list(map(len, entries))
    if not 1 <= min(sizes) <= max(sizes) <= _FIELDS_MAX or max(map(len, lines)) > _ENTRY_BYTES_MAX:
        raise EntryError("an entry is empty or too large")
    if not all(map(_NAME.fullmatch, set(chain.from_iterable(entries)))):
        raise EntryError("a field has a name that is none")
    values = list(chain.from_iterable(entry.values() for entry in entries))
    if not {type(value) for value in values} <= {int, str}:
        raise EntryError("a field is neither text nor integer")
    if max((abs(value) for value in values if type(value) is int), default=0) > _INTEGER_MAX:
        raise EntryError("an integer is out of bounds")
    if b"\\ud" in body and not all(map(_is_characters, values)):
        raise EntryError("a text has half a character")
    parsed: list[Entry] = entries
    return parsed


def _expression(shape: Shape) -> bytes:
    fields = (
        b'"' + re.escape(name.encode()) + b'":' + (_SHORT_INTEGER if kind is int else _PLAIN_TEXT)
        for name, kind in shape
    )
    return rb"\{" + b",".join(fields) + rb"\}"


def _is_characters(value: int | str) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
