"""What `make bench-peers` claims of a transfer: a small tool of real processes shows each end."""

import argparse
import json
import sys
import time
from pathlib import Path

import pytest

from bench.peer_net import bound_hosts, hosts_in
from bench.peer_ours import Ours
from bench.peer_pydiode import exchange, piped
from bench.peer_run import Child, Peer, Place, Run, Source, Start, has_size, transfer
from bench.peer_search import CONFIRMING_RUNS, Found, search
from bench.peers import PEERS, Measured, circumstances, file_system, rotated, row, show

RECEIVER = """
import socket, sys
port, out = int(sys.argv[1]), sys.argv[2]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard, open(out, "wb") as file:
    heard.bind(("127.0.0.1", port))
    while (datagram := heard.recv(2048)) != b"end":
        file.write(datagram)
"""
SENDER = """
import socket, sys
port, source, harm = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near, open(source, "rb") as file:
    parts = iter(lambda: file.read(1024), b"")
    for number, part in enumerate(parts):
        if number == 1 and harm == "lose":
            continue
        if number == 1 and harm == "change":
            part = bytes(len(part))
        near.sendto(part, ("127.0.0.1", port))
    near.sendto(b"end", ("127.0.0.1", port))
"""
SIZE_BYTES = 8 * 1024


class Tool(Peer):
    """Sends a file in datagrams of 1 KB; `harm` spoils the second one."""

    name = "tool"
    caveats = ("nothing but a test",)
    first_mbit, last_mbit = 100, 1000
    grace_s = 0.3

    def __init__(self, harm: str = "no", receiver: str = RECEIVER) -> None:
        self._harm = harm
        self._receiver = receiver

    def version(self) -> str:
        return "1"

    def setting(self, pace_mbit: int, mtu_bytes: int) -> str:
        return f"{pace_mbit} {mtu_bytes}"

    def receiver(self, place: Place) -> Start:
        return Start([sys.executable, "-c", self._receiver, str(place.port), str(place.output)])

    def sender(self, place: Place, source: Path, pace_mbit: int) -> Start:
        return Start([sys.executable, "-c", SENDER, str(place.port), str(source), self._harm])

    def complete(self, place: Place, size_bytes: int) -> bool:
        return has_size(place.output, size_bytes)


def run_of(tool: Peer, tmp_path: Path) -> Run:
    return transfer(tool, tmp_path, Source.make(tmp_path / "source", SIZE_BYTES), 100, 1500)


def test_an_intact_run_has_goodput_time_and_cpu_seconds_of_both(tmp_path: Path) -> None:
    run = run_of(Tool(), tmp_path)
    assert (run.intact, run.why) == (True, "")
    assert run.goodput_mb_s == pytest.approx(SIZE_BYTES / run.seconds / 1e6)
    assert run.cpu_s > 0
    assert run.hosts == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("harm", "seen"), [("change", "another SHA-256"), ("lose", "receiver:  (exit code 0)")]
)
def test_a_run_that_is_not_intact_counts_as_nothing(harm: str, seen: str, tmp_path: Path) -> None:
    run = run_of(Tool(harm), tmp_path)
    assert (run.intact, run.goodput_mb_s) == (False, 0.0)
    assert seen in run.why


def test_a_receiver_that_waits_for_ever_is_given_up_and_ended(tmp_path: Path) -> None:
    started_s = time.monotonic()
    run = run_of(Tool("lose", RECEIVER + "import time\ntime.sleep(60)\n"), tmp_path)
    assert time.monotonic() - started_s < 30
    assert not run.intact
    assert "receiver:  (ended by the benchmark)" in run.why


def test_a_receiver_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    run = run_of(Tool("no", "raise SystemExit('no such interface')"), tmp_path)
    assert run.why == "the receiver did not start: no such interface"


def test_a_sender_that_fails_is_not_waited_for(tmp_path: Path) -> None:
    tool = Tool("lose", RECEIVER)
    tool.grace_s = 60
    run = transfer(tool, tmp_path, Source(tmp_path / "not there", 1, bytes(32)), 100, 1500)
    assert run.seconds < 30
    assert "sender: FileNotFoundError" in run.why


