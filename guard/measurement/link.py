"""How fast the bare link is on this machine: `guard bench link`.

Takes sizes and a pace, gives figures: a file from disk to disk through the real, confined processes
over loopback; beside it, in the same run, what the kernel alone can copy through the same kind of
sockets; and how long a small message takes. May write below one folder, and send over loopback.
"""

import hashlib
import os
import select
import shutil
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from guard.edge.keys import new_secret, write_secret
from guard.edge.naming import FileToSend, files_below
from guard.edge.udp import ReceiverSocket, SenderSocket, open_sender
from guard.link.params import HEADER_BYTES, LinkParams
from guard.measurement.latency import MESSAGE_BYTES, alone_ms, beside_file_ms, spread
from guard.measurement.loopback import FORK, listen, received, warm_memory
from guard.transfer import LinkKey, ReceiveOrder, Receiving, Sending, SendOrder
from schemas.errors import Broken
from schemas.reasons import Reason

MESSAGES = 500
_GIVE_UP_S = 60.0
_SLOWEST_BYTES_PER_S = 20e6
_QUIET_S = 0.5
_PACE_BITS_PER_S = 1_500_000_000
_PACE_BYTES = 256 * 2**20
_PACE_MOST_BITS_PER_S = 200_000_000_000
_PACE_STEPS = (1.1, 1.25)  # the last is taken first
_PACE_GAIN_MIN = 1.03
_PACE_SPARE = 1.05  # records are whole pages: a part of each block is empty
_PACES_MAX = 5

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure. params: the sender's; the receiver takes any of the same MTU.

    params_paced: the rate in `params` is meant; else one is looked for.
    warm: have the memory for the file before each run.
    """

    folder: Path
    size_bytes: int
    runs: int
    params: LinkParams
    params_paced: bool = True
    messages: int = MESSAGES
    warm: bool = True


def _make_ready(bench: Bench) -> None:
    """Remove what the run before wrote, have the rest on disk, and memory for the next file.

    Else the kernel writes to disk during a run what came before it, and holds up who writes now
    for a quarter of a second at a time: that would be the disk's figure.
    """
    for name in ("link", "pieces"):
        shutil.rmtree(bench.folder / name, ignore_errors=True)
    (bench.folder / "copied").unlink(missing_ok=True)
    os.sync()
    if bench.warm:
        warm_memory(bench.folder, bench.size_bytes)


def measure(bench: Bench, tell: Tell) -> dict[str, Any]:
    """All figures, medians over the runs; `tell` says in words what is being done."""
    source = bench.folder / "source"
    tell(f"making a file of {bench.size_bytes:,} bytes")
    _make(source, bench.size_bytes)
    expected = _digest(source)
    if not bench.params_paced:
        bench = _find_pace(bench, source, tell)
    bares: list[float] = []
    copies: list[float] = []
    for attempt in range(_PACES_MAX):
        runs: list[dict[str, Any]] = []
        for run in range(bench.runs):
            tell(f"run {run + 1} of {bench.runs}, {bench.params.rate_bits_per_s / 1e9:.1f} Gbit/s")
            bares.append(_bare(bench.params, bench.size_bytes, None, None))
            _make_ready(bench)
            copies.append(_bare(bench.params, bench.size_bytes, source, bench.folder / "copied"))
            runs.append(_transfer(bench, source, expected))
            if not runs[-1]["intact"] and not bench.params_paced and attempt < _PACES_MAX - 1:
                break
        if bench.params_paced or all(run["intact"] for run in runs):
            break
        bench = _paced(bench, bench.params.rate_bits_per_s * 85 // 100)
        tell("the receiver was overrun: all runs again, slower")
    return _figures(bench, source, runs, bares, copies, tell)


def _find_pace(bench: Bench, source: Path, tell: Tell) -> Bench:
    """Upward from a slow pace, until a part of the file is lost or nothing is gained; from there
    in smaller steps. A pace has two tries, for the host may have had something else to do, and
    the better counts. Gives no higher pace than the sender reached."""
    size = min(bench.size_bytes, _PACE_BYTES)
    part = bench.folder / "part"
    with source.open("rb") as whole, part.open("wb") as out:
        out.write(whole.read(size))
    expected = _digest(part)
    rate, best, good, steps = _PACE_BITS_PER_S, 0.0, _PACE_BITS_PER_S // 2, [*_PACE_STEPS]
    while steps:
        tell(f"trying {rate / 1e9:.1f} Gbit/s")
        trial = _paced(replace(bench, size_bytes=size), rate)
        tries = [_transfer(trial, part, expected, name="part") for _ in range(2)]
        found = max(one["goodput_mb_s"] for one in tries)
        if found > best * _PACE_GAIN_MIN and rate < _PACE_MOST_BITS_PER_S:
            best, good = found, rate
        else:
            steps.pop()
        if steps:
            rate = int(good * steps[-1])
    part.unlink()
    return _paced(bench, min(good, _wire_bits_per_s(bench.params, best)) if best else good)


def _wire_bits_per_s(params: LinkParams, goodput_mb_s: float) -> int:
    """The pace that just does not hold this goodput back: a higher one would hold nothing, and
    fill the receiver's memory where it is the slower one."""
    k, r, symbol_bytes = params.shape(params.block_bytes_max)
    wire_bytes = (k + r) * params.wire_bytes(symbol_bytes + HEADER_BYTES)
    return int(goodput_mb_s * 8e6 * wire_bytes / (k * symbol_bytes) * _PACE_SPARE)


