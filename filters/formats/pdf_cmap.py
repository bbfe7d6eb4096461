"""Character maps of a PDF (ISO 32000-2, 9.7.5 and 9.10.3), written anew from their ranges.

Takes the bytes of a map, gives one that has the same ranges, a line each, and nothing else: no
names, no comments, no other PostScript, and no rows of another shape than their kind has. Raises
`Malformed`.
"""

import re
from collections.abc import Iterator

from filters.formats.picture_structure import broken

_BEGIN = re.compile(rb"begin(codespacerange|bfchar|bfrange|cidchar|cidrange|notdefrange)\b")
_TOKEN = re.compile(rb"<[0-9A-Fa-f\s]{0,512}>|\d{1,9}|\[|\]")
_CODE = rb"<(?:[0-9a-f]{2}){1,4}>"
_TEXT = rb"<[0-9a-f]{0,128}>"  # at most 32 units of UTF-16
_ROWS = {
    kind: re.compile(row)
    for kind, row in {
        b"codespacerange": rb"%s %s" % (_CODE, _CODE),
        b"bfchar": rb"%s %s" % (_CODE, _TEXT),
        b"bfrange": rb"%s %s (?:%s|\[(?: %s)* \])" % (_CODE, _CODE, _TEXT, _TEXT),
        b"cidchar": rb"%s \d+" % _CODE,
        b"cidrange": rb"%s %s \d+" % (_CODE, _CODE),
        b"notdefrange": rb"%s %s \d+" % (_CODE, _CODE),
    }.items()
}


def rewritten(untrusted: bytes) -> bytes:
    """A character map of the same ranges and nothing else."""
    mode = re.search(rb"/WMode\s+([01])\b", untrusted)
    out = [b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def"]
    if mode:
        out.append(b"/WMode " + mode[1] + b" def")
    for kind, section in _sections(untrusted):
        each = 2 if kind.endswith((b"char", b"codespacerange")) else 3
        things = _things([b"".join(token.split()).lower() for token in _TOKEN.findall(section)])
        lines = [
            b" ".join(things[at : at + each]) for at in range(0, len(things) // each * each, each)
        ]
        lines = [line for line in lines if _ROWS[kind].fullmatch(line)]
        if lines:
            out += [b"%d begin%s" % (len(lines), kind), *lines, b"end" + kind]
    return b"\n".join([*out, b"endcmap end end"])


def _sections(untrusted: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and inside of each section; looks once for the end of each, so time grows with size."""
    endless: set[bytes] = set()
    at = 0
    while (begin := _BEGIN.search(untrusted, at)) is not None:
        kind, at = begin[1], begin.end()
        end = -1 if kind in endless else untrusted.find(b"end" + kind, at)
        if end < 0:
            endless.add(kind)
            continue
        yield kind, untrusted[at:end]
        at = end


def _things(tokens: list[bytes]) -> list[bytes]:
    """Tokens, each list of them as one."""
    found: list[bytes] = []
    inside: list[bytes] = []
    depth = 0
    for token in tokens:
        depth += (token == b"[") - (token == b"]")
        if depth < 0:
            broken("a character map with an end of a list that has no beginning")
        inside.append(token)
        if not depth:
            found.append(b" ".join(inside))
            inside = []
    return [*found, b" ".join(inside)] if inside else found
