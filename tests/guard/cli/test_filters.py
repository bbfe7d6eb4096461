"""`guard filters` as its users see it."""

import json

import pytest
from click.testing import CliRunner

from filters import catalog
from guard.cli.filters import filters


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(filters, list(arguments))
    return result.exit_code, result.output


def test_every_stage_is_listed_and_can_be_chosen_by_side_and_kind() -> None:
    code, output = run("list", "--json")
    assert code == 0
    assert [stage["name"] for stage in json.loads(output)] == list(catalog.names())
    code, output = run("list", "--side", "destination", "--kind", "route", "--json")
    assert [stage["name"] for stage in json.loads(output)] == ["route_twin"]
    code, output = run("list", "--kind", "transform")
    assert "redact_text" in output
    assert "route_twin" not in output


@pytest.mark.parametrize("name", ["words", "csv_schema", "bounds", "json_build"])
def test_a_stage_is_shown_with_what_it_takes(name: str) -> None:
    code, output = run("show", name, "--json")
    shown = json.loads(output)
    assert code == 0
    assert (shown["name"], shown["version"]) == (name, catalog.entry(name).version)
    assert {row["name"] for row in shown["parameters"]} >= set(
        catalog.load(name).parameters.model_fields
    )
    code, output = run("show", name)
    assert code == 0
    assert f'name = "{name}"' in output
    assert all(row["name"] in output for row in shown["parameters"])


def test_a_stage_that_is_not_there_is_said_to_be_none() -> None:
    code, output = run("show", "nothing")
    assert code == 3
    assert "no stage named nothing" in output
