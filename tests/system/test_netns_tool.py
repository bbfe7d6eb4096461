"""`diode-sim netns` as a tool: what it makes, says, and leaves behind (nothing)."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from diode_sim.models import make_channel
from diode_sim.options import Options
from tests.system.netns_tool import (
    NOBODY,
    PATIENCE_S,
    ROOT,
    Tool,
    as_nobody,
    left_of,
    needs_pair,
    new_name,
    pair,
)

pytestmark = [needs_pair, pytest.mark.long]

RECEIVES = """
import socket, sys
host = sys.argv[1]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
heard = socket.socket(family, socket.SOCK_DGRAM)
heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
heard.bind((host, 47000))
heard.settimeout(float(sys.argv[2]))
got = []
try:
    while True:
        got.append(heard.recv(65536).hex())
except TimeoutError:
    print(*got)
"""
SENDS = """
import socket, sys, time
host = sys.argv[1]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
out = socket.socket(family, socket.SOCK_DGRAM)
for number in range(int(sys.argv[2])):
    out.sendto(number.to_bytes(4, "big") * 50, (host, 47000))
    time.sleep(0.0005)
"""
DATAGRAMS = 600
KILLS = 6
BY_USER = pytest.mark.parametrize("nobody", [False, True], ids=["as-we-are", "as-nobody"])


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    for name, text in (("receives", RECEIVES), ("sends", SENDS)):
        (tmp_path / name).write_text(text)
    return tmp_path


def run_both(host: str, programs: Path, *options: str) -> tuple[list[str], dict[str, Any]]:
    """What the one-shot form's high end got, and the counters."""
    high = f"{sys.executable} {programs}/receives {host} 1.5"
    low = f"{sys.executable} {programs}/sends {host} {DATAGRAMS}"
    words = [sys.executable, "-m", "diode_sim", "netns", "run", "--high", high, "--low", low]
    done = subprocess.run(
        [*words, "--linger", "20", "--json", *options], cwd=ROOT, text=True, capture_output=True,
        check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got, told = done.stdout.splitlines()
    assert left_of('diode_sim.netns.holder {"name": "run-') == []
    return got.split(), json.loads(told)


@pytest.mark.parametrize("host", ["10.99.0.2", "fd99::2"])
def test_the_one_shot_form_passes_all_and_counts_it(host: str, programs: Path) -> None:
    got, told = run_both(host, programs)
    assert got == [(number.to_bytes(4, "big") * 50).hex() for number in range(DATAGRAMS)]
    kind = "udp6" if ":" in host else "udp4"
    headers = 14 + (48 if ":" in host else 28)
    tally = {"packets": DATAGRAMS, "bytes": DATAGRAMS * (200 + headers)}
    assert told["forward"][kind] == told["forward"]["passed"] == tally
    assert told["reverse"]["passed"] == told["reverse"]["dropped"] == {"packets": 0, "bytes": 0}
    assert told["exit_codes"] == {"high": 0, "low": 0}


@pytest.mark.parametrize("host", ["10.99.0.2", "fd99::2"])
def test_a_scenario_does_to_each_datagram_what_its_seed_says(host: str, programs: Path) -> None:
    options = Options(loss=0.1, duplicate=0.1, corrupt=0.1, truncate=0.1, seed=7)
    scenario = programs / "scenario.toml"
    scenario.write_text("[link]\nloss = 0.1\nduplicate = 0.1\ncorrupt = 0.1\ntruncate = 0.1\n"
                        "seed = 7\n")  # fmt: skip
    got, told = run_both(host, programs, "--scenario", str(scenario))
    channel = make_channel(options)
    expected = [
        copy.mutate(number.to_bytes(4, "big") * 50).hex()
        for number in range(DATAGRAMS)
        for copy in channel.decide(number, 200)
    ]
    # an empty datagram prints as nothing
    assert got == [text for text in expected if text]
    models = told["models"]
    assert (models["in"], models["out"]) == (DATAGRAMS, len(expected))
    assert all(models[name] for name in ("lost", "duplicated", "corrupted", "truncated"))


def test_too_many_flows_are_refused_and_counted(programs: Path) -> None:
    scenario = programs / "scenario.toml"
    scenario.write_text("[link]\nseed = 1\n")
    with pair("--scenario", str(scenario)) as tool:
        tool.python_inside("low", (
            "import socket\n"
            "kept = [socket.socket(2, 2) for _ in range(70)]\n"  # so that none gets another's port
            "for each in kept:\n"
            "    each.sendto(b'?', ('10.99.0.2', 47000))\n"
        ))  # fmt: skip
        models = tool.status()["models"]
        assert (models["flows"], models["in"]) == (64, 64)
        assert models["flows_refused"] >= 1


def test_the_death_of_what_passes_datagrams_on_is_told(programs: Path) -> None:
    scenario = programs / "scenario.toml"
    scenario.write_text("[link]\nloss = 0.5\n")
    with pair("--scenario", str(scenario)) as tool:
        holder = tool.status()["process"]
        own = Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
        path = next(p for p in own if b"netns.path" in Path(f"/proc/{p}/cmdline").read_bytes())
        os.kill(int(path), signal.SIGKILL)
        done = tool.command("status")
        assert done.returncode == 1
        assert "the link is dead" in done.stdout


@contextmanager
def as_we_are() -> Iterator[Tool]:
    """The tool as the user who runs the tests."""
    yield Tool(new_name())


@BY_USER
def test_a_pair_from_up_to_down(nobody: bool, open_folder: Path) -> None:
    user = as_nobody(open_folder) if nobody else as_we_are()
    with user as tool, pair("--mtu", "9000", tool=tool):
        assert tool.status()["mtu_bytes"] == 9000
        assert tool.inside("high", "sh", "-c", "id -u; exit 7").returncode == 7
        assert tool.inside("high", "sh", "-c", "kill -9 $$").returncode == 137
        assert tool.inside("low", "no-such-program").returncode == 127
        assert tool.inside("low", "id", "-u").stdout == "0\n"
        plain = tool.command("exec", "--no-root", "low", "--", "id", "-u").stdout
        expected = tool.options.get("user", os.geteuid())
        assert plain == f"{expected}\n"
        again = tool.command("up")
        assert again.returncode == 3
        assert "already" in again.stderr
        done = tool.command("down", "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["reverse"]["passed"]["packets"] == 0
        gone = tool.command("status")
        assert gone.returncode == 3
        assert "there is no pair" in gone.stderr


def test_another_user_cannot_reach_a_pair(open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    with pair() as ours, as_nobody(open_folder) as theirs:
        asking = (
            "import json, socket\n"
            "one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            f"one.connect(b'\\0diode-sim/0/{ours.name}')\n"
            "one.settimeout(10)\n"
            "try:\n"
            "    one.send(json.dumps({'do': 'enter', 'side': 'low'}).encode())\n"
            "    print(socket.recv_fds(one, 100, 4)[:2])\n"
            "except (BrokenPipeError, ConnectionResetError):\n"
            "    print((b'', []))\n"
        )
        done = subprocess.run([*theirs.python, "-c", asking], text=True, capture_output=True,
                              check=False, timeout=PATIENCE_S, cwd=open_folder,
                              **theirs.options)  # fmt: skip
        assert done.stdout == "(b'', [])\n", done.stderr
        assert theirs.options["user"] == NOBODY


# -- what is left behind -----------------------------------------------------------------------


def moments() -> list[float]:
    """Seconds after the start, spread over the making of a pair and a while after it."""
    chance = random.Random(4)
    return [0.02 + 1.6 * (at + chance.random()) / KILLS for at in range(KILLS)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_any_moment_the_one_shot_form_leaves_nothing(number: signal.Signals) -> None:
    for after_s in moments():
        mark = f"9{new_name().rpartition('-')[2]}{os.getpid()}"
        high = f"{sys.executable} -c 'import socket, time; s = socket.socket(2, 2);" \
            f" s.bind((\"10.99.0.2\", 1)); time.sleep({mark})'"  # fmt: skip
        words = ["run", "--high", high, "--low", f"sh -c 'sleep {mark}; true'"]
        with subprocess.Popen(
            [sys.executable, "-m", "diode_sim", "netns", *words], cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as running:  # fmt: skip
            time.sleep(after_s)
            running.send_signal(number)
            running.wait(PATIENCE_S)
        assert left_of(f"run-{running.pid}") == [], after_s
        assert left_of(mark) == [], after_s


def test_killed_at_any_moment_up_leaves_nothing_that_down_does_not_mend() -> None:
    for after_s in moments():
        tool = Tool(new_name())
        with tool.start("up") as making:
            time.sleep(after_s / 2)
            making.kill()
        with suppress(AssertionError):
            left_of(tool.name, within_s=1)
        assert tool.command("down").returncode in (0, 3)
        assert left_of(tool.name) == [], after_s


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_holder_that_is_killed_or_hangs_takes_everything_with_it(number: signal.Signals) -> None:
    tool = Tool(new_name())
    assert tool.command("up").returncode == 0
    holder = tool.status()["process"]
    mark = f"8{holder}{os.getpid()}"
    with tool.start("exec", "high", "--", "sh", "-c", f"sleep {mark}; true") as sleeping:
        while not any(mark in Path(p).read_text() for p in sleeps()):
            time.sleep(0.02)
        os.kill(holder, number)
        if number == signal.SIGSTOP:
            assert tool.command("status").returncode == 3
            assert tool.command("down").returncode == 1
        assert sleeping.wait(PATIENCE_S) != 0
    assert left_of(mark) == []
    assert left_of(tool.name) == []
    assert tool.command("down").returncode == 3
    assert tool.command("up").returncode == 0
    assert tool.command("down").returncode == 0


def sleeps() -> list[str]:
    """Of the processes that sleep by a program, their command lines' files."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text() == "sleep\n":
                found.append(str(path.with_name("cmdline")))
    return found


def test_in_the_foreground_it_stays_until_it_is_asked_to_end() -> None:
    tool = Tool(new_name())
    with tool.start("up", "--foreground", "--json") as staying:
        assert staying.stdout is not None
        assert json.loads(staying.stdout.readline())["name"] == tool.name
        staying.send_signal(signal.SIGINT)
        assert json.loads(staying.stdout.readline())["works"] is True
        assert staying.wait(PATIENCE_S) == 0
    assert left_of(tool.name) == []


# -- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["up", "--name", "Two Words"], 2, "is no name"),
        (["up", "--mtu", "100"], 2, "--mtu"),
        (["up", "--scenario", "pyproject.toml"], 2, "[link]"),
        (["up", "--low-rules", "pyproject.toml"], 3, "syntax error"),
        (["status", "--name", "no-such-pair"], 3, "there is no pair"),
        (["down", "--name", "no-such-pair"], 3, "there is no pair"),
        (["exec", "--name", "no-such-pair", "low", "--", "true"], 3, "there is no pair"),
        (["exec", "middle", "--", "true"], 2, "middle"),
        (["run", "--high", "'", "--low", "true"], 2, "--high"),
        (["run", "--high", "", "--low", "true"], 2, "names no command"),
    ],
)
def test_what_is_wrong_is_a_sentence(words: list[str], code: int, says: str) -> None:
    command = [sys.executable, "-m", "diode_sim", "netns", *words]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False,
                          timeout=PATIENCE_S)  # fmt: skip
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("high", "low", "codes"),
    [
        ("false", "true", {"high": 1, "low": None}),
        ("true", "true", {"high": 0, "low": None}),
        ("no-such-program", "true", {"high": 127, "low": None}),
    ],
)
def test_a_high_end_that_does_not_listen_ends_the_one_shot_form(
    high: str, low: str, codes: dict[str, int | None]
) -> None:
    words = [sys.executable, "-m", "diode_sim", "netns", "run", "--high", high, "--low", low]
    done = subprocess.run([*words, "--json"], cwd=ROOT, text=True, capture_output=True,
                          check=False, timeout=PATIENCE_S)  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["exit_codes"] == codes


LACKS = {
    "there is no nft": "mount --bind /dev/null $(command -v nft)",
    "there is no ip": "mount --bind /dev/null $(command -v ip)",
    "refuses the namespaces of an end": "echo 0 > /proc/sys/user/max_user_namespaces",
    "lets root make no network namespace": "echo 0 > /proc/sys/user/max_net_namespaces",
}


@pytest.mark.parametrize("says", LACKS)
def test_what_the_host_lacks_is_a_sentence(says: str) -> None:
    script = f"{LACKS[says]} || exit 99; exec {sys.executable} -m diode_sim netns up"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False,
                          timeout=PATIENCE_S,
                          env=os.environ | {"PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}"},
                          )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
