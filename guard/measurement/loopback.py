"""What measurements start from: memory, a listening socket, a process that tells what it found."""

import multiprocessing as mp
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from guard.edge.udp import ReceiverSocket, open_receiver
from schemas.errors import Broken
from schemas.reasons import Reason

FORK = mp.get_context("fork")
_RATE_MBIT_BUFFER = 10_000


def listen() -> tuple[ReceiverSocket, str]:
    """A receiving socket on loopback, with memory for a fast link, and its address."""
    receiver = ReceiverSocket(open_receiver("127.0.0.1:0", _RATE_MBIT_BUFFER))
    host, port = receiver.address
    return receiver, f"{host}:{port}"


def received(pipe: Connection) -> Any:
    """What the other process gives. Raises `Broken` if it ended: it has said why."""
    try:
        return pipe.recv()
    except EOFError as error:
        sentence = "a process of the measurement ended: see what it said"
        raise Broken(Reason.ROLE_FAILED, sentence) from error


def warm_memory(folder: Path, size_bytes: int) -> None:
    """Have the memory that the next file will be written to: write one of its size and remove it.

    A virtual machine gets memory from its host at the first touch, which costs five times what
    writing costs (1.3 s of processor time for 1 GiB instead of 0.23), and may give back what has
    been free for two seconds: so it is done right before each run.
    """
    path = folder / "warm"
    part = bytes(2**20)
    with path.open("wb", buffering=0) as file:
        for _ in range(0, size_bytes, len(part)):
            file.write(part)
    path.unlink()
