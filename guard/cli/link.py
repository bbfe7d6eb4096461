"""`guard link`: the one-way link as a tool of its own, without the guard."""

from importlib import import_module

import click

_COMMANDS = {
    "key": "guard.cli.link_key:key",
    "send": "guard.cli.link_send:send",
    "receive": "guard.cli.link_receive:receive",
}


class _Lazy(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(
    cls=_Lazy,
    epilog="Example: guard link key diode.key; copy it to the receiver; there"
    " guard link receive --listen 0.0.0.0:47000 --key diode.key --out in; here"
    " guard link send --to 10.0.0.2:47000 --key diode.key FILE...",
)
def link() -> None:
    """Send files over a one-way link, with nothing but two hosts and a diode between them.

    Everything is encrypted and authenticated, losses are repaired, and what could not be repaired
    is told exactly. See docs/link.md.
    """
