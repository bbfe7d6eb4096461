"""The order rule of a chain: recognise and bound first, then rebuild and change, then check again.

Takes the steps of a chain (what the catalog knows of each stage), gives what is wrong with their
order, a sentence each. Pure. Follows docs/architecture.md, "Order in a chain":

    source       [sender] [identify] bounds recognise | normalize [transform ...] |
                 bounds recognise, then schema, label, words, each a stage of its own | route
    destination  bounds recognise | normalize [transform ...] | schema, label, words | route

What stands after the last stage that changes anything sees the final bytes: without it a
taken-over rebuild could emit what it likes under valid receipts.

A format with no schema language of its own (plain text, an image) has a recogniser that holds it to
its whole definition: that stage has the duties recognise and schema both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.kinds import Kind, Side

_CHANGES = frozenset({Kind.NORMALIZE, Kind.TRANSFORM})
_FIRST = ("bounds", "recognise")
_OF_THE_DROP = frozenset({"identify", "sender"})
_BEFORE_RECOGNISED = frozenset({"bounds", "recognise"}) | _OF_THE_DROP
_JUDGING = ("schema", "label", "words")
_WHOLE = frozenset({"recognise", "schema"})  # a recogniser that leaves no schema to check
_LAST: dict[Side, tuple[str, ...]] = {
    Side.SOURCE: (*_FIRST, *_JUDGING),
    Side.DESTINATION: _JUDGING,
}
_CALLED = {
    "bounds": "size bounds",
    "recognise": "a recogniser",
    "schema": "a schema check",
    "label": "a label check",
    "words": "a word check",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a chain as the order rule sees it.

    name    as the policy calls it
    use     the catalog's name
    kind    what it may do
    side    the side it is made for
    duties  the checks it performs (`StageType.rechecks`)
    """

    name: str
    use: str
    kind: Kind
    side: Side
    duties: frozenset[str]

    @property
    def changes(self) -> bool:
        """Whether it may change the payload."""
        return self.kind in _CHANGES


def order_faults(side: Side, steps: Sequence[Step]) -> list[str]:
    """What is wrong with a side's chain, a sentence each; empty when its order is right."""
    strangers = list(_strangers(side, steps))
    if strangers:
        return strangers  # their duties say nothing about this side
    changing = [at for at, step in enumerate(steps) if step.changes]
    if not changing:
        return [
            f"the {side} chain has no normalize stage: what is delivered must be written anew",
            *_route_faults(side, steps),
        ]
    first, last = changing[0], changing[-1]
    return [
        *_beginning_faults(side, steps[:first], steps[first]),
        *_identify_faults(side, steps[first:]),
        *_final_faults(side, steps[last + 1 :], steps[last]),
        *_route_faults(side, steps),
    ]


def _strangers(side: Side, steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.side not in (side, Side.BOTH):
            yield f"stage {step.name} of the {side} chain: {step.use} is for the {step.side} side"


def _beginning_faults(side: Side, beginning: Sequence[Step], change: Step) -> Iterator[str]:
    """Recognised and bounded first; the first change is the rebuild."""
    missing = list(_FIRST)
    for step in beginning:
        first = bool(step.duties) and (step.duties <= _BEFORE_RECOGNISED or step.duties == _WHOLE)
        if missing and not first:
            yield (
                f"stage {step.name} of the {side} chain comes before {_both(missing)}:"
                " recognise and bound first"
            )
            return
        missing = [duty for duty in missing if duty not in step.duties]
    if missing:
        yield f"the {side} chain needs {_both(missing)} before stage {change.name}"
    if change.kind is not Kind.NORMALIZE:
        yield (
            f"stage {change.name} of the {side} chain changes the message before any normalize"
            " stage has rebuilt it"
        )


def _identify_faults(side: Side, rest: Sequence[Step]) -> Iterator[str]:
    for step in rest:
        if step.duties & _OF_THE_DROP:
            yield (
                f"stage {step.name} of the {side} chain looks at the dropped bytes, and comes"
                f" after stage {rest[0].name} has changed them"
            )


def _final_faults(side: Side, final: Sequence[Step], change: Step) -> Iterator[str]:
    """The final bytes pass every check, each a stage of its own, those that bound first."""
    seen: set[str] = set()
    to_come = [duty for duty in _FIRST if duty in _LAST[side] and _has(final, duty)]
    for step in final:
        own = next(iter(step.duties)) if len(step.duties) == 1 else ""
        early = [duty for duty in to_come if duty not in seen]
        if own in _JUDGING and early:
            yield (
                f"stage {step.name} of the {side} chain comes before {_both(early)}"
                " has seen the final bytes"
            )
        seen |= _WHOLE if step.duties == _WHOLE else {own}
    for duty in _LAST[side]:
        if duty not in seen:
            yield (
                f"the {side} chain needs {_CALLED[duty]}, as a stage of its own, after stage"
                f" {change.name}, the last that changes the message"
            )


def _has(steps: Sequence[Step], duty: str) -> bool:
    return any(step.duties == {duty} or duty in step.duties == _WHOLE for step in steps)


def _route_faults(side: Side, steps: Sequence[Step]) -> Iterator[str]:
    for step in steps[:-1]:
        if step.kind is Kind.ROUTE:
            yield f"stage {step.name} of the {side} chain is a route: it must be the last stage"
    if steps and steps[-1].kind is not Kind.ROUTE:
        yield f"the {side} chain must end with a route, and ends with stage {steps[-1].name}"


def _both(duties: Sequence[str]) -> str:
    return " and ".join(_CALLED[duty] for duty in duties)
