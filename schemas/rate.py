"""A rate as people write it: `9600`, `2.4kbit/s`, `7Gbit/s`, to whole bits a second.

Takes text, gives a number; anything else is `Malformed`. May do nothing else.
"""

import re

from schemas.errors import Malformed
from schemas.reasons import Reason

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(k|M|G)?(?:bit/s)?", re.ASCII)
_FACTORS = {None: 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def read_rate(untrusted_text: str) -> int:
    """Whole bits a second. Raises `Malformed(ARGUMENT)`."""
    found = _RATE.fullmatch(untrusted_text)
    if found is None:
        raise Malformed(
            Reason.ARGUMENT,
            f"{untrusted_text!r} is no rate: write 9600, 2.4kbit/s, 100Mbit/s or 7Gbit/s",
        )
    return round(float(found[1]) * _FACTORS[found[2]])
