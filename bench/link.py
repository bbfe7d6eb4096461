"""How fast the link is: cores in memory, and file to file over loopback, beside bare copying.

    python -m bench.link [--size-mb 1024] [--mtu 1500] [--runs 5] [--rate-mbit 5500] [--json]

Prints medians. `bare` is one socket filled with `UDP_SEGMENT` and another emptied with `UDP_GRO`,
with nothing done to the bytes and no file: what the kernel can copy. `ratio` is ours to that. A
run that is not intact has a goodput of 0; `kernel_drops` says that the pace was above what
the receiver can take, so lower --rate-mbit. The files lie in --dir: name its file system with the
figures.
"""

import argparse
import hashlib
import json
import mmap
import multiprocessing as mp
import os
import resource
import select
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from guard.edge.isal import choose_codec
from guard.edge.udp import ReceiverSocket, SenderSocket, open_receiver, open_sender
from guard.link.arrivals import ReceiverState
from guard.link.events import Gap, Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.records import WHOLE_BYTES
from guard.link.sender import Sender

KEY = bytes(32)
CODEC, CODEC_SENTENCE = choose_codec()
GIVE_UP_S = 3.0
_FORK = mp.get_context("fork")


def params_for(args: argparse.Namespace) -> LinkParams:
    """80 + 8 symbols a block at any MTU, 10 % repair."""
    return LinkParams(
        mtu_bytes=args.mtu, k_max=80, r_max=8, repair_percent=10, design_loss_ppm=0,
        rate_bits_per_s=args.rate_mbit * 1_000_000, burst_wire_bytes=512 * 1024,
        frame_overhead_bytes=0, tag=not args.no_tag, window_blocks=64,
    )  # fmt: skip


def cpu_s() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def listen() -> tuple[ReceiverSocket, str]:
    """A receiving socket on loopback, and its address."""
    receiver = ReceiverSocket(open_receiver("127.0.0.1:0", rate_mbit_per_s=10_000))
    host, port = receiver.address
    return receiver, f"{host}:{port}"


def receive_file(pipe: Connection, socket: ReceiverSocket, params: LinkParams, path: str,
                 size: int, chunk: int) -> None:  # fmt: skip
    """The far process: everything that lands goes to its place in the file."""
    receiver = Receiver(params, KEY, 1, CODEC, ReceiverState())
    started_cpu_s = cpu_s()
    target = os.open(path, os.O_WRONLY)
    written, gaps, heard_s = 0, 0, time.monotonic()
    pipe.send("ready")
    while written < size and time.monotonic() - heard_s < GIVE_UP_S:
        if not select.select([socket], [], [], 0.5)[0]:
            continue
        heard_s = time.monotonic()
        while (taken := socket.receive()) is not None:
            for event in receiver.take(*taken, time.monotonic_ns()):
                if isinstance(event, Landed):
                    os.pwrite(target, event.envelope, (event.sequence - 1) * chunk)
                    written += len(event.envelope)
                elif isinstance(event, Gap):
                    gaps += event.last - event.first + 1
            if written >= size:
                break
    pipe.send((time.monotonic(), written, gaps, cpu_s() - started_cpu_s, socket.kernel_drops))


def send_file(to: str, params: LinkParams, path: Path, chunk: int) -> None:
    """The near process: the file's pages go to the link as they lie."""
    socket = SenderSocket(open_sender(to), to)
    sender = Sender(params, KEY, 1, 1, CODEC)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        view = memoryview(pages)
        at, sequence = 0, 1
        while at < len(view) or not sender.idle:
            while at < len(view) and sender.waiting_bytes < 2 * chunk:
                sender.offer(sequence, 0, view[at : at + chunk])
                at += chunk
                sequence += 1
            now_ns = time.monotonic_ns()
            for burst in sender.due(now_ns):
                socket.send(burst.buffer, burst.segment_bytes)
            wait_ns = sender.wake_ns(now_ns) - time.monotonic_ns()
            if wait_ns > 60_000 and not sender.idle:
                time.sleep((wait_ns - 50_000) / 1e9)
        del sender
        view.release()


def digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def file_to_file(params: LinkParams, source: Path, target: Path) -> dict[str, float]:
    """One transfer: goodput, CPU seconds of both ends, and whether every byte is right."""
    size = source.stat().st_size
    chunk = params.block_bytes_max - WHOLE_BYTES
    target.write_bytes(b"")
    socket, to = listen()
    here, there = _FORK.Pipe()
    far = _FORK.Process(target=receive_file, args=(there, socket, params, str(target), size, chunk))
    far.start()
    here.recv()
    socket.close()
    started_s, started_cpu_s = time.monotonic(), cpu_s()
    send_file(to, params, source, chunk)
    sent_cpu_s = cpu_s() - started_cpu_s
    ended_s, written, gaps, far_cpu_s, drops = here.recv()
    far.join()
    intact = written == size and digest(source) == digest(target)
    return {
        "goodput_mb_s": size / (ended_s - started_s) / 1e6 if intact else 0.0,
        "cpu_s": sent_cpu_s + far_cpu_s,
        "cpu_send_s": sent_cpu_s,
        "cpu_receive_s": far_cpu_s,
        "gaps": gaps,
        "kernel_drops": drops,
        "intact": float(intact),
    }


