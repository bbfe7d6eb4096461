"""The bare link where things go wrong: hostile senders, owned processes, operators, full disks."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guard.link.params import SEQUENCE_MAX, STREAM_BYTES_MAX
from guard.link.trailer import Trailer
from guard.transfer import LinkKey, Receiving, Sending, SendOrder
from schemas.errors import Broken
from tests.system.hostile_sender import hostile
from tests.system.link_tool import MBIT, SENDING, Ends, ends, files_of, new_key
from tests.system.test_link_tool import holes_are_exact, make_file, wait_for_port

GUARD = [sys.executable, "-m", "guard", "link"]


@contextmanager
def receiver(key: Path, out: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`guard link receive --json`, and where it listens."""
    process = subprocess.Popen(
        [*GUARD, "receive", "--listen", "127.0.0.1:0", "--key", key, "--out", out, "--json",
         *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        port = wait_for_port(process.pid)
        wait_for_child(process.pid)
        yield process, f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def wait_for_child(pid: int) -> int:
    """The process that it started, once that is at work."""
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text("ascii", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                return int(path.parent.name)
        time.sleep(0.05)
    raise AssertionError("no process was started")


def send(key: Path, to: str, *paths: Path | str, **more: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*GUARD, "send", "--to", to, "--key", key, "--json", *paths],
        capture_output=True, check=False, text=True, timeout=60, **more,
    )  # fmt: skip


def test_absurd_streams_cost_themselves_and_nothing_else(tmp_path: Path) -> None:
    """Thousands begun and ended in a block, offsets of 2^61, no trailers, a claim of everything."""
    key = new_key(tmp_path)
    good = make_file(tmp_path / "good", 100_000)
    LinkKey(key).take(1).close()  # session 1 and number 1 are the hostile one's
    with receiver(key, tmp_path / "in") as (process, to):
        with hostile(key, to) as sender:
            sender.pieces(*[(1000 + n, 0, 1, b"x") for n in range(1100)])
            sender.pieces(*[(5000 + n, n, 2**40, b"begun") for n in range(1000)])
            sender.pieces((9000, 2**61, STREAM_BYTES_MAX, b"far"))
            sender.pieces((9001, 0, STREAM_BYTES_MAX, b"near"), (9001, 7, 9, b"ends elsewhere"))
            sender.claim(2**40, SEQUENCE_MAX + 1)
        assert process.stderr is not None
        for line in process.stderr:
            if "are not whole here" in line:
                break
        assert send(key, to, good).returncode == 0
        until_s = time.monotonic() + 20
        while not (tmp_path / "in" / "good").exists() and time.monotonic() < until_s:
            time.sleep(0.05)
        process.terminate()
        out, _ = process.communicate(timeout=60)
    report = json.loads(out)
    assert process.returncode == 1
    assert report["restarts"] == 0
    assert report["lost"] > 2**61
    assert (tmp_path / "in" / "good").read_bytes() == good.read_bytes()
    assert len(report["unnamed"]) == 1100


PIDFD_GETFD = 438  # the same number on every architecture


def tell_in_its_name(pid: int, packet: bytes) -> None:
    """Send a packet over the process's own channel, as one that is owned would."""
    pidfd = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    for number in map(int, os.listdir(f"/proc/{pid}/fd")):
        taken = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
        if taken < 0:
            continue
        try:
            channel = socket.socket(fileno=taken)
        except OSError:
            os.close(taken)
            continue
        with channel:
            if channel.family == socket.AF_UNIX and channel.type == socket.SOCK_SEQPACKET:
                channel.send(packet)
    os.close(pidfd)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take another's descriptor")
@pytest.mark.parametrize(
    "packet", [b"\xff", b"[]", b'{"what": "file", "path": "/etc/passwd"}', b'{"what": "landed"}']
)
def test_what_a_process_may_not_tell_ends_it_and_is_told(tmp_path: Path, packet: bytes) -> None:
    source = make_file(tmp_path / "source", 1000)
    with ends(tmp_path) as both:
        both.wait("open")
        tell_in_its_name(both.receiving.pid, packet)
        both.wait("restarted")
        assert len(both.told("alarm")) == 1
        assert not both.told("file")
        both.wait("open", 2)
        both.send(files_of(source))
        both.wait("file")


def test_thousands_of_small_files_at_once_are_no_reason_to_end(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    for number in range(3000):
        (top / f"{number}").write_bytes(b"%d" % number)
    with ends(tmp_path) as both:
        both.send(files_of(top), files_per_s=100_000)
        both.wait("file", 3000)
        assert not both.told("restarted")
        assert not both.told("gap")
        assert {path.read_bytes() for path in (both.out / "top").iterdir()} == {
            b"%d" % number for number in range(3000)
        }


def test_a_supervisor_that_does_not_listen_stops_no_receiver(tmp_path: Path) -> None:
    """As when its terminal is stopped: what lands meanwhile is told later."""
    top = tmp_path / "top"
    for number in range(2000):
        make_file(top / f"{number}", 1)
    with ends(tmp_path) as both:
        both.wait("open")
        both.hears.clear()
        both.send(files_of(top), files_per_s=2000)
        until_s = time.monotonic() + 20
        incoming = both.out / ".checkvalve" / "incoming"
        while len(list(incoming.glob("*.done"))) < 1900 and time.monotonic() < until_s:
            time.sleep(0.1)
        assert len(list(incoming.glob("*.done"))) >= 1900
        both.hears.set()
        both.wait("file", 2000)
        assert not both.told("gap")


def test_one_sender_a_key_and_one_receiver_a_folder(tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 3_000_000)
    with ends(tmp_path, replace(SENDING, rate_bits_per_s=10 * MBIT)) as both:
        sending = both.start(files_of(source))
        with pytest.raises(Broken, match="another sender"):
            both.start(files_of(source))
        with pytest.raises(Broken, match="another receiver"):
            Receiving(both.order)
        sending.close()
        both.start(files_of(make_file(tmp_path / "next", 10))).close()


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_one_goes_on(tmp_path: Path) -> None:
    key, out = new_key(tmp_path), tmp_path / "in"
    source = make_file(tmp_path / "source", 4_000_000)
    params = replace(SENDING, rate_bits_per_s=20 * MBIT, repeats=1, repeat_pause_ms=500)
    with receiver(key, out) as (process, to):
        child = wait_for_child(process.pid)
        sending = Sending(SendOrder(key, [to], files_of(source), params))
        facts = sending.facts()
        next(facts)
        time.sleep(1)
        process.kill()
        process.wait()
        until_s = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and time.monotonic() < until_s:
            time.sleep(0.02)
        assert not Path(f"/proc/{child}").exists()
    part = out / ".checkvalve" / "incoming" / "1.part"
    assert part.stat().st_size > 100_000
    order = Ends.order_of(key, to, out, params)
    second = Receiving(order)
    try:
        for _ in facts:
            pass
        until_s = time.monotonic() + 20
        told = []
        for fact in second.facts():
            told.append(fact)
            if fact["what"] in ("file", "gap") or time.monotonic() > until_s:
                break
    finally:
        second.stop()
    assert "file" in [fact["what"] for fact in told]
    assert (out / "source").read_bytes() == source.read_bytes()


def test_a_receiver_asked_to_end_finishes_names_and_answers_once(tmp_path: Path) -> None:
    key, source = new_key(tmp_path), make_file(tmp_path / "source", 100_000)
    with receiver(key, tmp_path / "in") as (process, to):
        sent = send(key, to, source)
        assert json.loads(sent.stdout)["confined"]
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    report = json.loads(out)
    assert process.returncode == 0
    assert [one["name"] for one in report["files"]] == ["source"]
    assert {"landlock", "seccomp", "limits", "privileges"} <= set(report["confined"])


def test_a_slow_pipe_keeps_neither_heartbeats_nor_the_end_from_coming(tmp_path: Path) -> None:
    with ends(tmp_path) as both:
        command = [*GUARD, "send", "--to", both.addresses[0], "--key", str(both.key), "--json", "-"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(b"begun")
        process.stdin.flush()
        both.wait("session")
        time.sleep(3)  # silence would be told after 2
        assert not both.told("silent")
        process.stdin.write(b" and ended")
        out, _ = process.communicate(timeout=20)
        assert json.loads(out)["streams"] == 1
        both.wait("file")
        assert (both.out / "stdin").read_bytes() == b"begun and ended"


def test_a_sender_that_is_interrupted_in_a_pipe_ends_and_answers(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    command = [*GUARD, "send", "--to", "127.0.0.1:9", "--key", str(key), "--json", "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for_child(process.pid)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert json.loads(out)["stopped"] is True
    assert process.returncode == 1


def part_of(both: Ends, sequence: int) -> Path:
    return both.out / ".checkvalve" / "incoming" / f"{sequence}.part"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_costs_what_did_not_fit_and_the_supervisor_stays(tmp_path: Path) -> None:
    out = tmp_path / "in"
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", out], check=True)
    try:
        with ends(tmp_path, replace(SENDING, rate_bits_per_s=40 * MBIT)) as both:
            both.wait("open")
            large = make_file(tmp_path / "large", 8_000_000)
            both.send(files_of(large))
            both.wait("restarted")
            subprocess.run(["mount", "-o", "remount,size=40m", out], check=True)
            restarts = -1
            while restarts != len(both.told("restarted")):  # what waited in the socket is taken
                restarts = len(both.told("restarted"))
                time.sleep(2)
            small = make_file(tmp_path / "small", 1_000_000)
            both.send(files_of(small))
            both.wait("file")
            assert (out / "small").read_bytes() == small.read_bytes()
            (gap,) = both.wait("stream-gap")
            assert holes_are_exact(part_of(both, 1), large, gap["missing"])
    finally:
        subprocess.run(["umount", "-l", out], check=True)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["send", "--key", "none", __file__], subprocess.DEVNULL, 3),
        (["send", "--key", "KEY", "empty"], subprocess.DEVNULL, 1),
        (["send", "--key", "KEY", "nowhere"], subprocess.DEVNULL, 3),
        (["send", "--key", "KEY", "-"], None, 2),
        (["send", "--key", "KEY", "--name", "../x", "-"], subprocess.DEVNULL, 2),
        (["send", "--key", "KEY", "--block", "252", __file__], subprocess.DEVNULL, 2),
        (["receive", "--key", "KEY", "--out", "file"], subprocess.DEVNULL, 2),
        (["receive", "--key", "none", "--out", "out"], subprocess.DEVNULL, 3),
        (["receive", "--key", "KEY", "--out", "out"], subprocess.DEVNULL, 3),
    ],
)
def test_an_error_is_one_json_object_too(
    tmp_path: Path, arguments: list[str], stdin: int | None, code: int
) -> None:
    key = new_key(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        words = [str(key) if word == "KEY" else word for word in arguments]
        ran = subprocess.run(
            [*GUARD, *words, "--json", "--to" if words[0] == "send" else "--listen", where],
            cwd=tmp_path, stdin=stdin, capture_output=True, check=False, text=True, timeout=60,
            preexec_fn=(lambda: os.close(0)) if stdin is None else None,
        )  # fmt: skip
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "mistake of ours" not in ran.stderr
    if arguments[-1] != "file":  # what click itself refuses, before the command is called
        report = json.loads(ran.stdout)
        assert report.get("error") or report["refused"]


def test_damaged_state_is_no_new_beginning(tmp_path: Path) -> None:
    key, state = new_key(tmp_path), tmp_path / "in" / ".checkvalve"
    with receiver(key, tmp_path / "in") as (process, _):
        process.terminate()
        process.wait(20)
    (state / "state.json").write_text('{"session": "many"}')
    order = Ends.order_of(key, "127.0.0.1:0", tmp_path / "in", SENDING)
    receiving = Receiving(order)
    receiving.starts_max = 2
    try:
        with pytest.raises(Broken, match="again and again"):
            for _ in receiving.facts():
                pass
    finally:
        receiving.stop()


def test_trailers_of_an_earlier_start_are_looked_at_again(tmp_path: Path) -> None:
    """Complete streams whose supervisor was killed: more than one packet can name."""
    key, out = new_key(tmp_path), tmp_path / "in"
    order = Ends.order_of(key, "127.0.0.1:0", out, SENDING)
    Receiving(order).stop()
    incoming = out / ".checkvalve" / "incoming"
    base = 2**60
    for number in range(6000):
        done = incoming / f"{base + number}.done"
        done.write_bytes(Trailer(f"f{number}", 0o644, 1).write())
    receiving = Receiving(order)
    try:
        found = 0
        until_s = time.monotonic() + 30
        for fact in receiving.facts():
            found += fact["what"] == "file"
            if found == 6000 or time.monotonic() > until_s:
                break
    finally:
        receiving.stop()
    assert found == 6000
