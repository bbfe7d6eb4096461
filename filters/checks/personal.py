"""Filter `personal`: no text of the model holds personal or sensitive data of the kinds named.

Takes a model in deterministic CBOR, changes nothing (docs/spec/personal.md). All patterns are one
RE2 automaton, so that a text is passed over once whatever it holds; numbers must add up as well.
The verdict tells kind and place of each hit, never what stands there.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, Self

import re2
from pydantic import Field, model_validator

from filters.formats.models import open_model
from filters.formats.personal_kinds import BEFORE_BYTES_MAX, CHECKS, KINDS, Kind
from filters.formats.placed_texts import bare, placed
from filters.formats.word_list import Disguises, WordList
from schemas.cbor import CborLimits
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Parameters, Run, Side, StageType
from schemas.stage import Kind as StageKind
from schemas.verdict import Answer, Hold, Pass, Refuse

HITS_MAX = 10_000
CANDIDATE_BYTES_MAX = 1024
PATTERN_MEMORY_BYTES = 64 * 1024 * 1024
_TOLD_CHARACTERS_MAX = 200
_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)

Named = Literal["ssn", "nino", "nhs", "npi", "card", "iban", "phone", "email", "mrn", "dob", "ipv4",
                "coordinates"]  # fmt: skip


class Pattern(Parameters):
    """name: told in the verdict. pattern: RE2, over UTF-8. check: what its digits must satisfy."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    pattern: str = Field(min_length=1, max_length=1024)
    check: Literal["", "luhn", "mod11", "mod97"] = ""


class PersonalParameters(Parameters):
    """What is looked for.

    kinds           of docs/spec/personal.md
    patterns        of the policy's own
    names_document  a list of names, one a line ("" none)
    hits_max        hits that are let pass and told
    found           what becomes of a message with more
    """

    kinds: list[Named] = Field(default=[], max_length=16)
    patterns: list[Pattern] = Field(default=[], max_length=64)
    names_document: str = Field(default="", max_length=64)
    hits_max: int = Field(default=0, ge=0, le=1000)
    found: Literal["refuse", "hold"] = "refuse"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.kinds or self.patterns or self.names_document):
            raise ValueError("no kind, pattern or list of names is named")
        return self


def make(parameters: PersonalParameters, documents: Documents) -> Run:
    """A run that searches; raises for a pattern that RE2 does not take, or a missing list."""
    finder = Finder({
        **{name: KINDS[name] for name in parameters.kinds},
        **{own.name: Kind(own.pattern, CHECKS[own.check]) for own in parameters.patterns},
    })  # fmt: skip
    plain = Disguises(spaced=False, references=False)
    document = parameters.names_document
    names = WordList(documents[document], plain) if document else None
    verdict = Refuse if parameters.found == "refuse" else Hold

    def run(message: Message) -> Answer:
        model = open_model(message.payload, _LIMITS)
        places, texts = placed(model, bare)
        hits = [f"{kind} at {places[at]}" for kind, at in finder.hits(texts)]
        if names is not None:
            hits += [f"name at {places[at]}" for at in _named(names, placed(model)[1])]
        if len(hits) <= parameters.hits_max:
            return Pass(_told(hits) if hits else "")
        return verdict(Reason.PERSONAL_DATA, _told(hits))

    return run


def _named(names: WordList, texts: list[str]) -> list[int]:
    """The numbers of the texts that hold a name."""
    if names.search(texts) is None:
        return []
    return [at for at, text in enumerate(texts) if names.search([text]) is not None]


class Finder:
    """All patterns as one, and each by itself for what the one has found."""

    def __init__(self, kinds: dict[str, Kind]) -> None:
        options = re2.Options()
        options.max_mem = PATTERN_MEMORY_BYTES
        options.log_errors = False
        self.each: list[tuple[str, re2._Regexp[bytes], Kind]] = [
            (name, re2.compile(kind.pattern.encode(), options), kind)
            for name, kind in kinds.items()
        ]
        whole = "|".join(f"(?:{kind.pattern})" for kind in kinds.values())
        self.any = re2.compile(whole.encode(), options) if kinds else None
        self.which = re2.Set.MatchSet(options)
        for kind in kinds.values():
            self.which.Add(kind.pattern.encode())
        self.which.Compile()

    def hits(self, texts: list[str]) -> Iterator[tuple[str, int]]:
        """Kind and number of the text of each hit, at most `HITS_MAX`."""
        raw, starts = joined(texts)
        for count, (kind, start, _) in enumerate(self.spans(raw), start=1):
            yield kind, bisect_right(starts, start) - 1
            if count == HITS_MAX:
                return

    def spans(self, raw: bytes) -> Iterator[tuple[str, int, int]]:
        """Kind, beginning and end of each hit."""
        at = done = 0
        while self.any is not None and (found := self.any.search(raw, at)) is not None:
            at = found.start() + 1
            hit = self._hit(raw, found.start(), done)
            if hit is not None:
                yield hit
                at = done = hit[2]

    def _hit(self, raw: bytes, at: int, done: int) -> tuple[str, int, int] | None:
        """The hit among what begins there, of the first kind that holds. done: the last's end."""
        for which in sorted(self.which.Match(raw[at : at + CANDIDATE_BYTES_MAX]) or ()):
            name, pattern, kind = self.each[which]
            found = pattern.match(raw, at)
            if found is None:
                continue
            taken = found.group()
            within = taken.strip(b"_") if kind.bordered else taken
            if length := kind.holds(within):
                start = at + taken.index(within)
                before = raw[max(done, start - BEFORE_BYTES_MAX) : start]
                return name, start - kind.more(before), start + length
        return None


def joined(texts: list[str]) -> tuple[bytes, list[int]]:
    """The texts as one, apart by a control character, and where each begins."""
    parts, starts, at = [], [], 0
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        starts.append(at)
        parts.append(raw)
        at += len(raw) + 1
    return b"\x01".join(parts), starts


def _told(hits: list[str]) -> str:
    """As many hits as the sentence holds, and how many more there are."""
    told = ""
    for number, hit in enumerate(hits):
        longer = f"{told}, {hit}" if told else hit
        if len(longer) > _TOLD_CHARACTERS_MAX:
            return f"{told} and {len(hits) - number} more"
        told = longer
    return told


STAGE = StageType(
    name="personal",
    version=2,
    kind=StageKind.FILTER,
    side=Side.SOURCE,
    parameters=PersonalParameters,
    make=make,
    summary="no text holds personal or sensitive data of the kinds that the policy names",
)
