"""Two reviewers in a simulated run: they decide on everything that the low side holds.

When the ledger has a hold, each reads its record on the disk, decides by the seed, signs with a key
of their own and lays the decision into `decisions/`, some time later. Mostly they agree. What is
held again they decide again, until nothing is held.
"""

import errno
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from diode_sim.chance import Chance
from diode_sim.world import sides
from diode_sim.world.kernel import SECOND_NS, Host, Kernel
from diode_sim.world.loading import Loader
from diode_sim.world.observer import Observer
from schemas.entry import Entry

_NAMES = ("reviewer-1", "reviewer-2")
_DECIDES_WITHIN_NS = 4 * SECOND_NS
_AGREED = ("release", "release", "release", "refuse")
_FOLDER = b"/low/decisions"


class Reviewers:
    """The people; `on_hold` is for the observer to call."""

    def __init__(self, kernel: Kernel, low: Host, site: sides.SideParts, loader: Loader,
                 chance: Chance, observer: Observer) -> None:  # fmt: skip
        self._kernel, self._low, self._site = kernel, low, site
        self._loader, self._chance, self._observer = loader, chance, observer

    def on_hold(self, entry: Entry) -> None:
        """The ledger has a hold: from now on it is theirs to decide."""
        first = self._chance.choice(_AGREED)
        differ = self._chance.below(5) == 0
        other = {"release": "refuse", "refuse": "release"}[first] if differ else first
        said: list[str] = []
        for name, decision in zip(_NAMES, (first, other), strict=True):
            at_ns = self._kernel.now_ns + self._chance.below(_DECIDES_WITHIN_NS)
            self._kernel.at(at_ns, partial(self._decide, entry, name, decision, said))

    def _decide(self, entry: Entry, name: str, decision: str, said: list[str]) -> None:
        """Look, sign, lay; tries again while the host is down or full."""
        try:
            if not self._low.up:
                raise OSError(errno.EHOSTDOWN, "down")
            content = self._signed(entry, name, decision)
            if len(said) == 1:  # the second: before the guard can know of it
                both = {*said, decision}
                outcome = decision if len(both) == 1 else "disagreed"
                self._observer.reviewed[(str(entry["id"]), int(entry["number"]))] = outcome
            self._lay(content)
        except OSError:
            again: Callable[[], None] = partial(self._decide, entry, name, decision, said)
            self._kernel.at(self._kernel.now_ns + SECOND_NS, again)
            return
        said.append(decision)

    def _signed(self, entry: Entry, name: str, decision: str) -> bytes:
        review: Any = self._loader.load("guard.core.review")
        held: Any = self._loader.load("guard.edge.held")
        note: Any = self._loader.load("guard.core.signed_note")
        path = f"/low/held/{entry['id']}/record.json".encode()
        record = json.loads(bytes(self._low.disk.find(path).content))
        policy = (self._site.policy.version, self._site.policy_digest.hex())
        flow = self._site.policy.flow
        signs = held.review_of(record, flow, policy, 0, review.Decision(decision))
        person = note.PersonKey(name, sides.public(name))
        made: bytes = review.SignedReview.made(signs, person, sides.secret(name)).note.write()
        return made

    def _lay(self, content: bytes) -> None:
        disk = self._low.disk
        folder = disk.find(_FOLDER)
        name = self._chance.octets(16).hex().encode()
        made = disk.create(folder, b"." + name)
        if disk.write(made, 0, content) < len(content):
            raise OSError(errno.ENOSPC, "full")
        disk.sync_content(made)
        disk.rename((folder, b"." + name), (folder, name), over=True)
        disk.sync_directory(folder)
