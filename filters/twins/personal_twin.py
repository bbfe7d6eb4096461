"""Filter `personal_twin`: no text of the native file holds personal data, by our own code.

Takes XML, JSON, plain text or CSV, changes nothing. The kinds are those of docs/spec/personal.md;
the way is another than the source side's: runs of digits and the signs between them are cut out
first, by one simple expression without choices, and judged group by group.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Literal

from pydantic import Field

from filters.twins.native import texts
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

_REMEMBERED_MAX = 70_000
_HIDDEN = ("Cf", "Mn", "Mc", "Me", "Cn")
_EMPTY_LETTERS = "\u115f\u1160\u3164\uffa0"
_GROUPS = re.compile(r"[0-9]+")
_DIGIT_RUN = re.compile(r"(?<![0-9A-Za-z])\+?\(?[0-9][0-9()+. -]*[0-9](?![0-9A-Za-z])")
_MAIL = re.compile(r"([\w.%+'-]{1,64})@(?=([\w-]{1,63}(?:\.[\w-]{1,63})+))")
_TOP = re.compile(r"[^\W\d_]{2,24}(?![0-9A-Za-z])|[Xx][Nn]--")
_IBAN = re.compile(r"(?<![0-9A-Za-z])(?=([A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,44}))")
_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22,
    "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MT": 31,
    "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24, "SI": 19, "SK": 24,
    "TR": 26, "UA": 29,
}  # fmt: skip

Found = Callable[[str], bool]
Named = Literal["ssn", "nhs", "npi", "card", "iban", "email"]


class PersonalTwinParameters(Parameters):
    """kinds: what is looked for. form: what the payload is. found: what becomes of a hit."""

    kinds: list[Named] = Field(min_length=1, max_length=8)
    form: Literal["xml", "json", "text"]
    found: Literal["refuse", "hold"] = "refuse"


def make(parameters: PersonalTwinParameters, documents: Documents) -> Run:
    """A run that searches."""
    kinds = [(name, _KINDS[name]) for name in parameters.kinds]
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        shown = [_shown(text) for text in texts(message.payload, parameters.form)]
        for name, found in kinds:
            if any(map(found, shown)):
                return verdict(Reason.PERSONAL_DATA, f"{name} in the file")
        return Pass()

    return run


def _shown(text: str) -> str:
    """The text without what nobody sees and without marks, in one form of digits and dashes."""
    if text.isascii():
        return text
    seen = unicodedata.normalize("NFKC", "".join(filter(_is_seen, text)))
    return "".join(map(_in_ascii, filter(_is_seen, seen)))


@lru_cache(maxsize=_REMEMBERED_MAX)
def _is_seen(sign: str) -> bool:
    return unicodedata.category(sign) not in _HIDDEN and sign not in _EMPTY_LETTERS


@lru_cache(maxsize=_REMEMBERED_MAX)
def _in_ascii(sign: str) -> str:
    """A decimal digit or a dash of any script as that of ASCII; any other sign as it is."""
    if sign.isdecimal():
        return str(int(sign))
    return "-" if unicodedata.category(sign) == "Pd" or sign == "\u2212" else sign


def _windows(text: str, count: int, first_min: int = 1) -> Iterator[tuple[list[str], list[str]]]:
    """Groups of digits side by side with that many digits in all, and what stands between them;
    the first of so many digits at least."""
    for run in _DIGIT_RUN.findall(text):
        places = [(found.start(), found.end()) for found in _GROUPS.finditer(run)]
        for first, (begin, end) in enumerate(places):
            if end - begin < first_min:
                continue
            total = 0
            for last in range(first, min(first + count, len(places))):
                total += places[last][1] - places[last][0]
                if total >= count:
                    if total == count:
                        chosen = places[first : last + 1]
                        yield (
                            [run[start:end] for start, end in chosen],
                            [run[a[1] : b[0]] for a, b in pairwise(chosen)],
                        )
                    break


def _near(between: list[str]) -> bool:
    return all(sign in ("", " ", "-") for sign in between)


def _ssn(text: str) -> bool:
    for groups, between in _windows(text, 9):
        if [len(group) for group in groups] == [3, 2, 4] and between in (["-", "-"], [" ", " "]):
            area, group, serial = map(int, groups)
            if 0 < area < 900 and area != 666 and group and serial:
                return True
    return False


def _nhs(text: str) -> bool:
    for groups, between in _windows(text, 10):
        if [len(group) for group in groups] in ([10], [3, 3, 4], [6, 4], [3, 7]) and _near(between):
            numbers = [int(digit) for digit in "".join(groups)]
            rest = sum((10 - at) * number for at, number in enumerate(numbers[:9])) % 11
            if (11 - rest) % 11 == numbers[9]:
                return True
    return False


def _npi(text: str) -> bool:
    return any(
        len(groups) == 1 and groups[0][0] in "12" and _luhn("80840" + groups[0])
        for groups, _ in _windows(text, 10)
    )


def _card(text: str) -> bool:
    for count in range(13, 20):
        for groups, between in _windows(text, count, first_min=4):
            number = "".join(groups)
            if number[0] in "23456" and _near(between) and _luhn(number):
                return True
    return False


def _luhn(number: str) -> bool:
    doubled = str.maketrans("0123456789", "0246813579")
    signs = number[-2::-2].translate(doubled) + number[-1::-2]
    return sum(map(int, signs)) % 10 == 0


def _iban(text: str) -> bool:
    """From every beginning: one that is none may stand before, and words or numbers behind it."""
    for run in _IBAN.findall(text):
        length = _LENGTHS.get(run[:2])
        words = run.split(" ")
        numbers = [run.replace(" ", "")[:length]] if length else accumulate(words)
        if any(15 <= len(number) <= 34 and _rest_97(number) == 1 for number in numbers):
            return True
    return False


def _rest_97(number: str) -> int:
    rest = 0
    for sign in number[4:] + number[:4]:
        value = int(sign, 36)
        rest = (rest * (100 if value > 9 else 10) + value) % 97
    return rest


def _email(text: str) -> bool:
    for local, domain in _MAIL.findall(text):
        _, *labels = domain.partition("_")[0].split(".")
        if any(map(str.isalnum, local)) and any(map(_TOP.match, labels)):
            return True
    return False


_KINDS: dict[str, Found] = {
    "ssn": _ssn, "nhs": _nhs, "npi": _npi, "card": _card, "iban": _iban, "email": _email,
}  # fmt: skip

STAGE = StageType(
    name="personal_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PersonalTwinParameters,
    make=make,
    summary="no text of the file holds personal data of the kinds named, by our own code",
)
