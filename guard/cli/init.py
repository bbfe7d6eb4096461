"""`guard init`: make a site with keys, a signed policy and its directories."""

from pathlib import Path

import click

from guard.cli.output import console, sentences
from guard.edge.making import make_site, pack_folder


@click.command(
    epilog="Example: guard init /srv/checkvalve --pack c2",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--pack", default="c2", show_default=True, help="The pack whose policy to take.")
@click.option(
    "--link-port", default=9700, show_default=True, type=click.IntRange(1, 65535),
    help="UDP port of the link on 127.0.0.1; edit site.toml for real addresses.",
)  # fmt: skip
def init(folder: Path, pack: str, link_port: int) -> None:
    """Make both sides of a flow under DIR, with keys and a policy signed for demonstration.

    The two sides are folders of their own: move DIR/high to the other host and set the
    addresses in both site.toml files.
    """
    with sentences():
        address = f"127.0.0.1:{link_port}"
        made = make_site(folder.absolute(), pack_folder(pack), address, address)
    console.print(f"Made flow {made.policy.flow}: {made.policy.source_domain} to"
                  f" {made.policy.destination_domain}.")  # fmt: skip
    console.print(f"  low side   guard run low --site {made.low}", soft_wrap=True)
    console.print(f"  high side  guard run high --site {made.high}", soft_wrap=True)
    console.print(
        f"  drop into  {made.low}/spool/drop/{made.policy.senders[0]}"
        "   (rename files in, or: guard submit)", soft_wrap=True,
    )  # fmt: skip
    console.print(f"  arrives in {made.high}/queue/", soft_wrap=True)
    console.print(
        f"  policy     sign a change with: guard policy sign, and {folder.absolute()}/policy.key",
        soft_wrap=True,
    )
    console.print("The keys were made in one place: right for a demonstration, not for real use.")
