"""`guard label decide`: may this clearance see this label, step by step and rule by rule."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from guard.cli.label_inputs import bounded, label_argument, label_of, policy_of, when_ms
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from schemas.errors import Malformed
from schemas.label.access import decide as access
from schemas.label.clauses import Denied, Rule, Step
from schemas.label.clearance import ClearanceTable
from schemas.label.clearance_file import BYTES_MAX, read_table
from schemas.label.equivalence import Equivalence
from schemas.label.text import TextForm
from schemas.label.validity import validate


@dataclass(slots=True)
class Decision:
    """The steps that were met, and the denial that ended them, if one did."""

    steps: list[Step] = field(default_factory=list)
    denied: Malformed | None = None

    def as_json(self, label: str, holder: str) -> dict[str, Any]:
        """For machines."""
        steps = [_step(step.rule, step.sentence, met=True) for step in self.steps]
        if self.denied is not None:
            rule = self.denied.rule if isinstance(self.denied, Denied) else None
            words = self.denied.words if isinstance(self.denied, Denied) else self.denied.sentence
            steps.append(_step(rule, words, met=False))
        return {
            "label": printable(label),
            "holder": printable(holder),
            "granted": self.denied is None,
            "rule": steps[-1]["rule"] if self.denied is not None else "",
            "sentence": self.denied.sentence if self.denied is not None else "",
            "steps": steps,
        }


@click.command(
    epilog="Example: guard label decide 'SECRET//REL TO FRA' --policy kestria"
    " --clearance officer.toml --clearance-policy alliance"
)
@label_argument
@click.option("--clearance", required=True, metavar="FILE",
              type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A clearance: a TOML table, see docs/labels.md.")  # fmt: skip
@click.option("--clearance-policy", default="", metavar="POLICY",
              help="The clearance's security policy, where it is not the label's.")  # fmt: skip
def decide(label: str, policy: str, form_name: str, at: str, as_json: bool, clearance: Path,
           clearance_policy: str) -> None:  # fmt: skip
    """Say whether who holds a clearance may see what bears LABEL, and by which rule.

    Where the clearance is of another policy, the label is first made one of that. Exits 1 if
    access is denied.
    """
    with sentences():
        form = policy_of(policy)
        other = policy_of(clearance_policy) if clearance_policy else form
        table = read_table(bounded(clearance, BYTES_MAX))
        decision = decided(label, form_name, form, other, table, when_ms(at))
    if as_json:
        print_json(decision.as_json(label, table.holder))
    else:
        _show(decision, label, table.holder)
    if decision.denied is not None:
        raise SystemExit(EXIT_NO)


def decided(
    given: str, form_name: str, form: TextForm, other: TextForm, table: ClearanceTable, at_ms: int
) -> Decision:
    """The whole decision: validity, equivalence if there are two policies, access."""
    decision = Decision()
    name = form.spif.policy.name
    try:
        valid = validate(label_of(given, form_name, form), form.spif, at_ms)
        decision.steps.append(Step(Rule.V1, f"it is valid under {name}, by V1 to V14"))
        if other.spif.policy != form.spif.policy:
            valid = Equivalence.between(form.spif, other.spif).translate(valid, at_ms).valid
            becomes = f"it is {other.write(valid.label)}, by E1 to E6"
            decision.steps.append(Step(Rule.E2, becomes))
        decision.steps += access(valid, table.under(other.spif), at_ms)
    except Malformed as error:
        decision.denied = error
    return decision


def _step(rule: Rule | None, sentence: str, *, met: bool) -> dict[str, Any]:
    return {
        "rule": rule.value.code if rule else "",
        "source": rule.value.source if rule else "",
        "says": rule.value.says if rule else "",
        "met": met,
        "sentence": sentence,
    }


def _show(decision: Decision, label: str, holder: str) -> None:
    for step in decision.steps:
        _say(f"  yes  {step.rule.value.code:<4} {step.sentence}")
        _say(f"            {step.rule.value.says}; {step.rule.value.source}")
    who = holder or "the holder"
    if decision.denied is None:
        _say(f"{who} may see {label}")
        return
    if isinstance(decision.denied, Denied):
        clause = decision.denied.rule.value
        _say(f"  no   {clause.code:<4} {decision.denied.words}")
        _say(f"            {clause.says}; {clause.source}")
    else:
        _say(f"  no        {decision.denied.sentence}")
    _say(f"{who} may not see {label}")


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
