"""`guard link`: the one-way link by itself. Each command is a file beside this one."""

import click

from guard.cli.lazy import Lazy

_COMMANDS = {
    "key": "guard.cli.link_key:key",
    "send": "guard.cli.link_send:send",
    "receive": "guard.cli.link_receive:receive",
    "session": "guard.cli.link_session:session",
}


@click.group(
    cls=Lazy,
    table=_COMMANDS,
    epilog="Example: guard link key diode.key; copy it to the receiver; there"
    " guard link receive --listen 0.0.0.0:47000 --key diode.key --out in; here"
    " guard link send --to 10.0.0.2:47000 --key diode.key FILE...",
)
def link() -> None:
    """Send files over a one-way link, with nothing but two hosts and a diode between them.

    Everything is encrypted and authenticated, losses are repaired, and what could not be repaired
    is told exactly. See docs/link.md. `session` looks after the link of a guard's site.
    """
