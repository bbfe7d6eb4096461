"""The formats of JSON Schema that the destination side asserts. Pure tests of one text each."""

from collections.abc import Callable
from datetime import date

_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")


def is_date(text: str) -> bool:
    """RFC 3339 full-date, a day that exists."""
    parts = text.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not _DIGITS.issuperset("".join(parts)):
        return False
    try:
        date(*map(int, parts))
    except ValueError:
        return False
    return True


def is_time(text: str) -> bool:
    """RFC 3339 full-time; a leap second only as 23:59:60 in UTC."""
    clock, zone = (text[:-1], "+00:00") if text[-1:] in ("Z", "z") else (text[:-6], text[-6:])
    clock, point, fraction = clock.partition(".")
    if bool(point) != bool(fraction) or not _DIGITS.issuperset(fraction):
        return False
    hours = _numbers(clock, 3)
    offset = _numbers(zone[1:], 2)
    if hours is None or offset is None or zone[:1] not in ("+", "-"):
        return False
    if offset[0] > 23 or offset[1] > 59 or hours[0] > 23 or hours[1] > 59:
        return False
    if hours[2] < 60:
        return True
    sign = 1 if zone[0] == "+" else -1
    utc = (hours[0] * 60 + hours[1] - sign * (offset[0] * 60 + offset[1])) % 1440
    return hours[2] == 60 and utc == 1439


def _numbers(text: str, count: int) -> list[int] | None:
    parts = text.split(":")
    if len(parts) != count or any(len(p) != 2 or not _DIGITS.issuperset(p) for p in parts):
        return None
    return [int(part) for part in parts]


def is_date_time(text: str) -> bool:
    """RFC 3339 date-time."""
    return text[10:11] in ("T", "t") and is_date(text[:10]) and is_time(text[11:])


def is_uuid(text: str) -> bool:
    """RFC 4122: 8-4-4-4-12 hexadecimal digits."""
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and _HEX.issuperset("".join(parts))


def is_ipv4(text: str) -> bool:
    """Four numbers of 0 to 255 without leading zeros."""
    parts = text.split(".")
    return len(parts) == 4 and all(
        0 < len(part) <= 3 and _DIGITS.issuperset(part) and str(int(part)) == part
        and int(part) < 256
        for part in parts
    )  # fmt: skip


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "time": is_time,
    "date-time": is_date_time,
    "uuid": is_uuid,
    "ipv4": is_ipv4,
}
