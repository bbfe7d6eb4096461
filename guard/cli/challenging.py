"""Deciding stored messages again, and whether the same comes out as the ledger has.

Takes a side's index, what it still keeps and its policies; gives what became of each challenge.
The chains are the real stages in real confined processes (`guard.rehearsal.Lane`). Follows
docs/spec/challenge.md.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from filters import catalog
from filters.policy_check import asks
from guard.core.release import Cleared, Judgement, Stopped, summary
from guard.edge.kept_messages import ACCEPTED, HELD, SEALED, KeptMessages, Sealed
from guard.edge.kept_policies import KeptPolicies, RanPolicy
from guard.rehearsal import Lane
from guard.report.index.reading import Found, Indexed
from guard.report.index.searching import Index
from schemas.entry import Kind
from schemas.errors import CheckvalveError, Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.receipt import Said, message_digest
from schemas.stage import Side
from schemas.token_names import SEALING_STAGE

DECIDED = (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)
_BY_PEOPLE = "review"
_BY_RELEASE = "release"
_WHY_RELEASE = {
    Reason.POISON: "the lane broke at its turn, twice: no stage decided",
    Reason.POSTURE: "a posture held it, not the chain",
    Reason.SENDER_NOT_LISTED: "it waited until its sender was in the policy no more",
    Reason.TOO_LARGE: "it waited until the policy's bound was smaller than it",
    Reason.REVIEW_STALE: "it was held because reviewers had signed under another policy or posture",
    Reason.REVIEW_OUTPUT: "it was held because reviewers had signed another output",
}
_BY_SCANNER = "the virus scanner stopped it, and answers by the signatures of the day"
_RECEIPTS = "its receipts did not add up, or nothing came out: no stage's answer was taken"


class Answer(StrEnum):
    """What a challenge found."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_RERUN = "cannot be re-run"


@dataclass(frozen=True, slots=True)
class Challenged:
    """One decision: entry's number, what was decided, from which bytes, what came out, and why.

    source: "held", "accepted" or "sealed", whose bytes were run; "" where none were.
    """

    entry: int
    id: str
    kind: str
    source: str
    answer: Answer
    why: str = ""


@dataclass(slots=True)
class Result:
    """All challenges of one ledger. not_kept: decisions whose message the side keeps no more.

    left: decisions behind the limit, whose messages were not looked for.
    """

    decided: int = 0
    not_kept: int = 0
    left: int = 0
    layers: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    told: list[Challenged] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Run:
    """A decision to run again: from which record, through the stages from `begin` on."""

    found: Found
    source: str
    record: int
    begin: int = 0


