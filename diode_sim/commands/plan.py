"""`diode-sim plan`: from what a link must do to its settings, computed and simulated.

Takes options, gives the settings that cost least, what they cost, the lines to paste, and what was
simulated. May do nothing else.
"""

import json
import sys

import click

from diode_sim.commands.telling import seed_of
from diode_sim.confirming import confirm
from diode_sim.options import Burst
from diode_sim.planning import MESSAGE_BYTES_MAX, Need
from diode_sim.proposal import as_table, as_text, check_sizes
from diode_sim.searching import best_setting
from schemas.rate import read_rate

EXIT_NO = 1


@click.command()
@click.option("--rate", required=True, help="on the wire: 9600, 2.4kbit/s, 10Mbit/s, 1Gbit/s")
@click.option(
    "--mtu",
    type=click.IntRange(256, 65_535),
    default=1500,
    show_default=True,
    help="largest IP packet in bytes",
)
@click.option(
    "--loss",
    type=click.FloatRange(0.0, 0.5),
    default=0.0,
    show_default=True,
    help="share of the datagrams lost, each by itself",
)
@click.option("--burst", help="RATE:MEAN, share lost in bursts and their mean length in datagrams")
@click.option(
    "--message-size",
    type=click.IntRange(1, MESSAGE_BYTES_MAX),
    required=True,
    help="bytes of a message, as the link carries it",
)
@click.option(
    "--target-loss", type=float, required=True, help="probability to lose a message, at most: 1e-9"
)
@click.option(
    "--latency-ms-max",
    type=float,
    help="from a message's first datagram to its last repeat's last one, at most",
)
@click.option(
    "--always-busy",
    is_flag=True,
    help="messages always wait; without it a message may also come alone",
)
@click.option(
    "--for",
    "target",
    type=click.Choice(["guard", "link"]),
    default="guard",
    show_default=True,
    help="a guard's policy, or guard link send",
)
@click.option(
    "--clock",
    type=click.Choice(["time", "datagrams"]),
    default="time",
    show_default=True,
    help="what ends a burst while nothing is sent",
)
@click.option(
    "--draws",
    type=click.IntRange(1_000, 10_000_000),
    default=20_000,
    show_default=True,
    help="weighted walks a kind of block",
)
@click.option(
    "--messages",
    type=click.IntRange(200, 1_000_000),
    default=2_000,
    show_default=True,
    help="messages through the real sender and receiver, at most",
)
@click.option("--seed", default="1", show_default=True, help="hexadecimal, of all that is drawn")
@click.option("--json", "as_json", is_flag=True, help="one JSON object")
def plan(
    rate: str, mtu: int, loss: float, burst: str | None, message_size: int, target_loss: float,
    latency_ms_max: float | None, always_busy: bool, target: str, clock: str, draws: int,
    messages: int, seed: str, as_json: bool,
) -> None:  # fmt: skip
    """Propose k, r, interleaving and repeats for a link, and simulate them.

    The least bytes on the wire win, then the least latency. Ends with 1 if the simulation does not
    bear out that the target is met. See docs/planning.md for what is assumed.

    Example: diode-sim plan --rate 10Mbit/s --loss 0.01 --message-size 400 --target-loss 1e-9
    """
    need = Need(
        read_rate(rate), mtu, loss, Burst.read(burst) if burst else Burst(), message_size,
        target_loss, latency_ms_max, always_busy, bare=target == "link",
        clock="time" if clock == "time" else "datagrams",
    )  # fmt: skip
    check_sizes(need)
    number = seed_of(seed)
    setting = best_setting(need)
    confirmed = confirm(need, setting, draws, messages, number)
    if as_json:
        click.echo(json.dumps(as_table(need, setting, confirmed, number)))
    else:
        for line in as_text(need, setting, confirmed, number):
            click.echo(line)
    if not confirmed.meets(need.target_loss):
        sys.exit(EXIT_NO)
