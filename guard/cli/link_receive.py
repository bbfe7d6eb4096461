"""`guard link receive`: what comes over a one-way link, to files."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from guard.cli.link_options import (
    Host,
    LinkAddress,
    Rate,
    both_ends,
    confinement,
    receive_params,
    say_confinement,
)
from guard.cli.output import (
    EXIT_NO,
    console,
    erase_line,
    errors,
    print_json,
    printable,
    sentences,
    stoppable,
)
from guard.transfer import Fact, ReceiveOrder, Receiving
from schemas.sequences import RangeSet

LISTED_MAX = 100_000  # of each list of the answer
RANGES_MAX = 65_536
_QUIET = frozenset({"", "progress", "open", "complete", "landed", "message"})
_LISTS: dict[str, tuple[str, Callable[[Fact], Any]]] = {
    "stream-gap": ("incomplete", lambda fact: {k: v for k, v in fact.items() if k != "what"}),
    "session": ("sessions", lambda fact: fact["session"]),
    "alarm": ("alarms", lambda fact: fact["sentence"]),
    "refused": ("refused", lambda fact: _sentence(fact)),
}


@click.command(
    epilog="Example: guard link receive --listen 10.0.0.2:47000 --from 10.0.0.1 --key diode.key"
    " --out incoming"
)
@click.option(
    "--listen",
    "addresses",
    multiple=True,
    required=True,
    type=LinkAddress(),
    help="Our own address; once for each link that runs side by side.",
)
@click.option("--from", "source", type=Host(), help="The one address that may send.")
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where files land; .checkvalve in it holds what is not complete yet.",
)
@click.option(
    "--rate",
    type=Rate(),
    default="1Gbit/s",
    show_default=True,
    help="The sender's pace: sizes the socket's memory, and what counts as silence.",
)
@click.option(
    "--heartbeat-ms",
    type=click.IntRange(10, 60_000),
    default=100,
    show_default=True,
    help="The sender's heartbeat interval.",
)
@click.option("--replace", is_flag=True, help="A file takes the place of one of the same name.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many files or gaps.")
@click.option(
    "--idle",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="End when nothing has come for so long after the first datagram.",
)
@both_ends
def receive(addresses: tuple[str, ...], folder: Path, **options: Any) -> None:  # fmt: skip
    """Receive files until interrupted, or until --count or --idle says so.

    What could not be repaired is told as exact byte ranges, and kept: a repeat may complete it.
    Exits 1 if something was lost.
    """
    folder = folder.absolute()
    report = _Report(folder, options["count"], options["idle"], quiet=options["as_json"])
    with sentences(report.content if options["as_json"] else None), stoppable():
        params = receive_params(
            options["mtu"], addresses, options["rate"], tag=not options["no_tag"],
            heartbeat_ms=options["heartbeat_ms"],
        )  # fmt: skip
        receiving = Receiving(ReceiveOrder(
            Path(options["key_path"]), list(addresses), folder, params,
            options["source"] or "", options["replace"], compression=options["compress"],
        ))  # fmt: skip
        try:
            report.confined(receiving.layers)
            _follow(receiving, report)
        finally:
            receiving.stop()
    with sentences():
        if options["as_json"]:
            print_json(report.content)
        else:
            report.show()
    if report.lost:
        raise SystemExit(EXIT_NO)


def _follow(receiving: Receiving, report: "_Report") -> None:
    """Until interrupted or over, and then to the end of what has begun."""
    with report.progress:
        with suppress(KeyboardInterrupt):
            for fact in receiving.facts():
                report.take(fact)
                if report.over:
                    break
        with suppress(KeyboardInterrupt):  # a second time: what has no name yet gets it later
            for fact in receiving.rest():
                report.take(fact)


class _Report:
    """What became of everything, for people while it comes and for machines at the end.

    Memory is bounded: a receiver may run for years, and its process may be owned.
    """

    def __init__(
        self, folder: Path, count: int | None, idle_s: float | None, *, quiet: bool
    ) -> None:
        self._folder = folder
        self._count = count
        self._idle_s = idle_s
        self._quiet = quiet
        self._heard_s: float | None = None
        self._datagrams = 0
        self._files = 0
        self._bytes = 0
        self._unnamed = 0
        self._done = RangeSet()  # sequences that are files here, or kept without a name
        self._gaps = RangeSet()
        self.content: dict[str, Any] = {
            "files": [], "unnamed": [], "refused": [], "gaps": [], "incomplete": [], "alarms": [],
            "sessions": [], "left_out": 0, "lost": 0, "restarts": 0, "counters": {},
        }  # fmt: skip
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(),
            TransferSpeedColumn(), console=errors, transient=True, auto_refresh=False,
            disable=quiet or not errors.is_terminal,
        )  # fmt: skip
        self._task = self.progress.add_task("waiting for the first datagram", total=None)

    def confined(self, layers: list[list[str]]) -> None:
        """How the receiver is confined."""
        answer = confinement(layers)
        self.content |= answer
        if not self._quiet:
            say_confinement(answer)

    @property
    def _missing(self) -> int:
        """How many numbers were told as gaps and did not come after all."""
        gaps = (self._done.missing(*gap) for gap in self._gaps.ranges())
        return sum(last - first + 1 for holes in gaps for first, last in holes)

    @property
    def lost(self) -> bool:
        """Whether something was sent and is not here as a file."""
        return bool(self.content["lost"] or self._unnamed or self.content["refused"])

    @property
    def over(self) -> bool:
        """Whether --count or --idle says so."""
        if self._count is not None and self._done.count + self.content["lost"] >= self._count:
            return True
        quiet_s = 0.0 if self._heard_s is None else time.monotonic() - self._heard_s
        return self._idle_s is not None and quiet_s >= self._idle_s

    def take(self, fact: Fact) -> None:
        """One fact of the receiver."""
        what = fact["what"]
        if what == "progress":
            self._progress(fact["counters"])
        elif what == "landed":
            self.content["landed_ns"] = fact["time_ns"]
        elif what in ("file", "unnamed"):
            self._settled(fact)
        elif what == "gap":
            _bounded_add(self._gaps, fact["first"], fact["last"])
            self.content["lost"] = self._missing
            self._list("gaps", [fact["first"], fact["last"]])
        elif what == "restarted":
            self.content["restarts"] += 1
        elif what in _LISTS:
            name, value_of = _LISTS[what]
            self._list(name, value_of(fact))
        if what not in _QUIET | {"file"}:
            self._say(_sentence(fact), error=True)

    def _settled(self, fact: Fact) -> None:
        _bounded_add(self._done, fact["sequence"], fact["sequence"])
        if self._gaps:
            self.content["lost"] = self._missing
        if fact["what"] == "unnamed":
            self._unnamed += 1
            self._list("unnamed", fact["sentence"])
            return
        self._files += 1
        self._bytes += fact["bytes"]
        self._list("files", {k: fact[k] for k in ("sequence", "name", "path", "bytes")})
        landed = Path(fact["path"]).relative_to(self._folder)
        self._say(f"{landed}  {fact['bytes']:,} bytes")

    def _list(self, name: str, value: Any) -> None:
        """For the answer as JSON; people have been told."""
        if self._quiet and len(self.content[name]) < LISTED_MAX:
            self.content[name].append(value)
        else:
            self.content["left_out"] += self._quiet

    def _progress(self, counters: dict[str, int]) -> None:
        self.content["counters"] = counters
        datagrams = counters.get("datagrams", 0)
        if datagrams != self._datagrams:
            self._datagrams = datagrams
            self._heard_s = time.monotonic()
        self.progress.update(
            self._task, completed=counters.get("stream_bytes", 0),
            description=f"{self._files:,} files" if self._datagrams else "waiting",
        )  # fmt: skip
        self.progress.refresh()

    def _say(self, sentence: str, *, error: bool = False) -> None:
        if error:
            errors.print(f"guard: {printable(sentence)}", markup=False, soft_wrap=True)
        elif not self._quiet:
            if not self.progress.disable:
                erase_line()
            console.print(printable(sentence), markup=False, soft_wrap=True)

    def show(self) -> None:
        """The last line for people."""
        megabytes = self._bytes / 1e6
        line = f"received {self._files:,} files, {megabytes:,.1f} MB; {self.content['lost']:,} lost"
        errors.print(line)


def _bounded_add(numbers: RangeSet, first: int, last: int) -> None:
    numbers.add(first, last)
    if len(numbers) > RANGES_MAX:
        numbers.close_lowest_hole()


def _sentence(fact: Fact) -> str:
    """A fact in words."""
    match fact["what"]:
        case "session":
            return f"session {fact['session']} of the sender began"
        case "gap" if fact["first"] == fact["last"]:
            return f"number {fact['first']} was sent and is not whole here"
        case "gap":
            return f"numbers {fact['first']} to {fact['last']} were sent and are not whole here"
        case "stream-gap":
            some = ", ".join(f"{first}-{last}" for first, last in fact["missing"][:8])
            more = " …" if fact["ranges"] > 8 else ""
            return (
                f"of number {fact['sequence']} {fact['missing_bytes']:,} bytes are missing: {some}"
                f"{more}"
            )
        case "silent":
            return "the link is silent: the sender is not running, or nothing of it comes through"
        case "link-dead":
            return f"link {fact['link'] + 1} is dead: nothing comes by it while another is heard"
        case "link-back":
            return f"link {fact['link'] + 1} is heard again"
        case "refused":
            return f"number {fact['sequence']} cannot land: {fact['sentence']}"
        case "restarted":
            return f"the receiver ended ({fact['code']}) and was started again"
        case _:
            return str(fact.get("sentence", fact["what"]))
