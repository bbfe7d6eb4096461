"""`guard run` with hostile programs in the place of some stages.

`python side.py low|high SITE '{"stage:words": ["change", "drop"]}'`: the stage's process is
started, confined and keyed as ever; its code is that of `programs.py`, which does these by turns.
"""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from guard.edge.policy_memory import policy_memory  # only now can it be found
from guard.edge.site import load_site
from guard.edge.spec import Spec
from guard.high import HIGH
from guard.low import LOW
from guard.supervise import Supervisor

PROGRAM = "tests.system.hostile_stages.programs:prepare"


class TakenOver(Supervisor):
    """A supervisor that starts hostile programs where it was told to."""

    hostile: dict[str, list[str]]

    def _spec(self, *given: Any) -> Spec:
        spec = super()._spec(*given)
        kinds = self.hostile.get(spec.name)
        if kinds is None:
            return spec
        return replace(spec, run=PROGRAM, values=spec.values | {"hostile": list(kinds)})


def main(side: str, site: str, hostile: str) -> None:
    kinds = json.loads(hostile)
    program = "stepping.py" if kinds.pop("clock", None) else "process.py"

    def tell(event: dict[str, Any]) -> None:
        print(json.dumps({"side": side, **event}), flush=True)

    loaded = load_site(Path(site))
    memory = policy_memory(loaded.folder)
    supervisor = TakenOver(loaded, {"low": LOW, "high": HIGH}[side], tell, memory)
    supervisor.program = str(Path(__file__).with_name(program))
    supervisor.hostile = kinds
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    supervisor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
