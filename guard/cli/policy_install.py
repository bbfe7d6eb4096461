"""`guard policy install`: put a signed policy into a site, running or stopped."""

from pathlib import Path

import click

from guard.cli.output import EXIT_NO, console, fail, printable, sentences
from guard.edge.policy_files import faults_of, read_policy_file
from guard.edge.policy_install import finish, lay
from guard.edge.policy_memory import whole_memory
from guard.edge.running import await_status, tell_to_look
from guard.edge.site import load_site

TAKEN_UP_WITHIN_S = 90


@click.command(epilog="Example: guard policy install new --site /srv/checkvalve/high")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--site", "side", required=True, metavar="SITE",
    type=click.Path(path_type=Path, file_okay=False), help="The side's folder.",
)  # fmt: skip
def install(folder: Path, side: Path) -> None:
    """Put the signed policy of DIR (policy.toml, policy.sig, documents/) into a site.

    A side that runs finishes what it has taken under the old policy, then goes on under the new
    one: every message is decided under exactly one. Refused if the policy may not follow the one
    that is there. The destination side comes first: its accepts has both of the source's policies.
    """
    with sentences():
        site = load_site(side.absolute())
        # Its signatures first: looking for faults runs a site's own stages.
        load_site(site.folder, policy_folder=folder.absolute())
        new = read_policy_file(folder.absolute() / "policy.toml")
        new = new.for_side(site.file.side)
        faults = faults_of(new, site.root)
        if faults:
            fail(f"{faults[0]}: not installed", EXIT_NO)
        memory = whole_memory(site.folder)
        found = lay(site, folder.absolute(), memory)
        digest = found.policy_digest.hex()
        if not tell_to_look(site.folder):
            finish(site.folder)
            _say(f"Version {found.policy.version} is installed; the side does not run.")
        elif await_status(site.folder, "policy_digest", digest, TAKEN_UP_WITHIN_S):
            _say(f"Version {found.policy.version} is in force.")
        else:
            fail("the side has not taken it up: look at what guard run says", EXIT_NO)
    _say(f"Digest: {digest}")


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
