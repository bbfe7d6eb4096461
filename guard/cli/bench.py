"""`guard bench`: what this machine can do."""

import tempfile
from pathlib import Path
from typing import Any

import click

from guard.cli.link_options import Rate, block_symbols
from guard.cli.output import console, errors, print_json, sentences
from guard.link.params import LinkParams
from guard.measurement.link import Bench, measure


@click.group(epilog="Example: guard bench link --size 256 --runs 5")
def bench() -> None:
    """Measure this machine."""


@bench.command(epilog="Example: guard bench link --mtu 9000 --rate 10Gbit/s --json")
@click.option(
    "--size",
    "size_mib",
    type=click.IntRange(1, 65_536),
    default=1024,
    show_default=True,
    help="MiB of the file.",
)
@click.option("--mtu", type=click.IntRange(576, 65_535), default=1500, show_default=True)
@click.option("--runs", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option(
    "--rate",
    type=Rate(),
    default=None,
    help="Pace on the wire; without it, the fastest that loses nothing is looked for.",
)
@click.option(
    "--block",
    "k",
    type=click.IntRange(1, 252),
    default=None,
    help="Source symbols of a block; without it, what guard link send takes.",
)
@click.option(
    "--repair",
    type=click.IntRange(0, 400),
    default=10,
    show_default=True,
    help="Repair symbols as a percentage of the source symbols; never fewer than 3.",
)
@click.option("--no-tag", is_flag=True, help="Datagrams without tags: what they cost.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Where the files lie: name its file system with the figures.",
)
@click.option(
    "--warm/--no-warm",
    default=True,
    show_default=True,
    help="Write a file and remove it before each run, so that a virtual machine has the memory.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object: goodput_mb_s, cpu_s, bare_mb_s, ratio, latency_ms, intact.",
)
def link(folder: Path | None, **options: Any) -> None:  # fmt: skip
    """The link from file to file over loopback, beside what the kernel alone can copy.

    A run that is not intact has a goodput of 0: the pace was above what the receiver can take.
    """
    k = options["k"] or block_symbols(options["mtu"], options["repair"])
    with (
        sentences({} if options["as_json"] else None),
        tempfile.TemporaryDirectory(dir=folder) as below,
    ):
        params = LinkParams(
            mtu_bytes=options["mtu"], k_max=k, r_max=255 - k, repair_percent=options["repair"],
            design_loss_ppm=0, rate_bits_per_s=options["rate"] or 10**9, frame_overhead_bytes=0,
            tag=not options["no_tag"],
        )  # fmt: skip
        found = measure(
            Bench(
                Path(below),
                options["size_mib"] * 2**20,
                options["runs"],
                params,
                options["rate"] is not None,
                warm=options["warm"],
            ),
            lambda what: errors.print(f"{what} …", markup=False),
        )
    if options["as_json"]:
        print_json(found)
        return
    for name, value in found.items():
        console.print(f"{name:18} {value}", markup=False)
