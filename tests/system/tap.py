"""A wire between the two sides that remembers what crossed it, and can play it again."""

import select
import socket
from collections.abc import Callable
from threading import Thread
from types import TracebackType
from typing import Self

_LOOK_S = 0.2


class Tap:
    """Forwards datagrams to 127.0.0.1:`port` one way; `recorded` has every one, in order.

    loses: of which datagrams it forwards nothing
    """

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._in = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._in.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        self._in.bind(("127.0.0.1", 0))
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._running = True
        self._thread = Thread(target=self._run, daemon=True)
        self.recorded: list[bytes] = []
        self.loses: Callable[[bytes], bool] = lambda datagram: False

    @property
    def address(self) -> str:
        """Where the sender sends to."""
        return f"127.0.0.1:{self._in.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._running = False
        self._thread.join()
        self._in.close()
        self._out.close()

    def play(self, datagrams: list[bytes]) -> None:
        """Send a recording once more."""
        for datagram in datagrams:
            self._out.sendto(datagram, self._to)

    def _run(self) -> None:
        while self._running:
            if select.select([self._in], [], [], _LOOK_S)[0]:
                datagram = self._in.recv(65_536)
                self.recorded.append(datagram)
                if not self.loses(datagram):
                    self._out.sendto(datagram, self._to)
