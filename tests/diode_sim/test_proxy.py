"""Real sockets: what goes in comes out, nothing comes back."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from diode_sim.models import make_channel
from diode_sim.options import Options, Stuck, Window
from diode_sim.outlet import UDP_GRO, UDP_SEGMENT
from diode_sim.proxy import Proxy

SEGMENT_BYTES = 1000


def receiver(host: str = "127.0.0.1") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
    one.bind((host, 0))
    one.settimeout(2.0)
    return one


def collect(one: socket.socket, count: int) -> list[bytes]:
    got: list[bytes] = []
    try:
        while len(got) < count:
            got.append(one.recv(65_536))
    except TimeoutError:
        pass
    return got


@contextmanager
def running(options: Options, to: tuple[str, int]) -> Iterator[Proxy]:
    host = "::1" if ":" in to[0] else "127.0.0.1"
    link = Proxy((host, 0), to, options)
    thread = threading.Thread(target=link.run)
    thread.start()
    try:
        yield link
    finally:
        link.stop()
        thread.join()


def numbered(first: int, count: int) -> bytes:
    return b"".join(
        number.to_bytes(4, "big") * (SEGMENT_BYTES // 4) for number in range(first, first + count)
    )


def send_batch(one: socket.socket, to: tuple[str, int], batch: bytes) -> None:
    control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", SEGMENT_BYTES))]
    one.sendmsg([batch], control, 0, to)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_clean_link_passes_every_datagram_in_order_and_nothing_comes_back(host: str) -> None:
    with receiver(host) as sink, receiver(host) as source:
        with running(Options(), sink.getsockname()[:2]) as link:
            for batch in range(40):
                send_batch(source, link.address, numbered(45 * batch, 45))
            source.sendto(b"a short one", link.address)
            source.sendto(b"", link.address)
            got = collect(sink, 1802)
        assert b"".join(got) == numbered(0, 1800) + b"a short one"
        assert link.counters.as_dict()["in"] == link.counters.as_dict()["out"] == 1802
        source.settimeout(0.2)
        with pytest.raises(TimeoutError):
            source.recv(1)


def test_batches_stay_batches() -> None:
    with receiver() as sink, receiver() as source:
        sink.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        with running(Options(loss=0.1, seed=4), sink.getsockname()) as link:
            send_batch(source, link.address, numbered(0, 45))
            got = sink.recv(65_536)
        assert len(got) == (45 - link.counters.lost) * SEGMENT_BYTES
        assert link.counters.lost > 0


def test_a_bad_link_counts_what_it_does_and_nothing_comes_back() -> None:
    options = Options(loss=0.1, reorder=0.05, duplicate=0.05, corrupt=0.02, delay_ms=1.0, seed=7)
    with receiver() as sink, receiver() as source:
        with running(options, sink.getsockname()) as link:
            for batch in range(40):
                send_batch(source, link.address, numbered(45 * batch, 45))
            channel = make_channel(options)
            copies = [channel.decide(index, SEGMENT_BYTES) for index in range(1800)]
            expected = sum(len(each) for each in copies)
            got = collect(sink, expected)
        count = link.counters
        assert len(got) == expected == count.datagrams_out
        assert count.datagrams_in == 1800
        assert expected == 1800 - count.lost + count.duplicated
        assert count.corrupted == sum(1 for each in copies if each and each[0].flip_bit is not None)
        assert count.reordered > 0
        source.settimeout(0.2)
        with pytest.raises(TimeoutError):
            source.recv(1)


def test_an_overtaken_datagram_does_not_wait_for_ever() -> None:
    options = Options(reorder=1.0, seed=1)
    with receiver() as sink, running(options, sink.getsockname()) as link, receiver() as source:
        source.sendto(b"alone", link.address)
        assert sink.recv(100) == b"alone"


def test_what_goes_by_time_goes_by_the_time_since_the_start() -> None:
    options = Options(windows=(Window(start_ms=0, length_ms=300),), truncate=1.0, seed=2)
    with receiver() as sink, receiver() as source:
        with running(options, sink.getsockname()) as link:
            source.sendto(b"into the outage", link.address)
            time.sleep(0.4)
            source.sendto(b"after it, and cut", link.address)
            got = sink.recv(100)
        counters = link.counters.as_dict()
        assert b"after it, and cut".startswith(got)
        assert len(got) < len(b"after it, and cut")
        assert (counters["in"], counters["down"], counters["truncated"]) == (2, 1, 1)
        assert counters["out"] == 1


def test_a_stuck_link_repeats_what_left_last() -> None:
    options = Options(stuck=Stuck(from_ms=300, repeat_ms=20))
    with receiver() as sink, receiver() as source:
        with running(options, sink.getsockname()) as link:
            source.sendto(b"the last one", link.address)
            assert collect(sink, 5) == [b"the last one"] * 5
            source.sendto(b"nobody hears this", link.address)
            assert collect(sink, 5) == [b"the last one"] * 5
        assert link.counters.down == 1
        assert link.counters.repeated >= 9


def test_no_destination_is_no_trouble() -> None:
    with receiver() as sink:
        nowhere = sink.getsockname()
    with receiver() as source, running(Options(), nowhere) as link:
        for _ in range(20):
            source.sendto(b"into the void", link.address)
        source.settimeout(0.2)
        with pytest.raises(TimeoutError):
            source.recv(1)


def test_the_command_says_where_it_listens_and_what_it_did() -> None:
    command = [sys.executable, "-m", "diode_sim", "proxy"]
    with receiver() as sink, receiver() as source:
        port = sink.getsockname()[1]
        options = ["--to", f"127.0.0.1:{port}", "--loss", "0.2", "--burst", "0.01:8", "--seed", "7"]
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as link:
            assert link.stdout is not None
            host, _, listening = json.loads(link.stdout.readline())["listening"].rpartition(":")
            for batch in range(10):
                send_batch(source, (host, int(listening)), numbered(45 * batch, 45))
            first = sink.recv(65_536)
            os.kill(link.pid, signal.SIGTERM)
            counters = json.loads(link.stdout.readline())
            assert link.wait(timeout=10) == 0
        assert first[:4] in {number.to_bytes(4, "big") for number in range(45)}
        assert counters["in"] == 450
        assert counters["out"] == counters["in"] - counters["lost"] + counters["duplicated"]
        assert counters["lost"] > 0


@pytest.mark.parametrize(
    "wrong", [["--to", "nowhere"], ["--to", "127.0.0.1:1", "--loss", "3"], ["--to", ":1"]]
)
def test_a_wrong_argument_is_one_sentence(wrong: list[str]) -> None:
    command = [sys.executable, "-m", "diode_sim", "proxy", *wrong]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("diode-sim: ")
    assert done.stderr.count("\n") == 1
