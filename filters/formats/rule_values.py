"""The evaluation of business rules: docs/spec/rules.md §2 to §4.

Takes a tree and a model, gives a value. Every step is counted; nothing here loops but over what
a path has found, and what it finds is looked for once a message.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any

from filters.formats.model_places import Place
from filters.formats.rule_parser import Tree
from schemas.errors import Malformed
from schemas.reasons import Reason

STEPS_MAX = 200_000
FOUND_MAX = 10_000
DIGITS_MAX = 60
NOTHING = None
_EXACT = Context(prec=2048, traps=[Inexact, InvalidOperation, Overflow])
_NUMBER = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?(?:[eE][+\-]?[0-9]{1,3})?")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


class Rules:
    """The evaluation of rules over one message."""

    def __init__(self, model: Any, meta: dict[str, str]) -> None:
        self.model = model
        self.meta = meta
        self.steps = 0
        self.here: Any = NOTHING
        self.paths: dict[Place, list[Any]] = {}

    def true(self, tree: Tree) -> bool:
        """Whether a rule is true; what cannot be evaluated is not."""
        try:
            return self.value(tree) is True
        except ArithmeticError:
            return False

    def value(self, tree: Tree) -> Any:
        """The value of a part of a rule."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Malformed(Reason.RULE_BROKEN, "the rules take more steps than their bound")
        kind = tree[0]
        if kind == "constant":
            return tree[1]
        if kind == "here":
            return self.here
        if kind == "path":
            values = self.found(tree[1])
            return NOTHING if not values or any(map(_is_deep, values)) else values[0]
        if kind == "list":
            return [self.value(part) for part in tree[1:]]
        if kind in ("and", "or"):
            return self.joined(kind, tree[1], tree[2])
        if kind == "not":
            truth = self.value(tree[1])
            return (not truth) if type(truth) is bool else NOTHING
        if kind == "if":
            return self.value(tree[2] if self.value(tree[1]) is True else tree[3])
        if kind in _OF_FOUND:
            return self.of_found(tree)
        if kind == "meta":
            return self.meta[tree[1][1]]
        return _OPERATORS[kind](*(self.value(part) for part in tree[1:]))

    def joined(self, kind: str, first: Tree, second: Tree) -> Any:
        """`and` and `or`: the second operand only if the first does not decide."""
        truth = self.value(first)
        if type(truth) is not bool or truth is (kind == "or"):
            return truth if type(truth) is bool else NOTHING
        truth = self.value(second)
        return truth if type(truth) is bool else NOTHING

    def found(self, place: Place) -> list[Any]:
        """What stands at a place, numbers as decimals; the model is walked once for each place."""
        values = self.paths.get(place)
        if values is None:
            values = []
            for slot in place.slots(self.model):
                values.extend(slot.value if slot.is_items else [_plain(slot.value)])
            if len(values) > FOUND_MAX:
                raise Malformed(Reason.RULE_BROKEN, "a rule's path finds more than its bound")
            self.paths[place] = values
        self.steps += len(values)
        return values

    def of_found(self, tree: Tree) -> Any:
        """The calls whose first argument is all that a path finds."""
        kind, values = tree[0], self.found(tree[1][1])
        if kind == "exists":
            return bool(values)
        if kind == "count":
            return Decimal(len(values))
        if kind == "unique":
            return len(set(map(_told_apart, values))) == len(values)
        if kind == "sum":
            return _sum(values)
        outer, holds = self.here, []
        for value in values:
            self.here = value
            holds.append(self.value(tree[2]) is True)
        self.here = outer
        return all(holds) if kind == "all" else any(holds)


_OF_FOUND = frozenset({"exists", "count", "sum", "unique", "all", "any"})


def _plain(value: Any) -> Any:
    if type(value) is int:
        return Decimal(value)
    if type(value) is bytes:
        return _number(value.decode("ascii", "replace"))
    return value


def _told_apart(value: Any) -> Any:
    """What two values share if they are equal, and only then."""
    return value if type(value) is Decimal else (type(value), str(value))


def _is_deep(value: Any) -> bool:
    return type(value) in (dict, list)


def _number(value: Any) -> Decimal | None:
    if type(value) is Decimal:
        return value
    if type(value) is not str or _NUMBER.fullmatch(value) is None:
        return NOTHING
    return Decimal(value)


def _bounded(number: Decimal) -> Decimal:
    if len(number.as_tuple().digits) > DIGITS_MAX:
        raise Malformed(Reason.RULE_BROKEN, "a number of a rule has more digits than its bound")
    return number


def _sum(values: list[Any]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        number = _number(value)
        if number is None:
            return NOTHING
        total = _EXACT.add(total, number)
    return _bounded(total)


def _arithmetic(operator: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    def run(first: Any, second: Any) -> Any:
        if type(first) is not Decimal or type(second) is not Decimal:
            return NOTHING
        return _bounded(operator(first, second))

    return run


def _equal(first: Any, second: Any) -> bool:
    return type(first) is type(second) and first == second


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime | None:
    if _TIME.fullmatch(text) is None:
        return NOTHING
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return NOTHING


def _ordered(operator: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def run(first: Any, second: Any) -> Any:
        if type(first) is Decimal and type(second) is Decimal:
            return operator(first, second)
        if type(first) is str and type(second) is str:
            earlier, later = _moment(first), _moment(second)
            if earlier is not None and later is not None:
                return operator(earlier, later)
        return NOTHING

    return run


def _matches(text: Any, pattern: Any) -> Any:
    if type(text) is not str or type(pattern) is not str:
        return NOTHING
    return glob(text, pattern)


def glob(text: str, pattern: str) -> bool:
    """Whether the text is of the pattern, in time linear in both for each `*`."""
    at = star = mark = 0
    position, open_star = 0, False
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark, open_star, at = at, position, True, at + 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at, position = at + 1, position + 1
        elif open_star:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(sign == "*" for sign in pattern[at:])


def _among(value: Any, values: Any) -> Any:
    return any(_equal(value, item) for item in values) if type(values) is list else NOTHING


def _seconds(first: Any, second: Any) -> Any:
    if type(first) is not str or type(second) is not str:
        return NOTHING
    start, end = _moment(first), _moment(second)
    if start is None or end is None:
        return NOTHING
    between = end - start
    return Decimal(between.days * 86_400 + between.seconds) + Decimal(between.microseconds) / 10**6


_OPERATORS: dict[str, Callable[..., Any]] = {
    "=": _equal,
    "!=": lambda first, second: not _equal(first, second),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "~": _matches,
    "in": _among,
    "+": _arithmetic(_EXACT.add),
    "-": _arithmetic(_EXACT.subtract),
    "*": _arithmetic(_EXACT.multiply),
    "number": _number,
    "length": lambda value: Decimal(len(value)) if type(value) is str else NOTHING,
    "lower": lambda value: value.lower() if type(value) is str else NOTHING,
    "seconds": _seconds,
}
