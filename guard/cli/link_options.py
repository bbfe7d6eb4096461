"""What the two ends of the bare link have in common on the command line.

Takes words such as `7Gbit/s` or `zero or more addresses`, gives checked numbers and `LinkParams`.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

import click

from guard.cli.output import errors, printable
from guard.edge.confinement import State
from guard.edge.udp import read_address
from guard.link.params import (
    LinkParams,
    repair_share,
)
from schemas.errors import Malformed
from schemas.rate import read_rate

_WANTED = (State.MISSING, State.NOT_ROOT)
COMPRESSIONS = ("off", "lz4", "zstd")
WINDOW_BYTES_MAX = 160 * 2**20  # 64 interleaved blocks of jumbo frames; touched as needed
BLOCK_BYTES, BLOCK_DATAGRAMS, BLOCK_DATAGRAMS_LEAST = 2**18, 132, 28  # where nobody names them
ENVELOPE_BYTES_MAX = 65_536  # files are streams; messages are taken note of, and no more


class Rate(click.ParamType[int]):
    """Bits a second: `9600`, `2.4kbit/s`, `7Gbit/s`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Whole bits a second."""
        if isinstance(value, int):
            return value
        try:
            return read_rate(str(value))
        except Malformed as error:
            self.fail(error.sentence)


class LinkAddress(click.ParamType[str]):
    """`10.0.0.2:47000` or `[fd00::2]:47000`: numeric, for no name is ever looked up."""

    name = "address:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, checked."""
        try:
            read_address(str(value))
        except Malformed as error:
            self.fail(error.sentence)
        return str(value)


class Host(click.ParamType[str]):
    """`10.0.0.1` or `fd00::1`."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text in its shortest form."""
        try:
            return ipaddress.ip_address(str(value)).compressed
        except ValueError:
            self.fail(f"{value!r} is no numeric address")


Command = Callable[..., None]


def both_ends(command: Command) -> Command:
    """The options that both ends have, and must agree in."""
    for option in reversed((
        click.option("--key", "key_path", required=True, metavar="FILE",
                     help="The link key, made by guard link key."),
        click.option("--mtu", type=click.IntRange(256, 65_535), default=1500, show_default=True,
                     help="Largest IP packet in bytes; the same on both ends, or larger on the "
                     "receiver's."),
        click.option("--no-tag", is_flag=True,
                     help="Datagrams without tags, on both ends: only for a cable nobody reaches."),
        click.option("--compress", type=click.Choice(COMPRESSIONS), default="off",
                     show_default=True, help="Compression, the same on both ends."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object at the end."),
    )):  # fmt: skip
        command = option(command)
    return command


def receive_params(
    mtu: int, addresses: tuple[str, ...], rate: int, *, tag: bool, heartbeat_ms: int
) -> LinkParams:
    """A receiver that takes every block a sender of this MTU may choose. Raises `Malformed`."""
    return LinkParams(
        mtu_bytes=mtu, ip_version=ip_version(addresses), k_max=252, r_max=254,
        design_loss_ppm=0, rate_bits_per_s=rate, frame_overhead_bytes=0, tag=tag,
        window_bytes_max=WINDOW_BYTES_MAX, envelope_bytes_max=ENVELOPE_BYTES_MAX,
        heartbeat_ms=heartbeat_ms,
        silence_ms=max(2000, 5 * heartbeat_ms),
    )  # fmt: skip


def block_symbols(mtu_bytes: int, repair_percent: int) -> int:
    """Source symbols of a block where nobody names them.

    As many as make the work for a block small beside that for its bytes, yet keep it in the cache,
    and fill whole sends of the kernel's: 120 + 12 at MTU 1500, 25 + 3 at 9000 (docs/benchmarks.md).
    """
    params = LinkParams(mtu_bytes=mtu_bytes)
    datagram_bytes = params.datagram_bytes_max
    a_send = params.burst_datagrams(datagram_bytes)
    sends = min(BLOCK_BYTES // (a_send * datagram_bytes), BLOCK_DATAGRAMS // a_send)
    rows = max(BLOCK_DATAGRAMS_LEAST, a_send * sends)
    return next(k for k in range(rows, 0, -1) if k + repair_share(k, repair_percent) <= rows)


def ip_version(addresses: tuple[str, ...]) -> int:
    """4 or 6: of the larger headers, where the links differ."""
    return 6 if any(address.startswith("[") for address in addresses) else 4


def confinement(layers: list[list[str]]) -> dict[str, list[str]]:
    """For an answer: the layers that are on, and those that are wanted and are not, with why."""
    off = [
        f"{name}: {sentence}"
        for name, state, sentence in layers
        if state in _WANTED or (name == "user" and state == State.NOT_ASKED)
    ]
    return {"confined": [name for name, state, _ in layers if state == State.ON],
            "not_confined": off}  # fmt: skip


def say_confinement(answer: dict[str, list[str]]) -> None:
    """The same in one line for people."""
    line = f"confined by: {', '.join(answer['confined'])}"
    if answer["not_confined"]:
        line += f"; not by {'; '.join(answer['not_confined'])}"
    errors.print(printable(line), markup=False, soft_wrap=True)
