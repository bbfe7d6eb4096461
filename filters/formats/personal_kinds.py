"""What personal data looks like: docs/spec/personal.md. Patterns for RE2, and what has to add up.

Takes a candidate's bytes, gives how many of them, from the first on, are a hit. Knows no message.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from filters.formats.check_digits import luhn, mod11, mod97, npi

_IBAN_SIGNS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22,
    "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MT": 31,
    "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24, "SI": 19, "SK": 24,
    "TR": 26, "UA": 29,
}  # fmt: skip
BEFORE_BYTES_MAX = 256
_BORDER = r"(?:\b|_)"  # to RE2 `_` is a letter, here it is none
_GROUP = re.compile(rb"[0-9A-Za-z]+")
_NOT_DIGITS = bytes(byte for byte in range(256) if not 0x30 <= byte <= 0x39)
_NOT_SIGNS = bytes(byte for byte in _NOT_DIGITS if not 0x41 <= byte <= 0x5A)
Holds = Callable[[bytes], int]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is looked for, and what of it is a hit.

    pattern   in RE2 syntax, over UTF-8
    holds     the bytes of what was found that are of the kind, 0 if it is none: a pattern takes as
              much as it can, and so other numbers that stand behind a blank
    bordered  whether the pattern takes the `_` at the hit's borders, which is no part of it
    more      how many of the bytes before a hit, given up to `BEFORE_BYTES_MAX`, are of it too
    """

    pattern: str
    holds: Holds = len
    bordered: bool = False
    more: Callable[[bytes], int] = lambda _: 0


def _bordered(pattern: str, holds: Holds = len) -> Kind:
    r"""A kind whose pattern has `\b` for its borders."""
    return Kind(pattern.replace(r"\b", _BORDER), holds, bordered=True)


def _whole(check: Callable[[bytes], bool]) -> Holds:
    """All of what was found, or nothing."""
    return lambda found: len(found) if check(found) else 0


def _longest(check: Callable[[bytes], bool]) -> Holds:
    """The most of what was found, up to the end of a group of letters or digits, that adds up."""
    return lambda found: next((end for end in _ends(found) if check(found[:end])), 0)


def _ends(found: bytes) -> Iterator[int]:
    """All of it, then where each group but the last ends, from behind."""
    yield len(found)
    yield from reversed([group.end() for group in _GROUP.finditer(found)][:-1])


def digits(found: bytes) -> bytes:
    """The digits of what was found."""
    return found.translate(None, _NOT_DIGITS)


def signs(found: bytes) -> bytes:
    """The letters and digits of what was found, in upper case."""
    return found.upper().translate(None, _NOT_SIGNS)


def _ssn(found: bytes) -> bool:
    number = digits(found)
    area, group, serial = number[:3], number[3:5], number[5:]
    right = area not in (b"000", b"666") and area[:1] != b"9"
    return right and group != b"00" and serial != b"0000" and found[3] == found[6]


def _nino(found: bytes) -> bool:
    first, second = found[:1].upper(), found[1:2].upper()
    never = (b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ")
    plain = first not in b"DFIQUV" and second not in b"DFIQUVO"
    return plain and first + second not in never


def _card(found: bytes) -> bool:
    number = digits(found)
    return 13 <= len(number) <= 19 and 0x32 <= number[0] <= 0x36 and luhn(number)


def _iban(found: bytes) -> int:
    """The country's length is taken where it is known: what follows may look like more of it."""
    size = _IBAN_SIGNS.get(found[:2].decode())
    if size is None:
        return _longest(lambda part: 15 <= len(signs(part)) <= 34 and mod97(signs(part)))(found)
    number = signs(found)[:size]
    ends = [at for at, byte in enumerate(found, start=1) if byte != 0x20]
    return ends[len(number) - 1] if len(number) >= 15 and mod97(number) else 0


def _phone(found: bytes) -> bool:
    return 8 <= len(digits(found)) <= 15


def _email(found: bytes) -> bool:
    return found[:1].isalnum() or found[0] >= 0x80


def _mrn(found: bytes) -> bool:
    return bool(digits(found))


def _ipv4(found: bytes) -> bool:
    return all(int(part) < 256 for part in found.split(b"."))


def _coordinates(found: bytes) -> int:
    if b"." not in found:
        return _longest(_grid)(found)
    latitude, longitude = map(float, found.replace(b",", b" ").split())
    return len(found) if abs(latitude) <= 90 and abs(longitude) <= 180 else 0


def _grid(found: bytes) -> bool:
    """Easting and northing after zone and square."""
    return len(digits(found[3:])) in (4, 6, 8, 10)


_OTHERS = r"\x{C0}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3040}-\x{D7FF}\x{20000}-\x{3FFFF}"  # letters
# The `@` with as little before it as makes a small automaton, and the domain; the rest of the local
# part is looked for backwards, where there is a hit.
_EMAIL = (
    rf"(?:\b[A-Za-z0-9_][A-Za-z0-9._%+-]{{0,63}}|[{_OTHERS}])"
    rf"@(?:[A-Za-z0-9{_OTHERS}-]{{1,63}}\.)+"
    rf"(?:(?i:xn--)[A-Za-z0-9-]{{1,59}}{_BORDER}|[A-Za-z{_OTHERS}]{{2,24}}{_BORDER}|"
    rf"[A-Za-z{_OTHERS}]{{1,23}}[{_OTHERS}])"
)
_LOCAL_PART = re.compile(r"[\w.%+'-]*\Z")


def _local_part(before: bytes) -> int:
    found = _LOCAL_PART.search(before.decode("utf-8", "replace"))
    return len(found.group().lstrip("._%+'-").encode()) if found else 0


KINDS: dict[str, Kind] = {
    "ssn": _bordered(r"\b[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}\b", _whole(_ssn)),
    "nino": _bordered(r"\b[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]\b", _whole(_nino)),
    "nhs": _bordered(
        r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}\b", _whole(lambda it: mod11(digits(it)))
    ),
    "npi": _bordered(r"\b[12][0-9]{9}\b", _whole(npi)),
    "card": _bordered(r"\b[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}\b", _longest(_card)),
    "iban": _bordered(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    "phone": _bordered(
        r"\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,4}\)?){2,6}\b"
        r"|(?:\b|\()[2-9][0-9]{2}(?:\) ?|[ .-])[0-9]{3}[ .-][0-9]{4}\b",
        _longest(_phone),
    ),
    "email": Kind(_EMAIL, _whole(_email), bordered=True, more=_local_part),
    "mrn": _bordered(r"\b(?i:MRN)[:# ]{1,3}[A-Za-z0-9]{5,12}\b", _whole(_mrn)),
    "dob": _bordered(
        r"\b(?i:DOB|born)[: ]{1,3}(?:[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"|[0-9]{1,2}[./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2}))\b"
    ),
    "ipv4": _bordered(r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b", _whole(_ipv4)),
    "coordinates": _bordered(
        r"(?:-|\b)[0-9]{1,2}\.[0-9]{3,}(?:, ?| )-?[0-9]{1,3}\.[0-9]{3,}\b"
        r"|\b[0-9]{1,2}[C-HJ-NP-X] ?[A-HJ-NP-Z]{2} ?(?:[0-9]{2,5} ?[0-9]{2,5})\b",
        _coordinates,
    ),
}
CHECKS: dict[str, Holds] = {
    "": len,
    "luhn": _whole(lambda found: luhn(digits(found))),
    "mod11": _whole(lambda found: mod11(digits(found))),
    "mod97": _whole(lambda found: mod97(signs(found))),
}
