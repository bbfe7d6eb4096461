"""The bare link as a tool: real processes, sockets, sandbox, files."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from guard.edge.finishing import Finisher
from guard.edge.naming import FileToSend
from guard.link.params import LinkParams
from guard.link.trailer import Trailer
from guard.transfer import ReceiveOrder, Receiving, Sending, SendOrder
from schemas.cbor import encode
from schemas.errors import Malformed
from tests.system.link_tool import (
    MBIT,
    SENDING,
    Ends,
    ends,
    files_of,
    new_key,
    receiving_params,
    simulated_link,
)

GUARD = [sys.executable, "-m", "guard", "link"]


def make_file(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


def test_files_directories_modes_and_times_arrive(tmp_path: Path) -> None:
    top = tmp_path / "top"
    make_file(top / "a" / "b.bin", 3_000_000).chmod(0o750)
    make_file(top / "empty", 0)
    make_file(top / "ünïcode name", 10)
    os.utime(top / "empty", (1_000_000_000, 1_000_000_000))
    (top / "link").symlink_to("empty")
    single = make_file(tmp_path / "single", 57_344)
    with ends(tmp_path) as both:
        both.send(files_of(top, single))
        both.wait("file", 4)
        for name in ("top/a/b.bin", "top/empty", "top/ünïcode name", "single"):
            assert (both.out / name).read_bytes() == (tmp_path / name).read_bytes()
        assert (both.out / "top/a/b.bin").stat().st_mode & 0o777 == 0o750
        assert (both.out / "top/empty").stat().st_mtime == 1_000_000_000
        assert not (both.out / "top/link").exists()
        assert not both.told("gap")


def test_a_name_that_is_taken_is_never_written_over(tmp_path: Path) -> None:
    source = make_file(tmp_path / "report", 1000)
    first = source.read_bytes()
    with ends(tmp_path) as both:
        both.send(files_of(source))
        both.wait("file")
        make_file(source, 2000)
        both.send(files_of(source))
        both.wait("file", 2)
        assert (both.out / "report").read_bytes() == first
        assert (both.out / "report.2").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a/../../b", "", ".", "x/", "a//b", ".checkvalve/state.json",
             "new\nline", "e\u0301", "a" * 256],
)  # fmt: skip
def test_a_hostile_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    """Sent by hand, as a sender would that does not keep to the rules."""
    with pytest.raises(Malformed):
        Trailer(name, 0o644, 1).write()
    content = encode({"m": 0o644, "n": name, "t": 1})
    done = tmp_path / "state" / "7.done"
    done.parent.mkdir()
    done.write_bytes(b"data" + content + len(content).to_bytes(4, "big") + b"CVF1")
    out = tmp_path / "out"
    out.mkdir()
    (told,) = Finisher(done.parent, out, replace=False).finish([7])
    assert told["what"] == "unnamed"
    assert done.with_suffix(".unnamed").read_bytes().startswith(b"data")
    assert not list(out.iterdir())


def test_a_symbolic_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    out, elsewhere, state = tmp_path / "out", tmp_path / "elsewhere", tmp_path / "state"
    for folder in (out, elsewhere, state):
        folder.mkdir()
    (out / "sub").symlink_to(elsewhere)
    done = state / "1.done"
    done.write_bytes(b"data" + Trailer("sub/x", 0o644, 1).write())
    (told,) = Finisher(state, out, replace=False).finish([1])
    assert "sub/x" in str(told["sentence"])
    assert (state / "1.unnamed").read_bytes() == b"data"
    assert not list(elsewhere.iterdir())


def test_a_break_between_trailer_and_name_loses_nothing(tmp_path: Path) -> None:
    """The trailer was cut off and kept beside, then everything was killed."""
    out, state = tmp_path / "out", tmp_path / "state"
    out.mkdir()
    state.mkdir()
    done = state / "1.done"
    trailer = Trailer("x", 0o644, 1).write()
    done.write_bytes(b"data")
    (state / "1.name").write_bytes((4 + len(trailer)).to_bytes(8, "big") + b"data" + trailer)
    (told,) = Finisher(state, out, replace=False).finish([1])
    assert told["what"] == "file"
    assert (out / "x").read_bytes() == b"data"
    assert [path.name for path in state.iterdir()] == ["1.name"]  # for the receiver to remove


def test_standard_input_of_any_length(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    receiver = subprocess.Popen(
        [*GUARD, "receive", "--listen", "127.0.0.1:0", "--key", key, "--out", tmp_path / "in",
         "--count", "1", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    port = wait_for_port(receiver.pid)
    data = os.urandom(1_000_000)
    sent = subprocess.run(
        [*GUARD, "send", "--to", f"127.0.0.1:{port}", "--key", key, "--name", "dump", "--json",
         "-"],
        input=data, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["streams"] == 1
    out, _ = receiver.communicate(timeout=60)
    assert receiver.returncode == 0
    report = json.loads(out)
    assert report["files"][0]["bytes"] == len(data)
    assert (tmp_path / "in" / "dump").read_bytes() == data


def wait_for_port(pid: int) -> int:
    """The UDP port that a process listens on, from its descriptors."""
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        inodes = set()
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(entry).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue
        for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                return int(fields[1].rpartition(":")[2], 16)
        time.sleep(0.05)
    raise AssertionError("the receiver does not listen")


def test_a_file_that_shrinks_is_given_up_and_told_on_both_sides(tmp_path: Path) -> None:
    source = make_file(tmp_path / "shrinking", 500_000)
    told = files_of(source)
    source.write_bytes(b"now short")
    good = make_file(tmp_path / "good", 1000)
    with ends(tmp_path) as both:
        facts = both.send([*told, *files_of(good)])
        assert [fact["sequence"] for fact in facts if fact["what"] == "given-up"] == [1]
        both.wait("gap")
        assert [(fact["first"], fact["last"]) for fact in both.told("gap")] == [(1, 1)]
        both.wait("file")
        assert (both.out / "good").read_bytes() == good.read_bytes()


def holes_are_exact(path: Path, source: Path, missing: list[list[int]]) -> bool:
    """Outside the missing ranges the bytes are the source's."""
    landed, wanted = path.read_bytes(), source.read_bytes()
    at = 0
    for first, last in [*missing, [len(wanted), len(wanted)]]:
        if landed[at:first] != wanted[at:first]:
            return False
        at = last + 1
    return True


