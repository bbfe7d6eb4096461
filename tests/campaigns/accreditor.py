"""The accreditor's day: three flows with a hard life, and every command of docs/accreditor.md.

    python -m tests.campaigns.accreditor [--messages 100000] [--dir DIR] [--keep] [--print]

Makes a site of three flows (`c2`, `events`, and `sensors`, a copy of `events`), each with real
guards, one after the other. On the way two processes of `c2` are killed, two reviewers release one
message and refuse another, and its policy changes; the high supervisor of `events` is killed while
the low side sends on, which is a gap; the link key of `sensors` is rotated. The ledgers' keys
change every few seconds. Then what an accreditor gets is copied (ledgers, trust, policies, what is
stored; no key), one ledger once more and edited, and the commands of the page are run on it: what
they print must be what the page shows. Ends with 1 if not. `--print` shows what they print.
"""

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from guard.demonstration import Child, Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.edge.segments import walk as walk_records
from tests.docs.test_quickstart import BLOCK, PROJECT, shows
from tests.guard.report.test_ledger_verifier import rewrite
from tests.system.test_held import LOOKED_AT, holding_pack
from tests.system.test_keys import rotate_link
from tests.system.test_policy_change import guard, new_policy

PAGE = PROJECT / "docs" / "accreditor.md"
FLOWS = ("c2", "events", "sensors")
EPOCH_S = 10
UNDER_WAY_MAX = 1500
DROPS_A_TURN = 50
WITHIN_S = 600
COMMAND_WITHIN_S = 900
HOSTILE_EACH = 5  # one of so many drops
GIVEN = ("ledger", "trust", "policy.toml", "policy.sig", "documents", "policies", "site.toml",
         "posture", "held", "accepted", "sealed")  # fmt: skip
FOUND = b"dirty-word"
WRITTEN = b"word-dirty"


class WrongError(Exception):
    """What did not come out as the page says."""


class Flow(Demonstration):
    """A flow whose ledgers' keys change often."""

    def start_side(self, side: str) -> Child:
        """With a short epoch from the first start on."""
        file = self.folder / side / "site.toml"
        if "ledger_epoch_s" not in (text := file.read_text()):
            file.write_text(f"{text}ledger_epoch_s = {EPOCH_S}\n")
        return super().start_side(side)