def _paced(bench: Bench, rate_bits_per_s: int) -> Bench:
    return replace(bench, params=replace(bench.params, rate_bits_per_s=rate_bits_per_s))


def _figures(
    bench: Bench, source: Path, runs: list[dict[str, Any]], bares: list[float],
    copies: list[float], tell: Tell,
) -> dict[str, Any]:  # fmt: skip
    tell(f"{bench.messages} messages of {MESSAGE_BYTES} bytes")
    latency = spread(alone_ms(bench.params, bench.folder, bench.messages))
    tell("FLASH messages beside a file at full rate")
    flash: list[float] = []
    for _ in range(bench.runs):
        _make_ready(bench)
        flash += beside_file_ms(bench.params, bench.folder, source)
    found: dict[str, Any] = {
        name: round(statistics.median(run[name] for run in runs), 3)
        for name in ("goodput_mb_s", "cpu_s", "cpu_send_s", "cpu_receive_s")
    }
    bare, copy = statistics.median(bares), statistics.median(copies)
    goodputs = [run["goodput_mb_s"] for run in runs]
    return found | {
        "bare_mb_s": round(bare, 1),
        "ratio": round(found["goodput_mb_s"] / bare, 3),
        "bare_file_mb_s": round(copy, 1),
        "ratio_file": round(found["goodput_mb_s"] / copy, 3) if copy else None,
        "latency_ms": latency,
        "flash_ms": spread(flash),
        "intact": sum(run["intact"] for run in runs),
        "runs": bench.runs,
        "rate_bits_per_s": bench.params.rate_bits_per_s,
        "goodput_min_mb_s": round(min(goodputs), 1),
        "goodput_max_mb_s": round(max(goodputs), 1),
        "kernel_drops": sum(run["kernel_drops"] for run in runs),
    }


