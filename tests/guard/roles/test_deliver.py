"""Deliver after a crash, on real files: what the ledger has as delivered is there."""

import json
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from guard.core.durable_words import DURABLE
from guard.core.notice import Notice, What
from guard.edge.posture_files import write_orders
from guard.edge.sockets import Ear, Mouth, feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from guard.roles.deliver import Deliver
from guard.roles.head import NO_DIGEST, NO_ID, NOWHERE
from tests.guard.core.lane import HEAD_KEY, SCOPE

ONE, TWO = "1" * 32, "2" * 32


@dataclass
class Site:
    """A destination side's folder."""

    folder: Path

    def stage(self, ident: str) -> None:
        for suffix in ("meta.json", "xml"):
            (self.folder / "queue" / "tmp" / f"{ident}.new.{suffix}").write_text(suffix)

    def found(self, name: str) -> list[str]:
        return sorted(path.name for path in (self.folder / "queue" / name).iterdir())

    def start(
        self, delivering: str, *events: dict[str, int | str], delivered: bool
    ) -> list[dict[str, object]]:
        """Start a deliver whose ledger says this, tell it of events, and end its lane: what it
        tells the ledger first."""
        write_orders(self.folder, None)
        hears = {name: one_way_pair() for name in ("cleared", "accepted", "durable")}
        tells = {name: one_way_pair() for name in ("deliver-entries", "settled")}
        tells["feed"] = feed_pair()
        descriptors = {name: pair[0].detach() for name, pair in hears.items()}
        descriptors |= {name: pair[1].detach() for name, pair in tells.items()}
        values: dict[str, Value] = {
            "folder": str(self.folder), "scope": SCOPE.hex(), "stages": [], "extension": "xml",
            "payload_bytes_max": 1000, "keep_days": 0,
        }  # fmt: skip
        deliver = Deliver(Spec("deliver", "x:y", "high", descriptors, values, {"head": HEAD_KEY}))
        durable = Mouth(hears["durable"][1].detach())
        state = {"settled": 0, "handled": "", "delivering": delivering, "delivered": delivered}
        durable.tell(json.dumps(state | {"delivered": int(delivered)}).encode())
        durable.tell(DURABLE.pack(1, 1, bytes(32), 0))
        for number, about in enumerate(events):
            notice = Notice(What.EVENT, number, NO_ID, NO_DIGEST, NO_DIGEST, NOWHERE, 1, about)
            hears["accepted"][1].send(notice.write())
        for name in ("cleared", "accepted"):
            hears[name][1].close()
        thread = Thread(target=deliver.work, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        entries = Ear(tells["deliver-entries"][0].detach())
        packet = entries.hear_now()
        lane, scribe = deliver._lane, deliver._scribe
        ours = (lane._cleared, lane._accepted, scribe._entries, scribe._durable)
        for end in (*ours, deliver._settled, deliver._feed._mouth, durable, entries):
            end._socket.close()
        for name in ("settled", "feed"):
            tells[name][0].close()
        return json.loads(packet) if packet else []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("queue/tmp", "queue/new", "queue/gaps", "landed", "held"):
        (tmp_path / name).mkdir(parents=True)
    return Site(tmp_path)


def test_a_delivery_that_a_power_cut_undid_is_done_again_and_not_counted_twice(site: Site) -> None:
    site.stage(ONE)
    assert site.start(f"{ONE} new", delivered=True) == []
    assert site.found("new") == [f"{ONE}.meta.json", f"{ONE}.xml"]
    assert site.found("tmp") == []


def test_a_delivery_that_a_crash_interrupted_is_finished_and_told(site: Site) -> None:
    site.stage(ONE)
    site.stage(TWO)
    told = site.start(f"{ONE} new", delivered=False)
    assert [(entry["kind"], entry["count"]) for entry in told] == [("delivered", 1)]
    assert site.found("new") == [f"{ONE}.meta.json", f"{ONE}.xml"]
    assert site.found("tmp") == []


def test_verify_tells_the_ledger_of_events_and_of_nothing_else(site: Site) -> None:
    told = site.start(
        "",
        {"kind": "session", "time_ms": 1, "session": 3, "number": 2**62},
        {"kind": "posture", "time_ms": 1, "text": ""},
        {"time_ms": 1},
        delivered=True,
    )
    assert [(entry["kind"], entry["number"]) for entry in told] == [
        ("session", 0), ("alarm", 1), ("alarm", 2),
    ]  # fmt: skip
