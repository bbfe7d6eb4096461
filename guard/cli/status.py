"""`guard status`: how a side is, at a glance or as JSON."""

import pwd
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.edge.confinement import State
from guard.edge.side_status import ProcessStatus, SideStatus, side_status

REASONS_SHOWN_MAX = 8
_PROBLEMS = ("gap", "alarm", "duplicate")


@click.command(epilog="Example: guard status --site /srv/checkvalve/low")
@click.option(
    "--site", "folder", required=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="The side's folder.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def status(folder: Path, as_json: bool) -> None:
    """Show a side: its state, processes, decisions, queues, link and ledger.

    Exits 1 when the side does not run, or a process of it is gone. Counts are of the running
    processes; what was before is in the ledger: guard audit show.
    """
    with sentences():
        found = side_status(folder.absolute())
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found, folder)
    if not found.runs:
        raise SystemExit(EXIT_NO)


def _as_json(found: SideStatus) -> dict[str, Any]:
    return {
        "side": found.side,
        "runs": found.runs,
        "state": found.state,
        "pid": found.pid,
        "restarts": found.restarts,
        "cause": found.cause,
        "policy_version": found.policy_version,
        "posture_version": found.posture_version,
        "demo": found.demo,
        "processes": [
            {
                "name": process.name,
                "domain": process.domain,
                "pid": process.pid,
                "alive": process.alive,
                "user": process.user,
                "layers": dict(process.layers),
            }
            for process in found.processes
        ],
        "outcomes": found.outcomes,
        "refusals": found.refusals,
        "queues": found.queues,
        "link": found.link,
        "ledger_entries": found.ledger_entries,
        "metrics": found.metrics,
    }


def _show(found: SideStatus, folder: Path) -> None:
    if found.state not in ("running", "starting", "stopping"):
        said = {"died": "has died", "stopped": "is stopped"}.get(found.state, "was never started")
        console.print(f"The {found.side} side {said}. [dim]Start it with:[/]")
        start = f"  guard run {found.side} --site {printable(str(folder))}"
        console.print(start, soft_wrap=True, markup=False)
        _line("waiting", _waiting(found))
        return
    color = "green" if found.runs else "yellow"
    times = "restart" if found.restarts == 1 else "restarts"
    restarts = f", {found.restarts} {times}" if found.restarts else ""
    console.print(f"The {found.side} side is [{color}]{found.state}[/] (pid {found.pid}{restarts})")
    if found.restarts:
        _line("last cause", printable(found.cause))
    console.print(_processes(found.processes))
    console.print()
    _line("policy", _policy(found))
    _line("not root", _without_root(found.processes))
    if found.metrics:
        _line("counts", found.metrics)
    else:
        _line("decisions", ", ".join(f"{count:,} {kind}" for kind, count in _worth(found)))
    for place, count in list(found.refusals.items())[:REASONS_SHOWN_MAX]:
        _line("", f"{count:>8,}  {place}")
    _line("waiting", _waiting(found))
    _line("link", ", ".join(f"{count:,} {name}" for name, count in found.link.items() if count))
    if found.ledger_entries is not None:
        _line("ledger", f"{found.ledger_entries:,} entries")


def _policy(found: SideStatus) -> str:
    posture = f", posture {found.posture_version}" if found.posture_version else ""
    demo = "; a demonstration's: not for real use" if found.demo else ""
    return f"version {found.policy_version}{posture}{demo}"


def _worth(found: SideStatus) -> list[tuple[str, int]]:
    """Every kind of decision; what should not happen only where it did."""
    return [item for item in found.outcomes.items() if item[1] or item[0] not in _PROBLEMS]


def _waiting(found: SideStatus) -> str:
    told = ((name, "not readable" if n is None else f"{n:,}") for name, n in found.queues.items())
    return ", ".join(f"{name} {count}" for name, count in told)


def _line(name: str, text: str) -> None:
    if not text:
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(width=10, style="dim")
    table.add_column(overflow="fold")
    table.add_row(name, escape(printable(text)))
    console.print(table)


def _processes(processes: list[ProcessStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "pid", "user", "confinement"):
        table.add_column(heading, justify="right" if heading == "pid" else "left")
    for process in processes:
        state = str(process.pid) if process.alive else "[red]gone[/]"
        table.add_row(escape(process.name), state, _user(process.user), _layers(process))
    return table


def _user(uid: str) -> str:
    """A user's name where the number has one."""
    try:
        return pwd.getpwuid(int(uid)).pw_name
    except (KeyError, ValueError):
        return uid


def _layers(process: ProcessStatus) -> str:
    """How many layers are on, and by name those that this host lacks."""
    states = Counter(state for _, state in process.layers)
    missing = [name for name, state in process.layers if state == State.MISSING]
    return f"{states[State.ON]} layers" + (f"; MISSING: {', '.join(missing)}" if missing else "")


def _without_root(processes: list[ProcessStatus]) -> str:
    """The layers that are off because the side was not started as root: the same for all."""
    off = [name for each in processes for name, state in each.layers if state == State.NOT_ROOT]
    return f"off: {', '.join(dict.fromkeys(off))}" if off else ""
