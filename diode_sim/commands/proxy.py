"""`diode-sim proxy`: one simulated link between two UDP addresses, on the command line.

Takes options, gives lines on standard output: sentences for people, or with `--json` one object a
line. May open the sockets of one `Proxy`. Exit codes: 0 ended as asked, 2 the command line is
wrong, 3 an address cannot be had.
"""

import json
import re
import signal
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from diode_sim.options import Burst, Options, make_options, read_options
from diode_sim.outlet import Address
from diode_sim.proxy import Proxy
from schemas.errors import Malformed
from schemas.reasons import Reason

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)(?:bit/s)?")
_RATE_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_SHARES = ("loss", "reorder", "duplicate", "corrupt", "truncate")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def _models(command: Any) -> Any:
    """An option for every model; a scenario file can say the same and more."""
    for option in (
        click.option("--seed", type=int, help="same seed, same fates"),
        click.option("--queue", "queue_bytes", type=int, help="bytes that may wait for the rate"),
        click.option("--rate", help="what the link carries, such as 9600 or 10Mbit/s"),
        click.option("--stuck-at", type=int, help="MS: from then on nothing passes any more"),
        click.option("--flap", help="UP:DOWN, mean milliseconds of each, by turns"),
        click.option(
            "--outages", help="EVERY:LENGTH, milliseconds; where in its stretch by chance"
        ),
        click.option("--jitter-ms", type=float, help="what a datagram takes longer at most"),
        click.option("--delay-ms", type=float, help="what every datagram takes longer"),
        click.option("--truncate", type=float, help="share that is cut short"),
        click.option("--corrupt", type=float, help="share in which one bit is flipped"),
        click.option("--duplicate", type=float, help="share that arrives twice"),
        click.option("--reorder-span", type=int, help="how many may overtake one  [default: 16]"),
        click.option("--reorder", type=float, help="share overtaken by later datagrams"),
        click.option("--burst", help="RATE:MEAN, share lost in bursts and their mean length"),
        click.option("--loss", type=float, help="share lost, each by itself"),
        click.option("--scenario", type=_FILE, help="a TOML file with all this in its [link]"),
    ):
        command = option(command)
    return command


@click.command()
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="where to receive")
@click.option("--to", "to", required=True, help="HOST:PORT to send on to; [HOST]:PORT for IPv6")
@_models
@click.option("--counters-every", metavar="SECONDS", type=click.FloatRange(0.05, 86_400),
              help="counters meanwhile, not only at the end")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def proxy(listen: str, to: str, scenario: Path | None, counters_every: float | None,
          as_json: bool, **given: Any) -> None:  # fmt: skip
    """Pass datagrams one way, losing some. Says where it listens, and counts at the end.

    Ends with Ctrl-C or SIGTERM, after what it still holds has gone out.

    Example: diode-sim proxy --to 127.0.0.1:5000 --loss 0.03 --seed 7
    """
    link = _open(_address(listen), _address(to), listen, options_of(scenario, given))
    signal.set_wakeup_fd(link.wake_descriptor, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: link.stop())
    if counters_every:
        signal.signal(signal.SIGALRM, lambda *_: _say(link.counters.as_dict(), as_json))
        signal.setitimer(signal.ITIMER_REAL, counters_every, counters_every)
    host, port = link.address
    _say({"listening": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}, as_json)
    counters = link.run()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.set_wakeup_fd(-1)
    _say(counters.as_dict(), as_json)


def options_of(scenario: Path | None, given: dict[str, Any]) -> Options:
    """The scenario's options, those given on the command line instead where there are any.

    Raises `Malformed(ARGUMENT)`.
    """
    options = read_options(scenario.read_bytes()) if scenario else Options()
    table = options.model_dump()
    named = {name: value for name, value in given.items() if value is not None}
    for name in (*_SHARES, "delay_ms", "jitter_ms", "seed", "queue_bytes"):
        if name in named:
            table[name] = named.pop(name)
    for name, value in named.items():
        match name:
            case "reorder_span":
                table["reorder_span_datagrams"] = value
            case "burst":
                table["burst"] = Burst.read(value).model_dump()
            case "outages":
                every, length = _two_ms(value, "--outages", "5000:200")
                table["outages"] = {"every_ms": every, "length_ms": length, "at_random": True}
            case "flap":
                table["flap"] = dict(
                    zip(("up_ms", "down_ms"), _two_ms(value, "--flap", "5000:200"), strict=True)
                )
            case "stuck_at":
                table["stuck"] = {"from_ms": value}
            case "rate":
                table["rate_bits_per_s"] = _rate(value)
    return make_options(table)


def _open(listen: Address, to: Address, asked: str, options: Options) -> Proxy:
    if (":" in listen[0]) != (":" in to[0]):
        raise Malformed(
            Reason.ARGUMENT, "--listen and --to are of two families: give both IPv4 or both IPv6"
        )
    try:
        return Proxy(listen, to, options)
    except OSError as error:
        raise Malformed(Reason.LINK_DOWN, f"cannot listen on {asked}: {error.strerror}") from error


def _two_ms(untrusted_text: str, option: str, example: str) -> tuple[int, int]:
    one, colon, other = untrusted_text.partition(":")
    if not colon or not one.isdecimal() or not other.isdecimal():
        raise Malformed(
            Reason.ARGUMENT,
            f"{option}: {untrusted_text!r} is not two numbers of milliseconds, such as {example}",
        )
    return int(one), int(other)


def _rate(untrusted_text: str) -> int:
    """Bits a second."""
    found = _RATE.fullmatch(untrusted_text.strip())
    if not found:
        raise Malformed(
            Reason.ARGUMENT,
            f"--rate: {untrusted_text!r} is no rate: write 9600, 2.4kbit/s, 100Mbit/s or 7Gbit/s",
        )
    return round(float(found[1]) * _RATE_UNITS[found[2]])


def _address(untrusted_text: str) -> Address:
    host, colon, port = untrusted_text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        ip_address(bare)
    except ValueError:
        bare = ""  # a name would be looked up, and looked up again for every datagram
    if (
        not colon or not bare or not port.isdecimal() or int(port) > 65_535
        or (":" in bare) != (host != bare)
    ):  # fmt: skip
        raise Malformed(
            Reason.ARGUMENT,
            f"{untrusted_text!r} is not an address: write HOST:PORT with a numeric host, or"
            " [HOST]:PORT for IPv6",
        )
    return bare, int(port)


def _say(value: dict[str, Any], as_json: bool) -> None:
    if as_json:
        line = json.dumps(value)
    elif "listening" in value:
        line = f"listening on {value['listening']}"
    else:
        told = [(name, count) for name, count in value.items() if count or name in ("in", "out")]
        line = ", ".join(f"{name} {count}" for name, count in told)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
