"""`guard run`: run one side until it is asked to stop."""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from guard.cli.output import EXIT_SITE, errors, fail, printable, sentences
from guard.edge.link_memory import check_destination, check_source
from guard.edge.policy_install import finish
from guard.edge.policy_memory import check_memory, policy_memory
from guard.edge.site import load_site
from guard.edge.software_check import software_of
from guard.edge.topology_sites import check_neighbours
from guard.high import HIGH
from guard.low import LOW
from guard.supervise import Supervisor

JOURNEYS = {"low": LOW, "high": HIGH}
CHECKS = {"low": check_source, "high": check_destination}


@click.command(epilog="Example: guard run low --site /srv/checkvalve/low")
@click.argument("side", type=click.Choice(["low", "high"]))
@click.option(
    "--site", "folder", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="The side's folder.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Start although the host lacks a layer of the"
              " sandbox; it is written in the ledger and on every report.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on standard output.")
def run(side: str, folder: Path, insecure: bool, as_json: bool) -> None:
    """Run the low (source) or high (destination) side in the foreground.

    Ends in good order on SIGTERM or Ctrl-C: what was taken is finished first. Does not start when
    what keeps a session of the link from being used twice is lost: see guard link session show.
    """
    with sentences():
        finish(folder.absolute())
        site = load_site(folder.absolute())
        if site.file.side != side:
            fail(f"{folder} is the {site.file.side} side's folder", EXIT_SITE)
        check_neighbours(site)
        CHECKS[side](site.folder)
        site = replace(site, software=software_of(site.folder, site.file, insecure=insecure))
        memory = policy_memory(site.folder)
        check_memory(site, memory)
        teller = _teller(side, as_json)
        supervisor = Supervisor(site, JOURNEYS[side], teller, memory, insecure=insecure)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, supervisor.stop)
        signal.signal(signal.SIGHUP, supervisor.look)
        supervisor.run()


def _teller(side: str, as_json: bool) -> Any:
    def tell_json(event: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({"side": side, **event}) + "\n")
        sys.stdout.flush()

    def tell(event: dict[str, Any]) -> None:
        words = {
            "running": f"{side} side is running",
            "stopping": f"{side} side is stopping: finishing what was taken",
            "stopped": f"{side} side has stopped",
            "restart": f"{event['cause']}: the {event.get('domain')} is started again",
            "policy": f"{event['cause']} is in force",
            "policy-refused": f"the new policy is not taken up: {event['cause']}",
            "keys": f"{event['cause']} are in force",
            "keys-refused": f"no key holds, so the lane has ended: {event['cause']}",
            "posture": str(event["cause"]),
            "posture-refused": f"the new posture is not taken up: {event['cause']}",
            "resend": str(event["cause"]),
            "resend-refused": f"nothing is sent again: {event['cause']}",
            "failed": f"the {event.get('domain')} could not start: {event['cause']}",
        }
        errors.print(printable(words[event["event"]]), markup=False, soft_wrap=True)

    return tell_json if as_json else tell
