"""`guard`: the command line. Each command is a file beside this one, loaded when it is used."""

import click

from guard.cli.lazy import Lazy
from guard.version import VERSION

_COMMANDS = {
    "demo": "guard.cli.demo:demo",
    "init": "guard.cli.init:init",
    "run": "guard.cli.run:run",
    "submit": "guard.cli.submit:submit",
    "status": "guard.cli.status:status",
    "try": "guard.cli.trying:try_files",
    "filters": "guard.cli.filters:filters",
    "policy": "guard.cli.policy:policy",
    "held": "guard.cli.held:held",
    "gaps": "guard.cli.gaps:gaps",
    "resend": "guard.cli.resend:resend",
    "label": "guard.cli.label:label",
    "audit": "guard.cli.audit:audit",
    "doctor": "guard.cli.doctor:doctor",
    "link": "guard.cli.link:link",
    "keys": "guard.cli.keys:keys",
    "token": "guard.cli.token:token",
    "integrity": "guard.cli.integrity:integrity",
    "bench": "guard.cli.bench:bench",
}


@click.group(
    cls=Lazy,
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 as asked, 1 the answer is no, 2 wrong usage, 3 the site or policy is not"
    " as it must be, 4 yes but a person should look, 70 a mistake of ours. Shell completion: see"
    " docs/cli.md.",
)
@click.version_option(VERSION, prog_name="guard")
def main() -> None:
    """Checkvalve: a cross-domain guard with its own one-way link.

    Start with: guard demo
    """
