"""What a process is told at its start: one `Spec`, read once from a descriptor.

The supervisor writes it into a memfd that the new process inherits, so that keys stand in no
argument list, environment or file. Takes and gives the dataclass; JSON in between, bytes as hex
(keys) or base64 (documents).
"""

import base64
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Self

Value = int | str | list[Any] | dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Spec:
    """One process's orders.

    name         unique on its side: the role, or `stage:NAME`
    run          "module:function" that prepares it
    side         "low" or "high"
    descriptors  channel name -> inherited descriptor number
    values       what the side's configuration says (see `guard.supervise`)
    keys         key name -> secret bytes
    documents    document name -> bytes
    confinement  for `guard.edge.sandbox`: see `guard.edge.rights`
    """

    name: str
    run: str
    side: str
    descriptors: dict[str, int]
    values: dict[str, Value]
    keys: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    confinement: dict[str, Value] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A value that is a text. Raises KeyError or TypeError: our own mistake."""
        value = self.values[name]
        if not isinstance(value, str):
            raise TypeError(f"{name} is no text")
        return value

    def number(self, name: str) -> int:
        """A value that is an integer. Raises KeyError or TypeError: our own mistake."""
        value = self.values[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is no integer")
        return value

    def write(self) -> int:
        """Into a new memfd at position 0; gives its descriptor, inheritable."""
        content = asdict(self)
        content["keys"] = {name: key.hex() for name, key in self.keys.items()}
        content["documents"] = {
            name: base64.b64encode(document).decode() for name, document in self.documents.items()
        }
        descriptor = os.memfd_create("spec")
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(json.dumps(content).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.set_inheritable(descriptor, True)
        return descriptor

    @classmethod
    def read(cls, descriptor: int) -> Self:
        """Read it and close the descriptor: the keys then stand in this process's memory only."""
        with os.fdopen(descriptor, "rb") as file:
            content = json.loads(file.read())
        content["keys"] = {name: bytes.fromhex(key) for name, key in content["keys"].items()}
        content["documents"] = {
            name: base64.b64decode(document) for name, document in content["documents"].items()
        }
        return cls(**content)