def test_nothing_is_left_of_a_run(tmp_path: Path) -> None:
    run_of(Tool(), tmp_path)
    run_of(Tool("lose"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_child_is_ended_also_when_the_block_fails(tmp_path: Path) -> None:
    child = Child(Start([sys.executable, "-c", "import time; time.sleep(60)"]), tmp_path / "log")
    try:
        with child:
            assert child.running()
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert child.code == -15
    assert not child.running()


def test_addresses_of_a_port_are_read_from_the_kernels_table() -> None:
    def word(host: str) -> str:
        return f"{int.from_bytes(bytes(map(int, host.split('.'))), sys.byteorder):08X}"

    table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    for number, (host, port) in enumerate(
        (("127.0.0.1", 9000), ("0.0.0.0", 9000), ("10.0.0.1", 1))
    ):
        table += f" {number:4}: {word(host)}:{port:04X} 00000000:0000 07 00000000:00000000\n"
    assert hosts_in(table, 9000) == {"127.0.0.1", "0.0.0.0"}
    assert hosts_in(table, 2) == frozenset()
    assert bound_hosts(0) == frozenset()


class Trial:
    """A tool whose goodput follows its pace up to a limit, and that loses above another."""

    def __init__(self, lossless_mbit: int, best_mb_s: float) -> None:
        self.paces: list[int] = []
        self._lossless_mbit, self._best_mb_s = lossless_mbit, best_mb_s

    def __call__(self, pace_mbit: int) -> Run:
        self.paces.append(pace_mbit)
        intact = 0 < pace_mbit <= self._lossless_mbit
        goodput = min(pace_mbit / 8, self._best_mb_s) if intact else 0.0
        return Run(intact, goodput, 1.0, 1.0, "" if intact else "lost", frozenset(), 0)


def test_the_search_takes_the_highest_pace_that_loses_nothing() -> None:
    trial = Trial(lossless_mbit=300, best_mb_s=1000)
    found = search(Tool(), trial, trial)
    assert found is not None
    assert (found.pace_mbit, found.confirmed) == (284, True)
    assert trial.paces == [100, 130, 169, 219, 284, 369, *[284] * CONFIRMING_RUNS]


def test_the_search_goes_down_from_a_first_pace_that_loses() -> None:
    trial = Trial(lossless_mbit=50, best_mb_s=1000)
    found = search(Tool(), trial, trial)
    assert found is not None
    assert 50 / 1.3 < found.pace_mbit <= 50


def test_of_paces_that_bring_the_same_the_slowest_is_taken() -> None:
    trial = Trial(lossless_mbit=10_000, best_mb_s=20)
    found = search(Tool(), trial, trial)
    assert found is not None
    assert found.pace_mbit == 169
    assert max(trial.paces) < 1000


def test_a_pace_that_fails_on_the_file_itself_is_passed_over() -> None:
    trial = Trial(lossless_mbit=300, best_mb_s=1000)
    final = Trial(lossless_mbit=200, best_mb_s=1000)
    found = search(Tool(), trial, final)
    assert found is not None
    assert (found.pace_mbit, found.confirmed) == (169, True)
    never = Trial(lossless_mbit=0, best_mb_s=1000)
    found = search(Tool(), trial, never)
    assert found is not None
    assert (found.pace_mbit, found.confirmed) == (100, False)
    assert search(Tool(), never, never) is None


def test_each_tool_comes_first_in_turn() -> None:
    orders = [rotated(["a", "b", "c"], by) for by in range(4)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]
    assert rotated([], 3) == []


def run(goodput_mb_s: float) -> Run:
    intact = goodput_mb_s > 0
    return Run(intact, goodput_mb_s, 0.5, 1.5, "" if intact else "lost", frozenset({"::"}), 7)


def test_a_run_not_intact_lowers_the_median_and_is_said() -> None:
    found = Found(100, True, [(100, 80.0)])
    tool = Measured(Tool(), "1", found=found, runs=[run(80.0), run(0.0), run(90.0)])
    ours = Measured(Tool(), "1", found=found, runs=[run(160.0)])
    told = row(tool, ours, 1500)
    assert (told["goodput_mb_s"], told["intact"], told["ratio"]) == (80.0, "2/3", 2.0)
    assert told["not_intact"] == ["lost"]
    assert (told["latency_ms"], told["latency_running_ms"]) == (None, None)


def test_what_is_printed_is_json_also_where_nothing_worked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = Measured(Tool(), "1", found=Found(100, False, []), runs=[run(0.0)])
    lost.running_ms = [float("inf")]
    rows = [row(lost, lost, 1500), row(Measured(Tool(), missing="not there"), lost, 1500)]
    around = circumstances(argparse.Namespace(size_mb=1, mtu=1500, runs=1), tmp_path)
    assert rows[0]["ratio"] is None
    assert json.loads(json.dumps(around | {"tools": rows}, allow_nan=False))["mtu"] == 1500
    show(rows, around)
    printed = capsys.readouterr().out
    assert "tool: not there" in printed
    assert "no pace was intact each time it was tried" in printed


def test_the_file_system_of_a_folder_is_named() -> None:
    assert file_system(Path("/proc/self")) == "proc"


@pytest.mark.parametrize("mtu_bytes", [576, 1500, 9000])
def test_no_tool_that_can_be_told_makes_datagrams_above_the_mtu(mtu_bytes: int) -> None:
    told = {peer.name: peer.setting(100, mtu_bytes) for peer in PEERS}
    packet = int(told["udpcast"].rpartition(" ")[2])
    assert packet + 16 + 28 <= mtu_bytes
    block = int(told["uftp"].split("-b ")[1].split(" ")[0])
    assert block == min(8800, mtu_bytes - 28 - 28)
    assert told["pydiode-mtu"].endswith(str(mtu_bytes - 28))
    assert told["ours"].endswith(f"--mtu {mtu_bytes}")


def test_ours_is_started_on_loopback_with_the_same_key(tmp_path: Path) -> None:
    place = Place(tmp_path, 20_000, 1500)
    starts = (Ours().receiver(place), Ours().sender(place, tmp_path / "source", 7000))
    for start in starts:
        assert "127.0.0.1:20000" in start.argv
        assert start.argv[start.argv.index("--key") + 1] == str(tmp_path / "key")
    assert starts[1].argv[-1] == str(tmp_path / "source")


def test_a_message_between_running_processes_is_timed_or_infinite() -> None:
    echo = [sys.executable, "-c", "import os\nwhile b := os.read(0, 1024): os.write(1, b)"]
    with piped(echo, stdin=-1, stdout=-1) as both:
        assert 0 < exchange(both, both) < 2
    with piped([sys.executable, "-c", "import os; os.read(0, 1024)"], stdin=-1, stdout=-1) as deaf:
        assert exchange(deaf, deaf) == float("inf")
    with pytest.raises(ValueError, match="pipes"), piped(echo) as neither:
        exchange(neither, neither)
    assert None not in (both.returncode, deaf.returncode, neither.returncode)
