"""`guard submit`: drop files the safe way, and say what became of them."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import click
from rich.table import Table

from guard.cli.output import (
    EXIT_NO,
    EXIT_SITE,
    EXIT_USAGE,
    console,
    fail,
    print_json,
    printable,
    sentences,
)
from guard.edge.dropping import Claim, DropDirectory, Dropped, read_file
from guard.edge.site import read_site_file
from guard.edge.spool_names import escaped
from schemas.errors import CheckvalveError
from schemas.message import (
    LABEL_CHARACTERS_MAX,
    SIGNATURE_BYTES_MAX,
    TYPE_CHARACTERS_MAX,
    Precedence,
)
from schemas.policy import Policy, read_policy

DESTINATION_CHARACTERS_MAX = 64
_POLL_S = 0.05
_DROPPED, _NO_ANSWER, _NO_MESSAGE, _NOT_DROPPED = "dropped", "no answer", "refused", "not dropped"
_RELEASED = "released"


@dataclass(slots=True)
class Submission:
    """One FILE of the command line and what has become of it."""

    path: Path
    dropped: Dropped | None = None
    outcome: str = _DROPPED
    id: str = ""
    sentence: str = ""

    def as_json(self) -> dict[str, str]:
        """For machines."""
        told = {"path": printable(str(self.path)), "outcome": self.outcome}
        if self.dropped is not None:
            told |= {"sender": self.dropped.sender, "name": self.dropped.name}
        if self.id:
            told["id"] = self.id
        if self.sentence:
            told["sentence"] = printable(self.sentence)
        return told


@click.command(
    epilog="Example: guard submit --site /srv/checkvalve/low --label UNCLASSIFIED --wait event.xml",
)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--site", "folder", required=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="The low side's folder.",
)  # fmt: skip
@click.option("--sender", default="", help="Whose drop directory; not needed if there is one only.")
@click.option("--label", default="", help="Confidentiality label that the sender claims.")
@click.option(
    "--precedence", type=click.Choice([p.name for p in Precedence], case_sensitive=False),
    help="ACP 127 precedence.",
)  # fmt: skip
@click.option("--type", "media_type", default="", help="Media type, as application/xml.")
@click.option("--destination", default="", help="The destination asked for.")
@click.option("--signed", is_flag=True, help="FILE.p7s, beside each FILE, is its signature.")
@click.option("--wait", is_flag=True, help="Wait for the replies.")
@click.option(
    "--timeout", "timeout_s", default=30.0, show_default=True, metavar="SECONDS",
    type=click.FloatRange(0.1, 86_400), help="How long --wait waits.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON list: path, outcome, name, id.")
def submit(
    files: tuple[Path, ...], folder: Path, sender: str, label: str, precedence: str | None,
    media_type: str, destination: str, signed: bool, wait: bool, timeout_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Drop each FILE into a sender's directory: written beside, then renamed in.

    Options about the message go into its sidecar. With --wait it exits 1 unless all were released.
    """
    claim = _claim(label, precedence or "", media_type, destination)
    with sentences():
        policy = _policy_of(folder)
        directory = DropDirectory(folder, _sender_of(policy, sender))
        if wait and policy.source is not None and not policy.source.replies:
            fail("this flow's policy gives no replies: leave out --wait", EXIT_SITE)
        before = directory.replies_so_far() if wait else set()
        started_s = int(time.time())
        bytes_max = policy.payload_bytes_max
        submissions = [_drop(directory, path, bytes_max, claim, signed) for path in files]
        if wait:
            _await_replies(directory, submissions, before, started_s, timeout_s)
    if as_json:
        print_json([each.as_json() for each in submissions])
    else:
        _print_table(submissions, wait)
    wanted = _RELEASED if wait else _DROPPED
    if any(each.outcome != wanted for each in submissions):
        raise SystemExit(EXIT_NO)


def _claim(label: str, precedence: str, media_type: str, destination: str) -> Claim:
    given = {
        "label": (label, LABEL_CHARACTERS_MAX),
        "precedence": (precedence.upper().replace("_", " "), LABEL_CHARACTERS_MAX),
        "type": (media_type, TYPE_CHARACTERS_MAX),
        "destination": (destination, DESTINATION_CHARACTERS_MAX),
    }
    for key, (text, characters_max) in given.items():
        if len(text) > characters_max or not text.isprintable():
            fail(f"--{key} must be at most {characters_max} printable characters", EXIT_USAGE)
    return {key: text for key, (text, _) in given.items() if text}


def _policy_of(folder: Path) -> Policy:
    if read_site_file(folder).side != "low":
        fail(f"{folder} is the high side's folder: messages are dropped on the low side", EXIT_SITE)
    return read_policy((folder / "policy.toml").read_bytes())


def _sender_of(policy: Policy, sender: str) -> str:
    known = ", ".join(policy.senders)
    if sender and sender not in policy.senders:
        fail(f"the policy knows no sender {sender}; it knows {known}", EXIT_USAGE)
    if not sender and len(policy.senders) > 1:
        fail(f"say which sender with --sender: {known}", EXIT_USAGE)
    return sender or policy.senders[0]


def _drop(
    directory: DropDirectory, path: Path, bytes_max: int, claim: Claim, signed: bool
) -> Submission:
    """One file's failure is its own: the others are dropped all the same."""
    try:
        content, signature = read_file(path, bytes_max), b""
        if signed:
            signature = read_file(path.with_name(f"{path.name}.p7s"), SIGNATURE_BYTES_MAX)
        return Submission(path, directory.drop(path.name, content, claim, signature))
    except CheckvalveError as error:
        return Submission(path, outcome=_NOT_DROPPED, sentence=error.sentence)
    except OSError as error:
        sentence = f"{error.filename or 'the drop directory'}: {error.strerror}"
        return Submission(path, outcome=_NOT_DROPPED, sentence=sentence)


def _await_replies(directory: DropDirectory, submissions: list[Submission], seen: set[str],
                   started_s: int, timeout_s: float) -> None:  # fmt: skip
    """A reply is a submission's when it is new, of its name, and of a message accepted since."""
    waiting = [each for each in submissions if each.dropped is not None]
    deadline_s = time.monotonic() + timeout_s
    while waiting:
        for name in sorted(directory.replies_so_far() - seen):
            seen.add(name)
            reply = directory.read_reply(name)
            if reply is not None and int(reply.get("accepted_s", 0)) >= started_s:
                _match(waiting, reply)
        for each in list(waiting):
            if each.dropped is not None and directory.was_no_message(each.dropped):
                each.outcome, each.sentence = _NO_MESSAGE, "moved away: no message"
                waiting.remove(each)
        if time.monotonic() > deadline_s:
            break
        time.sleep(_POLL_S)
    for each in waiting:
        each.outcome, each.sentence = _NO_ANSWER, f"no reply within {timeout_s:g} s"


def _match(waiting: list[Submission], reply: dict[str, str | int]) -> None:
    for each in waiting:
        name = os.fsencode(each.dropped.name) if each.dropped is not None else b""
        if reply.get("name") == escaped(name):
            each.outcome, each.id = str(reply["outcome"]), str(reply["id"])
            waiting.remove(each)
            return


def _print_table(submissions: list[Submission], waited: bool) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("id" if waited else "dropped as", overflow="fold")
    for each in submissions:
        name = each.dropped.name if each.dropped is not None else ""
        last = each.sentence or (each.id if waited else name)
        table.add_row(*map(_plain, (each.path.name or str(each.path), each.outcome, last)))
    console.print(table)


def _plain(text: str) -> str:
    return printable(text).replace("[", "\\[")
