"""That a source side does not go back to an older policy, as its destination sees it.

Takes which source policies are accepted (digest -> version) and, for each message, its policy and
its sequence number; raises `Forged(POLICY_ROLLED_BACK)`. Sequence numbers are given in order and a
source's policy only ever gets newer, so no message has a higher number and a lower version than
one before. Messages may come in another order than they were sealed. Pure. Follows
docs/spec/policy-signing.md §4.
"""

from collections.abc import Mapping
from typing import Self

from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

VERSIONS_MAX = 16
_FIRST_LINE = "checkvalve source policies 1"


class SourcePolicies:
    """The lowest sequence number that was seen under each of the newest versions."""

    def __init__(self, lowest: Mapping[int, int] | None = None) -> None:
        self._lowest = dict(lowest or {})

    @property
    def newest(self) -> int:
        """The highest version seen so far; 0: none."""
        return max(self._lowest, default=0)

    def see(self, version: int, sequence: int) -> bool:
        """Take one message; gives whether there is something new to write down.

        Raises `Forged(POLICY_ROLLED_BACK)`: nothing of it is to be delivered.
        """
        for newer, lowest in self._lowest.items():
            if newer > version and lowest < sequence:
                raise Forged(
                    Reason.POLICY_ROLLED_BACK,
                    f"it was released under the source policy's version {version}, after messages"
                    f" under version {newer}: the source side went back to an older policy",
                )
        if self._lowest.get(version, sequence + 1) <= sequence:
            return False
        self._lowest[version] = sequence
        while len(self._lowest) > VERSIONS_MAX:
            del self._lowest[min(self._lowest)]
        return True

    def text(self) -> str:
        """What is written down."""
        lines = [f"{version} {lowest}" for version, lowest in sorted(self._lowest.items())]
        return "\n".join([_FIRST_LINE, *lines, ""])

    @classmethod
    def read(cls, untrusted: str) -> Self:
        """Raises `Malformed(RECORD_MALFORMED)`."""
        try:
            first, *lines, last = untrusted.split("\n")
            found = cls({int(version): int(low) for version, low in map(str.split, lines)})
        except ValueError as error:
            raise _damaged() from error
        if first != _FIRST_LINE or last or found.text() != untrusted:
            raise _damaged()
        return found


def _damaged() -> Malformed:
    return Malformed(
        Reason.RECORD_MALFORMED,
        "attempt/source-policies is damaged: it holds the newest policy that the source side has"
        " used (docs/recovery.md)",
    )
