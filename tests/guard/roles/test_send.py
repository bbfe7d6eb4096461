"""Send on real files and sockets: no datagram leaves before its session is on disk and told."""

import json
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from guard.core.durable_words import HEARD
from guard.core.session_reset import SignedProposal
from guard.edge import durable_number, session_counter
from guard.edge.posture_files import write_orders
from guard.edge.session_counter import COUNTER, counter_state, make_counter
from guard.edge.sockets import Ear, Mouth, feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from guard.edge.udp import open_sender
from guard.roles.send import Send
from schemas.entry import Entry
from schemas.errors import Broken
from schemas.policy import LinkLine
from tests.guard.core.test_session_reset import APPROVED

SEAL_PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
LINK = LinkLine(rate_mbit_per_s=100, heartbeat_ms=50)


@dataclass
class Running:
    """A send at work, the ends of the audit role, and the far end of the link."""

    send: Send
    thread: Thread
    ended_by: list[str]
    entries: Ear
    witness: Mouth
    feed: Ear
    wire: socket.socket

    def told(self) -> list[Entry]:
        packet = self.entries.hear()
        return [] if packet is None else list(json.loads(packet))

    def nothing_left(self, within_s: float = 0.3) -> bool:
        self.wire.settimeout(within_s)
        try:
            return not self.wire.recv(65_536)
        except TimeoutError:
            return True

    def end(self) -> None:
        self.send._stopping = True
        self.witness.close()
        self.thread.join(10)
        ends: list[Ear | Mouth] = [self.entries, self.feed, self.send._entries]
        for end in (*ends, self.send._witness, self.send._feed._mouth):
            end._socket.close()
        self.send._links.close()
        self.wire.close()
        if hasattr(self.send, "_reader"):
            self.send._reader.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in ("cursor", "sealed"):
        (tmp_path / name).mkdir()
    make_counter(tmp_path / "cursor")
    write_orders(tmp_path, None)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def start(folder: Path, newest: int, host: str = "127.0.0.1") -> Running:
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))
    address = f"{host}:{wire.getsockname()[1]}"
    entries, witness, feed = one_way_pair(), one_way_pair(), feed_pair()
    descriptors = {
        "udp0": open_sender(address).detach(), "send-entries": entries[1].detach(),
        "witness": witness[0].detach(), "feed": feed[1].detach(),
    }  # fmt: skip
    values: dict[str, Value] = {
        "folder": str(folder), "flow": "t", "flow_number": 7, "source_domain": "LOW",
        "destination_domain": "HIGH", "link": LINK.model_dump(),
        "link_address": address, "links": [address], "link_copies": 0,
        "demo": 0,
        "link_first_session": 0, "manifest": "full",
        "seal_public": SEAL_PUBLIC, "payload_bytes_max": 1000, "policy_digest": bytes(32).hex(),
    }  # fmt: skip
    send = Send(Spec("send", "x:y", "low", descriptors, values, {"link": bytes(32)}))
    audit = Mouth(witness[1].detach())
    audit.tell(json.dumps({"session": newest, "resend": 0, "resent": 0, "notice_s": 0}).encode())
    ended_by: list[str] = []

    def work() -> None:
        try:
            send.work()
        except Broken as error:
            ended_by.append(error.sentence)
            send._entries.close()

    thread = Thread(target=work, daemon=True)
    thread.start()
    return Running(
        send, thread, ended_by, Ear(entries[0].detach()), audit, Ear(feed[0].detach()), wire
    )


def test_nothing_leaves_before_the_ledger_has_the_session(folder: Path) -> None:
    running = start(folder, 0)
    assert [(e["kind"], e["session"]) for e in running.told()] == [("session", 1)]
    assert counter_state(folder / "cursor") == "1"
    running.witness.tell(HEARD.pack(0) + b"a checkpoint of other entries")
    assert running.nothing_left()
    running.witness.tell(HEARD.pack(1) + b"a checkpoint")
    assert not running.nothing_left(10)
    running.end()


@pytest.mark.parametrize("harm", ["missing", "empty", "damaged", "old", "zero"])
def test_without_its_counter_nothing_leaves_and_nothing_is_told(folder: Path, harm: str) -> None:
    path = folder / "cursor" / COUNTER
    newest = 4
    if harm == "missing":
        path.unlink()
    elif harm == "old":
        durable_number.put(path, 3)
    elif harm == "zero":
        newest = 0
        durable_number.put(folder / "cursor" / "cursor", 5)
    else:
        path.write_bytes(b"" if harm == "empty" else b"damaged")
    running = start(folder, newest)
    assert running.told() == []
    assert "guard link session propose" in running.ended_by[0]
    assert running.nothing_left()
    running.end()
    assert path.exists() == (harm != "missing")


def test_an_audit_role_that_ends_before_it_has_the_session_ends_send(folder: Path) -> None:
    running = start(folder, 0)
    running.told()
    running.witness.close()
    assert running.told() == []
    assert running.nothing_left()
    running.end()
    assert "before anything was sent" in running.ended_by[0]
    again = start(folder, 0)  # the ledger does not have session 1, the counter does
    assert [entry["session"] for entry in again.told()] == [2]
    again.end()


def test_a_reset_is_told_with_both_signatures_and_once(folder: Path) -> None:
    cursor = folder / "cursor"
    (cursor / COUNTER).unlink()
    session_counter.set_counter(cursor, SignedProposal.read(APPROVED))
    running = start(folder, 41)
    reset, session = running.told()
    assert (reset["kind"], reset["session"], reset["signers"]) == (
        "session-reset", 1_000_042, "alice,bob",
    )  # fmt: skip
    assert str(reset["proposal"]).encode() == APPROVED
    assert session["session"] == 1_000_043
    assert session_counter.pending_reset(cursor) is not None  # the ledger has not said so yet
    running.witness.tell(HEARD.pack(1) + b"a checkpoint")
    assert not running.nothing_left(10)
    assert session_counter.pending_reset(cursor) is None
    running.end()
    again = start(folder, 1_000_043)
    assert [entry["kind"] for entry in again.told()] == ["session"]
    again.end()


def test_a_link_that_takes_nothing_is_waited_for(folder: Path) -> None:
    """The kernel refuses what goes to the broadcast address, as it does while a link is down."""
    running = start(folder, 0, "255.255.255.255")
    running.told()
    running.witness.tell(HEARD.pack(1) + b"a checkpoint")
    assert running.nothing_left(0.5)
    assert running.thread.is_alive()
    assert not running.ended_by
    assert running.send._links.failed[0] > 1
    port = running.wire.getsockname()[1]
    running.send._links._sockets[0]._destination = ("127.0.0.1", port)  # the link is up
    assert not running.nothing_left(10)
    running.end()


def test_send_ends_when_asked_to_while_the_link_is_down(folder: Path) -> None:
    running = start(folder, 0, "255.255.255.255")
    running.told()
    running.witness.tell(HEARD.pack(1) + b"a checkpoint")
    assert running.nothing_left(0.3)
    running.send._stopping = True
    running.thread.join(5)
    assert not running.thread.is_alive()
    assert durable_number.read_number(folder / "cursor" / "cursor") is None
    running.end()
