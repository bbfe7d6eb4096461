"""JSON made to confuse, exhaust or hide: after the published work on how parsers differ."""

from collections.abc import Iterator
from pathlib import Path

from tests.filters.hostile.cases import Case, Sound

PACKS = ("json",)
_SYNTAX = (
    "[1,]",
    "[,1]",
    '{"a":1,}',
    "{,}",
    "[1 2]",
    '{"a" 1}',
    '{"a":}',
    "{a:1}",
    "{'a':1}",
    '["a]',
    "[1",
    '{"a":1',
    "[1]]",
    '{"a":1}}',
    "[}",
    "{]",
    "[1,,2]",
    "[01]",
    "[1.]",
    "[.5]",
    "[+1]",
    "[1e]",
    "[1e+]",
    "[--1]",
    "[0x1F]",
    "[1_000]",
    "[tru]",
    "[True]",
    "[None]",
    "[undefined]",
    "[nul]",
    "// c\n[1]",
    "/* c */[1]",
    "[1/* c */]",
    "# c\n[1]",
    '["\\x41"]',
    '["\\u00g0"]',
    '["\\u12"]',
    '["\\"]',
    '["a"\n"b"]',
    "",
    " ",
    '"text"',
    "1",
    "null",
    "true",
    "[1]#",
    "\\u005b1]",
    '{"a"::1}',
    "{1:2}",
    "{null:1}",
    "[1]\\n",
    "(1)",
    "callback([1])",
    ")]}',\n[1]",
    "[\u00a01]",
    "[1\u2028]",
    "[-]",
    "[1.2.3]",
    "[1e1.5]",
    "[\uff11]",
    "['a']",
    "[`a`]",
    "[1]\n[2]",
    '{"a":1}{"b":2}',
    "\x1e[1]\n",
)
_NUMBERS = ("NaN", "Infinity", "-Infinity", "nan", "-NaN", "inf", "+Infinity")
_SIZES = ("1e400", "-1e400", "1e-400", "1e99999", "1e-99999", "1e999999999999",
          "0." + "0" * 80 + "1", "1" * 100, "9" * 65)  # fmt: skip
_SURROGATES = ("\\ud800", "\\udc00", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud83d x \\ude00",
               "\\ud83dx\\ude00")  # fmt: skip
_CONTROLS = ("\\u0000", "\\u0007", "\\u001b", "\\b", "\\f", "\\u007f", "\\u0085", "\\uffff",
             "\\ufdd0", "\\ud83f\\udfff")  # fmt: skip
_RAW = "\x00\x01\x07\x08\x0b\x0c\x1b\x1f\x7f\x85\ufffe\ufdd0"


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for number, text in enumerate(_SYNTAX):
        reasons: tuple[str, ...] = (
            "syntax", "trailing-data", "type-unknown", "type-not-allowed", "empty",
            "size-out-of-bounds", "character-not-allowed", "json-not-a-number",
        )  # fmt: skip
        yield Case(f"syntax-{number}", text.encode(), reasons)
    for number, text in enumerate(_NUMBERS):
        yield Case(
            f"not-a-number-{number}", f'{{"a": {text}}}'.encode(), ("json-not-a-number", "syntax")
        )
    for number, text in enumerate(_SIZES):
        yield Case(f"number-{number}", f"[{text}]".encode(), ("json-number-size",))
    for number, text in enumerate(_SURROGATES):
        yield Case(f"surrogate-{number}", f'["{text}"]'.encode(), ("json-lone-surrogate",))
    for number, text in enumerate(_CONTROLS):
        yield Case(f"escaped-{number}", f'["{text}"]'.encode(), ("character-not-allowed",))
    for character in _RAW:
        payload = f'["{character}"]'.encode()
        yield Case(f"raw-{ord(character):x}", payload, ("character-not-allowed",))
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"):
        reasons = ("encoding-not-utf8", "type-unknown", "syntax", "character-not-allowed")
        yield Case(f"encoding-{name}", '["\u00e9"]'.encode(name), reasons)
    yield Case("overlong", b'["\xc0\xa2"]', ("encoding-not-utf8",))
    yield Case("surrogate-bytes", b'["\xed\xa0\x80"]', ("encoding-not-utf8",))
    yield Case("same-name", b'{"a":1,"a":2}', ("json-duplicate-key",))
    yield Case("same-name-escaped", b'{"a":1,"\\u0061":2}', ("json-duplicate-key",))
    yield Case("same-name-deep", b'[{"x":{"role":"user","role":"admin"}}]', ("json-duplicate-key",))
    yield Case("deep-array", b"[" * 100 + b"]" * 100, ("too-deep",))
    yield Case("deep-object", b'{"a":' * 100 + b"1" + b"}" * 100, ("too-deep",))
    yield Case("very-deep", b"[" * 900_000, ("too-deep",))
    yield Case("many-values", b"[" + b"1," * 200_000 + b"1]", ("too-many-elements",))
    yield Case("long-string", b'["' + b"x" * 300_000 + b'"]', ("text-too-long",))
    yield Case("long-name", b'{"' + b"x" * 600 + b'":1}', ("name-too-long",))
    yield Case("many-escapes", b'["' + b"\\n" * 300_000 + b'"]', ("text-too-long",))
    yield Case("large", b"[" + b'"xxxxxxxxx",' * 100_000 + b"1]", ("size-out-of-bounds",))
    yield Case("large-blanks", b"[" + b" " * 1_100_000 + b"]", ("size-out-of-bounds",))
    yield Case("trailing-nul", b"[1]\x00", ("trailing-data", "character-not-allowed"))
    yield Case("trailing-zip", b"[1]PK\x03\x04", ("trailing-data", "character-not-allowed"))
    yield Case("two-marks", b"\xef\xbb\xbf\xef\xbb\xbf[1]", ("encoding-not-utf8", "type-unknown"))
    yield Case("xml", b"<a/>", ("type-not-allowed",))
    yield Case("declared-xml", b"[1]", ("type-not-allowed",), type="text/xml")
    yield Case("label", b"[1]", ("label-no-mapping",), label="SECRET")


def sound() -> Iterator[Sound]:
    """Ordinary documents, and what of them must not come out."""
    yield Sound("empty-array", b"[]")
    yield Sound("empty-object", b"{}")
    yield Sound("mark-of-order", b'\xef\xbb\xbf{"a": 1}', gone=(b"\xef\xbb\xbf",))
    yield Sound("blanks", b'\t{\r\n "a" :\t[ 1 ,\n2 ] }\r\n', gone=(b"\t", b"\r", b" "))
    yield Sound(
        "escapes", b'["\\u0041\\/\\u00e9\\ud83d\\ude00\\t\\n\\r\\"\\\\"]', gone=(b"u0041", b"\\/")
    )
    yield Sound("numbers", b"[0, -0, 0.0, -0.0, 1.50, 1E+2, 1e-300, 18446744073709551615, -1, 1e0]",
                gone=(b"E", b"+", b"-0"))  # fmt: skip
    yield Sound(
        "long-numbers", b"[0.1234567890123456789012345678901234567890, 36893488147419103232]"
    )
    yield Sound("order", b'{"bb":1,"a":2,"c":3}')
    yield Sound("empty-name", b'{"":1}')
    yield Sound("nested", b"[" * 45 + b"]" * 45)
    yield Sound("constants", b'[true, false, null, ""]')
    yield Sound("unicode", '{"é": "日本語 👩‍🔬"}'.encode())


def real(shared: Path) -> Iterator[Path]:
    """The JSON among the real files."""
    yield from (p for p in shared.rglob("*") if p.suffix in (".json", ".geojson", ".avsc"))
