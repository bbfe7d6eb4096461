"""What the commands of `guard label` take: a label, a security policy, a clearance, a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from guard.cli.label_written import (
    read_4774,
    read_ism,
    read_st0102,
    write_4774,
    write_st0102,
)
from guard.cli.output import EXIT_USAGE, fail, printable
from guard.edge.clock import now_s
from schemas.errors import Malformed
from schemas.label.clearance import moment_ms
from schemas.label.model import Label
from schemas.label.spif import Spif
from schemas.label.spif_reader import read_spif
from schemas.label.spif_tree import BYTES_MAX
from schemas.label.text import TextForm
from schemas.reasons import Reason

DOCUMENTS = Path(__file__).resolve().parents[2] / "schemas" / "documents"
_SUFFIX = ".spif.xml"
_LABEL_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Format:
    """A written form of labels.

    read, write   bytes of a file -> label, and back; None: that way it does not go
    is_text       it is written as an argument, not in a file
    """

    read: Callable[[bytes, TextForm], Label] | None
    write: Callable[[Label, TextForm], bytes] | None
    is_text: bool = False


def _read_text(untrusted: bytes, form: TextForm) -> Label:
    return form.read(untrusted.decode("utf-8", "replace").strip())


def _write_text(label: Label, form: TextForm) -> bytes:
    return form.write(label).encode() + b"\n"


# A written form more is one line more: name -> how it is read and written under a policy.
FORMATS: Mapping[str, Format] = {
    "text": Format(_read_text, _write_text, is_text=True),
    "4774": Format(read_4774, write_4774),
    "ism": Format(read_ism, None),
    "st0102": Format(read_st0102, write_st0102),
}


def policy_names() -> tuple[str, ...]:
    """The security policies that come with the software, sorted."""
    return tuple(sorted(path.name.removesuffix(_SUFFIX) for path in DOCUMENTS.glob("*" + _SUFFIX)))


def policy_of(name: str) -> TextForm:
    """A security policy and its labels' text form. Raises `Malformed`."""
    return TextForm.of(spif_of(name))


def spif_of(name: str) -> Spif:
    """A security policy by file, or by the name of one that comes along. Raises `Malformed`."""
    known = name in policy_names()
    path = DOCUMENTS / f"{name}{_SUFFIX}" if known else Path(name)
    if not path.is_file():
        raise Malformed(
            Reason.ARGUMENT,
            f"{name} is no file, and no policy that comes along: {', '.join(policy_names())}",
        )
    return read_spif(bounded(path, BYTES_MAX))


def label_of(given: str, form_name: str, form: TextForm) -> Label:
    """The label: the argument itself in text form, else what the file of that name holds."""
    found = FORMATS[form_name]
    if found.read is None:
        raise Malformed(Reason.ARGUMENT, f"labels in form {form_name} are not read")
    if found.is_text:
        return found.read(given.encode("utf-8", "replace"), form)
    return found.read(bounded(Path(given), _LABEL_BYTES_MAX), form)


def bounded(path: Path, bytes_max: int) -> bytes:
    """A file's bytes. Raises `Malformed(ARGUMENT)` if there are more than the bound."""
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Malformed(Reason.ARGUMENT, f"{printable(path.name)} is larger than {bytes_max} bytes")
    return content


def when_ms(given: str) -> int:
    """--at as milliseconds since 1970, now where it is left out. Ends with usage if it is none."""
    try:
        return moment_ms(given) or now_s() * 1000
    except Malformed as error:
        fail(f"--at: {error.sentence}", EXIT_USAGE)


def label_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """LABEL, the form it is in, its policy, and the time to ask about."""
    for option in (
        click.argument("label", metavar="LABEL"),
        click.option("--policy", required=True, metavar="POLICY",
                     help="The label's security policy: an XML-SPIF file, or the name of one that"
                     f" comes along ({', '.join(policy_names())})."),
        click.option("--in", "form_name", default="text", type=click.Choice(list(FORMATS)),
                     help="The form LABEL is in; for any but text it names a file."),
        click.option("--at", default="", metavar="TIME",
                     help="Ask about this time, such as 2027-01-31T12:00:00Z. Default: now."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md."),
    ):  # fmt: skip
        command = option(command)
    return command
