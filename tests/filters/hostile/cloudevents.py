"""CloudEvents made to break the specification or the pack, each one change from a sound event."""

import json
from collections.abc import Iterator
from typing import Any

from tests.filters.hostile.cases import Case, Sound

PACKS = ("cloudevents",)
_EVENT = {"specversion": "1.0", "id": "1", "source": "/a", "type": "example.t"}
_SHAPE = ("model-shape", "schema-invalid")
_BAD: dict[str, tuple[Any, ...]] = {
    "specversion": ("0.3", "1.1", 1.0, 1, "", None),
    "id": ("", " ", " a", "a\t", 7, None, "x" * 300, "é", ["1"]),
    "source": ("", "a b", "%zz", 7, None, "x" * 600, "\u202e"),
    "type": ("", " t", "-t", 7, None, "x" * 300, "a\nb"),
    "subject": ("", "a\nb", "x" * 600, 7, "\ufdd0"),
    "time": (
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-05-14",
        "2026-05-14T24:00:00Z",
        "2026-05-14T06:00:00",
        "1800-01-01T00:00:00Z",
        1_780_000_000,
        "2026-05-14 06:00:00Z",
    ),
    "datacontenttype": (
        "application/xml",
        "json",
        "text/html",
        7,
        "application/json; charset=latin-1",
    ),
    "dataschema": ("a", "no scheme", 7, ""),
    "sequence": ("", "x" * 2000, {"a": 1}, ["a"], 1.5, 2**40, "a\x00b"),
    "unknown": ("a", 1),
    "Upper": ("a",),
    "data_base64": ("YQ==", "Y", "!!"),
    "dataref": ("http://example.org/x",),
    "a_b": ("x",),
}
_REASONS = (*_SHAPE, "type-not-allowed", "model-unknown-name", "character-not-allowed")


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for name, values in _BAD.items():
        for number, value in enumerate(values):
            if value is None and name == "subject":
                continue
            event = json.dumps({**_EVENT, name: value}).encode()
            yield Case(f"{name}-{number}", event, _REASONS)
    for name in _EVENT:
        event = json.dumps({key: value for key, value in _EVENT.items() if key != name}).encode()
        yield Case(f"without-{name}", event, ("model-shape",))
    good = json.dumps(_EVENT)
    yield Case("batch", f"[{good}]".encode(), ("syntax",))
    yield Case("twice", f"{good}{good}".encode(), ("trailing-data",))
    yield Case("same-name", good.replace("}", ', "id": "2"}').encode(), ("json-duplicate-key",))
    yield Case(
        "both-data", json.dumps({**_EVENT, "data": 1, "data_base64": "YQ=="}).encode(), _REASONS
    )
    yield Case("nan", good.replace("}", ', "data": NaN}').encode(), ("json-not-a-number",))
    yield Case("huge", good.replace("}", ', "data": 1e999}').encode(), ("json-number-size",))
    yield Case("deep", good.replace("}", f', "data": {"[" * 40}').encode(), ("too-deep",))
    yield Case(
        "many", good.replace("}", f', "data": [{"1," * 3000}1]}}').encode(), ("too-many-elements",)
    )
    yield Case(
        "large", json.dumps({**_EVENT, "data": "x" * 70_000}).encode(), ("size-out-of-bounds",)
    )
    yield Case("utf-16", good.encode("utf-16"), ("encoding-not-utf8",))
    yield Case(
        "escape", json.dumps({**_EVENT, "data": "\x1b[0m"}).encode(), ("character-not-allowed",)
    )
    yield Case("surrogate", good.replace('"1"', '"\\ud800"').encode(), ("json-lone-surrogate",))
    yield Case("xml", b"<event/>", ("type-not-allowed",))
    yield Case(
        "not-json-data",
        json.dumps({**_EVENT, "datacontenttype": "text/plain", "data": {"a": 1}}).encode(),
        ("type-not-allowed",),
    )


def sound() -> Iterator[Sound]:
    """Ordinary events, and what of them must not come out."""
    yield Sound("least", json.dumps(_EVENT).encode())
    yield Sound("null", json.dumps({**_EVENT, "subject": None}).encode(), gone=(b"subject",))
    yield Sound("blanks", json.dumps(_EVENT, indent=9).encode(), gone=(b"\n   ",))
    event = {
        **_EVENT,
        "datacontenttype": "Application/JSON; charset=UTF-8",
        "data": [1.50, {"a": "é"}],
    }
    yield Sound("data", json.dumps(event).encode(), gone=(b"charset", b"u00e9"))
    yield Sound(
        "extensions", json.dumps({**_EVENT, "sequence": "7", "traceparent": "00-1"}).encode()
    )
