"""Run a pack's stages over its samples and tell every file, import or socket they reach for.

Started by `test_stages.py`, one process a pack: `python confined_stages.py FOLDER`.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from filters import catalog  # noqa: E402  # the project is found above
from schemas.errors import Malformed  # noqa: E402  # as above
from schemas.message import Message, Meta  # noqa: E402  # as above
from schemas.stage import Run  # noqa: E402  # as above
from schemas.verdict import Changed  # noqa: E402  # as above

META = Meta(id="a" * 32, flow="c2", sender="alpha", name="x", accepted_s=1_780_000_000)
WATCHED = ("open", "import", "socket.", "subprocess.", "os.", "ctypes.dlopen")


def stages(folder: Path) -> list[Run]:
    policy = tomllib.loads((folder / "policy.toml").read_text("utf-8"))
    runs = []
    for side in ("source", "destination"):
        documents = {name: (folder / name).read_bytes() for name in policy[side]["documents"]}
        for row in policy[side]["stage"]:
            stage = catalog.load(row.get("use", row["name"]))
            runs.append(stage.make(stage.parameters(**row.get("parameters", {})), documents))
    return runs


def main(folder: Path) -> None:
    runs = stages(folder)
    found = sorted((folder / "samples").rglob("*"))
    payloads = [path.read_bytes() for path in found if path.is_file()]
    touched: set[str] = set()
    watching = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event.startswith(WATCHED):
            touched.add(f"{event} {str(arguments)[:120]}")

    sys.addaudithook(hook)
    for payload in payloads:
        message = Message.make(META, payload)
        for run in runs:
            try:
                answer = run(message)
            except Malformed:
                continue
            if isinstance(answer, Changed):
                message = answer.message
    watching = False
    print("\n".join(sorted(touched)) or "nothing was touched")


main(Path(sys.argv[1]))
