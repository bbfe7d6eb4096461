"""The supervisor's eye on a side's keys: other ones, and ones that hold no longer.

Takes the running site; gives it with other keys when a file changed or a time has come, and raises
when no key holds. What a file is worth is judged by `guard.edge.side_keys`, as at a start. Also
gives the ledger what was done (`guard.edge.key_events`). Follows docs/keys.md.
"""

import os
from hashlib import sha256
from pathlib import Path

from guard.edge import key_events
from guard.edge.clock import now_s
from guard.edge.identity import AUTHORITY, REVOKED, SOURCE
from guard.edge.key_events import KeyAct
from guard.edge.old_identities import OLD
from guard.edge.seal_key import SEAL, SEAL_NEXT
from guard.edge.site import Site, with_keys_of_now
from guard.edge.site_link_keys import LINK, NEXT
from guard.edge.token_keys import token_key_files
from schemas.entry import Entry
from schemas.errors import CheckvalveError

_WATCHED = (
    *(f"trust/{name}" for name in (AUTHORITY, SOURCE, REVOKED, OLD)),
    *(f"keys/{name}" for name in (SEAL, SEAL_NEXT, LINK, NEXT)),
)
_Stamp = tuple[int, int, int]


class KeyWatch:
    """Looked through once a second and before a lane is started."""

    def __init__(self, site: Site) -> None:
        self._folder = site.folder
        self._seen = _stamps(site.folder)
        self._wrong = False
        self._reveals = key_events.reveals(site.folder)

    @property
    def hold(self) -> bool:
        """Whether the keys held when they were last looked at."""
        return not self._wrong

    def look(self, site: Site) -> Site | None:
        """The site, if its keys are others, or a token is to be revealed: the lane is started anew.

        Raises, once for each change, `Malformed`, `Forged` or `Broken`: nothing may be released
        until `checked` gives a site.
        """
        stamps, over = _stamps(self._folder), now_s() >= site.keys_hold_until_s
        reveals, before = key_events.reveals(self._folder), self._reveals
        asked, self._reveals = bool(reveals - before) and not self._wrong, reveals
        if stamps == self._seen and (self._wrong or not over) and not asked:
            return None
        self._seen = stamps
        try:
            found = with_keys_of_now(site)
        except CheckvalveError:
            self._wrong = True
            raise
        self._wrong = False
        self._tell_ended(site, found)
        same = (site.keys, site.source, site.old_keys, site.link_sessions) == (
            found.keys, found.source, found.old_keys, found.link_sessions
        )  # fmt: skip
        return None if same and not asked else found

    def checked(self, site: Site) -> Site:
        """The site, when its keys hold: after they did not, judged anew. Raises as `look` does."""
        if not self._wrong:
            return site
        found = with_keys_of_now(site)
        self._wrong = False
        return found

    def untold(self) -> list[Entry]:
        """What the ledger is to hear of keys. Only while nobody writes the ledger."""
        return key_events.untold(self._folder)

    def _tell_ended(self, before: Site, found: Site) -> None:
        """A key that was taken until now, and is no longer: nobody did it, so the guard says it."""
        taken = {old.public for old in before.old_keys if old.taken}
        for old in found.old_keys:
            if old.public in taken and not old.taken:
                name = fingerprint(old.public)
                act = KeyAct("overlap-ended", "envelope", name, "guard", old.why)
                key_events.record(self._folder, act)


def fingerprint(public: bytes) -> str:
    """What names a public key: the first 16 bytes of its SHA-256, in hexadecimal."""
    return sha256(public).hexdigest()[:32]


def _stamps(folder: Path) -> list[_Stamp | None]:
    watched = [*(folder / name for name in _WATCHED), *token_key_files(folder)]
    return [_stamp(path) for path in watched]


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
