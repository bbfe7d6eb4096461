"""Many messages through a flow whose processes are killed at random: each in exactly one place.

    python -m tests.campaigns.kills [--messages 1000000] [--minutes 1440] [--seconds 4] [--seed 1]
                                    [--pack c2|events]

Both sides run as they are, with the pack's policy. Every few seconds one process of one side, now
and then a supervisor, gets SIGKILL. Someone takes what is delivered out of the output queue and
looks at it. At the end: accepted = sent + refused + held; delivered are exactly the sent ones
without the reported gaps, each once, whole, and as the policy lets it pass; and both ledgers
verify. Ends with 1 if not, after the command that repeats it.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.report.ledger_verifier import verify_ledger

SIDES = ("low", "high")
SUFFIXES = {"c2": ".cot", "events": ".json"}
SIDECAR = ".meta.json"
SUPERVISOR = "supervisor"
SUPERVISOR_SHARE = 0.03
UNDER_WAY_MAX = 4000
DROPS_A_TURN = 100
TAKE_EVERY_S = 1.0
TELL_EVERY_S = 20.0
RUNS_AGAIN_WITHIN_S = 600.0
SETTLES_WITHIN_S = 3600.0


class PromiseBrokenError(Exception):
    """What did not hold, in a sentence."""


@dataclass(slots=True)
class Taken:
    """What came out of the output queue, by those who take it away."""

    suffix: str
    ids: set[str] = field(default_factory=set)
    contents: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def take(self, queue: Path) -> None:
        """Every file that is there now, with its sidecar; both are removed."""
        for folder in queue.glob("*/new"):
            for path in folder.glob(f"*{self.suffix}"):
                if not path.name.endswith(SIDECAR):
                    self._one(path)

    def _one(self, path: Path) -> None:
        sidecar = path.with_suffix(SIDECAR)
        told = json.loads(sidecar.read_bytes())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.stem in self.ids:
            self.wrong.append(f"{path.stem} was delivered twice")
        if told["sha256"] != digest or told["id"] != path.stem:
            self.wrong.append(f"{path.stem} is not what its sidecar says")
        self.ids.add(path.stem)
        self.contents[digest] += 1
        path.unlink()
        sidecar.unlink()


class Campaign:
    """One flow and all that happens to it."""

    def __init__(self, flow: Demonstration, given: argparse.Namespace) -> None:
        folder, suffix = pack_folder(given.pack) / "samples", SUFFIXES[given.pack]
        self._good = [path.read_bytes() for path in sorted(folder.glob(f"*{suffix}"))]
        refused = sorted((folder / "hostile").glob(f"dirty-word*{suffix}"))
        self._files = [*self._good * 4, *(path.read_bytes() for path in refused[:2])]
        self._flow, self._given = flow, given
        self._under_way_max = min(UNDER_WAY_MAX, given.messages // 8)  # a short run has kills too
        self._chance = random.Random(given.seed)
        self._taken = Taken(suffix)
        self._name = f"event{suffix}"
        self.kills: Counter[str] = Counter()
        self._down: tuple[str, int, float] | None = None
        self._kill_at_s = 0.0
        self._take_at_s = self._tell_at_s = 0.0
        self._began_s = time.monotonic()
        self._ends_s = self._began_s + 60 * given.minutes

    def run(self) -> dict[str, Any]:
        """All of it; gives the figures. Raises `PromiseBrokenError`."""
        while len(self._flow.dropped) < self._given.messages and time.monotonic() < self._ends_s:
            self._kill_if_due()
            self._turn()
        self._await_running(RUNS_AGAIN_WITHIN_S)
        until_s = time.monotonic() + SETTLES_WITHIN_S
        while not self._flow.settled():
            if time.monotonic() > until_s:
                raise PromiseBrokenError("the flow did not come to rest")
            self._turn()
            time.sleep(0.5)
        self._taken.take(self._flow.made.high / "queue")
        return {**self._figures(), "ledger_entries": self._check()}

    def _turn(self) -> None:
        flow, now_s = self._flow, time.monotonic()
        account = flow.follow()
        room = min(
            DROPS_A_TURN,
            self._under_way_max - (len(flow.dropped) - account.decided),
            self._given.messages - len(flow.dropped),
        )
        for _ in range(room):
            flow.drop(self._files[len(flow.dropped) % len(self._files)], self._name)
        if room <= 0:
            time.sleep(0.02)
        if now_s >= self._take_at_s:
            self._taken.take(flow.made.high / "queue")
            self._take_at_s = now_s + TAKE_EVERY_S
        if now_s >= self._tell_at_s:
            self._tell(now_s)

    def _tell(self, now_s: float) -> None:
        self._tell_at_s = now_s + TELL_EVERY_S
        done = len(self._taken.ids)
        print(
            f"{len(self._flow.dropped):,} dropped, {self._flow.account.decided:,} decided,"
            f" {done:,} taken, {self.kills.total()} kills,"
            f" {done / (now_s - self._began_s):.0f} messages/s",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    # -- kills -------------------------------------------------------------------------------

    def _kill_if_due(self) -> None:
        if self._down is not None:
            if not self._runs_again():
                return
            self._down = None
            self._kill_at_s = (
                time.monotonic() + self._chance.uniform(0.5, 1.5) * self._given.seconds
            )
        if time.monotonic() >= self._kill_at_s:
            self._kill()

    def _kill(self) -> None:
        side = self._chance.choice(SIDES)
        status = self._status(side)
        processes = {each["name"]: int(each["pid"]) for each in status["processes"]}
        name = self._chance.choice(sorted(processes))
        if self._chance.random() < SUPERVISOR_SHARE:
            name = SUPERVISOR
            os.kill(int(status["pid"]), signal.SIGKILL)
            _await_end(processes.values())
            self._flow.start_side(side).await_line("event", "running")
        else:
            try:
                os.kill(processes[name], signal.SIGKILL)
            except ProcessLookupError:
                return  # it was being replaced: another one, next time
            self._down = side, int(status["restarts"]), time.monotonic() + RUNS_AGAIN_WITHIN_S
        self.kills[f"{side} {name}"] += 1

    def _runs_again(self) -> bool:
        side, restarts, until_s = self._down or ("low", 0, 0.0)
        status = self._status(side)
        if time.monotonic() > until_s:
            raise PromiseBrokenError(f"the {side} side did not run again: {status.get('state')}")
        return int(status["restarts"]) > restarts and status["state"] == "running"

    def _await_running(self, within_s: float) -> None:
        until_s = time.monotonic() + within_s
        while any(self._status(side)["state"] != "running" for side in SIDES):
            if time.monotonic() > until_s:
                raise PromiseBrokenError("a side does not run")
            self._turn()

    def _status(self, side: str) -> dict[str, Any]:
        path = self._flow.folder / side / "run" / "status.json"
        status: dict[str, Any] = json.loads(path.read_text())
        return status

    # -- what must hold ----------------------------------------------------------------------

    def _check(self) -> list[int]:
        """Gives the entries of both ledgers, low and high. Raises `PromiseBrokenError`."""
        account, taken = self._flow.account, self._taken
        wrong = list(taken.wrong)
        if account.decided != len(self._flow.dropped):
            wrong.append(f"{account.decided} decided of {len(self._flow.dropped)} dropped")
        if account.duplicates:
            wrong.append(f"{account.duplicates} were decided or delivered twice")
        if account.lost:
            wrong.append(f"{account.lost} were lost")
        if account.sent != len(account.committed):
            wrong.append(f"{account.sent} sent, {len(account.committed)} committed")
        if taken.ids != account.delivered:
            wrong.append("other files came out than the ledger says")
        if not account.delivered <= account.committed.keys():
            wrong.append("something was delivered that was not committed")
        if len(taken.contents) > len(self._good):
            wrong.append("other contents came out than the policy lets pass")
        entries = []
        for side in SIDES:
            folder = self._flow.folder / side
            found = verify_ledger(folder / "ledger", folder / "trust" / "ledger.pub")
            if not found.ok:
                wrong.append(f"the {side} ledger: {found.findings[0]}")
            entries.append(found.entries)
        if wrong:
            raise PromiseBrokenError("; ".join(wrong[:10]))
        return entries

    def _figures(self) -> dict[str, Any]:
        account, taken_s = self._flow.account, time.monotonic() - self._began_s
        return {
            "messages": len(self._flow.dropped), "kills": self.kills.total(),
            "supervisor_kills": sum(n for who, n in self.kills.items() if SUPERVISOR in who),
            "kinds_killed": len(self.kills), "seconds": round(taken_s),
            "sent": account.sent, "refused": len(account.refused), "held": len(account.held),
            "delivered": len(account.delivered), "held_high": len(account.held_high),
            "gaps": account.gaps, "lost": account.lost, "duplicates": account.duplicates,
            "messages_per_s": round(len(self._flow.dropped) / taken_s),
        }  # fmt: skip


def _await_end(pids: Any) -> None:
    """They end with their supervisor: no side is started over another."""
    until_s = time.monotonic() + RUNS_AGAIN_WITHIN_S
    while any(_lives(pid) for pid in pids):
        if time.monotonic() > until_s:
            raise PromiseBrokenError("a process outlived its supervisor")
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main() -> int:
    """Run, print, give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=24 * 60, help="drop no more after that")
    parser.add_argument("--seconds", type=float, default=4.0, help="between two kills, about")
    parser.add_argument("--loss", type=float, default=0.0, help="of datagrams, 0 to 1")
    parser.add_argument("--pack", choices=SUFFIXES, default="c2")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where the site is made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="checkvalve-kills-", dir=given.dir))
    top.chmod(0o711)
    (top / "site").mkdir()
    faults = LinkFaults(direct=not given.loss, loss=given.loss, seed=given.seed)
    try:
        with Demonstration(top / "site", pack_folder(given.pack), faults) as flow:
            figures = Campaign(flow, given).run()
    except PromiseBrokenError as error:
        print(f"failed: {error}\nthe site is kept: {top}\nagain: python -m tests.campaigns.kills"
              f" --messages {given.messages} --pack {given.pack} --seed {given.seed}"
              f" --loss {given.loss}", file=sys.stderr)  # fmt: skip
        return 1
    shutil.rmtree(top, ignore_errors=True)
    lines = (f"{name}: {value}" for name, value in figures.items())
    print(json.dumps(figures) if given.json else "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