@dataclass(slots=True)
class Day:
    """The site in the making: `top` has it, and what the accreditor gets."""

    top: Path
    messages: int
    tell: Callable[[str], None]
    files: list[tuple[str, bytes]] = field(default_factory=list)

    def make(self) -> Path:
        """All three flows; gives the accreditor's folder."""
        for name in FLOWS:
            began_s = time.monotonic()
            self._run(name)
            self.tell(f"{name}: {time.monotonic() - began_s:.0f} s")
        return self._hand_over()

    def _run(self, name: str) -> None:
        pack = self._pack(name)
        folder = self.top / "made" / name
        folder.mkdir(parents=True)
        samples = sorted((pack / "samples").glob("*.*"))
        hostile = sorted((pack / "samples" / "hostile").glob("*dirty-word*"))
        good = [path for path in samples if not path.name.endswith(".meta.json")]
        self.files = list(_mixed(good, hostile))
        with Flow(folder, pack, LinkFaults(direct=True)) as flow:
            _LIVES[name](self, flow)
            self._settle(flow)
            account = flow.follow()
        if account.lost or account.duplicates:
            raise WrongError(f"{name}: {account.lost} lost, {account.duplicates} doubled")

    def _pack(self, name: str) -> Path:
        pack = self.top / f"pack-{name}"
        if name == "c2":
            return holding_pack(pack)
        shutil.copytree(pack_folder("events"), pack)
        policy = pack / "policy.toml"
        policy.write_text(policy.read_text("utf-8").replace('"events"', f'"{name}"', 1))
        return pack

    # -- three lives -------------------------------------------------------------------------

    def with_kills_reviews_and_a_new_policy(self, flow: Demonstration) -> None:
        """Of `c2`."""
        share = self.messages // len(FLOWS) // 4
        self._drop(flow, share)
        self._kill(flow, "low", "stage:words")
        self._drop(flow, share)
        self._kill(flow, "high", "deliver")
        self._review(flow)
        self._change_policy(flow)
        self._drop(flow, self.messages // len(FLOWS) - len(flow.dropped))

    def with_a_gap(self, flow: Demonstration) -> None:
        """Of `events`: what is sent while nobody listens is lost, and said to be."""
        share = self.messages // len(FLOWS)
        self._drop(flow, share // 2)
        self._settle(flow)
        high = flow.side("high")
        os.kill(high.popen.pid, signal.SIGKILL)
        high.popen.wait()
        sent = flow.follow().sent
        self._drop(flow, max(20, share // 50))
        _wait_for(lambda: flow.follow().sent >= sent + 10, "the low side sends on")
        _wait_for(lambda: flow.follow().decided >= len(flow.dropped), "all is decided")
        flow.start_side("high").await_line("event", "running")
        self._drop(flow, share - len(flow.dropped))

    def with_another_link_key(self, flow: Demonstration) -> None:
        """Of `sensors`."""
        share = self.messages // len(FLOWS)
        self._drop(flow, share // 2)
        rotate_link(flow)
        self._drop(flow, share - len(flow.dropped))

    # -- what happens ------------------------------------------------------------------------

    def _drop(self, flow: Demonstration, count: int) -> None:
        until = len(flow.dropped) + count
        deadline_s = time.monotonic() + WITHIN_S + count / 20
        while len(flow.dropped) < until:
            if time.monotonic() > deadline_s:
                raise WrongError("the flow does not go on")
            room = UNDER_WAY_MAX - (len(flow.dropped) - flow.follow().decided)
            for _ in range(min(DROPS_A_TURN, room, until - len(flow.dropped))):
                name, content = self.files[len(flow.dropped) % len(self.files)]
                flow.drop(content, name)
            time.sleep(0.02 if room > 0 else 0.1)

    def _settle(self, flow: Demonstration) -> None:
        _wait_for(flow.settled, "every message is in its place")

    @staticmethod
    def _kill(flow: Demonstration, side: str, name: str) -> None:
        os.kill(flow.pids(side)[name], signal.SIGKILL)
        flow.side(side).await_line("event", "running")

    def _review(self, flow: Demonstration) -> None:
        """Two reviewers release one message and refuse another; a third stays held."""
        for name in ("released.cot", "turned-down.cot", "looked-at.cot"):
            flow.drop(LOOKED_AT, name)
        self._settle(flow)
        low = flow.made.low
        listed = json.loads(guard("held", "list", "--site", low, "--json").stdout)
        for line in listed:
            name = str(line["name"])
            decision = "refuse" if name.endswith("turned-down.cot") else "release"
            for number in () if name.endswith("looked-at.cot") else (1, 2):
                key = flow.folder / f"reviewer-{number}.key"
                done = guard("held", decision, line["id"], "--site", low, "--key", key, "--yes")
                if done.exit_code:
                    raise WrongError(done.output)
        _wait_for(lambda: len(list((low / "held").glob("[0-9a-f]*"))) == 1, "two are decided")

    @staticmethod
    def _change_policy(flow: Demonstration) -> None:
        first = _accepted_line(flow.made.high)
        low, second = new_policy(
            flow, "low", ("version = 1", "version = 2"), ("bytes_min = 32", "bytes_min = 33")
        )
        high, _ = new_policy(
            flow, "high", ("version = 1", "version = 2"), (first, f'{first}, "{second}"')
        )
        for folder, side in ((high, flow.made.high), (low, flow.made.low)):
            done = guard("policy", "install", folder, "--site", side)
            if done.exit_code:
                raise WrongError(done.output)

    # -- what the accreditor gets --------------------------------------------------------------

    def _hand_over(self) -> Path:
        got = self.top / "accreditor"
        for name in FLOWS:
            for side in ("low", "high"):
                _copy(self.top / "made" / name / side, got / "site" / name / side)
        _copy(got / "site" / "c2" / "low", got / "edited" / "c2" / "low")
        _edit(got / "edited" / "c2" / "low" / "ledger")
        shutil.copy(PROJECT / "docs" / "check_proof.py", got)
        return got


_LIVES: dict[str, Callable[[Day, Demonstration], None]] = {
    "c2": Day.with_kills_reviews_and_a_new_policy,
    "events": Day.with_a_gap,
    "sensors": Day.with_another_link_key,
}


def _mixed(good: list[Path], hostile: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Good ones, and every few a hostile one."""
    bad = itertools.cycle(hostile)
    for at, path in enumerate(good * len(hostile), start=1):
        yield path.name, path.read_bytes()
        if at % (HOSTILE_EACH - 1) == 0:
            found = next(bad)
            yield found.name, found.read_bytes()


def _accepted_line(high: Path) -> str:
    """The entry of `accepts` in the high side's policy."""
    text = (high / "policy.toml").read_text("utf-8")
    return text.partition("accepts = [")[2].partition("]")[0]


def _copy(source: Path, target: Path) -> None:
    """What is given away; a folder that is not there is not."""
    target.mkdir(parents=True)
    for name in GIVEN:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name)
        elif path.exists():
            shutil.copy(path, target / name)


def _edit(ledger: Path) -> None:
    """As who holds the host but no key can: one reason is another, and every CRC is right."""
    batches = [found.payload for found in walk_records(ledger)]
    at = max(number for number, batch in enumerate(batches) if FOUND in batch)
    batches[at] = batches[at].replace(FOUND, WRITTEN, 1)
    rewrite(ledger, batches)


def _wait_for(what: Callable[[], bool], told: str) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not what():
        if time.monotonic() > deadline_s:
            raise WrongError(f"it did not come to that: {told}")
        time.sleep(0.1)


def commands(page: str) -> Iterator[tuple[int, str, list[str]]]:
    """(exit code, command, lines shown after it) of each ```console block of the page."""
    for kind, exits, text in BLOCK.findall(page):
        if kind == "console":
            first, *shown = text.splitlines()
            yield int(exits or 0), first.removeprefix("$ "), shown


def walk(folder: Path, print_all: Callable[[str], None] | None = None) -> int:
    """Every command of the page, in its order, in this folder; gives how many. Raises
    `WrongError` for another exit code or other lines than are shown."""
    beside = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": f"{beside}:{os.environ['PATH']}", "COLUMNS": "140",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }  # fmt: skip
    count = 0
    for exits, command, shown in commands(PAGE.read_text("utf-8")):
        began_s = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True,
            text=True, timeout=COMMAND_WITHIN_S, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        if print_all is not None:
            took_s = time.monotonic() - began_s
            print_all(f"$ {command}\n{output}[exit {done.returncode}, {took_s:.1f} s]\n")
        elif done.returncode != exits or not shows(output, shown):
            raise WrongError(f"{command}\nends with {done.returncode} and prints\n{output}")
        count += 1
    return count


def main() -> int:
    """Make the site, walk, tell how long each took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where the site is made")
    parser.add_argument("--keep", action="store_true", help="leave the site, and say where")
    parser.add_argument("--print", action="store_true", help="show what the commands print")
    given = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="checkvalve-day-", dir=given.dir))
    top.chmod(0o711)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        folder = Day(top, given.messages, tell).make()
        began_s = time.monotonic()
        count = walk(folder, print if given.print else None)
        tell(f"{count} commands: {time.monotonic() - began_s:.0f} s")
    except WrongError as error:
        tell(f"failed: {error}\nthe site is kept: {top}\nagain: python -m"
             f" tests.campaigns.accreditor --messages {given.messages}")  # fmt: skip
        return 1
    if given.keep:
        tell(f"kept: {folder}")
    else:
        shutil.rmtree(top, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