def kill_often(both: Ends, times: int) -> None:
    for before in range(times):
        time.sleep(0.3)
        os.kill(both.receiving.pid, signal.SIGKILL)
        both.wait("restarted", before + 1)


def test_a_receiver_killed_in_the_middle_loses_little_and_says_exactly_what(tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 60_000_000)
    with ends(tmp_path, replace(SENDING, rate_bits_per_s=200 * MBIT)) as both:
        sending = both.start(files_of(source))
        facts = sending.facts()
        next(facts)
        kill_often(both, 2)
        list(facts)
        until_s = time.monotonic() + 20
        while not (both.told("file") or both.told("stream-gap")) and time.monotonic() < until_s:
            time.sleep(0.05)
        assert len(both.told("restarted")) == 2
        if both.told("file"):
            assert (both.out / "source").read_bytes() == source.read_bytes()
            return
        (gap,) = both.told("stream-gap")
        part = both.out / ".checkvalve" / "incoming" / f"{gap['sequence']}.part"
        assert gap["missing_bytes"] == sum(last - first + 1 for first, last in gap["missing"])
        assert holes_are_exact(part, source, gap["missing"])
        # Two restarts of under a second at 25 MB/s; the kept socket holds more than half of each.
        assert gap["missing_bytes"] < 40_000_000


def test_what_landed_before_the_kill_is_completed_by_the_repeat(tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 30_000_000)
    params = replace(SENDING, rate_bits_per_s=200 * MBIT, repeats=1, repeat_pause_ms=500)
    with ends(tmp_path, params) as both:
        sending = both.start(files_of(source))
        facts = sending.facts()
        next(facts)
        kill_often(both, 2)
        list(facts)
        both.wait("file")
        assert (both.out / "source").read_bytes() == source.read_bytes()
        assert not both.told("gap")


def test_a_receiver_started_late_says_what_it_missed(tmp_path: Path) -> None:
    lost, got = make_file(tmp_path / "lost", 100_000), make_file(tmp_path / "got", 100_000)
    with ends(tmp_path) as both:
        with simulated_link(both.addresses[0], "--loss", "1") as nowhere:
            both.send(files_of(lost), [nowhere])
        both.send(files_of(got))
        both.wait("file")
        assert [(fact["first"], fact["last"]) for fact in both.wait("gap")] == [(1, 1)]


