"""What both measurements start from: a listening socket, and a process that tells what it found."""

import multiprocessing as mp
from multiprocessing.connection import Connection
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
