"""The low side, with some of its processes taken over: `guard run low` of another supervisor.

`python -m bench.covert.side SITE ORDERS`: ORDERS is a file with a JSON map from a
process's name to what it is told (`bench.covert.hijacked`).
"""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from guard.edge.policy_memory import policy_memory
from guard.edge.seats import Seat
from guard.edge.site import load_site
from guard.edge.spec import Spec
from guard.low import LOW
from guard.supervise import Supervisor


class Hijacker(Supervisor):
    """Its processes are the real ones, confined as for real; some are told more."""

    program = "bench.covert.hijacked"
    orders: dict[str, dict[str, Any]]

    def _spec(self, seat: Seat, *others: Any) -> Spec:
        spec = super()._spec(seat, *others)
        if seat.name not in self.orders:
            return spec
        return replace(spec, values=spec.values | {"covert": self.orders[seat.name]})


def main(argv: list[str]) -> int:
    """Run until asked to stop."""

    def tell(event: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    site = load_site(Path(argv[1]))
    supervisor = Hijacker(site, LOW, tell, policy_memory(site.folder))
    supervisor.orders = json.loads(Path(argv[2]).read_text("utf-8"))
    signal.signal(signal.SIGTERM, supervisor.stop)
    supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
