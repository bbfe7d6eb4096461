"""The source domain's earlier certificates: by whose keys something may still come, and how long.

Takes a side's `trust/`, gives `OldKey`s. `trust/source-old.json` is a list, the newest first, at
most four: {"certificate": PEM as it stood in source.pem, "until_s": seconds since 1970}. Until
then the destination side takes what the key signed, as long as its certificate holds: this is the
overlap. On the source side `send` lets out what was sealed before the change, whatever the time.
Written by `guard keys`. Raises `Malformed(SITE_MALFORMED)`. Follows docs/keys.md.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from guard.edge import durable
from guard.edge.identity import read_identity, unverified_keys
from schemas.errors import Forged, Malformed
from schemas.policy import Closed
from schemas.reasons import Reason

OLD = "source-old.json"
OLD_MAX = 4
FILE_BYTES_MAX = OLD_MAX * 128 * 1024
FILE_MODE = 0o644


class OldCertificate(Closed):
    """One line of the file."""

    certificate: Annotated[str, Field(max_length=64 * 1024)]
    until_s: Annotated[int, Field(ge=0, le=2**40)]


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key that was the source domain's.

    public        Ed25519, 32 bytes; mldsa the key beside it, 1,952 bytes, or b""
    taken         whether this side still takes what it signed
    hold_until_s  when to judge anew (2**40: never)
    why           of one that is not taken, for people
    """

    public: bytes
    taken: bool
    hold_until_s: int
    why: str = ""
    mldsa: bytes = b""


_FILE = TypeAdapter(Annotated[list[OldCertificate], Field(max_length=OLD_MAX)])
NEVER_S = 2**40


def read_old(trust: Path) -> list[OldCertificate]:
    """The file; an empty list where there is none. Raises `Malformed(SITE_MALFORMED)`."""
    try:
        with (trust / OLD).open("rb") as file:
            return _FILE.validate_json(file.read(FILE_BYTES_MAX))
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        raise Malformed(
            Reason.SITE_MALFORMED,
            f"{trust / OLD} is not a list of earlier certificates: guard keys writes it",
        ) from error


def write_old(trust: Path, lines: list[OldCertificate]) -> None:
    """The newest first; what is beyond the bound is forgotten."""
    told = [line.model_dump() for line in lines[:OLD_MAX]]
    durable.replace(trust / OLD, json.dumps(told, indent=1).encode() + b"\n")
    (trust / OLD).chmod(FILE_MODE)


def old_keys(trust: Path, domain: str, at_s: int, *, demonstration: bool) -> list[OldKey]:
    """Every earlier key and what it is worth at this time, seconds since 1970."""
    return [
        _judged(line, trust, domain, at_s, demonstration=demonstration) for line in read_old(trust)
    ]


def _judged(
    line: OldCertificate, trust: Path, domain: str, at_s: int, *, demonstration: bool
) -> OldKey:
    pem = line.certificate.encode()
    public, mldsa = unverified_keys(pem)
    not_taken = OldKey(public, taken=False, hold_until_s=NEVER_S, mldsa=mldsa)
    if at_s >= line.until_s:
        return replace(not_taken, why="its overlap is over")
    try:
        found = read_identity(trust, domain, at_s, demonstration=demonstration, pem=pem)
    except (Forged, Malformed) as error:
        return replace(not_taken, why=error.sentence)
    until_s = min(line.until_s, found.hold_until_s)
    return replace(not_taken, taken=True, hold_until_s=until_s)
