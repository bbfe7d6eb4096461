"""A group that imports a command only when it is asked for, so that each starts quickly."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class Lazy(click.Group):
    """Commands by name: "module:function" each, in the order in which help shows them."""

    def __init__(self, *given: Any, table: Mapping[str, str], **options: Any) -> None:
        super().__init__(*given, **options)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in self._table:
            return None
        module, _, name = self._table[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command
