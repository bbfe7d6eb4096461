"""Packet sockets, pipes, poll and UDP give in the simulated kernel what they give in Linux."""

import array
import os
import select
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.worlds import Case, World, both, real, simulated

IN, OUT, RDHUP = select.POLLIN, select.POLLOUT, select.POLLRDHUP
ALL = IN | OUT | RDHUP
NOW = socket.MSG_DONTWAIT
QUIET = socket.MSG_NOSIGNAL
KINDS = (socket.SOCK_SEQPACKET, socket.SOCK_DGRAM)


def rights(*descriptors: int) -> list[tuple[int, int, Any]]:
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]


def recv(w: World, end: Any, size: int = 100, flags: int = NOW) -> None:
    buffer = bytearray(size)
    found = w.tell(end.recv_into, buffer, 0, flags)
    w.told.append(bytes(buffer[: found or 0]))


def packets(w: World) -> None:
    for kind in KINDS:
        first, second = w.pair(kind)
        w.ready((first, ALL), (second, ALL))
        recv(w, second)
        for packet in (b"one", b"", b"two" * 20, b"three"):
            w.tell(first.send, packet, QUIET)
        w.ready((first, ALL), (second, ALL), (second, IN), (second, OUT))
        recv(w, second, 2)
        w.tell(w.os.read, second.fileno(), 99)
        recv(w, second, 7, NOW | socket.MSG_TRUNC)
        w.tell(second.recv, 3, NOW)
        recv(w, second)
        w.tell(w.os.write, second.fileno(), b"back")
        w.tell(first.recv, 3)
        w.ready((first, ALL), (second, ALL))
        for end in (first, second):
            end.close()


def shutting(w: World) -> None:
    for kind in KINDS:
        for one, other in (
            ((), ()), ((socket.SHUT_RD,), ()), ((socket.SHUT_WR,), ()), ((socket.SHUT_RDWR,), ()),
            ((socket.SHUT_WR,), (socket.SHUT_RD,)), ((socket.SHUT_RD,), (socket.SHUT_RD,)),
            ((socket.SHUT_WR,), (socket.SHUT_WR,)),
        ):  # fmt: skip
            first, second = w.pair(kind)
            w.tell(second.send, b"before", QUIET)
            for how in one:
                w.tell(first.shutdown, how)
            for how in other:
                w.tell(second.shutdown, how)
            w.ready((first, ALL), (second, ALL), (first, IN), (second, IN))
            for end in (first, second):
                w.tell(end.send, b"after", QUIET)
                recv(w, end)
                recv(w, end)
            w.ready((first, ALL), (second, ALL), (first, OUT), (second, OUT))
            first.close()
            w.ready((second, ALL))
            second.close()


def one_way(w: World) -> tuple[Any, Any]:
    reading, writing = w.pair()
    reading.shutdown(socket.SHUT_WR)
    writing.shutdown(socket.SHUT_RD)
    return reading, writing


def hanging_up(w: World) -> None:
    for unread in (0, 1, 2):
        reading, writing = one_way(w)
        for _ in range(unread):
            w.tell(writing.send, b"unread", QUIET)
        reading.close()
        w.ready((writing, ALL), (writing, 0))
        for _ in range(3):
            w.tell(writing.send, b"nobody", QUIET)
            recv(w, writing)
            w.ready((writing, ALL))
        writing.close()

        reading, writing = one_way(w)
        for _ in range(unread):
            w.tell(writing.send, b"last", QUIET)
        writing.close()
        for _ in range(3):
            w.ready((reading, ALL), (reading, IN))
            recv(w, reading, 100, 0)
        w.tell(reading.send, b"back", QUIET)
        reading.close()
    for unread in (0, 1):
        first, second = w.pair(socket.SOCK_DGRAM)
        for _ in range(unread):
            w.tell(second.send, b"unread", QUIET)
            w.tell(first.send, b"stays", QUIET)
        first.close()
        w.ready((second, ALL))
        recv(w, second)
        for _ in range(3):
            w.tell(second.send, b"nobody", QUIET)
        w.ready((second, ALL))
        second.close()


def held_twice(w: World) -> None:
    """The end is there until the last descriptor of it is closed."""
    reading, writing = one_way(w)
    again = w.os.dup(writing.fileno())
    writing.close()
    w.ready((reading, ALL))
    w.tell(w.os.write, again, b"by the duplicate")
    recv(w, reading)
    w.os.close(again)
    w.ready((reading, ALL))
    recv(w, reading)
    w.tell(w.os.read, again, 1)