def drain_bare(pipe: Connection, socket: ReceiverSocket) -> None:
    """Empty the socket until nothing comes; count."""
    pipe.send("ready")
    held, first_s, last_s = 0, 0.0, 0.0
    while select.select([socket], [], [], 0.5)[0]:
        while (taken := socket.receive()) is not None:
            last_s = time.monotonic()
            first_s = first_s or last_s
            held += len(taken[0])
    pipe.send(held / (last_s - first_s) / 1e6)


def bare(params: LinkParams, size: int) -> float:
    """MB/s that arrive when nothing is done to the bytes."""
    socket, to = listen()
    here, there = _FORK.Pipe()
    far = _FORK.Process(target=drain_bare, args=(there, socket))
    far.start()
    here.recv()
    socket.close()
    segment = params.datagram_bytes_max
    buffer = memoryview(os.urandom(min(64, 65_507 // segment) * segment))
    near = SenderSocket(open_sender(to), to)
    for _ in range(size // len(buffer)):
        near.send(buffer, segment)
    rate: float = here.recv()
    far.join()
    return rate


def in_memory(params: LinkParams, size: int) -> tuple[float, float]:
    """MB/s of the sender's core alone and of the receiver's."""
    sender, receiver = (
        Sender(params, KEY, 1, 1, CODEC),
        Receiver(params, KEY, 1, CODEC, ReceiverState()),
    )
    envelope = os.urandom(params.block_bytes_max - WHOLE_BYTES)
    sending_s = receiving_s = 0.0
    now_ns = 0
    count = max(1, size // len(envelope))
    for sequence in range(1, count + 1):
        sender.offer(sequence, 0, envelope)
        while not sender.idle:
            now_ns += 100_000
            a = time.perf_counter()
            bursts = sender.due(now_ns)
            b = time.perf_counter()
            for burst in bursts:
                receiver.take(burst.buffer, burst.segment_bytes, now_ns)
            sending_s += b - a
            receiving_s += time.perf_counter() - b
    total = count * len(envelope) / 1e6
    return total / sending_s, total / receiving_s


def small_us(params: LinkParams, count: int = 2000) -> tuple[float, float]:
    """Median microseconds for a lone 1 KB message: sender's core, receiver's core."""
    sender, receiver = (
        Sender(params, KEY, 1, 1, CODEC),
        Receiver(params, KEY, 1, CODEC, ReceiverState()),
    )
    envelope = os.urandom(1000)
    sending, receiving = [], []
    for sequence in range(1, count + 1):
        a = time.perf_counter()
        sender.offer(sequence, 0, envelope)
        bursts = sender.due(sequence * 1_000_000)
        b = time.perf_counter()
        for burst in bursts:
            receiver.take(burst.buffer, burst.segment_bytes, sequence * 1_000_000)
        sending.append(b - a)
        receiving.append(time.perf_counter() - b)
    return statistics.median(sending) * 1e6, statistics.median(receiving) * 1e6


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mb", type=int, default=1024, help="MiB of the file")
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rate-mbit", type=int, default=5500, help="pace on the wire")
    parser.add_argument("--no-tag", action="store_true", help="datagrams without tags")
    parser.add_argument("--dir", default=None, help="where the two files lie")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    params = params_for(args)
    size = args.size_mb * 2**20
    send_mb_s, receive_mb_s = in_memory(params, 128 * 2**20)
    send_us, receive_us = small_us(params)
    runs, bares = [], []
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        with source.open("wb") as file:
            for _ in range(args.size_mb):
                file.write(os.urandom(2**20))
        for _ in range(args.runs):
            bares.append(bare(params, size))
            runs.append(file_to_file(params, source, target))
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    found["intact"] = sum(run["intact"] for run in runs)
    found |= {
        "runs": args.runs,
        "bare_mb_s": statistics.median(bares),
        "ratio": found["goodput_mb_s"] / statistics.median(bares),
        "sender_core_mb_s": send_mb_s,
        "receiver_core_mb_s": receive_mb_s,
        "small_send_us": send_us,
        "small_receive_us": receive_us,
    }
    found = {name: round(value, 3) for name, value in found.items()}
    if args.json:
        print(json.dumps(found))
        return
    print(f"{CODEC_SENTENCE}; MTU {args.mtu}, {args.size_mb} MiB, paced at {args.rate_mbit} Mbit/s")
    for name, value in found.items():
        print(f"{name:20} {value:10.3f}")


if __name__ == "__main__":
    main()
