"""The posture on a side's disk, and what the roles are told of it.

    posture/active        the posture in force with its signatures: guard policy posture apply
    posture/orders.json   the same for the roles, written by the supervisor alone

Takes a verified site and what its ledger has; gives the posture in force. Follows
docs/spec/posture.md §4. A posture that is gone, older or looser than the ledger's is an error:
nothing runs without it.
"""

import contextlib
import os
from pathlib import Path

from guard.core.posture import NOTE_BYTES_MAX, InForce, read_posture_note, succeed
from guard.edge import durable
from guard.edge.orders import FILE, FOLDER
from guard.edge.site import Site
from schemas.errors import CheckvalveError, Forged
from schemas.orders import Orders
from schemas.posture import check_flow, check_tightens, read_posture
from schemas.reasons import Reason

ACTIVE = "active"
_READABLE = 0o644
_FOLDER_MODE = 0o755


def read_active(folder: Path) -> bytes:
    """`posture/active` as it stands; b"" when there is none."""
    try:
        with (folder / FOLDER / ACTIVE).open("rb") as file:
            return file.read(NOTE_BYTES_MAX + 1)
    except FileNotFoundError:
        return b""


def posture_in_force(site: Site, of_ledger: str) -> InForce | None:
    """The posture that this side starts with; of_ledger: the text of the newest in its ledger.

    Raises `Malformed`, `Forged(POSTURE_*)`.
    """
    untrusted = read_active(site.folder)
    path = site.folder / FOLDER / ACTIVE
    if not untrusted and of_ledger:
        version = read_posture(of_ledger).version
        raise Forged(
            Reason.POSTURE_LOOSER,
            f"{path} is gone, and posture {version} was in force: put it back, or apply a newer"
            " one (guard policy posture apply)",
        )
    if not untrusted:
        return None
    found = succeed(read_posture_note(untrusted, str(path)), of_ledger, site.root)
    check_flow(found.posture, site.policy)
    return found


def apply_posture(site: Site, untrusted: bytes, what: str, of_ledger: str) -> InForce:
    """Put a posture in force on this side; a running one takes it up at once.

    Raises `Malformed`, `Forged` when it may not follow what is in force.
    """
    before = of_ledger
    with contextlib.suppress(CheckvalveError):  # what stands there and does not hold is replaced
        current = posture_in_force(site, of_ledger)
        before = current.text if current is not None else before
    found = succeed(read_posture_note(untrusted, what), before, site.root)
    check_tightens(found.posture, site.policy)
    make_folder(site.folder)
    durable.replace(site.folder / FOLDER / ACTIVE, untrusted)
    return found


def make_folder(folder: Path) -> None:
    """`posture/`, which the roles may read."""
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER).chmod(_FOLDER_MODE)


def write_orders(folder: Path, found: InForce | None) -> None:
    """Tell the roles; they look at every batch."""
    orders = Orders()
    if found is not None:
        orders = found.posture.orders(found.text, ",".join(found.signers))
    make_folder(folder)
    path = folder / FOLDER / FILE
    made = path.with_suffix(".tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(made)
    durable.write_new(made, orders.write(), sync=True)
    os.chmod(made, _READABLE)
    os.rename(made, path)
    durable.sync_directory(path.parent)


class PostureKeeper:
    """The supervisor's: which posture is in force, and that the roles know it."""

    def __init__(self, site: Site, of_ledger: str) -> None:
        """Raises `Malformed`, `Forged` when what was in force is gone, older or looser."""
        self._found = posture_in_force(site, of_ledger)
        self._seen = read_active(site.folder)
        write_orders(site.folder, self._found)

    @property
    def version(self) -> int:
        """Of the posture in force; 0: none."""
        return 0 if self._found is None else self._found.posture.version

    def look(self, site: Site) -> dict[str, str] | None:
        """Take up another posture that has been applied; gives an event for people, if any.

        What may not follow the one in force changes nothing: that one stays.
        """
        untrusted = read_active(site.folder)
        if untrusted == self._seen:
            return None
        try:
            found = posture_in_force(site, "" if self._found is None else self._found.text)
        except CheckvalveError as error:
            self._seen = untrusted
            return {"event": "posture-refused", "cause": error.sentence}
        write_orders(site.folder, found)
        self._found, self._seen = found, untrusted
        return {"event": "posture", "cause": f"posture version {self.version} is in force"}
