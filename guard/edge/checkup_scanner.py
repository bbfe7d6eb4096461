"""The virus scanner's part of the check-up: whether clamd answers, to whom, and how fresh it is.

Takes the site's word for its socket, gives findings; asks clamd one question, VERSION.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from guard.edge.clamd import NoAnswerError, days_of, version
from guard.edge.clock import monotonic_ns
from guard.edge.findings import Finding, fail, ok, warn
from guard.edge.scanning import socket_path

_NAME = "antivirus"
_ANSWERS_WITHIN_NS = 3_000_000_000
_DAYS_MAX = 7  # as the stage's own bound has it, if the policy names no other


def scanner_findings(where: str) -> Iterator[Finding]:
    """Nothing if the site names no scanner. where: `unix:PATH`."""
    if not where:
        return
    path = socket_path(where)
    try:
        told = version(str(path), monotonic_ns() + _ANSWERS_WITHIN_NS)
    except NoAnswerError as error:
        yield fail(_NAME, f"clamd does not answer at {path}: {error}",
                   "start it: systemctl start clamav-daemon")  # fmt: skip
        return
    open_to = path.parent.stat().st_mode & stat.S_IXOTH, path.stat().st_mode & stat.S_IWOTH
    if os.geteuid() == 0 and not all(open_to):
        mend = "LocalSocketMode 666 in clamd's configuration, and chmod o+x its directory"
        yield fail(_NAME, f"the scanner process's user may not connect to {path}", mend)
        return
    if path.is_symlink():
        yield fail(_NAME, f"{path} is a link: the scanner process sees its directory and no other",
                   "name the socket itself in site.toml")  # fmt: skip
        return
    if os.geteuid() == 0 and (others := _beside(path)):  # else nothing is entered
        yield warn(_NAME, f"the scanner process could connect to what is in {others} as well",
                   f"give the socket a directory of its own, and not {path.parent}")  # fmt: skip
    days = days_of(told)
    if days is None:
        what = f"{told} does not say how old its signatures are: the stage takes no answer of it"
        yield warn(_NAME, what, "signature_days_max = 0 in the policy's stage, if that is meant")
    elif days > _DAYS_MAX:
        yield warn(_NAME, f"{told}: signatures of {days} days", "freshclam")
    else:
        yield ok(_NAME, told)


def _beside(path: Path) -> str:
    """Another socket or a directory beside this socket, by its path; "" if there is none."""
    for other in sorted(path.parent.iterdir()):
        if other != path and (other.is_dir() or other.is_socket()):
            return str(other)
    return ""
