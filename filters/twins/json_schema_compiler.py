"""A validator compiled once from a JSON Schema, for the destination side.

Takes a parsed schema (draft 2020-12, the keywords of docs/spec/json-model.md §4), gives one
function that takes a value whose numbers are int or Decimal and returns, or raises `Invalid`. A
keyword, a format or a reference that it does not know raises `Broken` when it is compiled: no rule
is passed over. No code is shared with the source side's engine; patterns are Python's, searched
unanchored.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from filters.twins.json_formats import FORMATS
from schemas.errors import Broken
from schemas.reasons import Reason

SCHEMA_LEVELS_MAX = 64
_NOTES = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default",
     "examples", "deprecated", "readOnly", "writeOnly"}
)  # fmt: skip


class Invalid(Exception):  # noqa: N818  # it says what the value is
    """The value is not valid. `rule` is the keyword that failed; it holds nothing of the value."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


Check = Callable[[Any], None]


def parse(text: str) -> Any:
    """JSON with every number as int or Decimal, as the compiled checks need them."""
    return json.loads(text, parse_float=Decimal)


def compile_schema(schema: Any) -> Check:
    """The check of a schema, as `parse` gives it."""
    return _Compiler(schema).schema(schema, 0)


def _no(what: str) -> Broken:
    return Broken(Reason.POLICY_MALFORMED, f"the schema has {what}, which the validator cannot do")


