"""Starting processes: what is left when one cannot be started."""

import os
import sys

import pytest

from guard.edge.processes import start
from guard.edge.spec import Spec


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
