"""What is to be sent again, on a low side's disk.

    posture/resend        the request: guard resend lays it, the supervisor takes it away
    posture/resend.json   the order that the supervisor made of it, for `send`

Takes a verified site; gives orders. The supervisor verifies a gap notice here: form, flow, link
key, time and two operators. What the running policy and posture say of each message is for `send`
to judge (guard/roles/resending.py). Follows docs/spec/resend.md.
"""

import contextlib
import os
import stat
from pathlib import Path

from guard.core.gap_notice import approved_by, check_bounds, notice_digest, read_gap_notice
from guard.edge import durable
from guard.edge.clock import now_s
from guard.edge.operators import read_operators
from guard.edge.orders import FOLDER
from guard.edge.posture_files import PostureKeeper
from guard.edge.resend_order import ORDER
from guard.edge.session_reset import link_key_of
from guard.edge.site import Site
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.reasons import Reason
from schemas.resend import BYTES_MAX, ResendOrder, ResendRequest
from schemas.sequences import RangeSet

REQUEST = "resend"
_READABLE = 0o644


def lay_request(folder: Path, request: ResendRequest) -> None:
    """For the supervisor to take up: whole, or not there.

    Raises `Forged(RESEND)` while another one waits, `Malformed(RESEND)` for one that is too large.
    """
    path, content = folder / FOLDER / REQUEST, request.write()
    if len(content) > BYTES_MAX:
        raise Malformed(Reason.RESEND, "the numbers are too scattered: ask for fewer at once")
    made = path.with_name(f".{REQUEST}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(made)
    durable.write_new(made, content, sync=True)
    try:
        durable.publish(made, path)
    except FileExistsError as error:
        os.unlink(made)
        raise Forged(Reason.RESEND, f"{path} waits to be taken up: one at a time") from error


class OrdersKeeper(PostureKeeper):
    """The supervisor's: what the roles are told of posture, and on the low side of what goes
    again."""

    def look(self, site: Site) -> dict[str, str] | None:
        """The same for a posture first; one thing a call. Gives an event for people, if any."""
        told = super().look(site)
        return told if told is not None or site.file.side != "low" else _take_request(site)


def _take_request(site: Site) -> dict[str, str] | None:
    """Make an order of what was laid. A power cut before the request is gone makes the same
    again."""
    path = site.folder / FOLDER / REQUEST
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        owner = found.st_uid
        with path.open("rb") as file:
            untrusted = file.read(BYTES_MAX + 1)
    except OSError:
        return None
    event = {"event": "resend-refused", "cause": ""}
    try:
        request = ResendRequest.read(untrusted)
        order = _order_of(site, request, f"uid {owner}")
        _write_order(site.folder, order)
        event = {"event": "resend", "cause": f"resend {order.number}, asked for by {order.who}"}
        if order.refused:
            event = {"event": "resend-refused", "cause": order.refused}
    except CheckvalveError as error:
        event["cause"] = error.sentence
    except OSError as error:
        event["cause"] = f"{path.parent} cannot be written: {error.strerror}"
    with contextlib.suppress(OSError):  # then the same is made of it at the next look
        durable.remove(path.parent, [REQUEST])
    return event


def _order_of(site: Site, request: ResendRequest, owner: str) -> ResendOrder:
    try:
        check_bounds(request.wanted().ranges())
        if not request.note:
            return ResendOrder(request.number, owner, "", 0, request.parts)
        return _of_notice(site, request)
    except CheckvalveError as error:
        return ResendOrder(request.number, owner, "", 0, (), error.sentence)


def _of_notice(site: Site, request: ResendRequest) -> ResendOrder:
    """The supervisor does not go by what the command found: it may be another program."""
    content = request.note.encode()
    note, notice = read_gap_notice(content)
    notice.check_for(site.policy.flow, link_key_of(site))
    notice.check_newer(0, now_s())  # newer than those before: `send` knows them from the ledger
    signers = approved_by(note, read_operators(site.folder, demonstration=site.file.demo))
    named = RangeSet(notice.gaps)
    for first, last in request.wanted().ranges():
        if named.missing(first, last):
            raise Forged(Reason.RESEND, "the request names numbers that its gap notice does not")
    return ResendOrder(
        request.number, ",".join(signers), notice_digest(content), notice.time_s, request.parts
    )


def _write_order(folder: Path, order: ResendOrder) -> None:
    path = folder / FOLDER / ORDER
    made = path.with_suffix(".tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(made)
    durable.write_new(made, order.write(), sync=True)
    os.chmod(made, _READABLE)
    os.rename(made, path)
    durable.sync_directory(path.parent)
