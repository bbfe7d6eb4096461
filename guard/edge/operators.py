"""The persons of whom two must agree: their public keys in a side's `trust/operators/`.

Takes a side's folder, gives names and keys. `NAME.pub` holds an Ed25519 public key, 32 bytes in
hexadecimal, as `guard policy new-key` prints it; the private one stays with its person and off
both hosts. Raises `Malformed` with a sentence that says what to do.
"""

import re
from pathlib import Path

from guard.edge.site import read_public
from schemas.errors import Malformed
from schemas.reasons import Reason

FOLDER = "operators"
DEMONSTRATION = "demonstration-"
OPERATORS_MAX = 64
_NAME = re.compile(r"([a-z][a-z0-9-]{0,31})\.pub")


def read_operators(folder: Path, *, demonstration: bool) -> dict[str, bytes]:
    """Name -> public key. demonstration: whether the operators of `guard init` are good enough."""
    where = folder / "trust" / FOLDER
    try:
        names = sorted(path.name for path in where.iterdir())
    except OSError as error:
        raise _wrong(f"{where} cannot be read ({error.strerror}): it holds NAME.pub of each"
                     " person who may approve") from error  # fmt: skip
    if len(names) > OPERATORS_MAX:
        raise _wrong(f"{where} has more than {OPERATORS_MAX} files")
    found: dict[str, bytes] = {}
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise _wrong(f"{where / name} is not named NAME.pub in lower case")
        if match[1].startswith(DEMONSTRATION) and not demonstration:
            raise _wrong(f"{where / name} is an operator of guard init, and site.toml does not say"
                         " demo = true: put the keys of your own operators there")  # fmt: skip
        public = read_public(where / name)
        if public in found.values():
            raise _wrong(f"{where / name} is the key of another name too: a key is one person's")
        found[match[1]] = public
    return found


def _wrong(sentence: str) -> Malformed:
    return Malformed(Reason.SITE_MALFORMED, sentence)
