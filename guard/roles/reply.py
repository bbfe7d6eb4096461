"""Replies: what a sender is told of its messages, as files in `replies/SENDER/`.

A process of its own, so that `release` has no right in any sender's directory. The reply is a
courtesy: written without a sync, renamed into place, outcome and coarse class only.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from guard.edge.clock import monotonic_ns, now_s
from guard.edge.sockets import Ear
from guard.edge.spec import Spec
from guard.edge.sweeping import Sweeper
from schemas.entry import Kind

_OUTCOME = {Kind.COMMITTED: "released", Kind.REFUSED: "refused", Kind.HELD: "held for review"}


def prepare(spec: Spec) -> Callable[[], None]:
    """The folder and the ear."""
    folder = f"{spec.text('folder')}/replies"
    ear = Ear(spec.descriptors["replies"])
    days, now_ns = spec.number("keep_days"), monotonic_ns()
    senders = spec.values["senders"]
    names = senders if isinstance(senders, list) else []
    sweepers = [Sweeper(Path(f"{folder}/{name}"), days, now_ns) for name in names]
    return lambda: _work(ear, folder, sweepers)


def _work(ear: Ear, folder: str, sweepers: list[Sweeper]) -> None:
    """A reply that is written may be the occasion to remove old ones; the ledger has what they
    said."""
    while packet := ear.hear():
        _write(folder, json.loads(packet))
        for sweeper in sweepers:
            if sweeper.due(monotonic_ns()):
                sweeper.remove(sweeper.old(now_s()))


def _write(folder: str, told: dict[str, int | str]) -> None:
    reply = {
        "id": told["id"],
        "name": told["name"],
        "outcome": _OUTCOME[Kind(str(told["kind"]))],
        "accepted_s": told["accepted_s"],
    }
    final = f"{folder}/{told['sender']}/{told['id']}.json"
    made = f"{folder}/{told['sender']}/.{told['id']}.tmp"
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.write(descriptor, json.dumps(reply).encode() + b"\n")
    os.close(descriptor)
    os.rename(made, final)
