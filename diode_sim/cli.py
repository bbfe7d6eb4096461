"""`diode-sim`: the command line of the simulated link.

Takes options, gives JSON lines on standard output. May open the sockets of one `Proxy`.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import click

from diode_sim.commands.plan import plan
from diode_sim.commands.plot import plot
from diode_sim.commands.run import run, scenarios
from diode_sim.commands.soak import soak
from diode_sim.commands.sweep import sweep_command
from diode_sim.options import Burst, Options, make_options, read_options
from diode_sim.outlet import Address
from diode_sim.proxy import Proxy
from schemas.errors import CheckvalveError, Malformed
from schemas.reasons import Reason


@click.group()
def cli() -> None:
    """A simulated one-way link: every failure has a seed."""


@cli.command()
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="where to receive")
@click.option("--to", "to", required=True, help="HOST:PORT to send on to")
@click.option("--scenario", type=click.Path(exists=True, dir_okay=False), help="a TOML file")
@click.option("--loss", type=float, help="share lost, each by itself")
@click.option("--burst", help="RATE:MEAN, share lost in bursts and their mean length")
@click.option("--reorder", type=float, help="share overtaken by later datagrams")
@click.option("--reorder-span", type=int, help="how many may overtake one  [default: 16]")
@click.option("--duplicate", type=float, help="share that arrives twice")
@click.option("--corrupt", type=float, help="share in which one bit is flipped")
@click.option("--delay-ms", type=float, help="what every datagram takes longer")
@click.option("--seed", type=int, help="same seed, same fates")
def proxy(listen: str, to: str, scenario: str | None, **given: Any) -> None:
    """Pass datagrams one way, losing some. Prints where it listens, and counters at the end.

    Example: diode-sim proxy --to 127.0.0.1:5000 --loss 0.03 --seed 7
    """
    options = _options(scenario, given)
    try:
        link = Proxy(_address(listen), _address(to), options)
    except OSError as error:
        raise Malformed(Reason.ARGUMENT, f"cannot listen on {listen}: {error.strerror}") from error
    signal.set_wakeup_fd(link.wake_descriptor, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: link.stop())
    host, port = link.address
    shown = f"[{host}]" if ":" in host else host
    _say({"listening": f"{shown}:{port}"})
    counters = link.run()
    signal.set_wakeup_fd(-1)
    _say(counters.as_dict())


cli.add_command(run)
cli.add_command(scenarios)
cli.add_command(soak)
cli.add_command(plan)
cli.add_command(sweep_command)
cli.add_command(plot)


def main() -> None:
    """The console script. Ends with 2 and one sentence where an argument is wrong."""
    try:
        cli()
    except CheckvalveError as error:
        click.echo(f"diode-sim: {error.sentence}", err=True)
        sys.exit(2)


def _options(scenario: str | None, given: dict[str, Any]) -> Options:
    """The scenario's options, those given on the command line instead where there are any."""
    options = read_options(Path(scenario).read_bytes()) if scenario else Options()
    table = options.model_dump()
    span = given.pop("reorder_span")
    burst = given.pop("burst")
    table.update({name: value for name, value in given.items() if value is not None})
    if span is not None:
        table["reorder_span_datagrams"] = span
    if burst is not None:
        table["burst"] = Burst.read(burst).model_dump()
    return make_options(table)


def _address(untrusted_text: str) -> Address:
    host, colon, port = untrusted_text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535 or not host:
        raise Malformed(Reason.ARGUMENT, f"{untrusted_text!r} is not an address: write HOST:PORT")
    return host.strip("[]"), int(port)


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
