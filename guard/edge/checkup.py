"""The check-up of a host and a site: what a finding is, and the whole list of checks.

Takes a side's folder or none, gives findings in the order a newcomer would mend them. Each check
tries the real thing where it can (a confined process, a datagram, a sync) and never raises for
what it looks at.
"""

from collections.abc import Iterator
from pathlib import Path

from guard.edge.checkup_host import host_findings
from guard.edge.checkup_link import LinkNeeds, link_findings
from guard.edge.checkup_neighbours import neighbour_finding
from guard.edge.checkup_network import network_findings
from guard.edge.checkup_site import disk_findings, site_findings
from guard.edge.findings import Finding
from guard.edge.site import SiteFile, read_site_file
from schemas.errors import CheckvalveError
from schemas.policy import LinkLine, read_policy

__all__ = ["Finding", "check_up"]


def check_up(folder: Path | None) -> Iterator[Finding]:
    """Every finding, one after the other. Raises `Malformed` if the folder is no side's."""
    file = read_site_file(folder) if folder is not None else None
    yield from host_findings(separate_users=file is None or file.first_user > 0)
    needs = _needs(folder, file)
    yield from network_findings(needs.rate_mbit_per_s)
    yield from link_findings(needs)
    yield neighbour_finding(needs)
    yield from disk_findings(folder)
    if folder is not None and file is not None:
        yield from site_findings(folder, file)


def _needs(folder: Path | None, file: SiteFile | None) -> LinkNeeds:
    """What the link asks of the network; a policy that cannot be read is the site's finding."""
    line = LinkLine()
    if folder is not None:
        try:
            line = read_policy((folder / "policy.toml").read_bytes()).link
        except (OSError, CheckvalveError):
            line = LinkLine()
    if file is None:
        return LinkNeeds("", "127.0.0.1:0", line.mbit_per_s, line.mtu_bytes)
    return LinkNeeds(file.side, file.link, line.mbit_per_s, line.mtu_bytes)
