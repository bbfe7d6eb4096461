"""Write controls.md from controls.toml.

`python docs/controls.py`; `tests/docs/test_controls.py` holds the page against what this makes.
"""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
SOURCE, PAGE = DOCS / "controls.toml", DOCS / "controls.md"
_HEAD = """# Controls

What Checkvalve gives for which control, by what, shown by which tests. Made from
[controls.toml](controls.toml) by [controls.py](controls.py). The words are ours; the controls' own
text is with their publishers: NIST SP 800-53 Rev. 5, the DISA Application Layer Gateway SRG, the
Australian ISM.

This is no assessment and no accreditation. *Satisfied* means: by this software, as far as software
can, and the tests named show it. *Partly* says what lacks. *Not* says why, or who has to give it.
What only hardware or an organisation can give is never called satisfied.
"""


_CHECKS = """## Gateway checks

DISA and ISM. A check is in the state of the control beside it, unless it asks for more: then its
own state stands here, with the reason.
"""


def page(content: dict[str, Any]) -> str:
    """The whole page."""
    controls, checks = content["control"], content["check"]
    named = {each["id"]: each for each in controls}
    counts = Counter(each["state"] for each in controls)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    parts = [_HEAD, f"## NIST SP 800-53\n\n{len(controls)} controls: {told}.\n"]
    parts += [_control(each) for each in controls]
    parts.append(_CHECKS)
    parts.append("| check | about | state | control |\n|---|---|---|---|")
    for each in checks:
        by = each["shown_by"]
        link = f"[{by}](#{_anchor(named[by])})"
        parts.append(f"| {each['id']} | {each['title']} | {_state(each, named[by])} | {link} |")
    parts.append("\n## Not claimed\n\n| state | why | controls |\n|---|---|---|")
    for each in content["elsewhere"]:
        parts.append(f"| {each['state']} | {each['reason']} | {', '.join(each['ids'])} |")
    return "\n".join(parts) + "\n"


def _state(check: dict[str, Any], control: dict[str, Any]) -> str:
    """A check's own state with its reason, or the control's."""
    return f"{check['state']}: {check['lacks']}" if "state" in check else str(control["state"])


def _heading(control: dict[str, Any]) -> str:
    return f"{control['id']} {control['title']}"


def _anchor(control: dict[str, Any]) -> str:
    kept = "".join(c for c in _heading(control).lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def _control(control: dict[str, Any]) -> str:
    lines = [
        f"### {_heading(control)}\n",
        f"**{control['state'].capitalize()}.** {control['by']}".rstrip(),
    ]
    if control.get("lacks"):
        lines.append(f"\nLacking: {control['lacks']}" if control["by"] else control["lacks"])
    if control.get("tests"):
        lines.append("\nShown by:\n")
        lines += [f"- `{test}`" for test in control["tests"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(tomllib.loads(SOURCE.read_text("utf-8"))), "utf-8")
    print(PAGE)
