"""`guard doctor --sandbox`: every process of both sides tries to break out, and a table says how
far it got.

A cell holds a letter for each layer that stops the attempt alone, `ok` where the row allows it and
it works, `!!` where something is possible that must not be, or refused that must work.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from guard.cli.output import EXIT_NO, console, print_json, sentences
from guard.trial.trial import Trial, Tried, trials

_LETTERS = {
    "descriptors": "D", "limits": "R", "network namespace": "N", "empty root": "E", "user": "U",
    "privileges": "P", "landlock": "L", "seccomp": "S", "host": "H",
}  # fmt: skip
_TOGETHER = "+"
_HEAD_LETTERS = 4


def try_sandbox(as_json: bool) -> None:
    """Run the trials and show them. Exits 1 if anything is not as the rows say, or is missing."""
    with sentences():
        found = list(trials())
    wrong = [f"{each.side} {each.name}: {what}" for each in found for what in each.wrong]
    if as_json:
        print_json({"ok": not wrong, "wrong": wrong, "processes": [_as_json(t) for t in found]})
    else:
        _show(found, wrong)
    if wrong:
        raise SystemExit(EXIT_NO)


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        "side": trial.side,
        "name": trial.name,
        "group": trial.group,
        "layers": {name: state for name, state, _ in trial.layers},
        "wrong": trial.wrong,
        "attempts": [
            {
                "name": each.name, "allowed": each.allowed, "possible": not each.error,
                "error": each.error, "by": list(each.by),
            }
            for each in trial.tried
        ],
    }  # fmt: skip


def _show(found: Sequence[Trial], wrong: Sequence[str]) -> None:
    for side in dict.fromkeys(each.side for each in found):
        _show_side(side, [each for each in found if each.side == side])
    console.print("Letters: a layer that stops it alone. "
                  + ", ".join(f"{letter} {name}" for name, letter in _LETTERS.items())
                  + "; + only several together.")  # fmt: skip
    for state, layers in _layers_off(found).items():
        console.print(f"[yellow]{state}:[/] {', '.join(layers)}")
    for sentence in wrong:
        console.print(sentence, style="red", markup=False, soft_wrap=True)
    tried = sum(len(each.tried) for each in found)
    allowed = sum(one.allowed for each in found for one in each.tried)
    told = f"{len(found)} processes, {tried} attempts: {allowed} that a row allows,"
    console.print(f"{told} {tried - allowed} that none does; {len(wrong)} not as they must be")


def _layers_off(found: Iterable[Trial]) -> dict[str, list[str]]:
    missing = sorted({name for each in found for name in each.missing})
    off = sorted({name for each in found for name in each.off})
    states = {"Missing on this host": missing, "Off without root": off}
    return {state: layers for state, layers in states.items() if layers}


def _show_side(side: str, found: Sequence[Trial]) -> None:
    groups: dict[str, list[dict[str, Tried]]] = defaultdict(list)
    for each in found:
        groups[each.group].append({one.name: one for one in each.tried})
    rows = {
        name: [_cell(tried, name) for tried in groups.values()]
        for name in dict.fromkeys(one.name for each in found for one in each.tried)
    }
    everywhere = {name: cells for name, cells in rows.items() if "" not in cells}
    same: dict[str, list[str]] = defaultdict(list)
    for name, cells in everywhere.items():
        if len(set(cells)) == 1:
            same[cells[0]].append(name)
    console.print(f"[bold]{side} side, {len(found)} processes[/]")
    for cell, names in same.items():
        console.print(f"  {cell:<4} in every process: {', '.join(names)}", markup=False)
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("differs by role", overflow="fold")
    for group in groups:
        table.add_column(group[:_HEAD_LETTERS], no_wrap=True, min_width=_HEAD_LETTERS)
    for name, cells in everywhere.items():
        if len(set(cells)) > 1:
            table.add_row(name, *cells)
    table.add_row("channels, as its row says", *_channels(groups.values(), rows, allowed=True))
    table.add_row("channels, against it", *_channels(groups.values(), rows, allowed=False))
    console.print(table)
    console.print()


def _cell(processes: Sequence[dict[str, Tried]], name: str) -> str:
    """What became of one attempt in all processes of a group; empty if none made it."""
    cells = {_mark(tried[name]) for tried in processes if name in tried}
    if not cells:
        return ""
    return cells.pop() if len(cells) == 1 else "!!" if "!!" in cells else min(cells, key=len)


def _mark(tried: Tried) -> str:
    if not tried.right:
        return "!!"
    if tried.allowed:
        return "ok"
    return "".join(_LETTERS[layer] for layer in tried.by) or _TOGETHER


def _channels(
    groups: Iterable[Sequence[dict[str, Tried]]], rows: dict[str, list[str]], *, allowed: bool
) -> list[str]:
    """How many attempts that only some processes can make are as they must be, of how many."""
    cells = []
    for processes in groups:
        made = [
            tried[name] for tried in processes for name, cells_of in rows.items()
            if "" in cells_of and name in tried and tried[name].allowed == allowed
        ]  # fmt: skip
        cells.append(f"{sum(one.right for one in made)}/{len(made)}")
    return cells
