"""Hostile OpenDocument files of the kind odp, and sound ones with traces that must go."""

from collections.abc import Iterator

from tests.filters.hostile import odf_cases
from tests.filters.hostile.cases import Case, Sound

PACKS = ("office",)


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from odf_cases.attacks("odp")


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    yield from odf_cases.ordinary("odp")
