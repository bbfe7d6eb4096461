"""What `verify` of the high side keeps of the low side's ledger: its newest checkpoint, on disk.

Takes statements from the landed journal, gives what the ledger here is to say of them: the
checkpoint that was accepted, or an alarm. A statement is judged once, also over a crash. Follows
docs/spec/ledger.md §8.
"""

import json
from base64 import b64decode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from guard.core.notice import About
from guard.edge import durable
from guard.edge.clock import now_ms
from guard.edge.durable_number import put
from guard.edge.spec import Spec
from guard.link.params import LinkParams
from guard.report.ledger_keys import EpochKey
from guard.report.witness import NOTHING, Seen, StatementError, read_statement, witness
from guard.roles.sieve import WITNESSED, patience_ns
from schemas.entry import Kind, alarm
from schemas.errors import Broken
from schemas.reasons import Reason

STATE = "witness.json"
EMPTY_ROOT = sha256(b"").digest()
AGAIN_NS = 3_600_000_000_000
_APART_PATIENCES = 5
_PASSED_MAX = 4096


class Witness:
    """The newest checkpoint that was accepted, and what is still awaited.

    size  entries under it; -1 while there is none and the first is believed
    """

    def __init__(self, spec: Spec, folder: Path, params: LinkParams) -> None:
        """folder: `attempt`. Raises `Broken(RECORD_MALFORMED)` for a state that is none."""
        self._folder = folder
        self._origin = f"checkvalve/{spec.text('flow')}/low"
        self._patience_ns = patience_ns(params)
        self._number = -1
        self._passed: list[int] = []
        self._fault: tuple[str, str] | None = None
        self._seen = self._first(spec.text("source_ledger"))
        self._told_ns: dict[str, int] = {}
        self._apart_ns: int | None = None
        self._wanted: tuple[int, int] | None = None
        self._load()
        self._write_size()

    @property
    def size(self) -> int:
        """Entries of the source side's ledger that a checkpoint accepted here covers."""
        return self._seen.size

    def hear(self, number: int, untrusted_base64: str, settled: int, now_ns: int) -> About | None:
        """What the ledger gets of the statement in this landed record; None for nothing.

        settled: landed records below it come no more.
        """
        try:
            untrusted = b64decode(untrusted_base64, validate=True)
            if number <= self._number:
                return self._again(number, untrusted)
            found = witness(self._origin, self._seen, untrusted)
            claimed = read_statement(untrusted).size
        except ValueError:
            fault = StatementError(Reason.RECORD_MALFORMED, "a statement is no base64")
            return self._faulty(number, fault, now_ns)
        except StatementError as fault:
            return self._faulty(number, fault, now_ns)
        if found is None:
            if claimed > self._seen.size and self._apart_ns is None:
                self._apart_ns = now_ns
            return None
        self._seen, note = found
        kept = [each for each in self._passed if each >= settled]
        self._passed = [*kept[-_PASSED_MAX:], number]
        self._number, self._fault, self._apart_ns = number, None, None
        self._write()
        self._write_size()
        return _entry(note)

    def covers(self, size: int, now_ns: int) -> None:
        """A message came that says how large the source side's ledger was: it will be told."""
        if size > self._seen.size and self._wanted is None:
            self._wanted = size, now_ns

    def due(self, now_ns: int) -> Iterable[About]:
        """Alarms for what time has shown, each at most once an hour."""
        if self._wanted is not None and self._wanted[0] <= self._seen.size:
            self._wanted = None
        if self._wanted is not None and now_ns - self._wanted[1] >= self._patience_ns:
            sentence = "messages come from the source side, and no checkpoint that covers them"
            yield from self._tell(Reason.LEDGER_SILENT, sentence, now_ns)
        apart_ns = None if self._apart_ns is None else now_ns - self._apart_ns
        if apart_ns is not None and apart_ns >= _APART_PATIENCES * self._patience_ns:
            sentence = (
                "the source side's ledger has grown, and no proof has come that it is still the one"
                f" that had {self._seen.size} entries (docs/recovery.md)"
            )
            yield from self._tell(Reason.LEDGER_UNPROVEN, sentence, now_ns)
        if self._fault is not None:
            yield from self._tell(Reason(self._fault[0]), self._fault[1], now_ns)

    def _tell(self, reason: Reason, sentence: str, now_ns: int) -> Iterable[About]:
        if now_ns - self._told_ns.get(sentence, now_ns - AGAIN_NS) >= AGAIN_NS:
            self._told_ns = {sentence: now_ns} | dict(list(self._told_ns.items())[:99])
            yield alarm(now_ms(), reason, sentence)

    def _faulty(self, number: int, fault: StatementError, now_ns: int) -> About | None:
        """It is kept, and told again every hour until a checkpoint is accepted."""
        self._number, self._fault = number, (fault.reason.value, fault.sentence)
        self._write()
        return next(iter(self._tell(fault.reason, fault.sentence, now_ns)), None)

    def _again(self, number: int, untrusted: bytes) -> About | None:
        """It was judged before a crash: what was accepted then goes to the ledger once more."""
        if number not in self._passed:
            return None
        return _entry(read_statement(untrusted).note.decode())

    def _first(self, known: str) -> Seen:
        """Nothing was seen yet. known: "EPOCH KEY"."""
        epoch, _, key = known.partition(" ")
        own = EpochKey(int(epoch), bytes.fromhex(key))
        return Seen(NOTHING, b"", own) if own.epoch else Seen(0, EMPTY_ROOT, own)

    def _load(self) -> None:
        path = self._folder / STATE
        try:
            state = json.loads(path.read_bytes())
            key = EpochKey(state["epoch"], bytes.fromhex(state["key"]), state["begins"])
            self._seen = Seen(state["size"], bytes.fromhex(state["root"]), key)
            self._number, self._passed = state["number"], state["passed"]
            self._fault = tuple(state["fault"]) if state["fault"] else None
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Broken(
                Reason.RECORD_MALFORMED, f"{path} is damaged: see docs/recovery.md"
            ) from error

    def _write(self) -> None:
        key = self._seen.key
        state = {
            "size": self._seen.size,
            "root": self._seen.root.hex(),
            "epoch": key.epoch,
            "key": key.key.hex(),
            "begins": key.begins,
            "number": self._number,
            "passed": self._passed,
            "fault": self._fault,
        }
        durable.replace(self._folder / STATE, json.dumps(state).encode() + b"\n")

    def _write_size(self) -> None:
        """For `receive`, which lands what goes on from it."""
        if self._seen.size != NOTHING:
            put(self._folder / WITNESSED, self._seen.size)


def _entry(note: str) -> About:
    return {"kind": Kind.WITNESS, "time_ms": now_ms(), "checkpoint": note}
