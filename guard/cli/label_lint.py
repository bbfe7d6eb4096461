"""`guard label lint-spif`: what is wrong with a security policy before a label is written by it."""

import click

from guard.cli.label_inputs import spif_of
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from schemas.label.lint import FAULT, lint


@click.command("lint-spif", epilog="Example: guard label lint-spif policy.xml --beside alliance")
@click.argument("policy", metavar="POLICY")
@click.option("--beside", multiple=True, metavar="POLICY",
              help="A policy to hold its equivalences against; any number.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object: policy, findings.")
def lint_spif(policy: str, beside: tuple[str, ...], as_json: bool) -> None:
    """Find what makes labels of POLICY impossible, ambiguous or lower than they were.

    POLICY: an XML-SPIF file, or the name of one that comes along. Exits 1 if there is a fault;
    notices are worth a look and may be meant.
    """
    with sentences():
        spif = spif_of(policy)
        found = lint(spif, [spif_of(name) for name in beside])
    faults = sum(one.severity == FAULT for one in found)
    name = spif.policy.name
    if as_json:
        findings = [
            {"severity": one.severity, "code": one.code, "sentence": one.sentence} for one in found
        ]
        print_json({"policy": name, "faults": faults, "findings": findings})
    else:
        for one in found:
            text = f"{one.severity:<6}  {one.code:<17} {one.sentence}"
            console.print(printable(text), markup=False, soft_wrap=True)
        text = f"{name}: {_count(faults, 'fault')}, {_count(len(found) - faults, 'notice')}"
        console.print(printable(text), markup=False, soft_wrap=True)
    if faults:
        raise SystemExit(EXIT_NO)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
