"""Filter `encoded`: no text of the model is, or holds, encoded or encrypted content.

Takes a model in deterministic CBOR, changes nothing. Two looks, each in linear time: runs of the
alphabets in which programs write bytes (base64, hexadecimal, also byte by byte and line by line,
uuencode, yEnc and armour lines), and the entropy of each long text, by the frequency of its
characters. The verdict tells kind and place, never the content. NIST SP 800-53 AC-4(4).
"""

import math
import re
from collections import Counter
from typing import Literal

import re2
from pydantic import Field

from filters.formats.models import open_model
from filters.formats.placed_texts import placed
from schemas.cbor import CborLimits
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)
_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/_\-]{40})\r?\n")  # the end of a line of encoded content
_ARMOUR = re2.compile(
    r"-----BEGIN [A-Z0-9 ]{3,40}-----|(?:^|\n)begin(?:-base64)? [0-7]{3,4} |(?:^|\n)=ybegin "
)
_BYTE = "[0-9A-Fa-f]{2}"
_END = r"[ \t]{0,2}\r?\n[ \t]{0,32}"  # of a line, and the next one's indentation


def _bytes_apart(by: str) -> str:
    """Bytes with the same sign between each, and such lines: nine bytes make one, which is more
    than a hardware address has."""
    line = rf"{_BYTE}(?:{by}{_BYTE}){{8,}}"
    return rf"{line}(?:(?:{by})?{_END}{line})*"


# A dump has groups of up to four bytes and some on each line; longer groups, as are digests, count
# only alone on their lines. So lists of addresses, identifiers and digests with names are none.
_GROUP = rf"(?:{_BYTE}){{1,4}}\b"
_GROUPS = rf"{_GROUP}(?:[ \t]{{1,2}}{_GROUP}){{3,}}"
_LINE = r"[0-9A-Fa-f]{17,}"
_WAYS = [
    rf"{_GROUPS}(?:{_END}{_GROUPS})*",
    rf"{_LINE}(?:{_END}{_LINE})+",
    *map(_bytes_apart, (":", "-", ", ?", r"\.")),
]
_DUMPED = re2.compile(rf"\b(?:{'|'.join(_WAYS)})\b".encode())
_MIXED = re2.compile(b"[0-9][A-Fa-f]|[A-Fa-f][0-9]")
_DIGITS_A_MIXED = 32  # at most: of random bytes it is four, of hexadecimal text about a dozen


class EncodedParameters(Parameters):
    """What is taken for encoded.

    base64_characters_max   the longest run of base64 with upper case, lower case and digits
    hex_characters_max      the most hexadecimal digits in a row, with letters, signs between or not
    entropy_characters_min  texts at least as long are measured (0 none)
    entropy_millibits_max   thousandths of a bit a character, of such a text: prose has up to 4,600
    armour                  whether lines that begin armoured content may be there
    found                   what becomes of a message in which it is found
    """

    base64_characters_max: int = Field(default=64, ge=16, le=900)
    hex_characters_max: int = Field(default=64, ge=16, le=900)
    entropy_characters_min: int = Field(default=256, ge=0, le=1 << 20)
    entropy_millibits_max: int = Field(default=5_300, ge=1_000, le=20_000)
    armour: bool = False
    found: Literal["refuse", "hold"] = "refuse"


def make(parameters: EncodedParameters, documents: Documents) -> Run:
    """A run that looks for encoded content."""
    base64 = re2.compile(f"[A-Za-z0-9+/_-]{{{parameters.base64_characters_max + 1},}}")
    hexadecimal = re2.compile(f"[0-9A-Fa-f]{{{parameters.hex_characters_max + 1},}}")
    digits_max = parameters.hex_characters_max
    verdict = Refuse if parameters.found == "refuse" else Hold

    def what(text: str) -> str:
        """The kind of encoding that a text shows, or nothing."""
        if not parameters.armour and _ARMOUR.search(text):
            return "armoured content"
        joined = _WRAPPED.sub("", text) if "\n" in text else text
        if any(map(_mixed, base64.findall(joined))):
            return "base64"
        if any(map(_hexadecimal, hexadecimal.findall(joined))):
            return "hexadecimal digits"
        if len(text) > digits_max and _has_dump(text, digits_max):
            return "hexadecimal digits"
        least = parameters.entropy_characters_min
        if least and len(text) >= least and millibits(text) > parameters.entropy_millibits_max:
            return "text of high entropy"
        return ""

    def run(message: Message) -> Answer:
        places, texts = placed(open_model(message.payload, _LIMITS))
        whole = [f"{places[0]} and on", "\n".join(texts)] if _is_lines(places) else None
        pairs = [*zip(places, texts, strict=True), *([whole] if whole else [])]
        for place, text in pairs:
            found = what(text) if len(text) > 16 else ""
            if found:
                return verdict(Reason.ENCODED_CONTENT, f"{found} at {place}")
        return Pass()

    return run


def _is_lines(places: list[str]) -> bool:
    return bool(places) and places[0] == "line 1"


def _mixed(run: str) -> bool:
    return any(map(str.isupper, run)) and any(map(str.islower, run)) and any(map(str.isdigit, run))


def _hexadecimal(run: str) -> bool:
    return any(map(str.isdigit, run)) and any(map(str.isalpha, run))


def _has_dump(text: str, digits_max: int) -> bool:
    """Whether more digits stand in a row that are bytes; rows of numbers, or words, are not."""
    for found in _DUMPED.finditer(text.encode("utf-8", "surrogatepass")):
        run = found.group()
        digits = len(run.translate(None, b" \t\r\n:-,.")) if len(run) > digits_max else 0
        if digits > digits_max and len(_MIXED.findall(run)) * _DIGITS_A_MIXED >= digits:
            return True
    return False


def millibits(text: str) -> int:
    """The entropy of a text's characters, in thousandths of a bit a character (Shannon 1948)."""
    size = len(text)
    shares = (count / size for count in Counter(text).values())
    return round(-1000 * sum(share * math.log2(share) for share in shares))


STAGE = StageType(
    name="encoded",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=EncodedParameters,
    make=make,
    summary="no text is or holds base64, hexadecimal or armoured content, or is of high entropy",
)
