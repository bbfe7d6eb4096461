"""How much a sender may drop: messages in a minute, bytes in a day, one payload again and again.

Takes limits by sender, and of each drop its sender, size, payload and the time; answers whether it
is over one, and counts what is not. Pure: the time is an argument, seconds since 1970. Its state
goes to a file and back (`written`, `read_state`). Follows docs/spec/spool.md §7.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from schemas.cbor import CborLimits, CborValue, decode, encode
from schemas.errors import Malformed
from schemas.policy import SenderLimits
from schemas.reasons import Reason

MINUTE_S, DAY_S = 60, 86_400
STATE_BYTES_MAX = 64 * 1024 * 1024
_LIMITS = CborLimits(bytes_max=STATE_BYTES_MAX, items_max=6_000_000)
_DIGEST_BYTES = 32


@dataclass(slots=True)
class Counted:
    """Of one sender. seconds: second -> messages in it; day: of 86,400 s since 1970, and the bytes
    of it; payloads: SHA-256 -> when it was last taken, oldest first."""

    seconds: dict[int, int] = field(default_factory=dict)
    day: int = 0
    day_bytes: int = 0
    payloads: dict[bytes, int] = field(default_factory=dict)


class Limiter:
    """The limits of a policy and what was counted under them."""

    def __init__(self, limits: Mapping[str, SenderLimits]) -> None:
        self._limits = limits
        self._counted = {sender: Counted() for sender in limits}

    def __bool__(self) -> bool:
        """Whether any sender has a limit."""
        return bool(self._limits)

    def check(self, sender: str, payload: bytes, at_s: int) -> None:
        """Raises `Malformed` (rate-exceeded, volume-exceeded, payload-repeated): one drop too many.

        Counts nothing.
        """
        limits = self._limits.get(sender)
        if limits is None:
            return
        counted = self._now(sender, limits, at_s)
        most = limits.messages_per_minute_max
        if most and sum(counted.seconds.values()) >= most:
            raise Malformed(
                Reason.RATE_EXCEEDED, f"{sender} may drop {most} messages in a minute: slow down"
            )
        most = limits.bytes_per_day_max
        if most and counted.day_bytes + len(payload) > most:
            raise Malformed(
                Reason.VOLUME_EXCEEDED, f"{sender} may drop {most} bytes in a day, UTC: wait"
            )
        within_s = limits.repeated_within_s
        if within_s and sha256(payload).digest() in counted.payloads:
            raise Malformed(
                Reason.PAYLOAD_REPEATED, f"{sender} dropped the same bytes within {within_s} s"
            )

    def count(self, sender: str, payload: bytes, at_s: int) -> None:
        """A drop that was taken then."""
        limits = self._limits.get(sender)
        if limits is None:
            return
        counted = self._now(sender, limits, at_s)
        if limits.messages_per_minute_max:
            counted.seconds[at_s] = counted.seconds.get(at_s, 0) + 1
        if limits.bytes_per_day_max:
            counted.day_bytes += len(payload)
        if limits.repeated_within_s:
            digest = sha256(payload).digest()
            counted.payloads.pop(digest, None)  # the newest stands last
            counted.payloads[digest] = at_s

    def _now(self, sender: str, limits: SenderLimits, at_s: int) -> Counted:
        """What still counts. A clock that was set back forgets what it has not reached again."""
        counted = self._counted[sender]
        for second in list(counted.seconds):
            if not at_s - MINUTE_S < second <= at_s:
                del counted.seconds[second]
        if counted.day != at_s // DAY_S:
            counted.day, counted.day_bytes = at_s // DAY_S, 0
        payloads, within_s = counted.payloads, limits.repeated_within_s
        while payloads:
            digest, time_s = next(iter(payloads.items()))
            if at_s - within_s < time_s <= at_s:
                break
            del payloads[digest]
        return counted

    def written(self, number: int) -> bytes:
        """The state as a file; number: all accepted messages before it are counted."""
        senders: dict[str, CborValue] = {
            sender: {
                "seconds": [[second, count] for second, count in counted.seconds.items()],
                "day": [counted.day, counted.day_bytes],
                "payloads": [[digest, time_s] for digest, time_s in counted.payloads.items()],
            }
            for sender, counted in self._counted.items()
        }
        return encode({"number": number, "senders": senders})

    def read_state(self, stored: bytes) -> int:
        """Take the state up again, of the senders that still have limits; gives its number.

        Raises `Malformed(RECORD_MALFORMED)`.
        """
        try:
            state = decode(stored, _LIMITS)
            number, senders = _fields(state, "number", "senders")
            for sender, told in _map(senders).items():
                seconds, day, payloads = _fields(told, "seconds", "day", "payloads")
                (day_number, day_bytes) = (_number(each) for each in _list(day))
                counted = Counted(day=day_number, day_bytes=day_bytes)
                for second, count in map(_list, _list(seconds)):
                    counted.seconds[_number(second)] = _number(count)
                for digest, time_s in map(_list, _list(payloads)):
                    counted.payloads[_digest(digest)] = _number(time_s)
                if sender in self._counted:
                    self._counted[sender] = counted
            return _number(number)
        except (Malformed, ValueError) as error:
            raise Malformed(
                Reason.RECORD_MALFORMED,
                "spool/limits is damaged: remove it, and senders' limits are counted anew",
            ) from error


def _map(value: CborValue) -> dict[str, CborValue]:
    if not isinstance(value, dict):
        raise ValueError("no map")
    return value


def _list(value: CborValue) -> list[CborValue]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _number(value: CborValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("no number")
    return value


def _digest(value: CborValue) -> bytes:
    if not isinstance(value, bytes) or len(value) != _DIGEST_BYTES:
        raise ValueError("no digest")
    return value


def _fields(value: CborValue, *names: str) -> list[CborValue]:
    found = _map(value)
    if found.keys() != set(names):
        raise ValueError("not these fields")
    return [found[name] for name in names]
