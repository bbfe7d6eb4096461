"""Ingest on real files and sockets: what is no message is in the ledger before it is moved."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from guard.core.durable_words import HEARD
from guard.core.sender_limits import Limiter
from guard.edge.clock import now_s
from guard.edge.limits_file import keep
from guard.edge.posture_files import write_orders
from guard.edge.segments import walk
from guard.edge.sockets import Ear, Mouth, Outlet, feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from guard.edge.spool import Taken
from guard.edge.spool_arrivals import Candidate
from guard.edge.spool_sidecar import NO_SIDECAR
from guard.roles.ingest import Ingest, origin_of, was_accepted
from schemas.accepted import read_accepted
from schemas.errors import Broken
from schemas.message import Message
from schemas.policy import SenderLimits
from tests.guard.core.lane import HEAD_KEY, SCOPE

NAMES = ("accepted", "fed", "ingest-entries", "feed")


@dataclass
class Running:
    """An ingest at work, and the ends of the audit role."""

    ingest: Ingest
    thread: Thread
    ended_by: list[str]
    entries: Ear
    durable: Mouth
    ears: list[Ear]
    settling: Mouth

    def told(self) -> list[dict[str, str]]:
        packet = self.entries.hear()
        assert packet
        return list(json.loads(packet))

    def ledger_breaks(self) -> None:
        self.durable.close()
        self.ended()

    def stop(self) -> None:
        self.ingest._stopping = True
        self.ended()

    def ended(self) -> None:
        self.thread.join(10)
        self.ingest._journal.close()
        self.ingest._spool.close()
        ingest, feeder = self.ingest, self.ingest._feeder
        ends: list[Ear | Mouth | Outlet] = [ingest._entries, ingest._durable, ingest._feed._mouth]
        ends += [feeder._accepted, feeder._fed, feeder._settled, self.entries, self.durable]
        ends += self.ears
        for end in ends:
            end._socket.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in ("drop", "refused"):
        (tmp_path / "spool" / name / "patrol").mkdir(parents=True)
    write_orders(tmp_path, None)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def start(
    folder: Path, limits: dict[str, dict[str, int]] | None = None, settled_before: int = 0,
    delay_s: int = 0, payload_bytes_max: int = 1000,
) -> Running:  # fmt: skip
    pairs = {name: one_way_pair() for name in NAMES[:3]} | {"feed": feed_pair()}
    settled, durable = one_way_pair(), one_way_pair()
    descriptors = {name: pair[1].detach() for name, pair in pairs.items()}
    descriptors |= {"settled": settled[0].detach(), "ingest-durable": durable[0].detach()}
    values: dict[str, Value] = {
        "folder": str(folder), "flow": "c2", "senders": ["patrol"],
        "keep_days": 0, "scope": SCOPE.hex(), "policy_version": 1, "policy_digest": "",
        "delay_s": delay_s, "payload_bytes_max": payload_bytes_max,
        "limits": dict(limits or {}),
        "reviewers": {"keys": {}, "quorum": 2, "authors": [], "senders": [], "persons": {}},
    }  # fmt: skip
    ingest = Ingest(Spec("ingest", "x:y", "low", descriptors, values, {"head": HEAD_KEY}))
    ears = {name: Ear(pair[0].detach()) for name, pair in pairs.items()}
    settling = Mouth(settled[1].detach())
    settling.tell(json.dumps({"settled": settled_before}).encode())
    ended_by: list[str] = []

    def work() -> None:
        try:
            ingest.work()
        except Broken as error:
            ended_by.append(error.reason)
        finally:
            settling.close()

    thread = Thread(target=work, daemon=True)
    thread.start()
    wait_for(lambda: hasattr(ingest, "_clear"))  # it watches: what is dropped now keeps its order
    others = [ear for name, ear in ears.items() if name != "ingest-entries"]
    mouth = Mouth(durable[1].detach())
    return Running(ingest, thread, ended_by, ears["ingest-entries"], mouth, others, settling)


def test_what_is_refused_is_moved_when_the_ledger_has_it_and_told_again_if_it_has_not(
    folder: Path,
) -> None:
    beside = folder / "spool" / "drop" / "patrol" / ".beside"
    beside.touch()
    refused = folder / "spool" / "refused" / "patrol"
    first = start(folder)
    os.rename(beside, beside.with_name("empty.cot"))
    told = first.told()
    assert [entry["kind"] for entry in told] == ["spool-refused"]
    assert list(refused.iterdir()) == []
    first.ledger_breaks()
    assert first.ended_by == ["ledger-unwritable"]
    assert list(refused.iterdir()) == []

    second = start(folder)
    again = second.told()
    assert [entry["id"] for entry in again] == [told[0]["id"]]
    second.durable.tell(HEARD.pack(1))
    second.stop()
    assert [path.name for path in refused.iterdir()] == [told[0]["id"]]
    assert second.ended_by == []


def taken(look: int | None, *, claimed: bool) -> Taken:
    candidate = Candidate("patrol", b"a.cot", 0, look, claimed)
    return Taken(candidate, b"<event/>", NO_SIDECAR, (1, 2, 3, 8, b"a.cot"), "a.cot")


@pytest.mark.parametrize(("look", "claimed"), [(None, True), (5, False), (0, False)])
def test_a_drop_that_a_crash_brought_back_is_known_once(look: int | None, claimed: bool) -> None:
    drop = taken(look, claimed=claimed)
    known = {origin_of(drop)}
    assert was_accepted(drop, known)
    assert not was_accepted(drop, known)


def test_a_file_that_is_dropped_while_ingest_watches_is_a_new_message() -> None:
    drop = taken(None, claimed=False)
    assert not was_accepted(drop, {origin_of(drop)})


def lay(folder: Path, name: str, payload: bytes) -> None:
    drop = folder / "spool" / "drop" / "patrol"
    (drop / f".{name}").write_bytes(payload)
    os.rename(drop / f".{name}", drop / name)


def accepted(folder: Path) -> list[str]:
    if not (folder / "accepted").is_dir():
        return []
    records = [read_accepted(found.payload) for found in walk(folder / "accepted")]
    return [Message(meta, payload).meta.name for meta, _, payload in records]


def wait_for(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_one_too_many_is_refused_and_a_crash_forgets_none(folder: Path) -> None:
    limits = {"patrol": {"messages_per_minute_max": 2, "repeated_within_s": 60}}
    refused = folder / "spool" / "refused" / "patrol"
    first = start(folder, limits)
    lay(folder, "a", b"one")
    wait_for(lambda: accepted(folder) == ["a"])
    lay(folder, "b", b"one")
    told = first.told()
    assert [(e["kind"], e["reason"], e["name"]) for e in told] == [
        ("spool-refused", "payload-repeated", "b")
    ]
    first.durable.tell(HEARD.pack(1))
    wait_for(lambda: [path.name for path in refused.iterdir()] == [told[0]["id"]])
    assert (refused / told[0]["id"]).read_bytes() == b"one"
    first.stop()

    second = start(folder, limits, settled_before=1)
    lay(folder, "c", b"two")
    wait_for(lambda: accepted(folder) == ["a", "c"])
    lay(folder, "d", b"three")
    assert [entry["reason"] for entry in second.told()] == ["rate-exceeded"]
    second.durable.tell(HEARD.pack(1))
    second.stop()
    assert accepted(folder) == ["a", "c"]


def test_what_the_journal_let_go_is_still_counted(folder: Path) -> None:
    limits = {"patrol": SenderLimits(messages_per_minute_max=5, repeated_within_s=60)}
    counted = Limiter(limits)
    counted.count("patrol", b"one", now_s())
    keep(folder / "spool", counted, 0)
    running = start(folder, {"patrol": limits["patrol"].model_dump()})
    lay(folder, "a", b"one")
    assert [entry["reason"] for entry in running.told()] == ["payload-repeated"]
    running.durable.tell(HEARD.pack(1))
    running.stop()
