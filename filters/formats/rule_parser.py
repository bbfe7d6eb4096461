"""The expressions of business rules: docs/spec/rules.md §1.

Takes a text, gives a tree, or raises `Broken`. A tree is a tuple: its first item names the
operator or kind, the others are its parts.
"""

import re
from decimal import Decimal
from typing import Any, NoReturn

from filters.formats.model_places import Place
from schemas.errors import Broken
from schemas.reasons import Reason

RULE_CHARACTERS_MAX = 1024
LEVELS_MAX = 32
ARGUMENTS = {
    "number": 1, "length": 1, "lower": 1, "exists": 1, "count": 1, "sum": 1, "unique": 1, "all": 2,
    "any": 2, "if": 3, "meta": 1, "seconds": 2,
}  # fmt: skip
OF_PLACES = frozenset({"exists", "count", "sum", "unique", "all", "any"})
META = frozenset({"sender", "type", "label", "destination"})
Tree = tuple[Any, ...]

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:\-]*"
_PATH = rf"(?:(?:{_NAME}|\*\*|\*)/){{1,15}}@?(?:{_NAME}|\*)|@(?:{_NAME}|\*)|{_NAME}"
_POINTER = r'(?:/[^\s/()\[\],"]{0,128}){1,16}'
_TOKEN = re.compile(
    r"[ \t]*(?:(?P<number>[0-9]{1,18}(?:\.[0-9]{1,18})?(?![\w.:/\-]))"
    r'|"(?P<text>[^"\x00-\x1f]*)"'
    rf"|(?P<path>{_POINTER}|{_PATH}|\.)"
    r"|(?P<sign><=|>=|!=|[=<>~()\[\],+*\-]))"
)
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_COMPARE = frozenset({"=", "!=", "<", "<=", ">", ">=", "~", "in"})


def parse(text: str) -> Tree:
    """The tree of a rule."""
    if not 0 < len(text) <= RULE_CHARACTERS_MAX:
        raise Broken(Reason.POLICY_MALFORMED, "a rule is empty or longer than 1,024 characters")
    reader = _Reader(_tokens(text))
    tree = reader.either(LEVELS_MAX)
    if reader.peek() is not None:
        _wrong("something follows the rule")
    return tree


def _wrong(what: str) -> NoReturn:
    raise Broken(Reason.POLICY_MALFORMED, f"no rule: {what}")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            _wrong(f"what stands at character {at}")
        kind = found.lastgroup or ""
        value = found[kind]
        tokens.append(("sign", value) if kind == "path" and value in _WORDS else (kind, value))
        at = found.end()
    return tokens


class _Reader:
    """A descent over the tokens; each method reads one level of the grammar."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> tuple[str, str] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *signs: str) -> str:
        """The next token if it is one of the signs, else nothing."""
        token = self.peek()
        if token is None or token[0] != "sign" or token[1] not in signs:
            return ""
        self.at += 1
        return token[1]

    def either(self, left: int) -> Tree:
        if left <= 0:
            _wrong("more than 32 levels")
        tree = self.both(left - 1)
        while self.take("or"):
            tree = ("or", tree, self.both(left - 1))
        return tree

    def both(self, left: int) -> Tree:
        tree = self.negated(left)
        while self.take("and"):
            tree = ("and", tree, self.negated(left))
        return tree

    def negated(self, left: int) -> Tree:
        if self.take("not"):
            return ("not", self.compared(left))
        return self.compared(left)

    def compared(self, left: int) -> Tree:
        tree = self.sum(left)
        sign = self.take(*_COMPARE)
        return (sign, tree, self.sum(left)) if sign else tree

    def sum(self, left: int) -> Tree:
        tree = self.product(left)
        while sign := self.take("+", "-"):
            tree = (sign, tree, self.product(left))
        return tree

    def product(self, left: int) -> Tree:
        tree = self.value(left)
        while self.take("*"):
            tree = ("*", tree, self.value(left))
        return tree

    def value(self, left: int) -> Tree:
        if self.take("("):
            tree = self.either(left - 1)
            self.want(")")
            return tree
        if self.take("["):
            return ("list", *self.listed("]", left))
        word = self.take("true", "false")
        if word:
            return ("constant", word == "true")
        if self.take("*"):
            return ("path", Place.parse("*"))
        token = self.peek()
        if token is None or token[0] == "sign":
            _wrong("a value is missing")
        self.at += 1
        kind, text = token
        if kind == "number":
            return ("constant", Decimal(text))
        if kind == "text":
            return ("constant", text)
        if self.take("("):
            return self.call(text, left)
        return ("here",) if text == "." else ("path", Place.parse(text))

    def call(self, name: str, left: int) -> Tree:
        arguments = self.listed(")", left)
        if name not in ARGUMENTS or len(arguments) != ARGUMENTS[name]:
            _wrong(f"the call {name[:32]}, or the number of its arguments")
        if name in OF_PLACES and arguments[0][0] != "path":
            _wrong(f"{name} wants a path")
        if name == "meta" and (arguments[0][0] != "constant" or arguments[0][1] not in META):
            _wrong("meta wants one of sender, type, label, destination")
        return (name, *arguments)

    def listed(self, end: str, left: int) -> list[Tree]:
        parts: list[Tree] = []
        if self.take(end):
            return parts
        while True:
            parts.append(self.either(left - 1))
            if not self.take(","):
                self.want(end)
                return parts

    def want(self, sign: str) -> None:
        if not self.take(sign):
            _wrong(f"{sign} is missing")
