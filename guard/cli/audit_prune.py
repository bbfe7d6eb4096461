"""`guard audit prune`: let the oldest entries of a stopped side's ledger go."""

from pathlib import Path

import click

from guard.cli.audit_options import FOLDER, elsewhere_options, known_elsewhere, not_verified
from guard.cli.output import console, sentences
from guard.edge.ledger_pruning import prune_ledger
from guard.report.index.places import key_beside
from guard.report.ledger_verifier import verify_ledger


@click.command(
    epilog="Example: guard audit prune site/low --older-than 90 --witness site/high/ledger"
)
@click.argument("side", type=FOLDER)
@click.option("--older-than", "days", required=True, type=click.IntRange(0, 36_500),
              metavar="DAYS", help="Let go only what is older.")  # fmt: skip
@elsewhere_options
def prune(side: Path, days: int, witness: Path | None, checkpoints: tuple[Path, ...]) -> None:
    """Let the oldest entries of a stopped SIDE's ledger go.

    Only whole segments, and only what a checkpoint from elsewhere covers. The ledger verifies as
    before, from where it then begins; what the entries said is provable no more.
    """
    with sentences():
        heard = known_elsewhere(witness, checkpoints)
        ledger = side / "ledger"
        found = verify_ledger(ledger, key_beside(ledger), witnessed=heard)
        if not found.ok:
            raise not_verified(ledger)
        pruned = prune_ledger(side, found.anchored, days)
    console.print(
        f"{pruned.segments} segments let go; the ledger begins with entry {pruned.entries}"
        if pruned.segments
        else f"nothing was let go: no segment is below entry {found.anchored} and old enough",
        soft_wrap=True,
    )
