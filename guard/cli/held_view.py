"""A held payload as lines for people: text as it is, a model (CBOR) as diagnostic text, else hex.

Takes bytes that may be anything, gives lines of printable characters; executes and renders nothing.
What a terminal would act on is escaped. CBOR is read by the strict, bounded reader of
`schemas.cbor`, XML and JSON by none; the model of an XML document is shown as its tree.
"""

import difflib
import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from filters.formats.xml_layout import KEYS
from filters.formats.xml_tree import tree
from guard.cli.output import printable
from schemas.cbor import CborLimits, CborValue, decode
from schemas.errors import Malformed

LINES_SHOWN_MAX = 400
LINE_CHARACTERS_MAX = 2000
DIFF_LINES_MAX = 2000
SHOWN_BYTES_MAX = 256 * 1024
_LIMITS = CborLimits(bytes_max=SHOWN_BYTES_MAX, string_bytes_max=SHOWN_BYTES_MAX)
_HEX_BYTES = 16
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class View(NamedTuple):
    """kind: "text", "model" or "binary"; all of its lines."""

    kind: str
    lines: list[str]


def view(untrusted: bytes) -> View:
    """The lines of a payload; of a long one (`SHOWN_BYTES_MAX`) those of its beginning."""
    if (text := _text(untrusted)) is not None:
        rest = text[SHOWN_BYTES_MAX:].encode()
        return View("text", [*map(_line, text[:SHOWN_BYTES_MAX].split("\n")), *_rest(rest)])
    try:
        model = decode(untrusted, _LIMITS)
        if type(model) is dict and model.keys() == KEYS:
            model = tree(model)
    except Malformed:
        rest = untrusted[SHOWN_BYTES_MAX:]
        return View("binary", [*_hex(untrusted[:SHOWN_BYTES_MAX]), *_rest(rest)])
    return View("model", [_line(line) for line in _diagnostic(model, "")])


def _rest(untrusted: bytes) -> list[str]:
    """Two payloads that differ in what is not shown have different lines all the same."""
    digest = hashlib.sha256(untrusted).hexdigest()
    return [f"… and {len(untrusted):,} bytes more, SHA-256 {digest}"] if untrusted else []


def changes(before: View, after: View) -> list[str]:
    """A unified diff of what came in against what would go out.

    Of more than `DIFF_LINES_MAX` lines together, only where the first difference is.
    """
    if before.lines == after.lines:
        return []
    if len(before.lines) + len(after.lines) > DIFF_LINES_MAX:
        same = zip(before.lines, after.lines, strict=False)
        first = next((at for at, (one, other) in enumerate(same, 1) if one != other), None)
        at = first or min(len(before.lines), len(after.lines)) + 1
        return [f"they differ from line {at} on; too long to compare here: use --input, --output"]
    names = f"input ({before.kind})", f"output ({after.kind})"
    return list(difflib.unified_diff(before.lines, after.lines, *names, lineterm=""))


def _text(untrusted: bytes) -> str | None:
    """As text, if most people would call it so: UTF-8 without control characters."""
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _line(text: str) -> str:
    shown = "".join(c if c == " " else printable(c) for c in text[:LINE_CHARACTERS_MAX])
    more = text[LINE_CHARACTERS_MAX:]
    if not more:
        return shown
    digest = hashlib.sha256(more.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{shown} … and {len(more):,} characters more, SHA-256 {digest}"


def _hex(untrusted: bytes) -> Iterator[str]:
    for at in range(0, len(untrusted), _HEX_BYTES):
        part = untrusted[at : at + _HEX_BYTES]
        shown = "".join(chr(c) if 0x20 <= c < 0x7F else "." for c in part)
        yield f"{at:08x}  {part.hex(' '):<{3 * _HEX_BYTES}} {shown}"


def _diagnostic(value: CborValue, indent: str) -> Iterator[str]:
    """Close to RFC 8949 §8, a line an item; text with its control characters escaped."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        yield f"{indent}{{"
        for key, item in value.items():
            first, *rest = _diagnostic(item, inner)
            yield f"{inner}{_quoted(key)}: {first.lstrip(' ')}"
            yield from rest
        yield f"{indent}}}"
    elif isinstance(value, list) and value:
        yield f"{indent}["
        for item in value:
            yield from _diagnostic(item, inner)
        yield f"{indent}]"
    else:
        yield indent + _scalar(value)


def _scalar(value: CborValue) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _quoted(text: str) -> str:
    """Other than in JSON nothing is hidden: what cannot be printed is escaped later, once."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
