"""What this installation is made of: a software bill of materials in CycloneDX 1.6 (ECMA-424).

Takes nothing, gives a document: this package, what it needs of Python packages, as far as they are
installed, and Python itself. Reads the installed packages' own metadata.
"""

import platform
import re
import uuid
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

OURS = "checkvalve"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SPACE = uuid.UUID("5b0e1c1e-8d1f-5c0a-9a55-6f8f5a7f1d10")
Document = dict[str, Any]


def bill_of_materials() -> Document:
    """The same for the same installation. Components by name."""
    found = {_key(each.name): each for each in _needed(OURS)}
    own = found.pop(OURS)
    components = [_component(each) for _, each in sorted(found.items())]
    components.append(
        {"type": "platform", "name": platform.python_implementation(),
         "version": platform.python_version(), "bom-ref": "python"}
    )  # fmt: skip
    seed = "\n".join(f"{each['name']} {each['version']}" for each in components)
    depends = [
        {"ref": _ref(each), "dependsOn": sorted(_ref(other) for other in _direct(each, found))}
        for each in (own, *found.values())
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, f'{own.version} {seed}')}",
        "version": 1,
        "metadata": {"component": _component(own) | {"type": "application"}},
        "components": components,
        "dependencies": depends,
    }


def _needed(name: str) -> Iterator[Distribution]:
    """A package and all that it needs, as far as they are installed, each once."""
    waiting, seen = [name], set[str]()
    while waiting:
        key = _key(waiting.pop())
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(key)
        except PackageNotFoundError:
            continue  # for another platform, or an extra that is not installed
        yield found
        waiting += _requirements(found)


def _requirements(found: Distribution) -> list[str]:
    names = (_NAME.match(line) for line in found.requires or () if "extra ==" not in line)
    return [match[0] for match in names if match]


def _direct(each: Distribution, found: dict[str, Distribution]) -> Iterator[Distribution]:
    for name in _requirements(each):
        if _key(name) in found:
            yield found[_key(name)]


def _component(each: Distribution) -> Document:
    record = each.read_text("RECORD") or ""
    told: Document = {
        "type": "library",
        "bom-ref": _ref(each),
        "name": each.name,
        "version": each.version,
        "purl": _ref(each),
        "properties": [
            {"name": "checkvalve:record-sha256", "value": sha256(record.encode()).hexdigest()}
        ],
    }
    if "License-Expression" in each.metadata:
        told["licenses"] = [{"expression": each.metadata["License-Expression"]}]
    return told


def _ref(each: Distribution) -> str:
    return f"pkg:pypi/{_key(each.name)}@{each.version}"


def _key(name: str) -> str:
    """As PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
