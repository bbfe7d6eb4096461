"""`guard`: the command line. Each command group is a file beside this one."""

import click

from guard.cli.audit import audit
from guard.cli.demo import demo
from guard.cli.doctor import doctor
from guard.cli.init import init
from guard.cli.policy import policy
from guard.cli.run import run
from guard.cli.status import status
from guard.cli.submit import submit
from guard.cli.trying import try_files
from guard.version import VERSION

COMMANDS = (init, run, submit, status, try_files, policy, audit, doctor, demo)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 as asked, 1 the answer is no, 2 wrong usage, 3 the site or policy is not"
    " as it must be, 70 a mistake of ours. Shell completion: see docs/cli.md.",
)
@click.version_option(VERSION, prog_name="guard")
def main() -> None:
    """Checkvalve: a cross-domain guard with its own one-way link.

    Start with: guard demo
    """


for command in COMMANDS:
    main.add_command(command)
