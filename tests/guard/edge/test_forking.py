"""A confined parent and its children, as root and as nobody: what they can, and how they end."""

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from guard.edge import landlock
from guard.edge.forking import Children, Ended, Page
from guard.edge.sandbox import Calls, Confinement, confine, self_test
from schemas.errors import Broken

InChild = Callable[..., str]
Rights = Callable[..., Confinement]
Working = Callable[[dict[str, Callable[[], object]]], str]

pytestmark = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


def parent(rights: Rights, *descriptors: int, keeps: tuple[int, ...] = ()) -> Children:
    confinement = rights(*descriptors, calls=(Calls.FORK,))
    children = Children(confinement, frozenset({2, *keeps}))
    confine(confinement)
    self_test(confinement)
    return children


def await_end(children: Children) -> Ended:
    while (ended := children.wait(1000)) is None:
        pass
    return ended


def test_children_come_one_after_the_other_and_say_how_they_ended(
    user: str, in_child: InChild, rights: Rights
) -> None:
    def act(kept: int) -> str:
        children = parent(rights, kept)
        children.prove()
        told = []
        for work in (lambda: 0, lambda: 64, lambda: 1 // 0, lambda: os._exit(3)):
            children.start(work)
            told.append(await_end(children).words)
        return "; ".join(told)

    words = [f"ended with exit {code}" for code in (0, 64, 70, 3)]
    assert in_child(act, user) == "; ".join(words)


def test_a_child_may_start_threads_where_its_parent_may(
    user: str, in_child: InChild, rights: Rights
) -> None:
    def act(kept: int) -> str:
        confinement = rights(kept, calls=(Calls.FORK, Calls.THREADS))
        children = Children(confinement, frozenset({2}))
        confine(confinement)
        self_test(confinement)
        children.prove()
        told = []
        for code in (0, 3):
            children.start(partial(in_a_thread, code))
            told.append(await_end(children).words)
        return "; ".join(told)

    assert in_child(act, user) == "ended with exit 7; ended with exit 3"


def in_a_thread(code: int) -> int:
    thread = threading.Thread(target=lambda: code and os._exit(code))
    thread.start()
    thread.join()
    return 7


def test_a_child_may_do_less_than_its_parent(
    user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    other, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def act(kept: int) -> str:
        children = parent(rights, kept, mine.fileno(), other.fileno(), keeps=(mine.fileno(),))

        def tries() -> int:
            worked = working(
                {
                    "fork": lambda: os.fork() or os._exit(0),
                    "kill the parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
                    "wait": lambda: os.waitpid(-1, os.WNOHANG),
                    "limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)),
                    "the parent's descriptor": lambda: os.write(other.fileno(), b"x"),
                    "its reading": lambda: os.read(other.fileno(), 1),
                    "the test's": lambda: os.write(kept, b"x"),
                }
            )
            mine.send(f"worked: {worked}".encode())
            return 0

        children.start(tries)
        return await_end(children).words

    assert in_child(act, user) == "ended with exit 0"
    assert theirs.recv(200) == b"worked: "
    for each in (mine, theirs, other, end):
        each.close()


def test_a_parent_starts_children_by_fork_and_kills_no_stranger(
    user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    def act(kept: int) -> str:
        parent(rights, kept)
        return working(
            {
                "signal": lambda: os.kill(os.getppid(), signal.SIGTERM),
                "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
                "exec": lambda: os.execv("/bin/true", ["true"]),
                "raise a limit": lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (100_000, 100_000)
                ),
                "another's limit": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU),
            }
        )

    assert in_child(act, user) == ""


def test_one_that_spins_is_seen_spinning_and_can_be_ended(
    user: str, in_child: InChild, rights: Rights
) -> None:
    page = Page()

    def act(kept: int) -> str:
        children = parent(rights, kept)

        def spin() -> int:
            page.numbers[0] = 7
            while True:
                pass

        children.start(spin)
        while children.cpu_ns() < 50_000_000:
            assert children.wait(20) is None
        children.kill()
        return f"{page.numbers[0]}"

    assert in_child(act, user) == "7"


def test_one_that_is_stopped_is_seen_standing_still(
    user: str, in_child: InChild, rights: Rights
) -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def act(kept: int) -> str:
        children = parent(rights, kept, mine.fileno(), keeps=(mine.fileno(),))

        def wait() -> int:
            mine.send(str(os.getpid()).encode())
            time.sleep(600)
            return 0

        children.start(wait)
        ended = await_end(children)
        children.kill()
        return ended.words

    stopper = os.fork()
    if stopper == 0:
        os.kill(int(theirs.recv(20)), signal.SIGSTOP)
        os._exit(0)
    assert in_child(act, user) == "was stopped by a signal"
    os.waitpid(stopper, 0)
    mine.close()
    theirs.close()


def test_a_child_ends_with_its_parent(in_child: InChild, rights: Rights) -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def act(kept: int) -> str:
        children = parent(rights, kept, mine.fileno(), keeps=(mine.fileno(),))

        def wait() -> int:
            mine.send(b"here")
            time.sleep(600)
            return 0

        children.start(wait)
        return "gone"

    assert in_child(act) == "gone"
    mine.close()
    assert theirs.recv(10) == b"here"
    assert theirs.recv(10) == b""  # nobody has the other end any more
    theirs.close()


def test_a_child_that_may_too_much_is_no_child_to_have(in_child: InChild, rights: Rights) -> None:
    def act(kept: int) -> str:
        children = parent(rights, kept)
        children.confinement = replace(children.confinement, descriptors=frozenset({2, 63}))
        with pytest.raises(Broken, match="may do too much"):
            children.prove()
        return "refused"

    assert in_child(act) == "refused"
