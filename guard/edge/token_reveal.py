"""The one act with a token: who asks is in the ledger before anybody sees the value.

Takes the low side's folder, a key's file and a token; gives what is in it. Reads `keys/` and
`ledger/`, writes an event into `keys/` and has the supervisor look. Follows docs/spec/tokens.md §5.
"""

import hashlib
import time
from pathlib import Path

from filters.formats.token import Opened, TokenKey, open_token
from guard.edge import key_events
from guard.edge.key_events import KeyAct
from guard.edge.keys import read_secret
from guard.edge.running import tell_to_look
from guard.edge.site import read_policy_name, read_site_file
from guard.edge.token_keys import id_of
from schemas.errors import Broken
from schemas.reasons import Reason

LOOKS_AGAIN_S = 0.25


def reveal(
    folder: Path, key: Path, untrusted_token: str, who: str, reason: str, within_s: float
) -> Opened:
    """The token's value, once the ledger has who asked for it.

    Raises `Malformed` or `Forged` for what this key does not open, and then the ledger hears
    nothing; `Broken` on the high side, without a key, and when the ledger has not got it in time.
    """
    if read_site_file(folder).side != "low":
        raise Broken(Reason.SITE_MALFORMED, f"{folder} is the high side's: tokens are the low's")
    opener = TokenKey(id_of(key), read_secret(key), read_policy_name(folder).flow)
    opened = open_token(untrusted_token, {opener.key_id: opener})
    if not tell_to_look(folder):
        raise Broken(Reason.LEDGER_SILENT, f"{folder} does not run: no ledger would hear of it")
    digest = hashlib.sha256(untrusted_token.encode()).hexdigest()
    act = KeyAct("revealed", "token", opener.key_id, who, f"{digest} {reason}".strip())
    event = key_events.record(folder, act)
    tell_to_look(folder)
    deadline_s = time.monotonic() + within_s
    while not key_events.is_told(folder, event):
        if time.monotonic() > deadline_s:
            raise Broken(
                Reason.LEDGER_SILENT,
                f"the ledger has not got it within {within_s:g} s, so nothing is shown; it will"
                " hear that you asked: see guard status, and ask again",
            )
        time.sleep(LOOKS_AGAIN_S)
    return opened
