"""The manifest of an evidence pack: which files it has, by SHA-256, signed by who made it.

Takes digests, gives a text to be signed; takes a signed note, gives the digests again. Pure. The
note's form is trust-root §2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from guard.core.signed_note import PersonKey, SignedNote
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

FIRST_LINE = "checkvalve evidence 1"
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
FILES_MAX = 20_000
_LINE = re.compile(r"file ([0-9a-f]{64}) ([0-9]{1,15}) ([A-Za-z0-9._/-]{1,400})")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the pack: SHA-256 in hexadecimal, and size in bytes."""

    digest: str
    size: int


def manifest_text(members: Mapping[str, Member], made: str) -> str:
    """members: by path, relative, with slashes; made: when, in ISO 8601. Raises `Malformed`."""
    lines = [
        f"file {member.digest} {member.size} {path}" for path, member in sorted(members.items())
    ]
    for line in lines:
        if not _fits(line):
            raise Malformed(Reason.ARGUMENT, f"a pack cannot have this file: {line!r}")
    return "\n".join([FIRST_LINE, f"made {made}", *lines, ""])


def read_manifest(untrusted: bytes, by: PersonKey) -> tuple[dict[str, Member], str]:
    """(members, when it was made), if this person signed it. Raises `Malformed`, `Forged`."""
    note = SignedNote.read(untrusted, MANIFEST_BYTES_MAX, "the manifest", Reason.RECORD_MALFORMED)
    if not note.signatures:
        raise Forged(Reason.LEDGER_SIGNATURE, "nobody signed the manifest")
    note.signers([by], Reason.LEDGER_SIGNATURE)
    first, made, *lines = note.text.splitlines()
    if first != FIRST_LINE or not made.startswith("made ") or len(lines) > FILES_MAX:
        raise Malformed(Reason.RECORD_MALFORMED, "the manifest is none of an evidence pack")
    members = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or not _fits(line) or found[3] in members:
            raise Malformed(
                Reason.RECORD_MALFORMED, f"the manifest has a line that is none: {line}"
            )
        members[found[3]] = Member(found[1], int(found[2]))
    return members, made.removeprefix("made ")


def _fits(line: str) -> bool:
    found = _LINE.fullmatch(line)
    return found is not None and not any(part in ("", ".", "..") for part in found[3].split("/"))