class Challenge:
    """One low side's decisions, the newest first, up to `limit` of those that are stored."""

    def __init__(
        self, index: Index, ledger: Indexed, kept: KeptMessages, policies: KeptPolicies, limit: int
    ) -> None:
        self._index, self._ledger, self._limit = index, ledger, limit
        self._kept, self._policies = kept, policies
        self.result = Result()

    def run(self, progress: Callable[[int], None]) -> Result:
        """All of it. progress: is told of each that is done."""
        groups: defaultdict[tuple[str, str, int], list[_Run]] = defaultdict(list)
        for run in self._chosen(progress):
            entry = run.found.entry
            groups[str(entry.get("policy_digest", "")), run.source, run.begin].append(run)
        for (digest, source, begin), runs in sorted(groups.items()):
            ran = self._policies.under(digest)
            for challenged in self._group(ran, source, begin, runs):
                self._take(challenged)
                progress(1)
        self.result.damage = list(self._kept.damage)
        return self.result

    def _take(self, challenged: Challenged) -> None:
        result = self.result
        result.counts[challenged.answer] += 1
        result.sources[challenged.source or "-"] += 1
        if challenged.answer is not Answer.SAME:
            result.told.append(challenged)

    def _chosen(self, progress: Callable[[int], None]) -> Iterator[_Run]:
        """Those whose bytes are kept; what was not the chain's to decide is told at once."""
        stored = 0
        marks = ", ".join("?" * len(DECIDED))
        rows = self._index.connection.execute(
            f"SELECT count(*) FROM entries WHERE ledger = ? AND kind IN ({marks})",  # noqa: S608 - of constants
            (self._ledger.ledger, *DECIDED),
        )
        (self.result.decided,) = rows.fetchone()
        for seen, found in enumerate(self._index.newest_of(self._ledger.ledger, DECIDED)):
            if stored == self._limit:
                self.result.left = self.result.decided - seen
                return
            run = self._stored(found)
            if run is None:
                self.result.not_kept += 1
                continue
            stored += 1
            if why := not_the_chains(found.entry):
                self._take(_told(run, Answer.NOT_RERUN, why, source=""))
                progress(1)
                continue
            yield run

    def _stored(self, found: Found) -> _Run | None:
        entry, kept = found.entry, self._kept
        number = int(entry.get("number", -1))
        if kept.holds(str(entry["id"]), number):
            return _Run(found, HELD, number)
        if kept.has(ACCEPTED, number):
            return _Run(found, ACCEPTED, number)
        sealed = int(entry.get("sealed", -1))
        if entry["kind"] == Kind.COMMITTED and kept.has(SEALED, sealed):
            return _Run(found, SEALED, sealed, _after_last_change(entry)[0])
        return None

    def _group(
        self, ran: RanPolicy | None, source: str, begin: int, runs: list[_Run]
    ) -> Iterator[Challenged]:
        """Runs of one policy from one kind of bytes, through one lane."""
        if ran is None:
            why = "the policy that it was decided under is not kept here"
            yield from (_told(run, Answer.NOT_RERUN, why) for run in runs)
            return
        if why := _other_software(ran, runs, begin):
            yield from (_told(run, Answer.NOT_RERUN, why) for run in runs)
            return
        lines = ran.chain.stage[begin:]
        asked = frozenset(line.name for line in lines if asks(line))
        part = ran.chain.model_copy(update={"stage": [it for it in lines if it.name not in asked]})
        if any(line.catalog_name == SEALING_STAGE for line in part.stage):
            why = "it seals pseudonyms with a key of the side, which is not handed out for this"
            yield from (_told(run, Answer.NOT_RERUN, why) for run in runs)
            return
        try:
            lane = Lane(ran.policy, part, Side.SOURCE, ran.documents)
        except (CheckvalveError, OSError) as error:
            why = f"its policy's stages do not start here: {error}"
            yield from (_told(run, Answer.NOT_RERUN, why) for run in runs)
            return
        try:
            self.result.layers = lane.layers
            for run, message in self._messages(source, runs):
                if isinstance(message, Challenged):
                    yield message
                elif run.found.entry.get("stage") in asked:
                    yield _told(run, Answer.NOT_RERUN, _BY_SCANNER)
                else:
                    yield _rerun(lane, run, message, asked)
        finally:
            with suppress(OSError):
                lane.close()

    def _messages(
        self, source: str, runs: list[_Run]
    ) -> Iterator[tuple[_Run, Message | Challenged]]:
        """Each run with what its stages saw, or with why that is not known."""
        if source == HELD:
            for run in runs:
                try:
                    yield run, _as_accepted(run, self._kept.held(str(run.found.entry["id"])))
                except Malformed as error:
                    yield run, _told(run, Answer.DIFFERENT, error.sentence)
            return
        by_number = {run.record: run for run in runs}
        if source == ACCEPTED:
            for number, message in self._kept.accepted(by_number):
                run = by_number.pop(number)
                yield run, _as_accepted(run, message)
        else:
            for number, record in self._kept.sealed(by_number):
                run = by_number.pop(number)
                yield run, _as_sealed(run, record)
        for run in by_number.values():
            yield run, _told(run, Answer.DIFFERENT, f"its record in {source}/ is not whole")


def not_the_chains(entry: dict[str, Any]) -> str:
    """Why a decision was not made by the chain; "" for one that was."""
    stage, reason = str(entry.get("stage", "")), str(entry.get("reason", ""))
    if stage == _BY_PEOPLE:
        return "people refused it"
    if entry.get("decision") == "disagreed":
        return "it was held again because reviewers disagreed"
    if stage == _BY_RELEASE:
        return _WHY_RELEASE.get(Reason(reason), _RECEIPTS) if reason in set(Reason) else _RECEIPTS
    return ""


def _after_last_change(entry: dict[str, Any]) -> tuple[int, str]:
    """(the number of stages up to the last that changed it, the digest that it gave)."""
    begin, digest = 0, str(entry.get("accepted", ""))
    for at, line in enumerate(_lines(entry), start=1):
        words = line.split(" ")
        if words[1:2] == ["changed"] and len(words) > 2:
            begin, digest = at, words[2].rstrip(":")
    return begin, digest


def _lines(entry: dict[str, Any]) -> list[str]:
    return str(entry.get("stages", "")).splitlines()


def _other_software(ran: RanPolicy, runs: Iterable[_Run], begin: int) -> str:
    """Why this software's stages are not those that decided; "" if they are."""
    told = {line.partition(" ")[0] for run in runs for line in _lines(run.found.entry)}
    for line in ran.chain.stage[begin:]:
        try:
            version = catalog.entry(line.catalog_name, line.own_stage).version
        except CheckvalveError as error:
            return error.sentence
        others = {each for each in told if each.partition("/")[0] == line.name}
        if others - {f"{line.name}/{version}"}:
            return f"this software has {line.name} in version {version}, and not as the ledger says"
    return ""


def _as_accepted(run: _Run, message: Message) -> Message | Challenged:
    """The message, if it is the one that the ledger says was accepted."""
    if message_digest(message.meta_bytes, message.payload).hex() != run.found.entry.get("accepted"):
        return _told(run, Answer.DIFFERENT, f"what {run.source}/ has is not what was accepted")
    return message