def full(w: World) -> None:
    for kind in KINDS:
        reading, writing = w.pair(kind)
        writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        w.tell(writing.getsockopt, socket.SOL_SOCKET, socket.SO_SNDBUF)
        w.tell(writing.send, b"x" * 39_969, QUIET)
        w.tell(writing.send, b"x" * 39_968, QUIET)
        w.ready((writing, ALL), (reading, ALL))
        w.tell(writing.send, b"no more", QUIET | NOW)
        writing.setblocking(False)
        w.tell(writing.send, b"no more", QUIET)
        w.tell(writing.sendmsg, [b"no more"], (), QUIET)
        recv(w, reading, 40_000)
        w.ready((writing, ALL), (reading, ALL))
        w.tell(writing.send, b"again", QUIET)
        writing.close()
        reading.close()


def waiting(w: World) -> None:
    reading, _writing = one_way(w)
    reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 30_000))
    before = w.time.monotonic()
    recv(w, reading, 10, 0)
    w.told.append(0.02 < w.time.monotonic() - before < 5)
    w.tell(reading.recvmsg_into, [bytearray(9)], 0, NOW)
    before = w.time.monotonic()
    w.ready((reading, IN), wait_ms=30)
    w.told.append(0.02 < w.time.monotonic() - before < 5)
    before = w.time.monotonic()
    w.time.sleep(0.03)
    w.told.append(0.02 < w.time.monotonic() - before < 5)
    w.tell(w.select.select, [reading], [], [], 0)


def selecting(w: World) -> None:
    reading, writing = one_way(w)
    pipe_out, pipe_in = w.os.pipe()
    names = {reading: "reading", writing: "writing", pipe_out: "pipe out", pipe_in: "pipe in"}
    named = lambda found: [[names[each] for each in some] for some in found]  # noqa: E731  # shown by their names
    every = [reading, writing, pipe_out, pipe_in]
    w.tell(w.select.select, every, every, [], 0, show=named)
    writing.send(b"x")
    w.os.write(pipe_in, b"x")
    w.tell(w.select.select, every, every, [], 0, show=named)
    w.os.close(pipe_in)
    w.tell(w.select.select, [pipe_out], [], [], 0, show=named)
    w.os.read(pipe_out, 1)
    w.tell(w.select.select, [pipe_out], [], [], 0, show=named)


def passing(w: World) -> None:
    reading, writing = one_way(w)
    file = w.open(w.at("a"), os.O_RDWR | os.O_CREAT)
    w.tell(w.os.write, file, b"content")
    for count in (1, 2, 3):
        w.tell(writing.sendmsg, [b"packet ", b"in parts"], rights(*[file] * count), QUIET)
    w.tell(writing.sendmsg, [b""], rights(file), QUIET)
    w.tell(writing.sendmsg, [b"none"], (), QUIET)
    w.os.close(file)
    for space in (24, 24, 24, 24, 24):
        buffer = bytearray(10)
        size, control, told, _ = reading.recvmsg_into([buffer], space, NOW)
        came = array.array("i")
        for _, _, data in control:
            came.frombytes(data)
        w.told.append((size, bytes(buffer), len(came), told & ~socket.MSG_CMSG_CLOEXEC))
        for number in came:
            w.tell(w.os.pread, number, 99, 0)
            w.tell(w.os.lseek, number, 0, os.SEEK_CUR)
            w.tell(w.os.close, number)
    w.tell(writing.sendmsg, [b"x"], rights(999_999), QUIET)


def passed_and_dropped(w: World) -> None:
    """A descriptor that nobody takes is closed with its packet: the other end sees the end."""
    for how in ("read", "recv", "no room", "closed"):
        reading, writing = one_way(w)
        watched, passed = one_way(w)
        w.tell(writing.sendmsg, [b"x"], rights(passed.fileno()), QUIET)
        passed.close()
        w.ready((watched, ALL))
        if how == "read":
            w.tell(w.os.read, reading.fileno(), 9)
        elif how == "recv":
            recv(w, reading)
        elif how == "no room":
            w.tell(reading.recvmsg_into, [bytearray(9)], 0, NOW, show=lambda found: found[0])
        else:
            reading.close()
        w.ready((watched, ALL))


