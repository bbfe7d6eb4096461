"""Writes docs/filters/coverage.md: `python docs/filters/coverage.py [SHARED]`.

Runs every module of tests/filters/hostile through every pack that it names, each in a process of
its own, and counts: real files that pass, hostile ones refused and by which reasons. SHARED: the
folder of real samples; without it the counts of real files stay as they stand in the page.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(__file__).with_name("coverage.md")
sys.path.insert(0, str(ROOT))

from tests.filters.hostile.cases import formats  # noqa: E402  # the project is found above

_HEAD = """# What the packs pass and refuse

Counts of `python docs/filters/coverage.py`: real files that nobody here wrote, sound files and
hostile ones made by code (`tests/filters/hostile/`). A hostile sample counts as refused only by a
reason that its maker expects.

| format | pack | real: passed, refused | sound: passed | hostile: refused | by reason |
|---|---|---|---|---|---|
"""


def outcomes(name: str, pack: str, shared: Path | None) -> list[dict[str, str]]:
    """What became of each sample."""
    command = [sys.executable, "-m", "tests.filters.hostile.chains", name, pack]
    command += [str(shared)] if shared is not None else []
    done = subprocess.run(  # noqa: S603  # our own module, by our own interpreter
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def row(name: str, pack: str, found: list[dict[str, str]], wanted: dict[str, tuple[str, ...]],
        before: str) -> str:  # fmt: skip
    """A line of the table."""
    passed = Counter(one["kind"] for one in found if not one["stage"])
    all_of = Counter(one["kind"] for one in found)
    right = [o for o in found if o["kind"] == "hostile" and o["reason"] in wanted[o["name"]]]
    reasons = Counter(one["reason"] for one in right)
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    real = f"{passed['real']}, {all_of['real'] - passed['real']}" if all_of["real"] else before
    return (
        f"| {name} | `{pack}` | {real} | {passed['sound']} of {all_of['sound']} |"
        f" {len(right)} of {all_of['hostile']} | {said} |"
    )


def main(shared: Path | None) -> None:
    """Write the page."""
    if shared is not None and not any(shared.rglob("*.xml")):
        raise SystemExit(f"there are no real samples below {shared}")
    old = PAGE.read_text("utf-8") if PAGE.exists() else ""
    lines = []
    for given in formats():
        wanted = {case.name: case.reasons for case in given.hostile()}
        for pack in given.packs:
            kept = re.search(rf"^\| {given.name} \| `{pack}` \| ([^|]*) \|", old, re.MULTILINE)
            before = kept[1] if kept else "none"
            found = outcomes(given.name, pack, shared)
            lines.append(row(given.name, pack, found, wanted, before))
    PAGE.write_text(_HEAD + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
