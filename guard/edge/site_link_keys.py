"""A site's link keys: the one in use, and on the high side the one that follows.

Takes a side's folder, gives `LinkKeys`. Reads `keys/`, and changes it for `guard keys`. Raises
`Broken(KEY_MISSING)` for files that are none. Follows docs/spec/link.md §4 (7) and docs/keys.md.

    keys/link.key        the key, 64 hexadecimal digits; where it followed another one, a second
                         line "from SESSION": the first session that is under it
    keys/link-next.key   high side: the same of the key that follows; both lines
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from guard.edge import durable
from guard.edge.seal_key import erase_secret, replace_secret
from guard.link.params import SESSION_MAX
from schemas.errors import Broken
from schemas.reasons import Reason

LINK, NEXT = "link.key", "link-next.key"
FILE_BYTES_MAX = 128
KEY_FILE_MODE = 0o400
_FORM = re.compile(r"([0-9a-fA-F]{64})\s*(?:\nfrom ([1-9][0-9]{0,9})\s*)?")


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A link key (32 bytes) and the first session that is under it; 0: from the beginning."""

    key: bytes
    first_session: int = 0

    def write(self) -> bytes:
        """Its file."""
        told = f"from {self.first_session}\n" if self.first_session else ""
        return f"{self.key.hex()}\n{told}".encode()


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """What a side has; `following` on a high side that was given the next key."""

    now: LinkKey
    following: LinkKey | None = None

    def secrets(self) -> dict[str, bytes]:
        """By the name under which a role is handed it."""
        following = {} if self.following is None else {"link-next": self.following.key}
        return {"link": self.now.key, **following}


def read_link_keys(folder: Path, side: str) -> LinkKeys:
    """folder: the side's. Raises `Broken(KEY_MISSING)`."""
    now = read_link_key(folder / "keys" / LINK)
    path = folder / "keys" / NEXT
    if side == "low" or not os.path.lexists(path):
        return LinkKeys(now)
    following = read_link_key(path)
    if following == now:  # a crash left it while it took the other one's place
        return LinkKeys(now)
    if following.first_session <= now.first_session:
        raise _broken(f"{path} does not say from which later session on it is the key")
    return LinkKeys(now, following)


def read_link_key(path: Path) -> LinkKey:
    """One key's file. Raises `Broken(KEY_MISSING)`."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1).decode("ascii", "replace")
    except OSError as error:
        raise _broken(f"the key {path} cannot be read: {error.strerror}") from error
    found = _FORM.fullmatch(text)
    if found is None or int(found[2] or 0) > SESSION_MAX:
        raise _broken(f"the key {path} is not 32 bytes in hexadecimal, and a line from SESSION")
    return LinkKey(bytes.fromhex(found[1]), int(found[2] or 0))


def write_next(folder: Path, key: LinkKey) -> None:
    """High side: the key that follows, durably. Raises FileExistsError: one is there already."""
    durable.create(folder / "keys" / NEXT, key.write(), KEY_FILE_MODE)


def succeed(folder: Path, key: LinkKey) -> None:
    """`key` takes the place of `keys/link.key`, which is destroyed, as `replace_secret` does."""
    keys = folder / "keys"
    replace_secret(keys / LINK, key.write())
    if (keys / NEXT).exists() and read_link_key(keys / NEXT) == key:
        erase_secret(keys / NEXT)


def _broken(sentence: str) -> Broken:
    return Broken(Reason.KEY_MISSING, sentence)