def test_two_links_as_copies_survive_the_loss_of_one_and_name_it(tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 5_000_000)
    params = replace(SENDING, rate_bits_per_s=10 * MBIT)
    with ends(tmp_path, params, links=2) as both:
        first, second = both.addresses
        with simulated_link(second, "--loss", "1") as dead:
            both.send(files_of(source), [first, dead], copies=True)
        both.wait("file")
        assert (both.out / "source").read_bytes() == source.read_bytes()
        assert [fact["link"] for fact in both.wait("link-dead")] == [1]
        assert not both.told("gap")


def test_two_links_striped_carry_one_stream_together(tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 20_000_000)
    with ends(tmp_path, links=2) as both:
        both.send(files_of(source))
        both.wait("file")
        assert (both.out / "source").read_bytes() == source.read_bytes()
        assert not both.told("link-dead")
        assert not [fact for fact in both.told("alarm") if "second time" in fact["sentence"]]


LOSSY = [
    (["--loss", "0.05"], replace(SENDING, k_max=200, repair_percent=15)),
    (["--loss", "0.03"], replace(SENDING, k_max=230, r_max=25, repair_percent=10)),
    (["--burst", "0.005:64"], replace(SENDING, k_max=80, interleave_blocks=40)),
]


@pytest.mark.parametrize(("channel", "params"), LOSSY, ids=["5%", "3%", "bursts"])
def test_a_lossy_link_loses_nothing(tmp_path: Path, channel: list[str], params: LinkParams) -> None:
    """The short form of `python -m tests.campaigns.lossy_link`."""
    source = make_file(tmp_path / "source", 20_000_000)
    with ends(tmp_path, params) as both:
        with simulated_link(both.addresses[0], *channel, "--seed", "11") as link:
            both.send(files_of(source), [link])
        both.wait("file")
        assert (both.out / "source").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compression_takes_fewer_bytes_on_the_wire(tmp_path: Path, compression: str) -> None:
    text = b"the same line again, number %d\n"
    source = tmp_path / "log"
    source.write_bytes(b"".join(text % n for n in range(200_000)) + os.urandom(300_000))
    with ends(tmp_path, compression=compression) as both:
        facts = both.send(files_of(source), compression=compression)
        both.wait("file")
        assert (both.out / "log").read_bytes() == source.read_bytes()
        assert facts[-1]["counters"]["wire_bytes"] < source.stat().st_size // 2


def test_ipv6(tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 1_000_000)
    key = new_key(tmp_path)
    params = replace(SENDING, ip_version=6)
    receiving = Receiving(
        ReceiveOrder(key, ["[::1]:0"], tmp_path / "in", receiving_params(params), source="::1")
    )
    try:
        port = receiving.sockets[0].getsockname()[1]
        list(Sending(SendOrder(key, [f"[::1]:{port}"], files_of(source), params)).facts())
        facts = receiving.facts()
        until_s = time.monotonic() + 20
        assert any(fact["what"] == "file" for fact in facts if time.monotonic() < until_s)
    finally:
        receiving.stop()
    assert (tmp_path / "in" / "source").read_bytes() == source.read_bytes()


def test_a_lost_counter_is_no_new_beginning(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    key.with_name("link.key.session").unlink()
    sent = subprocess.run(
        [*GUARD, "send", "--to", "127.0.0.1:9", "--key", key, __file__],
        capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert sent.returncode == 3
    assert "make a new key" in sent.stderr


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    for arguments in (
        ["send", "--to", "example.org:1", "--key", "k", "x"],
        ["send", "--to", "127.0.0.1:1", "--key", "k", "--rate", "fast", "x"],
        ["send", "--to", "127.0.0.1:1", "--key", str(tmp_path / "none"), __file__],
        ["receive", "--listen", "127.0.0.1:0", "--key", str(tmp_path / "none"), "--out",
         str(tmp_path / "o")],
    ):  # fmt: skip
        ran = subprocess.run(
            [*GUARD, *arguments], capture_output=True, check=False, text=True, timeout=60
        )
        assert ran.returncode in (2, 3), arguments
        assert "Traceback" not in ran.stderr
        assert ran.stderr.strip()


def test_the_file_to_send_is_described() -> None:
    (one,) = files_of(Path(__file__))
    assert isinstance(one, FileToSend)
    assert one.name == Path(__file__).name