def _as_sealed(run: _Run, record: Sealed) -> Message | Challenged:
    """The very bytes that were sealed, with the metadata that the last stages saw."""
    entry = run.found.entry
    size = int(entry.get("payload_bytes", 0))
    payload = record.envelope[len(record.envelope) - size :]
    if (
        hashlib.sha256(record.envelope).hexdigest() != entry.get("envelope")
        or hashlib.sha256(payload).hexdigest() != entry.get("payload")
    ):  # fmt: skip
        return _told(run, Answer.DIFFERENT, "what sealed/ has is not what the ledger says it is")
    meta = Meta(
        str(entry["id"]), run.found.indexed.flow, str(entry["sender"]), str(entry["name"]),
        int(entry["accepted_s"]), str(entry["type"]), str(entry["label"]), record.precedence,
    )  # fmt: skip
    message = Message.make(meta, payload)
    if message_digest(message.meta_bytes, payload).hex() != _after_last_change(entry)[1]:
        why = "its sender asked for a destination or signed it, and that is kept no more"
        return _told(run, Answer.NOT_RERUN, why)
    return message


def _rerun(lane: Lane, run: _Run, message: Message, asked: frozenset[str]) -> Challenged:
    """asked: stages that are left out, for they asked the virus scanner; they change nothing."""
    entry = run.found.entry
    failed = entry.get("reason") in (Reason.STAGE_FAILED, Reason.STAGE_OUTPUT_BOUND)
    try:
        judgement, output = lane.judge(run.record, message)
        wrong = _differs(run, judgement, output, asked)
    except (CheckvalveError, OSError) as error:
        wrong = f"the chain broke on it: {error}"
    if wrong and failed:
        return _told(run, Answer.NOT_RERUN, "a stage failed then, which can hang on the host")
    return _told(run, Answer.DIFFERENT if wrong else Answer.SAME, wrong)


def _differs(run: _Run, judgement: Judgement, output: Cleared | None, asked: frozenset[str]) -> str:
    """In what the chain's answer is another than the ledger's; "" if in nothing."""
    entry = run.found.entry
    ours = summary(judgement.receipts).splitlines()
    theirs = [it for it in _lines(entry)[run.begin :] if it.partition("/")[0] not in asked]
    for said, came in zip([*theirs, ""], [*ours, ""], strict=False):
        if said != came and not (": " in said and came.startswith(said)):
            return f"the ledger says {said or 'no more'!r}, the chain {came or 'no more'!r}"
    if len(ours) != len(theirs):
        return "the ledger has another number of stages"
    decided = _decision(judgement, output)
    for name, told in _said(entry).items():
        if told != decided[name]:
            return f"{name}: the ledger says {told or 'none'}, the chain {decided[name] or 'none'}"
    return ""


def _decision(judgement: Judgement, output: Cleared | None) -> dict[str, Any]:
    """The chain's: verdict, stage, reason, output; and of what may pass, what is told of it."""
    came = dict.fromkeys(("stage", "reason", "output", *_OF_PASSED), "") | {"verdict": "pass"}
    if output is not None:
        message, meta = output.message, output.meta
        came |= {
            "payload": hashlib.sha256(message.payload).hexdigest(), "type": meta.type,
            "label": meta.label, "queues": ",".join(output.queues),
        }  # fmt: skip
        if isinstance(judgement, Stopped):
            came["output"] = message_digest(message.meta_bytes, message.payload).hex()
    if isinstance(judgement, Stopped):
        came |= {
            "verdict": _VERDICTS[judgement.verdict], "stage": judgement.stage,
            "reason": judgement.reason.value,
        }  # fmt: skip
    return came


_VERDICTS = {Said.REFUSE: "refuse", Said.HOLD: "hold"}
_KINDS = {Kind.COMMITTED.value: "pass", Kind.REFUSED.value: "refuse", Kind.HELD.value: "hold"}
_OF_PASSED = ("payload", "type", "label", "queues")
_OF_STOPPED = ("stage", "reason")


def _said(entry: dict[str, Any]) -> dict[str, Any]:
    """The ledger's, as far as it is the chain's: people may have released what was held."""
    kind = str(entry["kind"])
    if kind == Kind.COMMITTED:
        released = {} if "hold" in entry else {"verdict": "pass"}
        return released | {name: entry.get(name, "") for name in _OF_PASSED}
    said = {"verdict": _KINDS[kind]} | {name: entry.get(name, "") for name in _OF_STOPPED}
    return said | ({"output": entry.get("output", "")} if kind == Kind.HELD else {})


def _told(run: _Run, answer: Answer, why: str = "", source: str | None = None) -> Challenged:
    entry = run.found.entry
    return Challenged(
        run.found.row.number, str(entry["id"]), str(entry["kind"]),
        run.source if source is None else source, answer, why,
    )  # fmt: skip
