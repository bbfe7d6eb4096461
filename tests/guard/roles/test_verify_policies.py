"""Verify over real sockets: a source that goes back to an older policy, and a stopped flow."""

import hashlib
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from guard.core.notice import Notice, What, read_notice
from guard.core.posture import read_posture_note, succeed
from guard.core.sealing import sealer
from guard.core.signed_note import PersonKey, SignedNote
from guard.edge.journal import JournalWriter
from guard.edge.keys import public_of, signer
from guard.edge.posture_files import write_orders
from guard.edge.sockets import Ear, Mouth, Outlet, feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from guard.roles.verify import SOURCE_POLICIES, Verify
from schemas.manifest import Form
from schemas.policy import LinkLine
from schemas.posture import FIRST_LINE
from schemas.reasons import Reason
from schemas.sealed import write_landed
from schemas.trust_root import Domain, TrustRoot
from tests.guard.core.envelopes import manifest

SEED = bytes(range(32))
OLD, NEW = hashlib.sha256(b"old").digest(), hashlib.sha256(b"new").digest()
STOP = f'{FIRST_LINE}\nformat = 1\nversion = 1\nflow = "tracks"\nreason = "x"\nstop = true\n'
LINK: dict[str, Value] = {
    "link": LinkLine().model_dump(), "links": ["127.0.0.1:9"], "link_copies": 0,
    "link_address": "127.0.0.1:9", "source_ledger": f"0 {public_of(SEED).hex()}",
}  # fmt: skip


class Running:
    """A verify in a thread, with the other ends of its sockets."""

    def __init__(self, folder: Path, form: Form, demo: int) -> None:
        accepted, fed, settled = one_way_pair(), one_way_pair(), one_way_pair()
        self._feed = feed_pair()
        descriptors = {
            "accepted": accepted[1].detach(), "fed": fed[1].detach(),
            "settled": settled[0].detach(), "feed": self._feed[1].detach(),
        }  # fmt: skip
        values: dict[str, Value] = {
            "folder": str(folder), "flow": "tracks", "source_domain": "NORTH",
            "destination_domain": "SOUTH", "accepts": {OLD.hex(): 1, NEW.hex(): 2},
            "payload_bytes_max": 1000, "manifest": form, "demo": demo, "name_crosses": 0,
            **LINK,
            "seal_public": public_of(SEED).hex(), "scope": bytes(32).hex(),
        }  # fmt: skip
        verify = Verify(Spec("verify", "x:y", "high", descriptors, values, {"head": bytes(32)}))
        feeder = verify._feeder
        self._own: list[Ear | Mouth | Outlet] = [
            feeder._accepted,
            feeder._fed,
            feeder._settled,
            verify._feed._mouth,
        ]
        self._notices, self._frames = Ear(accepted[0].detach()), fed[0]
        self._settled = Mouth(settled[1].detach())
        self._settled.tell(json.dumps({"settled": 0}).encode())
        self._thread = Thread(target=verify.work, daemon=True)
        self._thread.start()

    def notice(self) -> Notice:
        packet = self._notices.hear()
        assert packet
        found = read_notice(packet)
        self._settled.tell(json.dumps({"settled": found.number + 1}).encode())
        return found

    def silent(self) -> bool:
        self._thread.join(1.0)
        return self._notices.hear_now() == b""

    def end(self) -> None:
        self._settled.close()
        self._thread.join(10)
        for end in (*self._own, self._notices):
            end._socket.close()
        for ours in (self._frames, self._feed[0]):
            ours.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in ("landed", "attempt"):
        (tmp_path / name).mkdir()
    write_orders(tmp_path, None)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def land(folder: Path, form: Form, *sent: tuple[int, bytes], demo: int = 0) -> None:
    journal = JournalWriter.open(folder / "landed")
    for sequence, policy in sent:
        payload = b"message %d" % sequence
        told = replace(
            manifest(payload), sequence=sequence, policy_digest=policy, demonstration=demo
        )
        journal.append(
            write_landed(sequence, told.precedence, sealer(form)(told, payload, signer(SEED)))
        )
    journal.sync()
    journal.mark(journal.next_number)
    journal.close()


def heard(folder: Path, form: Form, count: int, demo: int = 0) -> list[tuple[str, str]]:
    """What the tail is told of so many messages: FED or STOPPED, and why."""
    running = Running(folder, form, demo)
    notices = [running.notice() for _ in range(count)]
    running.end()
    return [(it.what.name, str(it.about.get("reason", ""))) for it in notices]


FED, ROLLED_BACK = ("FED", ""), ("STOPPED", Reason.POLICY_ROLLED_BACK.value)


@pytest.mark.parametrize("form", Form)
def test_a_source_that_goes_back_is_stopped_and_late_messages_are_not(
    folder: Path, form: Form
) -> None:
    land(folder, form, (1, OLD), (3, NEW), (2, OLD), (4, OLD), (5, NEW))
    assert heard(folder, form, 5) == [FED, FED, FED, ROLLED_BACK, FED]
    written = (folder / "attempt" / SOURCE_POLICIES).read_text("utf-8")
    assert written == "checkvalve source policies 1\n1 1\n2 3\n"


def test_what_was_seen_holds_after_a_restart(folder: Path) -> None:
    (folder / "attempt" / SOURCE_POLICIES).write_text("checkvalve source policies 1\n2 3\n")
    land(folder, Form.FULL, (4, OLD), (2, OLD))
    assert heard(folder, Form.FULL, 2) == [ROLLED_BACK, FED]


@pytest.mark.parametrize("form", Form)
def test_only_a_demonstration_takes_a_demonstrations_messages(folder: Path, form: Form) -> None:
    land(folder, form, (1, OLD), demo=1)
    ((what, reason),) = heard(folder, form, 1, demo=0)
    why = {Form.FULL: Reason.MANIFEST_DEMONSTRATION, Form.COMPACT: Reason.MANIFEST_SIGNATURE}
    assert (what, reason) == (What.STOPPED.name, why[form].value)
    assert heard(folder, form, 1, demo=1) == [FED]


def test_while_the_flow_is_stopped_nothing_is_fed(folder: Path) -> None:
    seeds = {"alice": b"\1" * 32, "bob": b"\2" * 32}
    keys = {name: public_of(seed) for name, seed in seeds.items()}
    root = TrustRoot(1, keys, 2, {"A": Domain("A", "U", 0)}, ("U",))
    note = SignedNote(STOP, what="it").signed_by(
        PersonKey("alice", keys["alice"]), seeds["alice"], Reason.POSTURE_UNSIGNED
    )
    write_orders(folder, succeed(read_posture_note(note.write(), "it"), "", root))
    land(folder, Form.FULL, (1, OLD))  # it was there before a start too: it waits on
    running = Running(folder, Form.FULL, 0)
    assert running.silent()
    land(folder, Form.FULL, (2, OLD))
    assert running.silent()
    write_orders(folder, None)
    assert [running.notice().what for _ in range(2)] == [What.FED, What.FED]
    running.end()
