"""`guard policy`: check a policy, say in words what it does; its other commands are beside this."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from guard.cli.lazy import Lazy
from guard.cli.output import (
    EXIT_NO,
    EXIT_USAGE,
    console,
    errors,
    fail,
    print_json,
    printable,
    sentences,
)
from guard.edge.making import pack_folder
from guard.edge.policy_files import PolicyFile, faults_of, read_policy_file, root_of
from guard.report.policy_words import (
    StageWords,
    crossing_in_words,
    explanation_as_json,
    keeping_in_words,
    link_in_words,
    stages_in_words,
)
from schemas.errors import CheckvalveError
from schemas.policy import Chain, DestinationChain, Policy


@click.group(
    cls=Lazy,
    table={
        "check": "guard.cli.policy:check",
        "explain": "guard.cli.policy:explain",
        "diff": "guard.cli.policy_diff:diff",
        "install": "guard.cli.policy_install:install",
        "posture": "guard.cli.policy_posture:posture",
        "topology": "guard.cli.policy_topology:topology",
        "new-key": "guard.cli.policy_signing:new_key",
        "root": "guard.cli.policy_root:root",
        "sign": "guard.cli.policy_signing:sign",
        "verify": "guard.cli.policy_signing:verify",
    },
    epilog="Example: guard policy check --pack c2",
)
def policy() -> None:
    """Check, explain, compare, sign and install the policy of a flow; tighten it at once."""


def _which(command: Callable[..., None]) -> Callable[..., None]:
    """FILE or --pack NAME, one of the two."""
    file = click.argument(
        "file", metavar="[FILE]", required=False, type=click.Path(path_type=Path)
    )  # fmt: skip
    pack = click.option("--pack", default="", metavar="NAME", help="A pack that comes along.")
    return file(pack(command))


def _path_of(file: Path | None, pack: str) -> Path:
    if (file is None) == (not pack):
        fail("name a policy FILE or a --pack, one of the two", EXIT_USAGE)
    if file is None:
        return pack_folder(pack) / "policy.toml"
    return file.absolute() / "policy.toml" if file.is_dir() else file.absolute()


@click.command(epilog="Example: guard policy check /srv/checkvalve/low/policy.toml")
@_which
@click.option(
    "--root",
    metavar="ROOT",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also what this trust root requires; in a side's folder its own is asked.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: policy, ok, faults.")
def check(file: Path | None, pack: str, root: Path | None, as_json: bool) -> None:
    """Check a policy FILE: syntax, stages, parameters, documents, and the order of its chains.

    Says every fault in a sentence and exits 1 if there is one.
    """
    with sentences():
        path = _path_of(file, pack)
        try:
            found = read_policy_file(path)
            faults = faults_of(found, root_of(found, root))
        except CheckvalveError as error:
            faults = [error.sentence]
    name = printable(pack or str(file))
    if as_json:
        print_json({"policy": name, "ok": not faults, "faults": faults})
    elif faults:
        for fault in faults:
            errors.print(printable(fault), markup=False, soft_wrap=True)
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        errors.print(f"{name}: {count}", markup=False, soft_wrap=True)
    else:
        console.print(f"{name}: no faults", markup=False, soft_wrap=True)
    if faults:
        raise SystemExit(EXIT_NO)


@click.command(epilog="Example: guard policy explain --pack c2")
@_which
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def explain(file: Path | None, pack: str, as_json: bool) -> None:
    """Say in words what a policy does: who may drop, stage by stage what is refused, what crosses.

    Exits 1 if the policy has faults: then it would not run, and guard policy check says why.
    """
    with sentences():
        found = read_policy_file(_path_of(file, pack))
        faults = faults_of(found, own_stages=False)  # they are told of by their pins
    if faults:
        fail(f"{faults[0]}: a policy with faults does not run (guard policy check)", EXIT_NO)
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found.policy)


def _as_json(found: PolicyFile) -> dict[str, Any]:
    return explanation_as_json(found.policy, found.digests(), found.document_digests())


def _show(found: Policy) -> None:
    console.print(
        f"[bold]Flow {found.flow}[/], version {found.version}: from {found.source_domain}"
        f" to {found.destination_domain}."
    )
    console.print(f"May drop: {', '.join(found.senders)}."
                  f" Payloads up to {found.payload_bytes_max:,} bytes.")  # fmt: skip
    if found.source is not None:
        _show_chain(f"On the source side ({found.source_domain})", found.source)
        for sentence in keeping_in_words(found):
            _sentence(sentence)
        console.print("\n[bold]What crosses[/]")
        for sentence in crossing_in_words(found):
            _sentence(sentence)
    for sentence in link_in_words(found.link):
        _sentence(sentence)
    if found.destination is not None:
        _show_chain(f"On the destination side ({found.destination_domain})", found.destination)
        _sentence("What fails a stage here is held: the source side had passed it.")
        count = len(found.destination.accepts)
        accepted = f"{count} source policies, by digest" if count else "none yet (see accepts)"
        _sentence(f"Delivered as {_extension(found.destination)} files. Source policies whose"
                  f" messages it takes: {accepted}.")  # fmt: skip


def _extension(chain: DestinationChain) -> str:
    return f".{chain.extension}" if chain.extension else "each type's own"


def _show_chain(where: str, chain: Chain) -> None:
    console.print(f"\n[bold]{escape(where)}, {len(chain.stage)} stages, a process each[/]")
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", width=2)
    table.add_column(no_wrap=True)
    table.add_column()
    for position, stage in enumerate(stages_in_words(chain), start=1):
        table.add_row(str(position), escape(stage.line.name), _words_of(stage))
    console.print(Padding(table, (0, 0, 0, 1)))
    if chain.documents:
        _sentence(f"They read: {', '.join(chain.documents)}.")


def _words_of(stage: StageWords) -> str:
    does = escape(printable(stage.does))
    parameters = escape(printable(stage.parameters))
    return f"{does}\n[dim]{parameters}[/]" if parameters else does


def _sentence(text: str) -> None:
    console.print(Padding(escape(printable(text)), (0, 0, 0, 1)))
