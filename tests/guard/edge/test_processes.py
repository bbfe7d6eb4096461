"""Starting processes: what is left when one cannot be started."""

import os
import sys

import pytest

from guard.edge.processes import start
from guard.edge.spec import Spec
from schemas.reasons import Reason


def test_a_process_that_cannot_be_started_leaves_no_descriptor_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = os.listdir("/proc/self/fd")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                start(Spec("x", "a:b", "low", {}, {}, {}))
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(
    ("path", "reason"), [("/dev/full", Reason.DISK), ("/nowhere", Reason.ROLE_FAILED)]
)
def test_a_full_disk_is_told_as_one(path: str, reason: Reason) -> None:
    run = "tests.guard.edge.fails_to_write:prepare"
    process = start(Spec("x", run, "low", {}, {"path": path}, {}))
    process.popen.wait()
    assert process.last_words()[0] == reason
    process.end()
