"""What a stage is, in words and tables: for `guard filters show` and the pages in docs/filters.

Takes a stage of the catalog, gives its parameters with type, bounds, default and meaning, all read
from the types themselves and the docstrings of the parameter models. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.stage import StageType

_ENTRY = re.compile(r"^\s*([a-z_0-9]+(?:, [a-z_0-9]+)*)  +(.+)$")
_OPENING = re.compile(r"^[A-Z][a-z]+ `[a-z_]+`: ")
_IN_LINE = re.compile(r"(?:^|\.\s+|\n\s*)([a-z_0-9]+(?:, [a-z_0-9]+)*): ([^.]+)")
_NUMBER_BOUNDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, the type and bounds in words, its default in TOML, its meaning."""

    name: str
    type: str
    bounds: str
    default: str
    meaning: str


def parameters(stage: StageType) -> list[Parameter]:
    """Every parameter of the stage; those of a list of tables as `list.name`."""
    return list(_of(stage.parameters, ""))


def described(stage: StageType) -> dict[str, Any]:
    """The stage as JSON has it."""
    return {
        "name": stage.name,
        "version": stage.version,
        "kind": str(stage.kind),
        "side": str(stage.side),
        "summary": stage.summary,
        "checks": sorted(stage.rechecks),
        "drops": drops(stage),
        "parameters": [asdict(parameter) for parameter in parameters(stage)],
        "example": example(stage),
    }


def drops(stage: StageType) -> str:
    """What the stage leaves out, as its module says it, or that it changes nothing."""
    text = _OPENING.sub("", " ".join((_module_doc(stage) or "").split()))
    if "changes nothing" in text:
        return "nothing: it looks and changes nothing"
    found = re.search(r"[^.]*(?:do not survive|does not survive|dropped|defused)[^.]*\.", text)
    return found[0].strip() if found else "nothing"


def example(stage: StageType) -> str:
    """A line of a policy that names the stage, with what has no default."""
    side = "source" if stage.side != "destination" else "destination"
    needed = [
        f"{name} = {_sample(field.annotation)}"
        for name, field in stage.parameters.model_fields.items()
        if field.is_required()
    ]
    lines = [f"[[{side}.stage]]", f'name = "{stage.name}"']
    if needed:
        lines.append(f"parameters = {{ {', '.join(needed)} }}")
    return "\n".join(lines)


def table(stage: StageType) -> str:
    """The parameters as a Markdown table."""
    rows = parameters(stage)
    if not rows:
        return "It has no parameters."
    lines = ["| parameter | type | bounds | default | meaning |", "|---|---|---|---|---|"]
    for row in rows:
        default = f"`{row.default}`" if row.default else "needed"
        cells = (f"`{row.name}`", row.type, row.bounds, default, row.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _module_doc(stage: StageType) -> str | None:
    return import_module(stage.make.__module__).__doc__


def _of(model: type[BaseModel], prefix: str) -> Iterator[Parameter]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        yield Parameter(
            f"{prefix}{name}",
            _type(field.annotation),
            _bounds(field),
            _default(field),
            meanings.get(name, ""),
        )
        inner = _model_in(field.annotation)
        if inner is not None:
            yield from _of(inner, f"{prefix}{name}.")


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """name -> meaning, from the docstrings of the model and its bases: `name  meaning` lines."""
    found: dict[str, str] = {}
    for base in model.__mro__:
        last: list[str] = []
        for line in (base.__doc__ or "").splitlines():
            entry = _ENTRY.match(line)
            if entry is not None and set(entry[1].split(", ")) <= set(model.model_fields):
                last = entry[1].split(", ")
                for name in last:
                    found.setdefault(name, _plain(entry[2]))
            elif not line.strip():
                last = []
            elif last and line.startswith("     "):
                for name in last:
                    found[name] += " " + _plain(line)
        for pair in _IN_LINE.finditer(base.__doc__ or ""):
            for name in pair[1].split(", "):
                found.setdefault(name, _plain(pair[2]))
    return found


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin in (list, set, frozenset, tuple):
        return f"list of {_plural(_type(arguments[0]))}"
    if origin is dict:
        return f"table of {_plural(_type(arguments[1]))}"
    if origin in (Union, UnionType):
        return " or ".join(_type(a) for a in arguments if a is not NoneType)
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return {str: "text", int: "integer", bool: "true or false", float: "number"}.get(
        annotation, getattr(annotation, "__name__", str(annotation))
    )


def _plural(name: str) -> str:
    return name if name.startswith(("list", "`", "true")) else f"{name}s"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for argument in (annotation, *get_args(annotation)):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return None


def _bounds(field: FieldInfo) -> str:
    words: list[str] = []
    for constraint in field.metadata:
        for name, word in _NUMBER_BOUNDS.items():
            value = getattr(constraint, name, None)
            if value is not None:
                words.append(f"{word} {value:,}")
        for name, word in (("min_length", "at least"), ("max_length", "at most")):
            value = getattr(constraint, name, None)
            if value is not None:
                words.append(f"{word} {value:,} long")
        if getattr(constraint, "pattern", None):
            words.append("of a fixed form")
    return ", ".join(words)


def _default(field: FieldInfo) -> str:
    return "" if field.is_required() else _toml(field.get_default(call_default_factory=True))


def _toml(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list() | tuple() | frozenset():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def _sample(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _toml(arguments[0])
    if origin is list:
        return f"[{_sample(arguments[0])}]"
    if origin is dict:
        return f"{{ {_toml('KEY')} = {_sample(arguments[1])} }}"
    inner = _model_in(annotation)
    if inner is not None:
        needed = [
            f"{name} = {_sample(field.annotation)}"
            for name, field in inner.model_fields.items()
            if field.is_required()
        ]
        return "{ " + ", ".join(needed) + " }"
    return {int: "1024", bool: "false"}.get(annotation, '"…"')
