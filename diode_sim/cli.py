"""`diode-sim`: the command line of the simulated link. Each command is a module of its own."""

import sys

import click

from diode_sim.netns.commands import netns
from diode_sim.proxy_command import proxy
from schemas.errors import CheckvalveError
from schemas.reasons import Reason


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A simulated one-way link: every failure has a seed."""


for _command in (proxy, netns):
    cli.add_command(_command)


def main() -> None:
    """The console script. One sentence and 2 where an argument is wrong, 3 where the host is."""
    try:
        cli()
    except CheckvalveError as error:
        click.echo(f"diode-sim: {error.sentence}", err=True)
        sys.exit(2 if error.reason == Reason.ARGUMENT else 3)
