"""Filter `yara`: no YARA rule of the policy's document matches.

Takes any payload, changes nothing. Three looks, each of which the policy may leave out: the payload
as it stands; of a model in deterministic CBOR each byte string by itself, and all its texts
together, in compatibility form, one a line; the file's name and what the sender declared. The
verdict tells the rule's name and the place of its first pattern, never what stands there.

Rules are compiled by YARA-X when the stage is made. What could make an answer depend on anything
but the message (includes, the modules `time`, `console`, `cuckoo`, `vt`) is refused then, and so is
what the compiler knows to be slow. The library's own timeout is not used: it is a thread with a
clock, which a confined stage may not start. A scan that takes too long meets the stage's limits
(docs/isolation.md), and its message is held.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, Self

import yara_x
from pydantic import Field, model_validator

from filters.formats.models import open_model
from filters.formats.placed_texts import placed
from schemas.cbor import CborLimits, CborValue
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

RULES_BYTES_MAX = 8 * 1024 * 1024
MATCHES_MAX = 10_000  # of one pattern in one look: conditions that count see no more
_NOT_PURE = frozenset({"console", "cuckoo", "time", "vt"})
_SLOW = frozenset({"potentially_slow_loop", "slow_pattern"})
_TOLD_CHARACTERS_MAX = 200
_LIMITS = CborLimits(bytes_max=32 * 1024 * 1024)


class YaraParameters(Parameters):
    """What is searched, by which rules.

    document  the rules
    payload   whether the payload as it stands is searched
    model     whether the payload is a model, whose texts and byte strings are searched by
    themselves
    names     whether the file's name, its type, label and destination are searched
    found     what becomes of a message that a rule matches
    """

    document: str = Field(default="rules.yar", max_length=64)
    payload: bool = True
    model: bool = True
    names: bool = True
    found: Literal["refuse", "hold"] = "refuse"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.payload or self.model or self.names):
            raise ValueError("nothing is to be searched")
        return self


def make(parameters: YaraParameters, documents: Documents) -> Run:
    """A run that scans; raises `Malformed(POLICY_MALFORMED)` for rules that are not taken."""
    scanner = yara_x.Scanner(compiled(documents[parameters.document], parameters.document))
    scanner.max_matches_per_pattern(MATCHES_MAX)
    scanner.scan(b"")  # what the library prepares at a first scan is prepared before confinement
    verdict = Refuse if parameters.found == "refuse" else Hold

    def looks(message: Message) -> Iterator[str]:
        if parameters.payload:
            yield from _hits(scanner, bytes(message.payload), ["the payload"], [0])
        if parameters.model:
            model = open_model(message.payload, _LIMITS)
            yield from _lines(scanner, *placed(model))
            for number, blob in enumerate(_blobs(model), start=1):
                yield from _hits(scanner, blob, [f"byte string {number}"], [0])
        if parameters.names:
            meta = message.meta
            places = ["the file's name", "its type", "its label", "its destination"]
            yield from _lines(scanner, places, [meta.name, meta.type, meta.label, meta.destination])

    def run(message: Message) -> Answer:
        hits = list(dict.fromkeys(looks(message)))
        if not hits:
            return Pass()
        return verdict(Reason.YARA_RULE, _told(hits))

    return run


def compiled(untrusted_rules: bytes, name: str) -> yara_x.Rules:
    """The rules of a document. Raises `Malformed(POLICY_MALFORMED)` that says what is wrong."""
    if len(untrusted_rules) > RULES_BYTES_MAX:
        raise _not_taken(name, f"they are larger than {RULES_BYTES_MAX >> 20} MiB")
    compiler = yara_x.Compiler(error_on_slow_pattern=True, includes_enabled=False)
    try:
        compiler.add_source(untrusted_rules.decode("utf-8"))
    except UnicodeDecodeError:
        raise _not_taken(name, "they are not UTF-8") from None
    except yara_x.CompileError as error:
        raise _not_taken(name, " ".join(str(error).split())[:160]) from error
    slow = [warning["title"] for warning in compiler.warnings() if warning["code"] in _SLOW]
    if slow:
        raise _not_taken(name, f"{slow[0]}: write the loop with a small bound")
    rules = compiler.build()
    impure = sorted(_NOT_PURE.intersection(rules.imports()))
    if impure:
        raise _not_taken(name, f"the module {impure[0]} knows more than the message")
    return rules


def _not_taken(name: str, why: str) -> Malformed:
    return Malformed(Reason.POLICY_MALFORMED, f"the rules in {name} are not taken: {why}")


def _lines(scanner: yara_x.Scanner, places: list[str], texts: list[str]) -> Iterator[str]:
    starts, at = [], 0
    lines = [text.encode("utf-8", "surrogatepass") for text in texts]
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    if lines:
        yield from _hits(scanner, b"\n".join(lines), places, starts)


def _hits(
    scanner: yara_x.Scanner, data: bytes, places: list[str], starts: list[int]
) -> Iterator[str]:
    """Each rule that matches, with the place of its first pattern."""
    for rule in scanner.scan(data).matching_rules:
        offsets = [match.offset for pattern in rule.patterns for match in pattern.matches]
        at = bisect_right(starts, min(offsets, default=0)) - 1
        yield f"{rule.identifier} at {places[at]}"


def _blobs(model: CborValue) -> Iterator[bytes]:
    """Every byte string, in the model's order."""
    todo: list[CborValue] = [model]
    while todo:
        item = todo.pop()
        if isinstance(item, bytes):
            yield item
        elif isinstance(item, list):
            todo.extend(reversed(item))
        elif isinstance(item, dict):
            todo.extend(reversed(item.values()))


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
    name="yara",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=YaraParameters,
    make=make,
    summary="no YARA rule of the policy matches the payload, the model or the metadata",
)
