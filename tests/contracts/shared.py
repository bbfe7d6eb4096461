"""The edge's own suites, run a second time inside the simulated kernel, as they stand.

A file of tests/guard/edge that is named here is collected twice: once as every test file is, and
once loaded so that it and the modules it tests get the stand-ins instead of `os`, `socket` and the
others. There a test's code, its fixtures included, is a process of a simulated host of its own.

A test that needs what the simulated kernel has not is named, in part, with the reason, and runs in
Linux only.
"""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contracts.simulated import Simulated

_STARTS = "starts a process"
_LINKS = "makes a symbolic link, hard link, FIFO, socket or device"
_MASK = "sets the umask"
_QUEUE = "fills the event queue, of a length that /proc tells"

ONLY_IN_LINUX: dict[str, dict[str, str]] = {
    "test_journal.py": {
        "test_a_full_disk_stops_the_writer_and_loses_nothing_synced": _STARTS,
        "test_a_reader_in_another_process_keeps_up_with_the_writer": _STARTS,
    },
    "test_journal_recovery.py": {
        "test_a_killed_writer_leaves_what_it_said_was_synced": _STARTS,
    },
    "test_durable.py": {"test_create_follows_no_symbolic_link": _LINKS},
    "test_durable_number.py": {},
    "test_output_queue.py": {
        "test_files_are_for_the_group_to_read_and_nobody_else": _MASK,
    },
    "test_spool.py": {
        "kept[make_symbolic_link": _LINKS,
        "kept[make_hard_link": _LINKS,
        "kept[make_socket": _LINKS,
        "kept[make_device": _LINKS,
        "kept[<lambda>-not-a-regular-file0": _LINKS,
        "test_when_the_event_queue_overflows_every_drop_is_still_taken_once": _QUEUE,
        "test_refused_bytes_are_kept_as_they_were_and_a_link_is_not_followed": _LINKS,
    },
    "test_ledger_files.py": {
        "test_a_full_disk_stops_the_ledger_and_nobody_is_told": _STARTS,
        "test_a_killed_writer_leaves_every_batch_it_told_of": _STARTS,
    },
    "test_held.py": {},
    "test_sockets.py": {},
    "test_session_counter.py": {
        "test_a_link_or_a_pipe_in_its_place_is_not_followed_or_waited_for": _LINKS,
    },
}


class SimulatedModule(pytest.Module):
    """A test file whose code runs in the simulated kernel."""

    world: Simulated

    def _getobj(self) -> ModuleType:
        name = f"tests.guard.edge.{self.path.stem}"
        self.world = Simulated(more=(name, "tests.guard.ledgers"))
        with self.world.process(self.world.host()):
            return self.world.load(name)

    def collect(self) -> Iterable[Any]:
        """What is not for Linux only. Fails when a test that is named so is not there."""
        left_out = set(ONLY_IN_LINUX[self.path.name])
        unknown = set(left_out)
        for each in super().collect():
            named = {part for part in left_out if part in each.name}
            unknown -= named
            if not named:
                yield each
        if unknown:
            raise self.CollectError(f"{self.path.name} has no test named {sorted(unknown)}")


def collect(path: Path, parent: pytest.Collector) -> SimulatedModule | None:
    """The second collection of a file that is named above."""
    if path.name not in ONLY_IN_LINUX:
        return None
    name = f"simulated/{path.name}"
    made: SimulatedModule = SimulatedModule.from_parent(
        parent, path=path, name=path.name, nodeid=f"{parent.nodeid}/{name}"
    )
    return made


def world_of(node: pytest.Item) -> Simulated | None:
    """The kernel that a test runs in; None for Linux."""
    module = node.getparent(SimulatedModule)
    return None if module is None else module.world
