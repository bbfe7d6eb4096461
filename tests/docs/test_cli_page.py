"""The page of the command line names the options that `guard`'s commands have, and no others."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from guard.cli.main import main

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "cli.md").read_text("utf-8")
SPAN = re.compile(r"`([^`]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
SECTIONS = dict(
    section.split("\n", 1) for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]
)


def command_of(words: list[str]) -> click.Command | None:
    """The command that these words begin with; None if they name none, or a group alone."""
    found: click.Command | None = main if words[:1] == ["guard"] else None
    for word in words[1:]:
        if not isinstance(found, click.Group):
            break
        found = found.get_command(click.Context(found), word)
    return None if isinstance(found, click.Group) else found


def options_of(command: click.Command) -> set[str]:
    """What may be written on its command line."""
    given = [each for each in command.params if isinstance(each, click.Option)]
    return {"--help"} | {name for each in given for name in (*each.opts, *each.secondary_opts)}


def called(text: str) -> Iterator[tuple[str, click.Command]]:
    """The commands that are written out in the text, each with how."""
    for span in SPAN.findall(text):
        if (command := command_of(span.split())) is not None:
            yield span, command


def around(heading: str) -> str:
    """The text of a section and of those above it, which tell what its commands have in common."""
    words = heading.split()
    above = (" ".join(words[:count]) for count in range(1, len(words) + 1))
    return "\n".join(SECTIONS.get(name, "") for name in above)


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.name)
def test_a_command_that_is_written_out_has_the_options_that_it_is_given(page: Path) -> None:
    wrong = [
        (" ".join(span.split()), option)
        for span, command in called(page.read_text("utf-8"))
        for option in OPTION.findall(span)
        if option not in options_of(command)
    ]
    assert wrong == []


@pytest.mark.parametrize("heading", [name for name in SECTIONS if name.startswith("guard ")])
def test_the_options_in_a_sections_tables_are_those_of_its_commands(heading: str) -> None:
    text = SECTIONS[heading]
    headed = command_of(heading.split())
    commands = [command for _, command in called(text)] if headed is None else [headed]
    have = {name for command in commands for name in options_of(command)}
    rows = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `--")]
    assert {name for row in rows for name in OPTION.findall(row)} - have == set()


@pytest.mark.parametrize("heading", [name for name in SECTIONS if command_of(name.split())])
def test_every_option_of_a_command_with_a_section_stands_there(heading: str) -> None:
    command = command_of(heading.split())
    assert command is not None
    assert options_of(command) - {"--help"} - set(OPTION.findall(around(heading))) == set()
