"""What keeps one end: a process that holds its namespaces, and what becomes of them when it goes.

Two processes an end. The outer one makes a user namespace, and in it the others; the inner one is
process 1 of a process namespace with a /proc of its own. What is run in the end runs there. When
the inner one dies the kernel kills everything in its process namespace; it dies when the outer one
does, and that when the holder does: also where the holder is killed with SIGKILL.

The ends have a user and a process namespace each, so root in one end has no right over the other,
nor over the diode, whose network namespace belongs to the user namespace above theirs.
"""

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from diode_sim.netns import kernel
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

KINDS = {"user": kernel.NEWUSER, "net": kernel.NEWNET, "mnt": kernel.NEWNS, "pid": kernel.NEWPID}
"""The namespaces of an end in the order in which they are entered."""

GONE_WITHIN_S = 10.0
DESCRIPTORS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Keeper:
    """One end from the holder's view.

    namespaces  a descriptor of each of `KINDS`
    outer       the holder's child
    inner       a descriptor of process 1 of the end
    """

    namespaces: dict[str, int]
    outer: int
    inner: int

    def end(self) -> None:
        """Kill everything in the end, and wait until it is gone."""
        signal.pidfd_send_signal(self.inner, signal.SIGKILL)
        select.select([self.inner], [], [], GONE_WITHIN_S)
        os.waitpid(self.outer, 0)
        for descriptor in (self.inner, *self.namespaces.values()):
            os.close(descriptor)


def start_keeper() -> Keeper:
    """Make an end. Raises `Malformed(SANDBOX_MISSING)` where the host refuses the namespaces."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    holder = os.getpid()
    outer = os.fork()
    if outer == 0:
        ours.close()
        _alone(lambda: _keep(holder, theirs), theirs)
    theirs.close()
    with ours:
        _expect(ours, b"user")
        kernel.write_maps(outer, kernel.all_of_this("uid"), kernel.all_of_this("gid"))
        ours.send(b"mapped")
        number = int(_expect(ours, b"inner ").decode())
        inner = os.pidfd_open(number)
        ours.send(b"seen")
        said, descriptors, _, _ = socket.recv_fds(ours, 100, len(KINDS))
        if said != b"ready":
            raise _refused(said)
        ours.send(b"kept")
    return Keeper(dict(zip(KINDS, descriptors, strict=True)), outer, inner)


def _expect(channel: socket.socket, word: bytes) -> bytes:
    """What follows the word."""
    said = channel.recv(100)
    if not said.startswith(word):
        raise _refused(said)
    return said.removeprefix(word)


def _refused(said: bytes) -> Malformed | Broken:
    if not said:
        return Broken(Reason.LINK_DOWN, "what keeps an end has ended: try again")
    why = said.decode("utf-8", "replace")
    return Malformed(Reason.SANDBOX_MISSING, f"this host refuses the namespaces of an end ({why})")


def _alone(act: Callable[[], None], channel: socket.socket) -> NoReturn:
    """Run in a forked child, which never comes back from here."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it ends with the holder, and not before
        signal.set_wakeup_fd(-1)
        kernel.leave_terminal()
        kept = channel.fileno()
        os.closerange(3, kept)
        os.closerange(kept + 1, DESCRIPTORS_MAX)
        act()
    except OSError as error:
        with suppress(OSError):
            channel.send(str(error.strerror).encode())
    finally:
        os._exit(1)


def _keep(holder: int, channel: socket.socket) -> None:
    """The outer process: makes the namespaces, starts process 1, waits for it."""
    kernel.unshare(kernel.NEWUSER)
    kernel.die_with(holder)
    channel.send(b"user")
    if channel.recv(100) != b"mapped":
        return
    kernel.unshare(kernel.NEWNET | kernel.NEWNS | kernel.NEWPID)
    inner = os.fork()
    if inner == 0:
        _alone(lambda: _first_process(channel), channel)
    channel.send(b"inner %d" % inner)
    channel.close()
    os.waitpid(inner, 0)


def _first_process(channel: socket.socket) -> None:
    """Process 1 of the end: says where it is, and takes in whom nobody waits for."""
    kernel.die_with(None)
    if channel.recv(100) != b"seen":
        return
    kernel.see_own_processes()
    descriptors = [kernel.this_namespace(kind) for kind in KINDS]
    socket.send_fds(channel, [b"ready"], descriptors)
    if channel.recv(100) != b"kept":
        return
    channel.close()
    for descriptor in descriptors:
        os.close(descriptor)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        signal.sigwait({signal.SIGCHLD})
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
