"""`diode-sim`: the command line of the simulator. A command's module is loaded when it is used.

What the namespaces need must start fast and without NumPy, so none pays for another's modules.
"""

import importlib
import sys

import click

from schemas.errors import CheckvalveError
from schemas.reasons import Reason

_COMMANDS = {
    "run": "diode_sim.commands.run:run",
    "scenarios": "diode_sim.commands.run:scenarios",
    "soak": "diode_sim.commands.soak:soak",
    "plan": "diode_sim.commands.plan:plan",
    "sweep": "diode_sim.commands.sweep:sweep_command",
    "plot": "diode_sim.commands.plot:plot",
    "proxy": "diode_sim.commands.proxy:proxy",
    "netns": "diode_sim.commands.netns:netns",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A simulated one-way link: every failure has a seed."""


def main() -> None:
    """The console script. One sentence and 2 where an argument is wrong, 3 where the host is."""
    try:
        cli()
    except CheckvalveError as error:
        click.echo(f"diode-sim: {error.sentence}", err=True)
        sys.exit(2 if error.reason == Reason.ARGUMENT else 3)
