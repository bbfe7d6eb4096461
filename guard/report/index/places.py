"""Where the ledgers of an assessment are: sites, sides, or copies of them.

Takes folders, gives each ledger with the public key of its first epoch. Looks at names only. Raises
`Malformed` with a sentence for people.
"""

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Malformed
from schemas.reasons import Reason

SIDES = ("low", "high")
LEDGERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A ledger's directory, and the file of the public key of its first epoch."""

    ledger: Path
    key: Path

    @property
    def side_folder(self) -> Path:
        """The folder of its side: policy, trust and what else was copied with it."""
        return self.ledger.parent


def ledgers_under(folders: tuple[Path, ...]) -> list[Place]:
    """The ledgers of these folders, in a fixed order: low sides before high sides, by flow.

    A folder is a ledger, a side, a site, or one that holds sites. Raises `Malformed` for one
    without a ledger, a ledger without its key, or too many.
    """
    places: list[Place] = []
    for folder in folders:
        found = _under(folder)
        if not found:
            raise Malformed(Reason.SITE_MALFORMED, f"{folder} has no ledger: is this a site?")
        places += [place for place in found if place not in places]
    if len(places) > LEDGERS_MAX:
        raise Malformed(
            Reason.ARGUMENT, f"there are {len(places)} ledgers, more than {LEDGERS_MAX}"
        )
    return places


def key_beside(ledger: Path) -> Path:
    """The public key of a ledger's first epoch, beside it. Raises `Malformed`."""
    key = ledger.parent / "trust" / "ledger.pub"
    if not key.is_file():
        raise Malformed(Reason.KEY_MISSING, f"{key} is not there: name the public key with --key")
    return key


def _under(folder: Path) -> list[Place]:
    if any(folder.glob("*.journal")):
        return [Place(folder, key_beside(folder))]
    if (folder / "ledger").is_dir():
        return [Place(folder / "ledger", key_beside(folder / "ledger"))]
    sides = [folder / side / "ledger" for side in SIDES]
    found = [ledger for ledger in sides if ledger.is_dir()]
    if not found:
        found = sorted(folder.glob("*/low/ledger")) + sorted(folder.glob("*/high/ledger"))
    return [Place(ledger, key_beside(ledger)) for ledger in found]
