"""What the commands that run scenarios have in common: seeds in, failures out."""

from pathlib import Path

import click

from diode_sim.options import SEED_MAX
from diode_sim.running import Failure, write_trace
from schemas.errors import Malformed
from schemas.reasons import Reason


def seed_of(untrusted_text: str) -> int:
    """A seed in hexadecimal. Raises `Malformed(ARGUMENT)`."""
    try:
        seed = int(untrusted_text, 16)
    except ValueError:
        seed = -1
    if not 0 <= seed <= SEED_MAX:
        raise Malformed(
            Reason.ARGUMENT, f"{untrusted_text!r} is not a seed: write 1 to 16 hexadecimal digits"
        )
    return seed


def tell_failure(failure: Failure, trace: Path | None) -> None:
    """What was broken, where its trace is, and the one command, on standard error.

    trace: where it has been written already; None: it is written now.
    """
    click.echo(f"broken: {failure.job.scenario} {failure.sentence}", err=True)
    if trace is None:
        name = Path(failure.job.scenario).stem
        trace = Path(f"diode-sim-{name}-{failure.job.seed:x}.trace")
        write_trace(failure.job, trace)
    click.echo(f"trace: {trace}", err=True)
    click.echo(f"again: {failure.job.again}", err=True)
