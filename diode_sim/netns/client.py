"""What the command line asks of a pair: make it, look at it, run something in it, take it away.

Takes a pair's name, finds its holder by the abstract socket (see `holder`). Starts the holder, and
`enter` for commands. Raises `Malformed`, with `ARGUMENT` where the command line is wrong.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from diode_sim.netns.holder import ANSWER_BYTES_MAX, Spec, peer_of, socket_name
from diode_sim.netns.keeper import KINDS
from diode_sim.netns.side import NAMES
from schemas.errors import Malformed
from schemas.reasons import Reason

ANSWERS_WITHIN_S = 8.0
ENDS_WITHIN_S = 15.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def check_name(untrusted_name: str) -> str:
    """The name, if it is one. Raises `Malformed(ARGUMENT)`."""
    if not _NAME.fullmatch(untrusted_name):
        raise Malformed(
            Reason.ARGUMENT,
            f"{untrusted_name!r} is no name: use up to 32 of a-z, 0-9 and -, not - at first",
        )
    return untrusted_name


def start(spec: Spec) -> "subprocess.Popen[str]":
    """Make a pair; when this returns it is up. Raises `Malformed` with what stands against it."""
    holder = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-m", "diode_sim.netns.holder", spec.text()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        line = holder.stdout.readline() if holder.stdout else ""
    except BaseException:
        holder.terminate()
        holder.wait()
        raise
    told = json.loads(line) if line else {"error": "the process that holds a pair has ended"}
    if "error" in told:
        holder.wait()
        raise Malformed(Reason(told.get("reason", Reason.LINK_DOWN)), told["error"])
    return holder


def ask(name: str, order: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """What the holder answers, and its descriptors. Raises `Malformed(LINK_DOWN)`."""
    with _reach(name) as connection:
        try:
            connection.send(json.dumps(order).encode())
            answer, descriptors, _, _ = socket.recv_fds(connection, ANSWER_BYTES_MAX, len(KINDS))
        except TimeoutError as error:
            raise Malformed(
                Reason.LINK_DOWN, f"the pair {name} does not answer: take it down with"
                f"  diode-sim netns down --name {name}"
            ) from error  # fmt: skip
        except OSError:
            answer, descriptors = b"", []
    if not answer:
        raise Malformed(Reason.LINK_DOWN, f"the pair {name} has just ended")
    told: dict[str, Any] = json.loads(answer)
    if "error" in told:
        raise Malformed(Reason.LINK_DOWN, told["error"])
    return told, descriptors


def status(name: str) -> dict[str, Any]:
    """Addresses and counters."""
    return ask(name, {"do": "status"})[0]


def end(name: str) -> dict[str, Any] | None:
    """Take a pair away, with everything that runs in it; gives its last counters.

    None: it did not answer, and was killed. Its namespaces go with it all the same.
    """
    with _reach(name) as connection:
        process = os.pidfd_open(peer_of(connection)[0])
    try:
        told = None
        with suppress(Malformed):
            told = ask(name, {"do": "end"})[0]
        if not select.select([process], [], [], ENDS_WITHIN_S if told else 0)[0]:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], ENDS_WITHIN_S)
    finally:
        os.close(process)
    _await_free(name)
    return told


def command_in(name: str, side: str, command: Sequence[str], *, as_root: bool = True,
               tied_to: int = 0) -> tuple[list[str], list[int]]:  # fmt: skip
    """Words that run a command in an end, and the descriptors that they need to inherit.

    as_root: with all rights over the end's own network; else as the user who asks
    tied_to: process without which it ends; 0: none
    """
    if side not in NAMES:
        raise Malformed(Reason.ARGUMENT, f"{side!r} is no end of a pair: low or high")
    _, descriptors = ask(name, {"do": "enter", "side": side})
    if os.geteuid() == 0:
        as_root = True
    spec = {"descriptors": descriptors, "as_root": as_root, "tied_to": tied_to}
    words = [sys.executable, "-m", "diode_sim.netns.enter", json.dumps(spec), "--", *command]
    return words, descriptors


def listens(name: str, side: str) -> bool:
    """Whether a UDP socket is bound in an end."""
    return bool(ask(name, {"do": "listens", "side": side})[0]["listens"])


def _reach(name: str) -> socket.socket:
    """A connection to the pair's holder, which is ours or root's."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(ANSWERS_WITHIN_S)
    try:
        connection.connect(socket_name(os.geteuid(), check_name(name)))
    except OSError as error:
        connection.close()
        raise Malformed(
            Reason.LINK_DOWN,
            f"there is no pair named {name}: make one with  diode-sim netns up --name {name}",
        ) from error
    if peer_of(connection)[1] != os.geteuid():
        connection.close()
        raise Malformed(Reason.LINK_DOWN, f"what is named {name} belongs to another user")
    return connection


def _await_free(name: str) -> None:
    """Until the name may be used again."""
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < deadline_s:
        try:
            _reach(name).close()
        except Malformed:
            return
        time.sleep(0.01)
    raise Malformed(Reason.LINK_DOWN, f"the pair {name} does not go away")
