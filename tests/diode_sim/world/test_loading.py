"""The guard's modules are loaded as they stand, once a world, and a mutation hits exactly once."""

import os
from types import ModuleType

import pytest

from diode_sim.world.loading import Loader, Mutation
from guard.edge import durable as real_durable
from schemas.errors import Broken
from tests.contracts.simulated import TOP, Simulated


def test_a_loaded_module_acts_on_its_own_world_alone(tmp_path: object) -> None:
    worlds = [Simulated(), Simulated()]
    for number, world in enumerate(worlds):
        with world.process(world.host()):
            path = world.load("pathlib").Path(TOP) / "a"
            world.load("guard.edge.durable").create(path, b"%d" % number)
            assert path.read_bytes() == b"%d" % number
    assert not os.path.exists(TOP)
    first, second = (world.load("guard.edge.durable") for world in worlds)
    assert first is not second
    assert first is worlds[0].load("guard.edge.durable")
    assert vars(real_durable)["os"] is os


def test_a_loaded_module_imports_loaded_modules_and_the_real_pure_ones() -> None:
    world = Simulated()
    journal = world.load("guard.edge.journal")
    assert journal.durable is world.load("guard.edge.durable")
    assert journal.Broken is Broken
    assert journal.os is world.modules["os"]
    assert not hasattr(journal.os, "fork")


@pytest.mark.parametrize("old", ["no such text", "os.fsync(descriptor)"])
def test_a_mutation_that_does_not_match_exactly_once_is_an_error(old: str) -> None:
    mutation = Mutation("guard.edge.durable", old, "pass")
    with pytest.raises(Broken, match="once"):
        Simulated(mutations=(mutation,)).load("guard.edge.durable")


def test_a_mutation_changes_its_module_in_its_world_only() -> None:
    mutation = Mutation("guard.edge.durable", "FILE_MODE = 0o640", "FILE_MODE = 0o600")
    assert Simulated(mutations=(mutation,)).load("guard.edge.durable").FILE_MODE == 0o600
    assert Simulated().load("guard.edge.durable").FILE_MODE == 0o640
    assert real_durable.FILE_MODE == 0o640


def test_what_there_is_no_module_for_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        Loader({}).load("guard.edge.nothing_of_this_name")
    assert isinstance(Loader({}).load("guard.edge"), ModuleType)
