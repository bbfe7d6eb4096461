"""The notice: what the head of a lane tells its tail directly, past the chain.

The head (ingest, or verify) tells the tail (release, or deliver) of each message *before* it
feeds it: number, id and digest of what it accepted, and where the accepted bytes stand in the
journal. The tail therefore knows what must come out of the chain, in which order, and from which
bytes. A notice can also tell of something that takes no chain: a message that is stopped at the
head (poison, a manifest that does not verify), or an event of the link. Follows
docs/spec/receipt.md §5.
"""

import json
import struct
from dataclasses import dataclass
from enum import IntEnum

from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

ABOUT_BYTES_MAX = 8192
_FIXED = struct.Struct(">BQ16s32s32sQQQI")
NOTICE_BYTES_MAX = _FIXED.size + ABOUT_BYTES_MAX

About = dict[str, int | str]


class What(IntEnum):
    """What a notice tells."""

    FED = 1  # the message is on its way through the chain
    STOPPED = 2  # the head stops it: `about` has verdict, reason and sentence
    EVENT = 3  # no message: an event for the ledger, whole in `about`


@dataclass(frozen=True, slots=True)
class Place:
    """Where accepted bytes stand in a journal: segment, offset and length in bytes."""

    segment: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice.

    digest       `message_digest` of what was fed
    kept         `Meta.kept_digest` of it
    accepted_ns  a monotonic time
    """

    what: What
    number: int
    id: bytes
    digest: bytes
    kept: bytes
    place: Place
    accepted_ns: int
    about: About

    def write(self) -> bytes:
        """At most `NOTICE_BYTES_MAX` bytes. Raises `Broken`: no reader would take a longer one."""
        place = self.place
        fixed = _FIXED.pack(
            self.what, self.number, self.id, self.digest, self.kept,
            self.accepted_ns, place.segment, place.offset, place.length,
        )  # fmt: skip
        about = json.dumps(self.about, separators=(",", ":")).encode("ascii")
        if len(about) > ABOUT_BYTES_MAX:
            raise Broken(Reason.ARGUMENT, f"a notice would have {len(about)} bytes of text")
        return fixed + about


def read_notice(untrusted_bytes: bytes) -> Notice:
    """Read back what `Notice.write` gave. Raises `Malformed`."""
    if not _FIXED.size < len(untrusted_bytes) <= NOTICE_BYTES_MAX:
        raise Malformed(Reason.FRAME_MALFORMED, "a notice has a length out of bounds")
    fixed = _FIXED.unpack_from(untrusted_bytes)
    what, number, ident, digest, kept, accepted_ns, segment, offset, length = fixed
    try:
        about = json.loads(untrusted_bytes[_FIXED.size :])
        kind = What(what)
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.FRAME_MALFORMED, "a notice is not of its form") from error
    if type(about) is not dict or not all(type(v) in (int, str) for v in about.values()):
        raise Malformed(Reason.FRAME_MALFORMED, "a notice says something that is no text or number")
    place = Place(segment, offset, length)
    return Notice(kind, number, ident, digest, kept, place, accepted_ns, about)
