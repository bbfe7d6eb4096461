"""Both ends of the bare link as real processes, with a simulated link between them if asked for."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from guard.edge.keys import new_secret, write_secret
from guard.edge.naming import FileToSend, files_below
from guard.link.params import LinkParams
from guard.transfer import Fact, LinkKey, ReceiveOrder, Receiving, Sending, SendOrder

MBIT = 1_000_000
SENDING = LinkParams(
    k_max=40, r_max=200, repair_percent=10, design_loss_ppm=0, rate_bits_per_s=800 * MBIT,
    frame_overhead_bytes=0,
)  # fmt: skip


def receiving_params(sending: LinkParams) -> LinkParams:
    return replace(
        sending, k_max=252, r_max=254, interleave_blocks=1, rate_bits_per_s=8000 * MBIT, repeats=0
    )


def new_key(folder: Path) -> Path:
    key = folder / "link.key"
    LinkKey(key).make_counters()
    write_secret(key, new_secret())
    return key


def files_of(*paths: Path) -> list[FileToSend]:
    found = [one for path in paths for one in files_below(path)]
    return [one for one in found if isinstance(one, FileToSend)]


@contextmanager
def simulated_link(to: str, *options: str) -> Iterator[str]:
    """`diode-sim proxy` in front of this address; gives where to send."""
    command = [sys.executable, "-m", "diode_sim", "proxy", "--json", "--to", to, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["listening"]
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


class Ends:
    """One receiver, and senders to it. `facts` are what the receiver has told so far."""

    def __init__(
        self, folder: Path, sending: LinkParams = SENDING, links: int = 1,
        compression: str = "off",
    ) -> None:  # fmt: skip
        self.sending = sending
        self.out = folder / "in"
        self.key = new_key(folder)
        self.order = ReceiveOrder(
            self.key, ["127.0.0.1:0"] * links, self.out, receiving_params(sending),
            compression=compression,
        )  # fmt: skip
        self.receiving = Receiving(self.order)
        self.facts: list[Fact] = []
        self.hears = threading.Event()
        self.hears.set()
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()

    @staticmethod
    def order_of(key: Path, listen: str, out: Path, sending: LinkParams) -> ReceiveOrder:
        """For a receiver of this key's sender."""
        return ReceiveOrder(key, [listen], out, receiving_params(sending))

    def _hear(self) -> None:
        for fact in self.receiving.facts():
            self.hears.wait()
            if fact["what"]:
                self.facts.append(fact)

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in self.receiving.sockets]

    def send(
        self, files: list[FileToSend], to: list[str] | None = None, **order: Any
    ) -> list[Fact]:
        """Send them all; gives what the sender told."""
        return list(self.start(files, to, **order).facts())

    def start(self, files: list[FileToSend], to: list[str] | None = None, **order: Any) -> Sending:
        params = order.pop("params", self.sending)
        return Sending(SendOrder(self.key, to or self.addresses, files, params, **order))

    def told(self, what: str) -> list[Fact]:
        return [fact for fact in self.facts if fact["what"] == what]

    def wait(self, what: str, count: int = 1, within_s: float = 30) -> list[Fact]:
        until_s = time.monotonic() + within_s
        while len(self.told(what)) < count and time.monotonic() < until_s:
            time.sleep(0.02)
        found = self.told(what)
        assert len(found) >= count, (what, self.facts[-5:])
        return found

    def stop(self) -> None:
        self.receiving.ask_to_stop()
        self._hearing.join(10)
        self.receiving.stop()


@contextmanager
def ends(folder: Path, sending: LinkParams = SENDING, **options: Any) -> Iterator[Ends]:
    both = Ends(folder, sending, **options)
    try:
        yield both
    finally:
        both.stop()
