"""The shipped systemd units leave a side what it needs: the capabilities, tried without systemd."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
CHILD = """
import sys
from guard.edge.confinement import Confinement
from guard.edge.sandbox import confine
from guard.edge.seccomp import Calls
report = confine(Confinement(
    read=(), write=(), calls=frozenset({Calls.BASE}), descriptors=frozenset({2}),
    memory_bytes_max=2**28, cpu_seconds_max=None, files_max=64, uid=61_999, gid=61_999,
    network_namespace=True,
))
print(*(layer.line for layer in report.layers if layer.state != "on"), file=sys.stderr)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_process_can_be_confined_with_what_the_unit_leaves(side: str) -> None:
    lines = (UNITS / f"checkvalve-{side}@.service").read_text().splitlines()
    (bound,) = [line.partition("=")[2] for line in lines if line.startswith("CapabilityBound")]
    names = [name.removeprefix("CAP_").lower() for name in bound.split()]
    only = ",".join(("-all", *(f"+{name}" for name in names)))
    done = subprocess.run(
        ["setpriv", f"--bounding-set={only}", "--inh-caps=-all", sys.executable, "-c", CHILD],
        stderr=subprocess.PIPE, text=True, check=False, cwd=UNITS.parents[1],
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (0, "")
    denied = [line for line in lines if line.startswith("SystemCallFilter=")]
    assert denied[-1] == "SystemCallFilter=chroot"  # which @mount, denied before, has
