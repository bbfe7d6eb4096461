"""`guard init`: make a site with keys, a signed policy and its directories."""

from pathlib import Path

import click

from guard.cli.output import EXIT_USAGE, console, fail, sentences
from guard.core.trust import SignedRoot, check_kind
from guard.edge.authors import AUTHORS
from guard.edge.making import Made, make_site, pack_folder
from guard.edge.trust import read_signed_root


@click.command(
    epilog="Example: guard init /srv/checkvalve --demo --pack c2",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="For trying: makes the trust root, its policy keys and"
              " all else in one place, and marks everything as a demonstration.")  # fmt: skip
@click.option(
    "--root", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="The signed trust root of your own people: see guard policy root.",
)  # fmt: skip
@click.option("--pack", default="c2", show_default=True, help="The pack whose policy to take.")
@click.option(
    "--link-port", default=9700, show_default=True, type=click.IntRange(1, 65535),
    help="UDP port of the link on 127.0.0.1; edit site.toml for real addresses.",
)  # fmt: skip
def init(folder: Path, demo: bool, root: Path | None, pack: str, link_port: int) -> None:
    """Make both sides of a flow under DIR.

    With --demo all keys are made here, and a policy signed for demonstration. With --root no policy
    key is made: what is left to do is printed, command by command. The two sides are folders of
    their own: move DIR/high to the other host and set the addresses in both site.toml files.
    """
    if demo and root is not None:
        fail("name --demo or --root FILE, one of the two", EXIT_USAGE)
    if not demo and root is None:
        _say(_NO_ROOT.format(folder=folder))
        fail(
            "a site needs a trust root: name it with --root, or take --demo for trying", EXIT_USAGE
        )
    with sentences():
        address = f"127.0.0.1:{link_port}"
        signed = None if root is None else read_signed_root(root)
        if signed is not None:
            check_kind(signed.root, demonstration=False)
        made = make_site(folder.absolute(), pack_folder(pack), address, address, signed)
    console.print(f"Made flow {made.policy.flow}: {made.policy.source_domain} to"
                  f" {made.policy.destination_domain}.")  # fmt: skip
    if signed is None:
        _tell_demo(made, folder.absolute())
    else:
        _tell_next(made, signed)


def _tell_demo(made: Made, folder: Path) -> None:
    _say(f"  low side   guard run low --site {made.low}")
    _say(f"  high side  guard run high --site {made.high}")
    _say(f"  drop into  {made.low}/spool/drop/{made.policy.senders[0]}"
         "   (rename files in, or: guard submit)")  # fmt: skip
    _say(f"  arrives in {made.high}/queue/")
    keys = " ".join(f"--key {folder}/{name}.key" for name in AUTHORS)
    _say(f"  policy     sign a change with: guard policy sign FILE {keys}")
    _say("The keys were made in one place: right for a demonstration, not for real use.")


def _tell_next(made: Made, signed: SignedRoot) -> None:
    low, high = made.low, made.high
    _say(
        f"""Trust root: sha256:{signed.root.digest()}
It stands in trust_root of both site.toml files. Compare it, on each side, with what your people
gave you by another way. What is left, in this order:
  1. on the low host   guard keys request --site {low} --out low.csr
                       have the authority certify it (docs/identity.md), and put
                       authority.pem and source.pem into {low}/trust and {high}/trust
  2. the operators     put NAME.pub of each into {low}/trust/operators
  3. low policy        each of {signed.root.policy_quorum} persons, with their own key:
                       guard policy sign {low}/policy.toml --key NAME.key
                       and its VERSION:DIGEST into accepts under [destination] of
                       {high}/policy.toml
  4. high policy       guard policy sign {high}/policy.toml --key NAME.key
  5. check             guard doctor --site {low}
                       guard doctor --site {high}
  6. run               guard run high --site {high}
                       guard run low --site {low}
The link key was made here for both sides: move {high} to the other host by a way you trust."""
    )


def _say(text: str) -> None:
    console.print(text, soft_wrap=True, markup=False)


_NO_ROOT = """Policies are signed by people whose keys never lie on a guard's host.
On a machine of their own:
  guard policy new-key NAME.key                each person; prints the public key
  guard policy root template > root.toml       then fill in keys, domains, what flows need
  guard policy root new root.toml --out root
  guard policy root sign root --key NAME.key   each of the quorum
  guard policy root show root                  and tell both sides its digest, by another way
Then here:
  guard init {folder} --root root
To try it on one machine, with keys for demonstration:
  guard init {folder} --demo"""
