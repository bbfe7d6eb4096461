"""`guard link receive`: what comes over a one-way link, to files."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from guard.cli.link_options import Host, LinkAddress, Rate, both_ends, receive_params
from guard.cli.output import (
    EXIT_NO,
    console,
    erase_line,
    errors,
    print_json,
    printable,
    sentences,
)
from guard.transfer import Fact, ReceiveOrder, Receiving

_QUIET = frozenset({"", "progress", "open", "landed", "message"})


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
    with sentences():
        params = receive_params(
            options["mtu"], addresses, options["rate"], tag=not options["no_tag"],
            heartbeat_ms=options["heartbeat_ms"],
        )  # fmt: skip
        receiving = Receiving(ReceiveOrder(
            Path(options["key_path"]), list(addresses), folder.absolute(), params,
            options["source"] or "", options["replace"], options["flow"],
            options["compress"],
        ))  # fmt: skip
        report = _Report(
            folder.absolute(), options["count"], options["idle"], quiet=options["as_json"]
        )
        with report.progress:
            with suppress(KeyboardInterrupt):
                for fact in receiving.facts():
                    report.take(fact)
                    if report.over:
                        break
            receiving.stop()
    if options["as_json"]:
        print_json(report.content)
    else:
        report.show()
    if report.lost:
        raise SystemExit(EXIT_NO)


class _Report:
    """What became of everything, for people while it comes and for machines at the end."""

    def __init__(
        self, folder: Path, count: int | None, idle_s: float | None, *, quiet: bool
    ) -> None:
        self._folder = folder
        self._count = count
        self._idle_s = idle_s
        self._quiet = quiet
        self._heard_s: float | None = None
        self._datagrams = 0
        self._gaps: dict[int, int] = {}  # first sequence -> last
        self.content: dict[str, Any] = {
            "files": [], "unnamed": [], "gaps": [], "incomplete": [], "alarms": [], "sessions": [],
            "restarts": 0, "counters": {},
        }  # fmt: skip
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(),
            TransferSpeedColumn(), console=errors, transient=True, auto_refresh=False,
            disable=quiet or not errors.is_terminal,
        )  # fmt: skip
        self._task = self.progress.add_task("waiting for the first datagram", total=None)

    @property
    def lost(self) -> bool:
        """Whether something was sent and is not here."""
        late = {one["sequence"] for one in self.content["files"]}
        gaps = {n for first, last in self._gaps.items() for n in range(first, last + 1)}
        return bool(gaps - late or self.content["unnamed"])

    @property
    def over(self) -> bool:
        """Whether --count or --idle says so."""
        gaps = sum(last - first + 1 for first, last in self._gaps.items())
        done = len(self.content["files"]) + len(self.content["unnamed"]) + gaps
        if self._count is not None and done >= self._count:
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
        elif what == "file":
            self.content["files"].append(
                {k: fact[k] for k in ("sequence", "name", "path", "bytes")}
            )
            landed = Path(fact["path"]).relative_to(self._folder)
            self._say(f"{landed}  {fact['bytes']:,} bytes")
        elif what == "unnamed":
            self.content["unnamed"].append(fact["sentence"])
        elif what == "gap":
            self._gaps[fact["first"]] = fact["last"]
            self.content["gaps"].append([fact["first"], fact["last"]])
        elif what == "stream-gap":
            self.content["incomplete"].append({k: v for k, v in fact.items() if k != "what"})
        elif what == "session":
            self.content["sessions"].append(fact["session"])
        elif what == "restarted":
            self.content["restarts"] += 1
        elif what == "alarm":
            self.content["alarms"].append(fact["sentence"])
        if what not in _QUIET | {"file"}:
            self._say(_sentence(fact), error=True)

    def _progress(self, counters: dict[str, int]) -> None:
        self.content["counters"] = counters
        if counters["datagrams"] != self._datagrams:
            self._datagrams = counters["datagrams"]
            self._heard_s = time.monotonic()
        self.progress.update(
            self._task, completed=counters["stream_bytes"],
            description=f"{counters['streams_landed']:,} files" if self._datagrams else "waiting",
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
        files = self.content["files"]
        megabytes = sum(one["bytes"] for one in files) / 1e6
        gaps = sum(last - first + 1 for first, last in self._gaps.items())
        errors.print(f"received {len(files):,} files, {megabytes:,.1f} MB; {gaps:,} lost")


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
        case "restarted":
            return f"the receiver ended ({fact['code']}) and was started again"
        case _:
            return str(fact.get("sentence", fact["what"]))