def _transfer(bench: Bench, source: Path, expected: bytes, name: str = "source") -> dict[str, Any]:
    """One file through the link, with processes, key and folder of its own."""
    folder = bench.folder / "link"
    _make_ready(bench)
    folder.mkdir()
    key = folder / "key"
    LinkKey(key).make_counters()
    write_secret(key, new_secret())
    params = replace(
        bench.params, k_max=252, r_max=254, interleave_blocks=1, rate_bits_per_s=10**10
    )
    receiving = Receiving(ReceiveOrder(key, ["127.0.0.1:0"], folder / "in", params))
    try:
        host, port = receiving.sockets[0].getsockname()[:2]
        files = [one for one in files_below(source) if isinstance(one, FileToSend)]
        sending = Sending(SendOrder(key, [f"{host}:{port}"], files, bench.params))
        told: dict[str, Any] = {}
        thread = threading.Thread(target=_follow, args=(sending, told))
        thread.start()
        landed = _await_file(receiving, bench.size_bytes)
        thread.join()
    finally:
        receiving.stop()
    target = folder / "in" / name
    intact = landed is not None and target.exists() and _digest(target) == expected
    if "sent" not in told:
        raise Broken(Reason.ROLE_FAILED, "the sender ended before everything was sent")
    sent = told["sent"]
    seconds = (landed["time_ns"] - sent["started_ns"]) / 1e9 if landed else _GIVE_UP_S
    cpu = sent["cpu_ns"] / 1e9, (landed["cpu_ns"] if landed else 0) / 1e9
    return {
        "goodput_mb_s": bench.size_bytes / seconds / 1e6 if intact else 0.0,
        "cpu_s": sum(cpu), "cpu_send_s": cpu[0], "cpu_receive_s": cpu[1], "intact": int(intact),
        "kernel_drops": landed["kernel_drops"] if landed else 0,
    }  # fmt: skip


def _follow(sending: Sending, told: dict[str, Any]) -> None:
    with suppress(Broken):
        told.update({fact["what"]: fact for fact in sending.facts()})


def _await_file(receiving: Receiving, size_bytes: int) -> dict[str, Any] | None:
    """The `landed` fact, once the file has its name; None if it is lost."""
    landed: dict[str, Any] | None = None
    drops, until_s = 0, time.monotonic() + _GIVE_UP_S + size_bytes / _SLOWEST_BYTES_PER_S
    for fact in receiving.facts():
        if fact["what"] == "landed":
            landed = fact
        elif fact["what"] == "progress":
            drops = fact["counters"].get("kernel_drops", 0)
        elif fact["what"] == "file" and landed:
            return landed | {"kernel_drops": drops}
        if fact["what"] in ("gap", "unnamed") or time.monotonic() > until_s:
            return None
    return None


def _make(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        for at in range(0, size_bytes, 2**20):
            file.write(os.urandom(min(2**20, size_bytes - at)))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _drain(pipe: Connection, socket: ReceiverSocket, target: Path | None) -> None:
    """Empty the socket until nothing comes, into a file if one is named; tell the MB/s."""
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if target else -1
    pipe.send("ready")
    held, first_s, last_s = 0, 0.0, 0.0
    while select.select([socket], [], [], _QUIET_S)[0]:
        while (taken := socket.receive()) is not None:
            first_s = first_s or time.monotonic()
            if out >= 0:
                os.pwrite(out, taken[0], held)
            last_s = time.monotonic()
            held += len(taken[0])
    pipe.send(held / max(last_s - first_s, 1e-9) / 1e6)


def _bare(params: LinkParams, size: int, source: Path | None, target: Path | None) -> float:
    """MB/s that arrive when nothing is done to the bytes: from memory, or from file to file."""
    socket, to = listen()
    here, there = FORK.Pipe()
    far = FORK.Process(target=_drain, args=(there, socket, target))
    far.start()
    there.close()  # so that its end is seen
    received(here)
    socket.close()
    segment = params.datagram_bytes_max
    buffer = memoryview(bytearray(os.urandom(min(64, 65_507 // segment) * segment)))
    near = SenderSocket(open_sender(to), to)
    file = os.open(source, os.O_RDONLY) if source else -1
    for at in range(0, size - len(buffer), len(buffer)):
        if file >= 0:
            os.preadv(file, [buffer], at)
        near.send(buffer, segment)
    if file >= 0:
        os.close(file)
    rate: float = received(here)
    here.close()
    far.join()
    near.close()
    return rate
