"""Times in written labels: `xs:dateTime` and `xs:date` as milliseconds since 1970, UTC.

Takes text, gives a number or raises `Malformed`; and back. Only what is exact is taken: a time
zone must be there (a label that is read in two places means one moment), no fraction below a
millisecond, no leap second, no 24:00 (XML Schema part 2, sections 3.2.7 and 3.2.9).
"""

import re
from datetime import UTC, datetime, timedelta

from schemas.errors import Malformed
from schemas.reasons import Reason

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,3})0*)?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000


def moment_ms(untrusted: str) -> int:
    """The moment that an `xs:dateTime` names."""
    found = _MOMENT.fullmatch(untrusted.strip(" \t\r\n"))
    if found is None:
        raise _malformed("a time is not a date and time with a time zone, to the millisecond")
    whole, fraction, zone = found.groups()
    try:
        since = datetime.fromisoformat(whole + zone) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise _malformed("a time is in no calendar") from error
    more_ms = int(fraction.ljust(3, "0")) if fraction else 0
    return (since.days * 86400 + since.seconds) * 1000 + more_ms


def moment_text(at_ms: int) -> str:
    """The one spelling of a moment: UTC, with a fraction only if there is one."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    fraction = f".{at_ms % 1000:03}".rstrip("0") if at_ms % 1000 else ""
    return f"{whole}{fraction}Z"


def day_ms(untrusted: str) -> int:
    """The first moment (UTC) of the day that an `xs:date` without a time zone names."""
    if _DAY.fullmatch(untrusted) is None:
        raise _malformed("a date is not written as YYYY-MM-DD")
    return moment_ms(f"{untrusted}T00:00:00Z")


def day_text(at_ms: int) -> str:
    """A day as YYYY-MM-DD; `Malformed` if the moment is not the first of a day."""
    if at_ms % _DAY_MS:
        raise _malformed("a time of day cannot be written here: the format has days only")
    return moment_text(at_ms)[:10]


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, sentence)
