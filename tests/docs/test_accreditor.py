"""The accreditor's page: its script is the one we ship, and its commands do what it shows."""

import tempfile
from pathlib import Path

import pytest

from tests.campaigns.accreditor import PAGE, Day, commands, walk
from tests.docs.test_quickstart import BLOCK, PROJECT

MESSAGES = 600


def test_the_script_on_the_page_is_the_script_that_is_shipped() -> None:
    printed = [text for kind, _, text in BLOCK.findall(PAGE.read_text("utf-8")) if kind == "python"]
    assert printed == [(PROJECT / "docs" / "check_proof.py").read_text("utf-8")]
    assert len(printed[0].splitlines()) <= 100


def test_every_command_of_the_page_shows_what_it_prints_or_goes_into_a_file() -> None:
    found = list(commands(PAGE.read_text("utf-8")))
    assert len(found) > 15
    assert [command for _, command, shown in found if not shown and ">" not in command] == []


@pytest.mark.long
def test_the_accreditors_day_on_a_small_site() -> None:
    """The full one is `python -m tests.campaigns.accreditor`."""
    with tempfile.TemporaryDirectory(prefix="checkvalve-day-") as top:
        folder = Path(top)
        folder.chmod(0o711)
        assert walk(Day(folder, MESSAGES, print).make()) > 15
