"""`guard policy`: check a policy, say in words what it does, sign it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

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
from guard.edge.keys import new_secret, public_of, read_secret, write_secret
from guard.edge.making import pack_folder
from guard.edge.policy_files import PolicyFile, faults_of, read_policy_file, sign_policy
from guard.report.policy_words import (
    StageWords,
    crossing_in_words,
    explanation_as_json,
    keeping_in_words,
    link_in_words,
    stages_in_words,
)
from schemas.errors import CheckvalveError
from schemas.policy import Chain, Policy


@click.group(epilog="Example: guard policy check --pack c2")
def policy() -> None:
    """Check, explain and sign the policy of a flow."""


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


@policy.command(epilog="Example: guard policy check /srv/checkvalve/low/policy.toml")
@_which
@click.option("--json", "as_json", is_flag=True, help="One JSON object: policy, ok, faults.")
def check(file: Path | None, pack: str, as_json: bool) -> None:
    """Check a policy FILE: syntax, stages, parameters, documents, and the order of its chains.

    Says every fault in a sentence and exits 1 if there is one.
    """
    with sentences():
        path = _path_of(file, pack)
        try:
            faults = faults_of(read_policy_file(path))
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


@policy.command(epilog="Example: guard policy explain --pack c2")
@_which
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def explain(file: Path | None, pack: str, as_json: bool) -> None:
    """Say in words what a policy does: who may drop, stage by stage what is refused, what crosses.

    Exits 1 if the policy has faults: then it would not run, and guard policy check says why.
    """
    with sentences():
        found = read_policy_file(_path_of(file, pack))
        faults = faults_of(found)
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
        _sentence(f"Delivered as .{found.destination.extension} files. Source policies whose"
                  f" messages it takes: {accepted}.")  # fmt: skip


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


@policy.command(epilog="Example: guard policy sign low/policy.toml --key policy.key")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--key", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="The Ed25519 key: a file that guard policy new-key made.",
)  # fmt: skip
@click.option(
    "--side", type=click.Choice(["low", "high"]),
    help="For which side; not needed beside its site.toml.",
)  # fmt: skip
def sign(file: Path, key: Path, side: str | None) -> None:
    """Sign the policy FILE and the documents it names, for one side; writes policy.sig beside it.

    Refuses to sign a policy that guard policy check refuses.
    """
    with sentences():
        found = read_policy_file(_path_of(file, ""))
        chosen = found.side or side
        if chosen is None or (side and side != chosen):
            fail("say for which side you sign: --side low, or --side high", EXIT_USAGE)
        faults = faults_of(found)
        if faults:
            fail(f"{faults[0]}: not signed", EXIT_NO)
        digest, trusted = sign_policy(found, chosen, key)
        told = f"Signed for the {chosen} side. Digest: {digest.hex()}"
        console.print(told, soft_wrap=True)
        if chosen == "low":
            console.print("The high side takes its messages once [destination] accepts has it.",
                          markup=False)  # fmt: skip
        if found.side and not trusted:
            errors.print(
                f"This site does not trust the key yet: trust/policy.pub must be {_public(key)}",
                soft_wrap=True,
            )


@policy.command("new-key", epilog="Example: guard policy new-key policy.key")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
def new_key(file: Path) -> None:
    """Make a new key for signing policies in FILE (mode 0400), and print its public key.

    Put the public key into trust/policy.pub of both sides; keep FILE off both hosts.
    """
    with sentences():
        seed = new_secret()
        write_secret(file, seed)
    console.print(public_of(seed).hex(), soft_wrap=True)


def _public(key: Path) -> str:
    return public_of(read_secret(key)).hex()
