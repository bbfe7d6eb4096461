"""`guard policy diff`: what a change of a policy lets through, before anyone signs it."""

from pathlib import Path

import click

from guard.cli.output import EXIT_NO, console, fail, print_json, printable, sentences
from guard.edge.policy_files import PolicyFile, faults_of, read_policy_file
from guard.report.policy_diff import Change, Effect, lets_more_through, policy_changes

_SIGNS = {Effect.OPENS: "+", Effect.CLOSES: "-", Effect.UNCLEAR: "?", Effect.NEUTRAL: " "}


@click.command(epilog="Example: guard policy diff /srv/checkvalve/low new/policy.toml")
@click.argument("old", metavar="OLD", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def diff(old: Path, new: Path, as_json: bool) -> None:
    """Say what the policy NEW lets through that OLD stopped (+), and what it stops now (-).

    What a parameter alone does not tell is marked ?: look at it. Exits 1 if more comes through, or
    may; 0 if not. Documents are compared too: word lists entry by entry.
    """
    with sentences({} if as_json else None):
        one, other = (_read(path) for path in (old, new))
        changes = policy_changes(one.policy, other.policy, one.documents, other.documents)
    more = lets_more_through(changes)
    if as_json:
        print_json({
            "flow": other.policy.flow,
            "versions": [one.policy.version, other.policy.version],
            "lets_more_through": more,
            "changes": [{"effect": it.effect, "sentence": it.sentence} for it in changes],
        })  # fmt: skip
    else:
        _show(changes, one, other, more)
    if more:
        raise SystemExit(EXIT_NO)


def _read(path: Path) -> PolicyFile:
    found = read_policy_file(path / "policy.toml" if path.is_dir() else path)
    faults = faults_of(found, own_stages=False)  # of two files of one stage, one is installed
    if faults:
        fail(f"{path}: {faults[0]}: a policy with faults does not run", EXIT_NO)
    return found


def _show(changes: list[Change], one: PolicyFile, other: PolicyFile, more: bool) -> None:
    _say(f"Flow {other.policy.flow}, version {one.policy.version} to {other.policy.version}.")
    for effect in Effect:
        found = [it for it in changes if it.effect is effect]
        if found:
            _say(f"{effect.capitalize()}:")
        for it in found:
            _say(f"  {_SIGNS[effect]} {it.sentence}")
    if not changes:
        _say("Nothing is different.")
    if one.policy.version >= other.policy.version and changes:
        _say(f"It needs a version above {one.policy.version}: a side takes no other.")
    _say("More comes through, or may." if more else "Nothing more comes through.")


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