def pipes(w: World) -> None:
    reading, writing = w.os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    w.ready((reading, ALL), (writing, ALL))
    w.tell(w.os.read, reading, 5)
    w.tell(w.os.write, writing, b"one, ")
    w.tell(w.os.write, writing, b"two")
    w.tell(w.os.write, writing, b"")
    w.tell(w.os.read, reading, 6)
    w.tell(w.os.read, reading, 99)
    w.tell(w.os.read, writing, 1)
    w.tell(w.os.write, reading, b"x")
    w.tell(w.os.pread, reading, 1, 0)
    w.tell(w.os.lseek, reading, 0, os.SEEK_CUR)
    w.tell(w.os.write, writing, b"x" * 100_000)
    w.tell(w.os.write, writing, b"x")
    w.ready((reading, ALL), (writing, ALL))
    w.tell(w.os.read, reading, 65_536, show=len)
    w.ready((reading, ALL), (writing, ALL))
    w.tell(w.os.write, writing, b"last")
    w.os.close(writing)
    w.ready((reading, ALL))
    w.tell(w.os.read, reading, 9)
    w.ready((reading, ALL))
    w.tell(w.os.read, reading, 9)
    reading, writing = w.os.pipe()
    w.os.close(reading)
    w.ready((writing, ALL))
    w.tell(w.os.write, writing, b"x")


def polling(w: World) -> None:
    file = w.open(w.at("a"), os.O_RDWR | os.O_CREAT)
    folder = w.open(w.top, os.O_RDONLY)
    memory = w.os.memfd_create("x", os.MFD_CLOEXEC)
    w.ready((file, ALL), (folder, IN), (memory, ALL))
    w.os.close(file)
    w.ready((file, ALL), (folder, IN))
    poller = w.select.poll()
    poller.register(folder, IN)
    poller.register(folder, OUT)
    w.tell(lambda: [events for _, events in poller.poll(0)])
    poller.unregister(folder)
    w.tell(poller.poll, 0)


def signals(w: World) -> None:
    heard: list[int] = []
    w.signal.signal(w.signal.SIGUSR1, lambda number, _: heard.append(number))
    w.os.kill(w.os.getpid(), w.signal.SIGUSR1)
    w.time.sleep(0.001)
    w.told.append(heard)
    w.signal.signal(w.signal.SIGUSR1, w.signal.SIG_DFL)
    w.told.append(len(w.secrets.token_bytes(4)))
    w.told.append(len(w.secrets.token_hex(4)))
    w.told.append(len(w.os.urandom(5)))


def udp(w: World) -> None:
    out, into = w.keep(
        w.socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        w.socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    )
    into.setblocking(False)
    w.cable(out, into)
    w.ready((into, IN), (out, OUT))
    w.tell(into.recv, 10)
    w.tell(out.sendmsg, [b"one"], (), 0)
    w.tell(out.sendmsg, [b"a longer ", b"one"], (), 0)
    w.tell(out.sendmsg, [b"12345678901"], [(17, 103, struct.pack("=H", 4))], 0)
    w.ready((into, IN))
    for size in (10, 5, 10, 10, 10, 10):
        buffer = bytearray(size)
        found = w.tell(into.recvmsg_into, [buffer], 64, show=lambda found: (found[0], found[2]))
        w.told.append(bytes(buffer[: found[0] if found else 0]))
    w.ready((into, IN))


CASES: list[Case] = [
    packets, shutting, hanging_up, held_twice, full, waiting, selecting, passing,
    passed_and_dropped, pipes, polling, signals, udp,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_channels_are_as_in_linux(case: Case, tmp_path: Path) -> None:
    assert both(case, tmp_path)


@pytest.mark.parametrize("size", [1, 200, 1000, 5000, 30_000])
@pytest.mark.parametrize("kind", KINDS, ids=["seqpacket", "dgram"])
def test_about_as_many_packets_fit_as_in_linux(tmp_path: Path, size: int, kind: int) -> None:
    """Linux counts the memory of its own structures, which is another in each version."""

    def case(w: World) -> None:
        reading, writing = w.pair(kind)
        count = 0
        while count < 10_000:
            try:
                writing.send(b"x" * size, NOW)
            except BlockingIOError:
                break
            count += 1
        w.told.append(count)
        reading.close()
        writing.close()

    (linux,), (ours,) = real(case, tmp_path).told, simulated(case).told
    assert isinstance(linux, int)
    assert isinstance(ours, int)
    assert linux / 2 <= ours <= linux * 2
