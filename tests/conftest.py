"""What tests have in common: how hypothesis searches, what comes first, what is closed after."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a timing is a benchmark, never a test. A failure prints what repeats it.
settings.register_profile("checkvalve", deadline=None, print_blob=True)
settings.load_profile("checkvalve")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first, so that workers end together."""
    items.sort(key=lambda item: "system" not in item.path.parts)


@pytest.fixture(autouse=True)
def _let_files_go(tmp_path: Path) -> Iterator[None]:
    """Journals are left open by tests that play a crash: close their files and watches after each.

    Otherwise a later test starts a process with descriptor numbers beyond its bound. What Python
    would still close of itself is closed first: done later, it would close a number that is
    somebody else's by then.
    """
    before = set(os.listdir("/proc/self/fd"))
    yield
    if _left_open(before, tmp_path):
        gc.collect()
        for number in _left_open(before, tmp_path):
            os.close(number)


def _left_open(before: set[str], folder: Path) -> list[int]:
    """The numbers of files in a folder, and of watches, that are open and were not before."""
    found = []
    for number in set(os.listdir("/proc/self/fd")) - before:
        try:
            leads_to = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # the descriptor that listed the others
        if leads_to.startswith(f"{folder}/") or leads_to == "anon_inode:inotify":
            found.append(int(number))
    return found
