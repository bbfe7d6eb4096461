"""A gap notice: the sequence numbers that the high side misses, for two persons to carry.

Takes bytes and public keys; gives notices, and who signed. Raises `Malformed` for bytes that are no
notice, `Forged` for signatures that do not hold and for a notice that is not for this flow or not
newer than those before. Pure. Follows docs/spec/gap-notice.md.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from guard.core.signed_note import PersonKey, SignedNote, check_quorum
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from schemas.sequences import Range, RangeSet

FIRST_LINE = "checkvalve gap notice 1"
NOTICE_BYTES_MAX = 8192
RANGES_MAX = 64
NUMBERS_MAX = 1_000_000
SIGNERS_MIN, SIGNERS_MAX = 2, 8
SEQUENCE_MAX = 2**62 - 1
AHEAD_S_MAX = 86_400

_WHAT = "the gap notice"
_FORMS = {
    "flow": r"[a-z][a-z0-9_-]{0,31}",
    "link-key": r"[0-9a-f]{32}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "gaps": r"[0-9,-]{1,2600}",
}
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class GapNotice:
    """What is missing, and when that was written down.

    link_key  names the link key (`guard.link.keys.key_id`), 32 hexadecimal digits
    time_s    seconds since 1970, UTC: a later notice is a newer one
    gaps      ranges of sequence numbers, first and last, ascending and apart
    """

    flow: str
    link_key: str
    time_s: int
    gaps: tuple[Range, ...]

    def text(self) -> str:
        """What is signed (gap-notice §2). Raises `Malformed` for what is out of bounds."""
        check_bounds(self.gaps)
        values = {
            "flow": self.flow,
            "link-key": self.link_key,
            "time": datetime.fromtimestamp(self.time_s, UTC).strftime(_TIME),
            "gaps": RangeSet(self.gaps).text(),
        }
        for name, value in values.items():
            if not re.fullmatch(_FORMS[name], value):
                raise _malformed(f"has a line {name} that is not of its form")
        return "\n".join([FIRST_LINE, *(f"{name} {values[name]}" for name in _FORMS), ""])

    @classmethod
    def read(cls, untrusted: str) -> Self:
        """The notice of this text, which is the one way to write it. Raises `Malformed`."""
        first, *lines = untrusted.split("\n")
        if first != FIRST_LINE or len(lines) != len(_FORMS) + 1:
            raise _malformed("is not of its form")
        values = {}
        for (name, form), line in zip(_FORMS.items(), lines, strict=False):
            given, _, value = line.partition(" ")
            if given != name or not re.fullmatch(form, value):
                raise _malformed(f"has no line {name} in its place and form")
            values[name] = value
        try:
            gaps = RangeSet.read(values["gaps"]).ranges()
        except ValueError as error:
            raise _malformed("has ranges that are not in order, or not apart") from error
        found = cls(values["flow"], values["link-key"], _seconds(values["time"]), gaps)
        if found.text() != untrusted:
            raise _malformed("is not written as it must be")
        return found

    def note(self) -> SignedNote:
        """To be signed. Raises `Malformed`."""
        return SignedNote(self.text(), what=_WHAT)

    def check_newer(self, newest_s: int, now_s: int) -> None:
        """That it may be taken after one of `newest_s`. Raises `Forged(GAP_NOTICE_STALE)`.

        gap-notice §3 (2)
        """
        if self.time_s <= newest_s:
            raise _stale("it is not newer than the last one that was taken: have a new one made")
        if self.time_s > now_s + AHEAD_S_MAX:
            raise _stale("its time is more than a day ahead: look at the clocks of both sides")

    def check_for(self, flow: str, link_key: str) -> None:
        """That it is for this flow and link key. Raises `Forged(GAP_NOTICE_STALE)`."""
        if self.flow != flow:
            raise _stale(f"it is for the flow {self.flow}")
        if self.link_key != link_key:
            raise _stale("it is for another link key")


def check_bounds(ranges: Iterable[Range]) -> None:
    """That so much may be asked for at once. Raises `Malformed(GAP_NOTICE_MALFORMED)`.

    gap-notice §2 (3)
    """
    found = tuple(ranges)
    if not 1 <= len(found) <= RANGES_MAX:
        raise _malformed(f"has {len(found)} ranges, not 1 to {RANGES_MAX}")
    if sum(last - first + 1 for first, last in found) > NUMBERS_MAX:
        raise _malformed(f"has more than {NUMBERS_MAX:,} numbers")
    if found[0][0] < 1 or found[-1][1] > SEQUENCE_MAX:
        raise _malformed("has a number that no message can have")


def as_much_as_fits(gaps: Iterable[Range]) -> tuple[Range, ...]:
    """The lowest of these ranges, as many as one notice may have."""
    fitting: list[Range] = []
    left = NUMBERS_MAX
    for first, last in gaps:
        if len(fitting) == RANGES_MAX or not left:
            break
        last = min(last, first + left - 1)
        fitting.append((first, last))
        left -= last - first + 1
    return tuple(fitting)


def read_gap_notice(untrusted: bytes, what: str = _WHAT) -> tuple[SignedNote, GapNotice]:
    """A notice and its signatures, none of them checked. Raises `Malformed`."""
    note = SignedNote.read(untrusted, NOTICE_BYTES_MAX, what, Reason.GAP_NOTICE_MALFORMED)
    if len(note.signatures) > SIGNERS_MAX:
        raise _malformed(f"has more than {SIGNERS_MAX} signatures")
    return note, GapNotice.read(note.text)


def approved_by(note: SignedNote, operators: Mapping[str, bytes]) -> tuple[str, ...]:
    """Who signed, if two different persons of these did, and nobody else.

    operators: name -> Ed25519 public key, 32 bytes. Raises `Forged(GAP_NOTICE_SIGNATURES)`.
    """
    keys = [PersonKey(name, public) for name, public in operators.items()]
    signers = note.signers(keys, Reason.GAP_NOTICE_SIGNATURES)
    return check_quorum(signers, keys, SIGNERS_MIN, note.what, Reason.GAP_NOTICE_SIGNATURES)


def notice_digest(content: bytes) -> str:
    """What the ledger names it by: SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _seconds(text: str) -> int:
    try:
        return int(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise _malformed("has a time that is none") from error


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.GAP_NOTICE_MALFORMED, f"{_WHAT} {what}: have a new one made")


def _stale(what: str) -> Forged:
    return Forged(Reason.GAP_NOTICE_STALE, f"{_WHAT} is not to be taken: {what}")
