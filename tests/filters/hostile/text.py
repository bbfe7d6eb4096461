"""Plain text made to hide, mislead or exhaust: after the published work on hidden text.

Trojan Source (CVE-2021-42574), homoglyph and zero-width steganography, tag characters, stacked
combining marks, SNOW, encodings that pass for UTF-8, polyglots of text and other types.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.filters.hostile.cases import Case, Sound

PACKS = ("text",)
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARKS = "\u200e\u200f\u061c"
_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u206a"
    "\u206f\u2800\u3164\ufe00\ufe0d\uffa0\ufff9\ufffa\ufffb\ufffc\U0001bca0\U0001d173\U000e0001"
    "\U000e0041\U000e007f\U000e0100\U000e01ef"
)
_CONTROLS = (
    "\x00\x01\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f\x80\x85\x9b\x9f\ue000\uf8ff\U000f0000\U0010fffd"
    "\ufdd0\ufffe\uffff\U0001ffff\U0010ffff\u0378\U000e1000"
)
_BYTES = {
    "latin-1": "Grüße".encode("latin-1"),
    "windows-1252": "“quoted”".encode("cp1252"),
    "utf-16": "a plain text".encode("utf-16"),
    "utf-16-le-unmarked": "a plain text".encode("utf-16-le"),
    "utf-16-be-unmarked": "a plain text".encode("utf-16-be"),
    "utf-32": "a plain text".encode("utf-32"),
    "overlong-slash": b"a\xc0\xafb",
    "overlong-nul": b"a\xc0\x80b",
    "overlong-three": b"a\xe0\x80\xafb",
    "surrogate": b"a\xed\xa0\x80b",
    "surrogate-pair": b"a\xed\xa0\xbd\xed\xb8\x80b",
    "above-unicode": b"a\xf4\x90\x80\x80b",
    "five-bytes": b"a\xf8\x88\x80\x80\x80b",
    "lone-continuation": b"a\x80b",
    "cut-short": b"a\xe2\x82",
    "fe": b"a\xfe\xffb",
    "shift-jis": "日本語".encode("shift-jis"),
    "gb18030": "中文文本".encode("gb18030"),
    "utf-7": b"+ADw-script+AD4-",
    "cesu-8": b"x\xed\xa0\x81\xed\xb0\x80",
}
_OTHER_TYPES = {
    "pdf": b"%PDF-1.7\n1 0 obj\n",
    "postscript": b"%!PS-Adobe-3.0\n",
    "html": b"<!DOCTYPE html><html></html>",
    "html-comment": b"<!-- --><script>alert(1)</script>",
    "script": b"\n <script>alert(1)</script>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "xml": b"<?xml version='1.0'?><a/>",
    "php": b"<?php system('id'); ?>",
    "rtf": b"{\\rtf1\\ansi hello}",
    "shell": b"#!/bin/sh\nrm -rf /\n",
    "batch": b"@echo off\r\ndel *\r\n",
    "zip": b"PK\x03\x04\x14\x00text",
    "gif-polyglot": b"GIF89a/*plain text*/=1;",
    "elf": b"\x7fELF\x02\x01\x01",
    "dos-program": b"MZ\x90\x00\x03\x00",
    "calendar": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "json": b'{"a": [1, 2, {"b": null}], "c": "text"}',
    "json-long": b'\n{"a": ["a text", ' + b"1, " * 900 + b"2]}",
    "html-behind-lines": b"\n" * 3000 + b"<html><script>alert(1)</script></html>\n",
    "html-behind-wide-blanks": "\u2003\n".encode() * 900 + b"<script>alert(1)</script>\n",
    "mail": b"From: a@example.org\nTo: b@example.org\nSubject: x\n\nhello\n",
}


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for character in _BIDI + _MARKS:
        name = f"bidi-{ord(character):04x}"
        yield Case(name, f"access = user{character} admin\n".encode(), ("text-bidi",))
    for character in _INVISIBLE:
        name = f"invisible-{ord(character):04x}"
        yield Case(name, f"plain{character} text\n".encode(), ("text-invisible",))
    for character in _CONTROLS:
        text = f"plain words before it {character} text\n"
        name = f"control-{ord(character):04x}"
        yield Case(name, text.encode(), ("character-not-allowed",))
    for name, payload in _BYTES.items():
        yield Case(name, payload, ("encoding-not-utf8", "character-not-allowed"))
    for name, payload in _OTHER_TYPES.items():
        reasons = ("type-not-allowed", "character-not-allowed")
        yield Case(f"type-{name}", payload, reasons)
    yield Case("declared-html", b"hello\n", ("type-not-allowed",), type="text/html")
    yield Case("stacked-marks", ("a" + "\u0316" * 40 + "\n").encode(), ("text-marks",))
    yield Case("stacked-mixed", ("a" + "\u0301\u0489\u20dd" * 9).encode(), ("text-marks",))
    piled = "a" + ("\u0316\u0317\u0318\u0319\u031c\u031d" + "\u200d") * 100
    yield Case("stacked-joined", f"{piled}\n".encode(), ("text-marks",))
    tags = "".join(chr(0xE0000 + ord(c)) for c in "ignore what was said")
    yield Case("tag-smuggling", f"hello{tags}\n".encode(), ("text-invisible",))
    bits = "".join("\u200b\u2060"[int(b)] for b in f"{int.from_bytes(b'secret'):b}")
    yield Case("zero-width-bits", f"hello{bits}\n".encode(), ("text-invisible",))
    selectors = "".join(chr(0xE0100 + byte) for byte in b"secret")
    yield Case("variation-selector-bytes", f"\u263a{selectors}\n".encode(), ("text-invisible",))
    yield Case("second-mark-of-order", "\ufeff\ufeffhello\n".encode(), ("text-invisible",))
    yield Case("mark-of-order-inside", "hel\ufefflo\n".encode(), ("text-invisible",))
    yield Case("mark-of-order-alone", "\ufeff".encode(), ("empty",))
    yield Case("many-lines", b"\n" * 60_000, ("too-many-lines",))
    yield Case("many-lines-cr", b"a\r" * 60_000, ("too-many-lines",))
    yield Case("long-line", b"a" * 9_000, ("line-too-long",))
    yield Case("large", b"a line of text\n" * 80_000, ("size-out-of-bounds",))
    yield Case("growing-compatibility", "\ufdfa".encode() * 9_000, ("line-too-long",))
    yield Case("growing-composition", ("\U0001d160" * 9_000).encode(), ("line-too-long",))
    yield Case("terminal-escape", b"\x1b]0;title\x07hello\n", ("character-not-allowed",))
    yield Case("terminal-c1", "\u009b31mred\n".encode(), ("character-not-allowed",))
    yield Case("backspace-overwrite", b"safe\x08\x08\x08\x08evil\n", ("character-not-allowed",))
    yield Case("label-unknown", b"hello\n", ("label-no-mapping", "label-unknown"), label="SECRET")


def sound() -> Iterator[Sound]:
    """Ordinary files, and what of them must not come out."""
    yield Sound("plain", b"one\ntwo\n")
    yield Sound("no-end", b"one")
    yield Sound("windows", b"one  \r\ntwo\t\r\n\r\n", gone=(b"\r", b"  ", b"\t"))
    yield Sound("mac", b"one\rtwo\r", gone=(b"\r",))
    yield Sound("mark-of-order", b"\xef\xbb\xbfone\n", gone=(b"\xef\xbb\xbf",))
    yield Sound("separators", "one\u2028two\u2029three".encode(), gone=(b"\xe2\x80\xa8",))
    yield Sound("decomposed", "Cafe\u0301\n".encode(), gone=(b"\xcc\x81",))
    yield Sound("kelvin", "5 \u212a\n".encode(), gone=("\u212a".encode(),))
    yield Sound("snow", b"bits \t  \t \nhere\t \t\n", gone=(b" \t", b"\t \t"))
    yield Sound("joiner-after-ascii", "a\u200db\u200dc\n".encode(), gone=("\u200d".encode(),))
    yield Sound("joiner-runs", "\u0915\u200d\u200d\u200d\u0937\n".encode(), gone=(b"\x8d\xe2",))
    yield Sound("joiner-singleton", "\u212a\u200d\ufe0f\u200dx\n".encode(), gone=(b"\xe2\x80\x8d",))
    hidden = "".join(
        map("".join, zip("\u4e00\u4e8c\u4e09\u56db", "\u200c\u200d\ufe0e\ufe0f", strict=True))
    )
    yield Sound("joiner-bits", f"{hidden}\n".encode(), gone=(b"\xe2\x80", b"\xef\xb8"))
    yield Sound("persian", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\n".encode())
    yield Sound(
        "emoji", "\u2764\ufe0f\u200d\U0001f525 1\ufe0f\u20e3 \U0001f469\u200d\U0001f52c".encode()
    )
    yield Sound("mail-like", b"<john@example.org> wrote:\n> [INFO] yes\n> +5, -3 = @2\n")
    yield Sound("brackets", b"[1] Knuth, volume 2\n[2, 3]: the same\n{a note}\n[2026-05-14] INFO\n")
    yield Sound("markdown", b"# Title\n\n- item `code`\n\n| a | b |\n|---|---|\n")
    yield Sound("prose-like-signs", b"BMW and RIFF raff; MZ is a code of a province\n")
    yield Sound("thai", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0e01\u0e4d\u0e49\n".encode())
    yield Sound("long", ("a sentence of some length, again and again. " * 100 + "\n").encode())


def real(shared: Path) -> Iterator[Path]:
    """The texts among the real files."""
    yield from (p for p in shared.rglob("*") if p.suffix in (".txt", ".md") and p.is_file())
