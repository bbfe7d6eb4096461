"""The link's session counter on disk: never made by who uses it, and never taken on trust.

`cursor/session` has the newest session that `send` took; `guard init` makes it, with 0. Lost or
put back from an older copy, it would let `send` use a session's keys twice. So whoever starts the
low side looks first, and refuses: then only two persons can set it (guard/cli/link_session.py).
`cursor/reset` is their signed proposal, kept until `send` has told the ledger. May read and write
these two files. Follows docs/spec/link.md §4 and docs/spec/session-reset.md.
"""

import os
import stat
from pathlib import Path

from guard.core.session_reset import PROPOSAL_BYTES_MAX, SESSION_MAX, SignedProposal
from guard.edge import durable, durable_number
from guard.edge.durable_number import DurableNumber
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

COUNTER, CURSOR, RESET = "session", "cursor", "reset"
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def make_counter(folder: Path) -> None:
    """A new site's counter: no session was used yet. folder: the low side's `cursor`."""
    durable_number.put(folder / COUNTER, 0)


def counter_state(folder: Path) -> str:
    """The number in decimal, or `missing`, `empty`, `damaged`. Raises `OSError`."""
    path = folder / COUNTER
    untrusted = _read(path, durable_number.RECORD_BYTES + 1)
    if untrusted is None:
        return "missing"
    try:
        value = durable_number.parse(untrusted, path)
    except Malformed:
        return "damaged"
    return "empty" if value is None else str(value)


def pending_reset(folder: Path) -> SignedProposal | None:
    """What two persons have set and the ledger has not heard of. Raises `Broken`: it is damaged."""
    untrusted = _read(folder / RESET, PROPOSAL_BYTES_MAX + 1)
    if untrusted is None:
        return None
    try:
        return SignedProposal.read(untrusted)
    except Malformed as error:
        raise _refusal(f"{folder / RESET} is damaged", folder) from error


def sound_counter(folder: Path, newest: int) -> int:
    """The counter, if going on from it uses no session twice.

    folder: the low side's `cursor`; newest: the newest session in its ledger. Raises
    `Broken(SESSION_COUNTER)` with a sentence that names the command that sets it.
    """
    path = folder / COUNTER
    state = counter_state(folder)
    if not state.isdecimal():
        raise _refusal(f"{path}, the link's session counter, is {state}", folder)
    counter = int(state)
    if counter < newest:
        what = f"{path} has {counter}, and the ledger session {newest}: an old copy was put back"
        raise _refusal(what, folder)
    if counter == 0 and durable_number.read_number(folder / CURSOR):
        what = f"{path} has 0, and {folder / CURSOR} says that messages were sent"
        raise _refusal(what, folder)
    if counter >= SESSION_MAX:
        raise Broken(
            Reason.SESSION_COUNTER,
            f"{path} has {counter}: the link key's sessions are used up, so the flow needs a new"
            " site (docs/recovery.md)",
        )
    reset = pending_reset(folder)
    if reset is not None and max(newest, counter) < reset.proposal.session:
        raise _refusal(f"{folder / RESET} was begun and not finished", folder)
    return counter


def take_session(folder: Path, counter: int) -> int:
    """Raise the counter by one, durably; gives the new session. link §4 (2)"""
    DurableNumber(folder / COUNTER).set(counter + 1)
    return counter + 1


def set_counter(folder: Path, signed: SignedProposal) -> None:
    """What was approved becomes true: the note for the ledger first, then the counter."""
    durable.make_directory(folder)
    durable.replace(folder / RESET, signed.write())
    durable_number.put(folder / COUNTER, signed.proposal.session)


def forget_reset(folder: Path) -> None:
    """The ledger has it."""
    durable.remove(folder, [RESET])


def _read(path: Path, bytes_max: int) -> bytes | None:
    """A regular file's first bytes; None when it is not there. What is none reads as damaged."""
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Broken(Reason.SESSION_COUNTER, f"{path} is not a file: see docs/recovery.md")
        return os.read(descriptor, bytes_max)
    finally:
        os.close(descriptor)


def _refusal(what: str, folder: Path) -> Broken:
    return Broken(
        Reason.SESSION_COUNTER,
        f"{what}: nothing is sent, for a session's keys could be used twice; two persons set it:"
        f" guard link session propose --site {folder.parent} (docs/recovery.md)",
    )
