"""`guard filters`: the stages that a policy may name, and what each of them takes and drops."""

import sys
from typing import Any

import click
from rich.table import Table

from filters import catalog
from filters.describe import described
from filters.own_stages import GROUP, installed, installed_names, stage_in
from guard.cli.output import EXIT_NO, console, errors, print_json, sentences
from schemas.errors import Broken, CheckvalveError
from schemas.own_stage import OwnStage
from schemas.reasons import Reason
from schemas.stage import Kind, Side


@click.group(epilog="Example: guard filters show text_rebuild")
def filters() -> None:
    """The stages that a policy may name: filters, normalizers, transforms and routes."""


@filters.command("list", epilog="Example: guard filters list --side source --kind transform")
@click.option(
    "--side", type=click.Choice([side.value for side in Side]), help="Only those for this side."
)
@click.option(
    "--kind", type=click.Choice([kind.value for kind in Kind]), help="Only those of this kind."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_filters(side: str | None, kind: str | None, as_json: bool) -> None:
    """List every stage with its kind, side and a line of what it does."""
    with sentences():
        found = [
            described(catalog.load(name))
            for name in catalog.names()
            if kind in (None, catalog.entry(name).kind) and side in (None, catalog.entry(name).side)
        ]
        if as_json:
            keys = ("name", "version", "kind", "side", "summary", "checks")
            print_json([{key: stage[key] for key in keys} for stage in found])
            return
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "kind", "side", "what it does"):
        table.add_column(heading, overflow="fold")
    for stage in found:
        table.add_row(stage["name"], stage["kind"], stage["side"], stage["summary"])
    console.print(table)


@filters.command(epilog="Example: guard filters show words")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(name: str, as_json: bool) -> None:
    """Show one stage: its parameters and their bounds, what it drops, and an example."""
    with sentences():
        stage = described(catalog.load(name))
        if as_json:
            print_json(stage)
            return
        _print(stage)


@filters.command(epilog="Example: guard filters own")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def own(as_json: bool) -> None:
    """List the site's own stages that are installed here, with the line that pins each.

    Runs their code, to ask what they are: for a host where policies are written.
    """
    found, faults = [], []
    for name in installed_names():
        try:
            found.append(_own_stage(name))
        except CheckvalveError as error:
            faults.append(error.sentence)
    if as_json:
        print_json(found)
    elif not found and not faults:
        console.print(f"No distribution here has an entry point in the group {GROUP}.")
    else:
        for stage in found:
            console.print(f"{stage['name']}: {stage['summary']}", markup=False, soft_wrap=True)
            console.print(f"  {stage['file']}", markup=False, soft_wrap=True)
            console.print(f"  own = {stage['own']}", markup=False, soft_wrap=True)
    for fault in faults:
        errors.print(fault, markup=False, soft_wrap=True)
    sys.exit(EXIT_NO if faults else 0)


def _own_stage(name: str) -> dict[str, Any]:
    """What it says of itself, and its pin. Raises `Broken` for one that no policy could name."""
    found = installed(name)
    stage = stage_in(found)
    own = OwnStage(str(stage.kind), str(stage.side), stage.version, found.sha256)
    if stage.name != name or stage.kind is Kind.ROUTE or name in catalog.names():
        raise Broken(
            Reason.ARGUMENT, f"{found.module} is a {stage.kind} named {stage.name}: a site's own"
            f" stage has the name of its entry point, {name}, is no route, and takes no name of"
            " this project's",
        )  # fmt: skip
    pin = (
        f'{{kind = "{own.kind}", side = "{own.side}", version = {own.version},'
        f' sha256 = "{own.sha256}"}}'
    )
    return described(stage) | {"file": found.file, "sha256": own.sha256, "own": pin}


def _print(stage: dict[str, Any]) -> None:
    console.print(
        f"{stage['name']}, version {stage['version']}: a {stage['kind']}, {stage['side']}"
    )
    console.print(stage["summary"], soft_wrap=True, markup=False)
    console.print(f"drops: {stage['drops']}", soft_wrap=True, markup=False)
    for row in stage["parameters"]:
        bounds = f", {row['bounds']}" if row["bounds"] else ""
        default = f", default {row['default']}" if row["default"] else ", needed"
        line = f"  {row['name']}: {row['type'].replace('`', '')}{bounds}{default}"
        console.print(line, soft_wrap=True, markup=False)
        if row["meaning"]:
            console.print(f"      {row['meaning']}", soft_wrap=True, markup=False)
    console.print("example:", markup=False)
    console.print(stage["example"], markup=False)
