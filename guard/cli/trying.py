"""`guard try`: what a policy does with files, in the real processes, without a site."""

import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from filters.policy_check import check_policy
from guard.cli.output import EXIT_NO, console, errors, printable, sentences
from guard.edge.clock import now_s
from guard.edge.keys import new_id
from guard.edge.making import pack_folder
from guard.edge.scanning import SOCKET
from guard.edge.site import read_documents
from guard.edge.spool_names import escaped
from guard.edge.spool_sidecar import NO_SIDECAR, Sidecar, read_sidecar
from guard.rehearsal import Outcome, Rehearsal
from schemas.errors import Malformed
from schemas.media_types import extension_of
from schemas.message import Meta
from schemas.policy import Policy, read_policy
from schemas.reasons import Reason
from schemas.verdict import Hold, Refuse

SIDECAR_SUFFIX = ".meta.json"
_WORDS = {"pass": "[green]pass[/]", "refuse": "[red]refuse[/]", "hold": "[yellow]hold[/]"}


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one file."""

    path: Path
    outcome: Outcome
    ms: float

    @property
    def verdict(self) -> str:
        """pass, refuse or hold."""
        if self.outcome.stopped is None:
            return "pass"
        return "refuse" if isinstance(self.outcome.stopped, Refuse) else "hold"

    def as_dict(self) -> dict[str, str | float | None]:
        """The JSON line of this file."""
        stopped, message = self.outcome.stopped, self.outcome.message
        return {
            "path": str(self.path),
            "verdict": self.verdict,
            "stage": self.outcome.stage,
            "reason": stopped.reason if stopped else "",
            "sentence": stopped.sentence if stopped else "",
            "output_sha256": hashlib.sha256(message.payload).hexdigest() if message else None,
            "ms": round(self.ms, 3),
        }


@click.command(
    "try",
    epilog="Example: guard try --pack c2 samples/ --out delivered/",
)
@click.option("--pack", help="Try the policy of a pack that comes with the software.")
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Try this policy file; its documents are beside it or in documents/.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write what would be"
              " delivered into this folder.")  # fmt: skip
@click.option("--antivirus", default="", help="clamd's socket, unix:PATH, for a policy that asks"
              " it; without it nobody answers its question.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON line a file.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True))  # fmt: skip
def try_files(pack: str | None, policy_file: Path | None, out: Path | None, antivirus: str,
              as_json: bool, paths: tuple[Path, ...]) -> None:  # fmt: skip
    """Run files, and every file under folders, through a policy's chains.

    Each stage runs in its own confined process, as on a site; NAME.meta.json beside a file is its
    sidecar. Exit code 1 if anything was refused or held.
    """
    with sentences():
        policy, documents = _policy_of(pack, policy_file)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        counts = {"pass": 0, "refuse": 0, "hold": 0}
        with Rehearsal(policy, documents, _socket(antivirus)) as rehearsal:
            if not as_json:
                errors.print(f"confined by: {', '.join(rehearsal.layers)}", soft_wrap=True)
            for path in _files(paths):
                tried = _try(rehearsal, policy, path)
                counts[tried.verdict] += 1
                _show(tried, as_json)
                if out is not None and tried.outcome.message is not None:
                    _write(out, path, policy, tried.outcome)
    if not as_json:
        console.print(", ".join(f"{count} {name}" for name, count in counts.items()))
    sys.exit(EXIT_NO if counts["refuse"] or counts["hold"] else 0)


def _socket(antivirus: str) -> str:
    if antivirus and not re.fullmatch(SOCKET, antivirus):
        raise click.UsageError("--antivirus is unix:PATH, with the whole path")
    return antivirus


def _policy_of(pack: str | None, policy_file: Path | None) -> tuple[Policy, dict[str, bytes]]:
    if (pack is None) == (policy_file is None):
        raise click.UsageError("name either --pack or --policy")
    file = pack_folder(pack) / "policy.toml" if pack else policy_file
    if file is None:
        raise click.UsageError("name either --pack or --policy")
    policy = read_policy(file.read_bytes())
    check_policy(policy)
    return policy, read_documents(file.parent, policy)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Every file named, and under folders in the order of their names; sidecars are not files."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            found = sorted(p for p in path.rglob("*") if not p.is_dir() or p.is_symlink())
        else:
            found = [path]
        yield from (p for p in found if not p.name.endswith(SIDECAR_SUFFIX))


def _try(rehearsal: Rehearsal, policy: Policy, path: Path) -> Tried:
    started = time.perf_counter()
    try:
        payload, sidecar = _take(path, policy.payload_bytes_max)
    except Malformed as error:
        outcome = Outcome(Refuse(error.reason, error.sentence), "ingest", None)
    else:
        meta = Meta(
            id=new_id().hex(), flow=policy.flow, sender=policy.senders[0],
            name=escaped(os.fsencode(path.name)), accepted_s=now_s(), type=sidecar.type,
            label=sidecar.label, precedence=sidecar.precedence, destination=sidecar.destination,
            binding=sidecar.binding,
        )  # fmt: skip
        outcome = rehearsal.decide(meta, payload)
    return Tried(path, outcome, (time.perf_counter() - started) * 1000)


def _take(path: Path, bytes_max: int) -> tuple[bytes, Sidecar]:
    """The file's bytes and sidecar, by ingest's rules. Raises `Malformed`."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise Malformed(Reason.SYMBOLIC_LINK, "it is a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise Malformed(Reason.NOT_A_REGULAR_FILE, "it is not a regular file")
    if found.st_size == 0:
        raise Malformed(Reason.EMPTY, "it is empty")
    if found.st_size > bytes_max:
        raise Malformed(Reason.TOO_LARGE, f"it is larger than {bytes_max} bytes")
    beside = path.with_name(path.name + SIDECAR_SUFFIX)
    return path.read_bytes(), read_sidecar(beside.read_bytes()) if beside.exists() else NO_SIDECAR


def _show(tried: Tried, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(tried.as_dict()) + "\n")
        sys.stdout.flush()
        return
    stopped = tried.outcome.stopped
    line = f"{_WORDS[tried.verdict]}  {_plain(str(tried.path))}"
    if isinstance(stopped, Refuse | Hold):
        where = f" at {tried.outcome.stage}" if tried.outcome.stage else ""
        line += f"\n        {stopped.reason}{where}: {_plain(stopped.sentence)}"
    console.print(line, soft_wrap=True)


def _plain(text: str) -> str:
    """Printable, and no markup of ours."""
    return printable(text).replace("[", "\\[")


def _write(out: Path, path: Path, policy: Policy, outcome: Outcome) -> None:
    extension = policy.destination.extension if policy.destination else "bin"
    if not extension and outcome.message is not None:
        extension = extension_of(outcome.message.meta.type)
    if outcome.message is not None:
        (out / f"{path.stem}.{extension}").write_bytes(outcome.message.payload)
