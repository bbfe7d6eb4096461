"""A process that confines itself as a stage would, tries to break out, and says what held.

`python -I -m guard.edge.checkup_sandbox` writes one JSON object: `layers`, each
[name, state, sentence], and `broken`, the self-test's sentence or "".
"""

import json
import os
import sys

from guard.edge.confinement import Confinement
from guard.edge.sandbox import confine, self_test
from guard.edge.seccomp import Calls
from schemas.errors import CheckvalveError

_NOBODY = 65534
_MEMORY_BYTES_MAX = 64 * 2**20


def main() -> None:
    """Confine this process for good and report on descriptor 1."""
    root = os.geteuid() == 0
    confinement = Confinement(
        read=(),
        write=(),
        calls=frozenset({Calls.BASE}),
        descriptors=frozenset({1, 2}),
        memory_bytes_max=_MEMORY_BYTES_MAX,
        cpu_seconds_max=10,
        files_max=16,
        uid=_NOBODY if root else None,
        gid=_NOBODY if root else None,
        network_namespace=True,
    )
    layers: list[list[str]] = []
    broken = ""
    try:
        report = confine(confinement)
        layers = [[layer.name, layer.state, layer.sentence] for layer in report.layers]
        if not report.missing:
            self_test(confinement)
    except CheckvalveError as error:
        broken = error.sentence
    os.write(1, json.dumps({"layers": layers, "broken": broken}).encode())


if __name__ == "__main__":
    main()
    sys.exit(0)
