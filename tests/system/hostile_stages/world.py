"""A flow in which some stages were taken over, and the judge of what came out of it.

The judge is the whole policy, run once more by honest processes over what was delivered: what it
does not pass should not have come out.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from guard.demonstration import Child, Demonstration
from guard.edge.clock import now_s
from guard.edge.ledger_files import LedgerReader
from guard.edge.making import pack_folder
from guard.edge.site import read_documents
from guard.rehearsal import Outcome, Rehearsal
from schemas.entry import Entry, Kind
from schemas.message import Meta
from schemas.policy import read_policy
from tests.system.hostile_stages.programs import ESCAPED

SIDE = Path(__file__).with_name("side.py")
Hostile = dict[str, list[str]]
HOSTILE_DROPS = (
    "dirty-word.cot", "label-in-event.cot", "empty-doctype.cot", "unknown-detail.cot",
    "latitude-out-of-range.cot", "deep.cot", "script-in-callsign.cot", "dirty-word-wide.cot",
)  # fmt: skip
LIMITS = "{ message_ms_max = 8000, message_cpu_ms_max = 1500, memory_bytes_max = 67108864 }"


def good_drops() -> list[bytes]:
    return [path.read_bytes() for path in sorted((pack_folder("c2") / "samples").glob("*.cot"))]


def bad_drops() -> list[bytes]:
    folder = pack_folder("c2") / "samples" / "hostile"
    return [(folder / name).read_bytes() for name in HOSTILE_DROPS]


def pack_with(folder: Path, isolation: str, process_messages_max: int = 10_000) -> Path:
    """The pack `c2`, its stages held shorter, so that a test need not wait."""
    source = pack_folder("c2")
    folder.mkdir()
    for path in source.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    limits = LIMITS.replace(" }", f", process_messages_max = {process_messages_max} }}")
    text = (source / "policy.toml").read_text()
    for table in ("[source]\n", "[destination]\n"):
        text = text.replace(table, f'{table}isolation = "{isolation}"\nlimits = {limits}\n', 1)
    (folder / "policy.toml").write_text(text)
    return folder


@dataclass(slots=True)
class TakenOverFlow(Demonstration):
    """A `Demonstration` some of whose stages are hostile: side -> process -> what it does."""

    hostile: dict[str, Hostile] = field(default_factory=dict)

    def start_side(self, side: str) -> Child:
        if side not in self.hostile:
            return Demonstration.start_side(self, side)
        arguments = [str(SIDE), side, str(self.folder / side), json.dumps(self.hostile[side])]
        return self._start(f"the {side} side", arguments)

    def end_side(self, side: str) -> None:
        """End one side in good order."""
        for child in [child for child in self._children if child.name == f"the {side} side"]:
            child.end()
            self._children.remove(child)

    def entries(self, side: str) -> list[Entry]:
        """The whole ledger of a side."""
        reader = LedgerReader(self.folder / side / "ledger")
        try:
            return list(iter_entries(reader))
        finally:
            reader.close()

    def settle(self, within_s: float = 120.0) -> None:
        deadline_s = time.monotonic() + within_s
        while not self.settled():
            account = self.follow()
            assert time.monotonic() < deadline_s, (
                f"dropped {len(self.dropped)}, decided {account.decided}, sent {account.sent},"
                f" delivered {len(account.delivered)}, held there {len(account.held_high)}"
            )
            time.sleep(0.05)


def iter_entries(reader: LedgerReader) -> Iterator[Entry]:
    while entries := reader.take():
        yield from entries


class Oracle:
    """The policy, in honest processes."""

    def __init__(self) -> None:
        folder = pack_folder("c2")
        policy = read_policy((folder / "policy.toml").read_bytes())
        self._rehearsal = Rehearsal(policy, read_documents(folder, policy))
        self._known: dict[bytes, Outcome] = {}

    def decide(self, payload: bytes) -> Outcome:
        if payload not in self._known:
            meta = Meta(
                id=os.urandom(16).hex(), flow="c2", sender="alpha", name="a.cot",
                accepted_s=now_s(),
            )  # fmt: skip
            self._known[payload] = self._rehearsal.decide(meta, payload)
        return self._known[payload]

    def close(self) -> None:
        self._rehearsal.close()


def as_sent(delivered: bytes) -> bytes:
    """What was delivered, under the label that it has in the source domain's own policy.

    Of the labels that these tests send each is called the same in both.
    """
    return delivered.replace(b'access="ALLIANCE ', b'access="KESTRIA ')


def check_delivered(flow: TakenOverFlow, oracle: Oracle) -> None:
    """Nothing came out that the policy forbids, nothing twice, nothing in another queue."""
    account = flow.account
    assert account.duplicates == 0
    assert account.lost == 0
    assert account.decided == len(flow.dropped)
    assert account.delivered <= account.committed.keys()
    files = {path.stem: path for path in flow.delivered_files()}
    assert files.keys() == account.delivered
    for path in files.values():
        outcome = oracle.decide(as_sent(path.read_bytes()))
        assert outcome.message is not None, f"{path.read_bytes()!r} came out: {outcome.stopped}"
        assert path.parent.parent.name in ("cot", "chat")


def check_ledgers(flow: TakenOverFlow) -> None:
    """No way out was found."""
    for side in ("low", "high"):
        told = json.dumps(flow.entries(side))
        assert ESCAPED not in told


def of_kind(entries: list[Entry], *kinds: Kind) -> list[Entry]:
    return [entry for entry in entries if entry["kind"] in kinds]
