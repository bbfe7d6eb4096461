"""A reset of the link's session counter on a side's disk: what is proposed, checked, made true.

Takes verified sites, gives proposals; raises `Forged(PROPOSAL_STALE)` when a proposal is not for
what is there. Writes the two files of `guard.edge.session_counter`, of a side that is stopped.
Follows docs/spec/session-reset.md §3.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.core.session_reset import (
    COUNTER_LOST,
    PROPOSAL_BYTES_MAX,
    Proposal,
    SignedProposal,
)
from guard.edge import durable
from guard.edge.clock import now_s
from guard.edge.link_memory import landed_memory, ledger_memory
from guard.edge.operators import read_operators
from guard.edge.session_counter import counter_state, set_counter
from guard.edge.site import Site, flow_number
from guard.link.keys import key_id
from schemas.errors import Broken, Forged, Malformed
from schemas.reasons import Reason

MARGIN = 1_000_000  # sessions beyond any that is known: what a lost ledger's end may have had


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a proposal is made for, and bound to: see `Proposal`."""

    flow: str
    link_key: str
    counter: str
    ledger_size: int
    ledger_root: bytes
    newest: int


def link_key_of(site: Site) -> str:
    """What names the site's link key; on a high side that has the next one too (docs/keys.md), that
    one as soon as a session under it has come. Raises as `receiver_newest` does."""
    following = site.link_sessions[1]
    begun = bool(following) and receiver_newest(site) >= following
    return _link_key_names(site)[-1 if begun else 0]


def _link_key_names(site: Site) -> list[str]:
    """Of the key in use, and of the one that follows if there is one."""
    names = [name for name in ("link", "link-next") if name in site.keys]
    return [key_id(site.keys[name], flow_number(site.policy.flow)) for name in names]


def source_state(site: Site) -> SourceState:
    """Of a low side that is stopped. Raises `Malformed`, `Forged` for a ledger that is not whole
    or that nobody signed, `OSError`."""
    _check_side(site, "low")
    memory = ledger_memory(site.folder)
    size, root = memory.head(site.folder, f"checkvalve/{site.policy.flow}/low")
    return SourceState(
        site.policy.flow, link_key_of(site), counter_state(site.folder / "cursor"), size, root,
        memory.newest,
    )  # fmt: skip


def receiver_newest(site: Site) -> int:
    """The newest session that a high side knows of, running or stopped."""
    _check_side(site, "high")
    ledger = ledger_memory(site.folder)  # first: what it has, the landed journal had before
    return max(landed_memory(site.folder).newest, ledger.newest)


def propose(site: Site, receiver: int, session: int | None, purpose: str) -> SignedProposal:
    """receiver: what `receiver_newest` gives on the other side; session: the new counter, or
    `MARGIN` above all that is known. Raises `Malformed` for numbers that are too low."""
    state = source_state(site)
    counter = 0 if state.counter in COUNTER_LOST else int(state.counter)
    new = max(counter, state.newest, receiver) + MARGIN if session is None else session
    proposal = Proposal(
        state.flow, state.link_key, state.counter, state.ledger_size, state.ledger_root,
        state.newest, receiver, new, now_s(), purpose,
    )  # fmt: skip
    proposal.text()
    return SignedProposal(proposal)


def check_proposal(site: Site, proposal: Proposal) -> None:
    """That it fits this side: on the low side its whole state, on the high side the receiver's
    newest session. Raises `Forged(PROPOSAL_STALE)`."""
    _check(site.policy.flow == proposal.flow, f"it is for the flow {proposal.flow}")
    _check(proposal.link_key in _link_key_names(site), "it is for another link key")
    if site.file.side == "high":
        newest = receiver_newest(site)
        _check(newest <= proposal.receiver, f"the receiver has opened session {newest}")
        return
    state = source_state(site)
    _check(
        state.counter == proposal.counter,
        f"the counter was {proposal.counter} and is {state.counter}",
    )
    _check(
        (state.ledger_size, state.ledger_root) == (proposal.ledger_size, proposal.ledger_root),
        f"the ledger had {proposal.ledger_size} entries and has {state.ledger_size}, or others",
    )
    _check(state.newest == proposal.newest, f"the ledger's newest session is {state.newest}")


def apply(site: Site, signed: SignedProposal) -> tuple[str, ...]:
    """Set the counter; gives who approved it. The side is stopped: see `stopped`.

    Raises `Forged(PROPOSAL_SIGNATURES)` unless two operators of the site signed it.
    """
    _check_side(site, "low")
    signers = signed.signers(read_operators(site.folder, demonstration=site.file.demo))
    check_proposal(site, signed.proposal)
    set_counter(site.folder / "cursor", signed)
    return signers


@contextlib.contextmanager
def stopped(site: Site) -> Iterator[None]:
    """Keeps the side from being started meanwhile. Raises `Broken` when it runs."""
    try:
        descriptor = durable.hold_alone(site.folder / "run")
    except BlockingIOError as error:
        raise Broken(Reason.SITE_MALFORMED, f"{site.folder} is running: stop it first") from error
    try:
        yield
    finally:
        os.close(descriptor)


def read_proposal(path: Path) -> SignedProposal:
    """Raises `Malformed`, `OSError`."""
    with path.open("rb") as file:
        return SignedProposal.read(file.read(PROPOSAL_BYTES_MAX + 1))


def _check_side(site: Site, side: str) -> None:
    if site.file.side != side:
        raise Malformed(Reason.ARGUMENT, f"{site.folder} is the {site.file.side} side's folder")


def _check(fits: bool, what: str) -> None:
    if not fits:
        raise Forged(
            Reason.PROPOSAL_STALE,
            f"the proposal does not fit this side: {what}; make a new one and have it approved",
        )
