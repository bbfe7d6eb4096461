"""What the zstd dictionary of the pack `events` holds, least useful first: strings of CloudEvents.

Made of the names in the pack's own samples and of one event that says nothing, as JSON, in a full
envelope and in a compact one. What stands in `data` is every site's own: a site that wants more
than this builds a dictionary of its own events (docs/low-rate.md).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guard.core.sealing import seal, seal_compact
from schemas.cbor import CborValue, encode
from schemas.manifest import COMPACT_HEAD, SIGNATURE_BYTES, Manifest

SAMPLES = Path(__file__).parents[2] / "schemas" / "packs" / "events" / "samples"
TIME = "2026-05-01T10:00:00Z"
EVENT: dict[str, CborValue] = {
    "specversion": "1.0", "type": "example.sensor.reading", "source": "/", "id": "1",
    "time": TIME, "subject": "", "datacontenttype": "application/json",
    "securitylabel": "UNCLASSIFIED", "data": {"value": b"0.0", "unit": "", "state": "good"},
}  # fmt: skip


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _manifest(payload: bytes) -> Manifest:
    return Manifest(
        "events", "LOW", "HIGH", 2**16, bytes(16), bytes(32), len(payload),
        "application/cloudevents+cbor", "UNCLASSIFIED", 0, "events", 2**30, 2**30, bytes(32),
        bytes(32), 2**16, bytes(32),
    )  # fmt: skip


def _no_signature(_: bytes) -> bytes:
    return bytes(SIGNATURE_BYTES)


def content() -> bytes:
    """The dictionary's content: names as JSON, names in CBOR, one event in each of its forms."""
    samples = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))]
    names = list(dict.fromkeys(name for sample in samples for name in _names(sample)))
    text = json.dumps({**EVENT, "data": {"value": 0.0, "unit": "", "state": "good"}})
    payload = encode({**EVENT})
    parts = [f'"{name}": '.encode() for name in names]
    parts += [encode(name) for name in names]
    parts += [text.replace(": ", ":").replace(", ", ",").encode(), text.encode()]
    parts.append(seal(_manifest(payload), b"", _no_signature))
    parts.append(seal_compact(_manifest(payload), payload, _no_signature)[COMPACT_HEAD.size :])
    return b"".join(parts)
