"""`guard policy topology`: several flows between several domains, looked at together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from guard.cli.output import (
    EXIT_NO,
    EXIT_USAGE,
    console,
    errors,
    fail,
    print_json,
    printable,
    sentences,
)
from guard.edge import durable
from guard.edge.site import read_site_file
from guard.edge.topology_sites import side_use
from guard.edge.trust import read_signed_root, read_trust
from guard.report.topology_picture import picture
from schemas.topology import FlowLine, Shared, SideUse, cycles, in_words, leaks, shared, unlisted
from schemas.trust_root import TrustRoot


@click.command(epilog="Example: guard policy topology /srv/flows/*/low --svg flows.svg")
@click.argument("paths", metavar="SITE|POLICY...", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True))  # fmt: skip
@click.option("--root", metavar="ROOT", type=click.Path(path_type=Path, dir_okay=False),
              help="The trust root; else that of the first site.")  # fmt: skip
@click.option("--svg", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Draw domains and flows.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def topology(paths: tuple[Path, ...], root: Path | None, svg: Path | None, as_json: bool) -> None:
    """Look at several flows together: the sides' folders, or policy files.

    Finds chains of flows that carry from a domain to a lower one with no release flow on the way,
    flows that go down without being a release, and what sides of opposite flows share: host, user,
    key, ledger, policy. Exits 1 if there is any. Cycles are named; they are no fault by themselves.
    """
    with sentences({} if as_json else None):
        trusted = _root(paths, root)
        sides = [side_use(path.absolute(), trusted) for path in paths]
        flows = sorted({side.flow for side in sides})
        _check_names(flows)
        found = Findings(trusted, flows, sides)
        if svg is not None:
            leaking = {flow for path in found.leaks for flow in path}
            drawn = picture(trusted.domains, flows, leaking | set(found.unlisted))
            durable.replace(svg, drawn.encode())
    if as_json:
        print_json(found.as_json())
    else:
        _show(found)
    if not found.ok:
        raise SystemExit(EXIT_NO)


class Findings:
    """What is wrong with these flows together, and which ways round there are."""

    def __init__(
        self, root: TrustRoot, flows: Sequence[FlowLine], sides: Sequence[SideUse]
    ) -> None:
        self.root, self.flows = root, flows
        self.unlisted = unlisted(root, flows)
        self.leaks = leaks(root.domains, flows)
        self.cycles = cycles(flows)
        self.shared = list(shared(root, sides))

    @property
    def ok(self) -> bool:
        """Whether there is nothing that may not be."""
        return not (self.unlisted or self.leaks or self.shared)

    def faults(self) -> list[str]:
        """A sentence each."""
        down = [
            f"{flow.name} goes {self.root.direction(flow.source, flow.destination)} from"
            f" {flow.source} to {flow.destination}, and the trust root lists no such release"
            for flow in self.unlisted
        ]
        carried = [
            f"{path[0].source} is carried to {path[-1].destination}, which is lower, without a"
            f" release: {in_words(path)}"
            for path in self.leaks
        ]
        return [*down, *carried, *map(_shared_in_words, self.shared)]

    def rounds(self) -> list[str]:
        """Each cycle, and whether a release is on it."""
        return [
            f"{in_words(path)}"
            + (" (through a release)" if any(flow.release for flow in path) else "")
            for path in self.cycles
        ]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "ok": self.ok,
            "root": f"sha256:{self.root.digest()}",
            "flows": [
                flow._asdict()
                | {"direction": self.root.direction(flow.source, flow.destination).value}
                for flow in self.flows
            ],
            "faults": self.faults(),
            "leaks": [[flow.name for flow in path] for path in self.leaks],
            "cycles": [[flow.name for flow in path] for path in self.cycles],
            "shared": [
                {"flows": [it.one.flow.name, it.other.flow.name], "what": it.what,
                 "names": list(it.names)}
                for it in self.shared
            ],
        }  # fmt: skip


def _shared_in_words(it: Shared) -> str:
    where = [f"{use.flow.name} ({use.side} side)" if use.side else use.flow.name
             for use in (it.one, it.other)]  # fmt: skip
    names = ", ".join(it.names[:3]) + (" …" if len(it.names) > 3 else "")
    return f"{where[0]} and {where[1]} go opposite ways and share a {it.what}: {names}"


def _root(paths: tuple[Path, ...], named: Path | None) -> TrustRoot:
    if named is not None:
        return read_signed_root(named).check()
    site = next((path for path in paths if (path / "site.toml").is_file()), None)
    if site is None:
        fail("name the trust root: --root FILE", EXIT_USAGE)
    file = read_site_file(site)
    return read_trust(site / "trust", file.trust_root, demonstration=file.demo)


def _check_names(flows: Sequence[FlowLine]) -> None:
    names = [flow.name for flow in flows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        fail(f"two flows have the name {twice[0]}: each flow has a name of its own", EXIT_NO)


def _show(found: Findings) -> None:
    for flow in found.flows:
        direction = found.root.direction(flow.source, flow.destination)
        kind = ", a release" if flow.release else ""
        _say(f"{flow.name}: {flow.source} to {flow.destination}, {direction}{kind}")
    for told in found.rounds():
        _say(f"a way round: {told}")
    for fault in found.faults():
        errors.print(printable(fault), markup=False, soft_wrap=True)
    if found.ok:
        _say("No chain of flows carries anything from a domain to a lower one except through a"
             " release, and opposite flows share nothing.")  # fmt: skip


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
