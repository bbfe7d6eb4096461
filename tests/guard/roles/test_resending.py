"""What `send` judges before it sends again: signed once or twice, by which key."""

from dataclasses import replace
from pathlib import Path

import pytest

from guard.core.sealing import sealer
from guard.edge import durable
from guard.edge.isal import best_codec
from guard.edge.journal import JournalWriter
from guard.edge.keys import public_of, signer
from guard.edge.link_parameters import link_params
from guard.edge.mldsa import mldsa_public_of, mldsa_signer
from guard.edge.orders import FOLDER
from guard.edge.resend_order import ORDER
from guard.edge.spec import Spec, Value
from guard.link.sender import Sender
from guard.roles.resending import Resending
from schemas.entry import Entry
from schemas.manifest import Form
from schemas.orders import Orders
from schemas.policy import LinkLine
from schemas.resend import ResendOrder
from schemas.sealed import write_sealed
from tests.guard.core.envelopes import POLICY, manifest

PAYLOAD = b"<event/>"
MANIFEST = replace(manifest(PAYLOAD), sequence=1)
NOW, BEFORE = b"n" * 32, b"b" * 32
MEMORY = {"session": 1, "resend": 0, "resent": 0, "notice_s": 0}


class Again:
    """One message in a sealed journal, and an order to send it again."""

    def __init__(
        self, folder: Path, seed: bytes, signatures: str, wanted: str = "", *, taken: int = 0
    ) -> None:
        for name in ("sealed", FOLDER):
            (folder / name).mkdir()
        second = mldsa_signer(seed) if signatures == "hybrid" else None
        envelope = sealer(Form.FULL, second)(MANIFEST, PAYLOAD, signer(seed))
        self.journal = JournalWriter.open(folder / "sealed")
        self.journal.append(write_sealed(1, 1, POLICY, envelope))
        self.journal.sync()
        self.journal.mark(1)
        order = ResendOrder(1, "uid 0", "", 0, (("alpha", "1"),))
        durable.replace(folder / FOLDER / ORDER, order.write())
        self.told: list[Entry] = []
        line = LinkLine(rate_mbit_per_s=100, heartbeat_ms=50)
        values: dict[str, Value] = {
            "folder": str(folder), "flow": "tracks", "source_domain": "NORTH",
            "destination_domain": "SOUTH", "policy_digest": POLICY.hex(), "demo": 0,
            "payload_bytes_max": 1000, "manifest": "full", "signatures": wanted or signatures,
            "link": line.model_dump(), "link_address": "127.0.0.1:9", "links": [],
            "link_copies": 1, "seal_public": public_of(NOW).hex(),
            "seal_mldsa": mldsa_public_of(NOW).hex(),
            "seal_old": [[public_of(BEFORE).hex(), taken, mldsa_public_of(BEFORE).hex()]],
        }  # fmt: skip
        spec = Spec("send", "x:y", "low", {}, values)
        sender = Sender(link_params(spec), bytes(32), 2, 7, best_codec(), complete_below=2)
        self.sender = sender
        self.resending = Resending(spec, sender, MEMORY, self._tell)

    def _tell(self, entries: list[Entry]) -> int:
        self.told += entries
        return len(self.told)

    def steps(self) -> Entry:
        """Until it has ended; what the ledger then hears."""
        now_ns = 10**12
        for _ in range(100):
            self.resending.step(Orders(), len(self.told), now_ns)
            list(self.sender.due(now_ns))
            now_ns += 10**9
        assert [each["kind"] for each in self.told] == ["resend", "resent"]
        return self.told[1]


@pytest.mark.parametrize("signatures", ["ed25519", "hybrid"])
def test_what_the_key_in_use_signed_is_sent_again(tmp_path: Path, signatures: str) -> None:
    again = Again(tmp_path, NOW, signatures)
    assert again.steps() | {"time_ms": 0} == {
        "kind": "resent", "time_ms": 0, "resend": 1, "count": 1, "refused": "", "sentence": "",
    }  # fmt: skip
    again.journal.close()


@pytest.mark.parametrize("signatures", ["ed25519", "hybrid"])
def test_what_a_key_before_it_signed_is_refused_by_name(tmp_path: Path, signatures: str) -> None:
    again = Again(tmp_path, BEFORE, signatures)
    told = again.steps()
    assert (told["count"], told["refused"]) == (0, "1")
    assert "a key that is no longer taken" in str(told["sentence"])
    again.journal.close()


def test_where_the_policy_wants_two_signatures_one_is_refused(tmp_path: Path) -> None:
    again = Again(tmp_path, NOW, "ed25519", "hybrid")
    told = again.steps()
    assert (told["count"], told["refused"]) == (0, "1")
    assert "not signed twice" in str(told["sentence"])
    again.journal.close()


def test_in_an_overlap_what_the_key_before_signed_is_sent_again(tmp_path: Path) -> None:
    again = Again(tmp_path, BEFORE, "hybrid", taken=1)
    assert again.steps()["count"] == 1
    again.journal.close()
