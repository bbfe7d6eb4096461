"""`python stepped.py OFFSET_FILE run SIDE ...`: `guard run` on a wall clock that can be stepped.

All processes of the side are the real ones, confined as ever; in each, the interpreter's wall clock
(`time.time`, `time.time_ns`) is ahead by the seconds in OFFSET_FILE, which is mapped before the
process is confined, so that a step reaches it while it runs. The monotonic clock is the host's.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

OFFSET = struct.Struct("=q")  # seconds
_CHILD = """#!{python} -I
import os, sys
if sys.argv[1:4] != ["-I", "-m", "guard.process"]:  # no role: the interpreter as it is
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
sys.path.insert(0, {here!r})
import stepped
stepped.step({offset!r})
sys.argv = sys.argv[3:]
stepped.go_on()
"""


def step(offset_file: str) -> None:
    """From now on this process's wall clock follows the file."""
    with open(offset_file, "rb") as file:
        view = mmap.mmap(file.fileno(), OFFSET.size, prot=mmap.PROT_READ)
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + OFFSET.unpack_from(view)[0]
    time.time_ns = lambda: nanoseconds() + OFFSET.unpack_from(view)[0] * 10**9


def go_on() -> None:
    """What the supervisor started: `-m guard.process NUMBER`, by now in sys.argv."""
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def main() -> None:
    """The supervisor, whose processes are started through a script that steps their clocks."""
    offset = sys.argv[1]
    child = Path(offset).with_suffix(".child")
    here = str(Path(__file__).parent)
    child.write_text(_CHILD.format(python=sys.executable, here=here, offset=offset))
    child.chmod(0o755)
    step(offset)
    sys.executable = str(child)
    sys.argv = ["guard", *sys.argv[2:]]
    from guard.cli.main import main as guard

    guard()


if __name__ == "__main__":
    main()