class _Compiler:
    """Keeps what is compiled already: definitions are shared, and may contain themselves."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.references: dict[str, list[Check]] = {}

    def schema(self, schema: Any, level: int) -> Check:
        if schema is True:
            return lambda _: None
        if schema is False:
            return _never
        if type(schema) is not dict or level > SCHEMA_LEVELS_MAX:
            raise _no("a part that is no schema, or too deep")
        checks: list[Check] = []
        done = set(_NOTES)
        for keyword in schema:
            if keyword in done:
                continue
            method = getattr(self, f"_{keyword.replace('$', '')}", None)
            if method is not None:
                done |= {keyword, *_TOGETHER.get(keyword, ())}
                checks.append(method(schema, level + 1))
            elif keyword not in {"then", "else", "additionalProperties", "patternProperties"}:
                raise _no(f"the keyword {keyword[:40]}")
            elif keyword != "then" and keyword != "else":
                done |= {keyword, *_TOGETHER["properties"]}
                checks.append(self._properties(schema, level + 1))

        def run(value: Any) -> None:
            for check in checks:
                check(value)

        return checks[0] if len(checks) == 1 else run

    def _ref(self, schema: dict[str, Any], level: int) -> Check:
        reference = schema["$ref"]
        if reference not in self.references:
            self.references[reference] = slot = []
            slot.append(self.schema(self._found(reference), 0))
        slot = self.references[reference]
        return slot[0] if slot else lambda value: slot[0](value)

    def _found(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise _no("a reference to another document")
        found = self.root
        for step in reference[2:].split("/") if len(reference) > 1 else ():
            step = step.replace("~1", "/").replace("~0", "~")
            if type(found) is list and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            elif type(found) is dict and step in found:
                found = found[step]
            else:
                raise _no("a reference that leads nowhere")
        return found

    def _allOf(self, schema: dict[str, Any], level: int) -> Check:  # noqa: N802  # the keyword's name
        checks = [self.schema(part, level) for part in schema["allOf"]]

        def run(value: Any) -> None:
            for check in checks:
                check(value)

        return run

    def _anyOf(self, schema: dict[str, Any], level: int) -> Check:  # noqa: N802  # the keyword's name
        checks = [self.schema(part, level) for part in schema["anyOf"]]
        return _when(lambda value: any(_valid(check, value) for check in checks), "anyOf")

    def _oneOf(self, schema: dict[str, Any], level: int) -> Check:  # noqa: N802  # the keyword's name
        checks = [self.schema(part, level) for part in schema["oneOf"]]
        return _when(lambda value: sum(_valid(check, value) for check in checks) == 1, "oneOf")

    def _not(self, schema: dict[str, Any], level: int) -> Check:
        check = self.schema(schema["not"], level)
        return _when(lambda value: not _valid(check, value), "not")

    def _if(self, schema: dict[str, Any], level: int) -> Check:
        condition = self.schema(schema["if"], level)
        then = self.schema(schema.get("then", True), level)
        otherwise = self.schema(schema.get("else", True), level)
        return lambda value: (then if _valid(condition, value) else otherwise)(value)

    def _properties(self, schema: dict[str, Any], level: int) -> Check:
        """`properties`, `patternProperties` and `additionalProperties`, which go together."""
        named = {
            name: self.schema(part, level) for name, part in schema.get("properties", {}).items()
        }
        patterns = [
            (_pattern(text), self.schema(part, level))
            for text, part in schema.get("patternProperties", {}).items()
        ]
        others = self.schema(schema.get("additionalProperties", True), level)

        def run(value: Any) -> None:
            if type(value) is not dict:
                return
            for name, item in value.items():
                known = named.get(name)
                if known is not None:
                    known(item)
                fits = [check for pattern, check in patterns if pattern.search(name)]
                for check in fits:
                    check(item)
                if known is None and not fits:
                    others(item)

        return run

    def _propertyNames(self, schema: dict[str, Any], level: int) -> Check:  # noqa: N802  # the same
        check = self.schema(schema["propertyNames"], level)

        def run(value: Any) -> None:
            for name in value if type(value) is dict else ():
                check(name)

        return run

    def _items(self, schema: dict[str, Any], level: int) -> Check:
        first = [self.schema(part, level) for part in schema.get("prefixItems", [])]
        rest = self.schema(schema.get("items", True), level)

        def run(value: Any) -> None:
            if type(value) is list:
                for at, item in enumerate(value):
                    (first[at] if at < len(first) else rest)(item)

        return run

    _prefixItems = _items  # noqa: N815  # the keyword's name

    def _contains(self, schema: dict[str, Any], level: int) -> Check:
        check = self.schema(schema["contains"], level)
        return _of(list, lambda value: any(_valid(check, item) for item in value), "contains")

    def _type(self, schema: dict[str, Any], level: int) -> Check:
        wanted = schema["type"] if type(schema["type"]) is list else [schema["type"]]
        if not set(wanted) <= _TYPES.keys():
            raise _no("a type that JSON has not")
        tests = [_TYPES[name] for name in wanted]
        return _when(lambda value: any(test(value) for test in tests), "type")

    def _enum(self, schema: dict[str, Any], level: int) -> Check:
        allowed = {_key(value) for value in schema["enum"]}
        return _when(lambda value: _key(value) in allowed, "enum")

    def _const(self, schema: dict[str, Any], level: int) -> Check:
        wanted = _key(schema["const"])
        return _when(lambda value: _key(value) == wanted, "const")

    def _required(self, schema: dict[str, Any], level: int) -> Check:
        names = frozenset(schema["required"])
        return _of(dict, names.issubset, "required")

    def _dependentRequired(self, schema: dict[str, Any], level: int) -> Check:  # noqa: N802  # the same
        pairs = list(schema["dependentRequired"].items())

        def fits(value: Any) -> bool:
            return all(name not in value or set(needed) <= value.keys() for name, needed in pairs)

        return _of(dict, fits, "dependentRequired")

    def _uniqueItems(self, schema: dict[str, Any], level: int) -> Check:  # noqa: N802  # the same
        if not schema["uniqueItems"]:
            return lambda _: None
        return _of(list, lambda value: len(set(map(_key, value))) == len(value), "uniqueItems")

    def _pattern(self, schema: dict[str, Any], level: int) -> Check:
        search = _pattern(schema["pattern"]).search
        return _of(str, lambda value: search(value) is not None, "pattern")

    def _format(self, schema: dict[str, Any], level: int) -> Check:
        name = schema["format"]
        if name not in FORMATS:
            raise _no(f"the format {str(name)[:40]}")
        return _of(str, FORMATS[name], "format")


def _bound(keyword: str, kind: type, fits: Callable[[Any, Any], bool]) -> Any:
    def method(self: _Compiler, schema: dict[str, Any], level: int) -> Check:
        bound = schema[keyword]
        if kind is Decimal:
            return _number(lambda value: fits(value, bound), keyword)
        return _of(kind, lambda value: fits(value, bound), keyword)

    return method


for _keyword, _kind, _fits in (
    ("minLength", str, lambda value, bound: len(value) >= bound),
    ("maxLength", str, lambda value, bound: len(value) <= bound),
    ("minItems", list, lambda value, bound: len(value) >= bound),
    ("maxItems", list, lambda value, bound: len(value) <= bound),
    ("minProperties", dict, lambda value, bound: len(value) >= bound),
    ("maxProperties", dict, lambda value, bound: len(value) <= bound),
    ("minimum", Decimal, lambda value, bound: value >= bound),
    ("maximum", Decimal, lambda value, bound: value <= bound),
    ("exclusiveMinimum", Decimal, lambda value, bound: value > bound),
    ("exclusiveMaximum", Decimal, lambda value, bound: value < bound),
    ("multipleOf", Decimal, lambda value, bound: not Fraction(value) % Fraction(bound)),
):
    setattr(_Compiler, f"_{_keyword}", _bound(_keyword, _kind, _fits))

_TOGETHER: dict[str, tuple[str, ...]] = {
    "properties": ("properties", "patternProperties", "additionalProperties"),
    "items": ("items", "prefixItems"),
    "prefixItems": ("items", "prefixItems"),
    "if": ("if", "then", "else"),
}


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: type(value) is bool,
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "string": lambda value: type(value) is str,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value == int(value),
}


def _never(_value: Any) -> None:
    raise Invalid("false")


def _valid(check: Check, value: Any) -> bool:
    try:
        check(value)
    except Invalid:
        return False
    return True


def _when(fits: Callable[[Any], bool], rule: str) -> Check:
    def run(value: Any) -> None:
        if not fits(value):
            raise Invalid(rule)

    return run


def _of(kind: type, fits: Callable[[Any], bool], rule: str) -> Check:
    """A rule for values of one type; others are not its concern."""
    return _when(lambda value: type(value) is not kind or fits(value), rule)


def _number(fits: Callable[[Any], bool], rule: str) -> Check:
    return _when(lambda value: not _is_number(value) or fits(value), rule)


def _key(value: Any) -> Any:
    """The value as something that is equal exactly if JSON Schema takes the values for equal."""
    if type(value) is dict:
        return ("object", frozenset((name, _key(item)) for name, item in value.items()))
    if type(value) is list:
        return ("array", tuple(map(_key, value)))
    return ("number", Decimal(value)) if _is_number(value) else (type(value).__name__, value)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise _no("a pattern that Python cannot read") from error
