"""Hexadecimal digits byte by byte and line by line, and what looks like it and may pass."""

import random
import uuid

import pytest

from tests.filters.test_content_checks import ask, json, made

CHANCE = random.Random(11)
BYTES = CHANCE.randbytes(400)
TEXT = b"The pump on the second deck was changed, and the crew wrote down what they saw. " * 4
ROWS = [BYTES[at : at + 16] for at in range(0, 400, 16)]


def apart(data: bytes, by: str, size: int) -> str:
    """The data in groups of so many bytes."""
    return by.join(data[at : at + size].hex() for at in range(0, len(data), size))


def lines(groups: list[str]) -> str:
    return "\n".join(groups)


@pytest.mark.parametrize(
    "text",
    [
        apart(BYTES, " ", 1),
        apart(BYTES, "  ", 1).upper(),
        apart(BYTES, ":", 1),
        apart(BYTES, "-", 1),
        apart(BYTES, ", ", 1),
        apart(BYTES, ",", 1),
        apart(BYTES, ".", 1),
        apart(BYTES, " ", 2),
        apart(BYTES, " ", 4),
        apart(TEXT, " ", 1),
        lines([row.hex() for row in ROWS]),
        lines([row.hex(" ") for row in ROWS]),
        lines(["    " + row.hex(":") + ":" for row in ROWS]),
        lines([apart(row, " ", 2) for row in ROWS]),
        lines([apart(BYTES[at : at + 9], ":", 1) for at in range(0, 396, 9)]),
        "so " + apart(BYTES[:33], " ", 1) + " it is",
    ],
)
def test_bytes_written_apart_are_encoded_content(text: str) -> None:
    assert ask(made("encoded"), json([text])) == "hexadecimal digits at text 1"
    if "\n" in text:
        found = ask(made("encoded"), {"text": 1, "lines": text.split("\n")})
        assert found == "hexadecimal digits at line 1 and on"


def ids(size: int, count: int = 60) -> list[str]:
    return [CHANCE.randbytes(size).hex() for _ in range(count)]


ADDRESSES = [apart(bytes.fromhex(one), ":", 1) for one in ids(6)]
GUIDS = [str(uuid.UUID(one)) for one in ids(16)]
IPV6 = [apart(bytes.fromhex(one), ":", 2) for one in ids(16)]


@pytest.mark.parametrize("by", ["\n", " ", ", ", "\r\n"])
@pytest.mark.parametrize(
    "listed",
    [
        ADDRESSES,
        [one.replace(":", "-").upper() for one in ADDRESSES],
        GUIDS,
        [one.upper() for one in GUIDS],
        IPV6,
        [f"{one}/64" for one in IPV6],
        [f"{one}  data-{at}.csv" for at, one in enumerate(ids(32))],
        [f"{one}  face{at}" for at, one in enumerate(ids(20))],
        ["SHA256 Fingerprint=" + apart(bytes.fromhex(one), ":", 1).upper() for one in ids(32)],
        [f"{one} {other} refs/heads/main" for one, other in zip(ids(20), ids(20), strict=True)],
        ["2026-05-14T06:07:08.123456Z"] * 60,
        ["2026-05-14 06:07:08"] * 60,
        ["20260514060708123456"] * 60,
        ["de 12 34 56 78 90 12 34 56 78", "be 10 20 30 40 50 60 70 80 90"] * 30,
        ["48.2082 16.3738 1.5e10", "12 34 56 78"] * 30,
        ["1234 5678 9012 3456 ab"] * 60,
        ["12:34:56:78:90:12:34:56:78:90"] * 60,
    ],
)
def test_lists_of_addresses_identifiers_and_numbers_pass(listed: list[str], by: str) -> None:
    assert ask(made("encoded", entropy_characters_min=0), json([by.join(listed)])) == ""


@pytest.mark.parametrize("size", [3, 4, 7, 8])
def test_short_identifiers_each_on_a_line_pass(size: int) -> None:
    assert ask(made("encoded"), {"text": 1, "lines": ids(size)}) == ""
