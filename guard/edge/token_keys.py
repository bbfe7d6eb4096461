"""Token keys on disk: what the stage `pseudonymize` seals with. Follows docs/spec/tokens.md §2.

Takes a side's folder; gives secrets by the name under which the stage is handed them, makes one.
Raises `Broken(KEY_MISSING)` with a sentence for people. May read and write `keys/`.

    keys/token-ID.key    64 hexadecimal digits; the last ID in ASCII order seals, all open
"""

import os
import re
from pathlib import Path

from guard.edge import durable, key_events
from guard.edge.key_events import KeyAct
from guard.edge.keys import new_secret, read_secret
from guard.edge.seal_key import KEY_FILE_MODE
from schemas.errors import Broken
from schemas.policy import Policy
from schemas.reasons import Reason
from schemas.token_names import KEY_ID_PATTERN, KEY_PREFIX, SEALING_STAGE

KEYS_MAX = 64
FIRST_ID = "1"
_NAME = re.compile(rf"token-({KEY_ID_PATTERN})\.key")


def token_secrets(folder: Path, policy: Policy, side: str) -> dict[str, bytes]:
    """`token:ID` -> secret, 32 bytes; none where no stage of the side seals tokens.

    Raises `Broken(KEY_MISSING)` where one does and there is no key, or too many.
    """
    if not seals_tokens(policy, side):
        return {}
    paths = token_key_files(folder)
    if not 0 < len(paths) <= KEYS_MAX:
        why = "more than 64 token keys" if paths else "no token key: guard token new-key --site DIR"
        raise Broken(Reason.KEY_MISSING, f"{folder / 'keys'} has {why}")
    return {f"{KEY_PREFIX}{id_of(path)}": read_secret(path) for path in paths}


def token_key_files(folder: Path) -> list[Path]:
    """The files of token keys, in the order of their ids. Raises nothing for a folder without."""
    try:
        names = os.listdir(folder / "keys")
    except OSError:
        return []
    found = [folder / "keys" / name for name in names if _NAME.fullmatch(name)]
    return sorted(found, key=id_of)


def id_of(path: Path) -> str:
    """The id in a token key's file name. Raises `Broken(KEY_MISSING)`: it is named otherwise."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise Broken(Reason.KEY_MISSING, f"{path} is not named token-ID.key, as a token key is")
    return found[1]


def new_token_key(folder: Path, key_id: str, who: str) -> Path:
    """A new key, durably: from the next start of the lane the one that seals. Its making is an
    event for the ledger first.

    Raises `Broken(KEY_MISSING)` if it would not be the last in order, or is there.
    """
    path = folder / "keys" / f"token-{key_id}.key"
    id_of(path)
    older = [id_of(each) for each in token_key_files(folder)]
    if older and key_id <= older[-1]:
        raise Broken(
            Reason.KEY_MISSING,
            f"the key {older[-1]} would go on sealing: choose an id after it in the alphabet",
        )
    key_events.record(folder, KeyAct("made", "token", key_id, who))
    durable.create(path, f"{new_secret().hex()}\n".encode(), KEY_FILE_MODE)
    return path


def seals_tokens(policy: Policy, side: str) -> bool:
    """Whether a stage of the side seals tokens."""
    chain = policy.source if side == "low" else None
    return chain is not None and any(line.catalog_name == SEALING_STAGE for line in chain.stage)
