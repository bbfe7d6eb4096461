"""The lines that mark a message for people, from the label in its metadata; source side.

Takes a policy (SPIF) or none, gives a function from metadata to the lines above and below: by the
policy's own markings, or for IC-ISM by the register's. It raises `Malformed` for a label that is
none, is not valid, or has no marking.
"""

from collections.abc import Callable
from dataclasses import dataclass

from filters.formats.ism_marks import banner_mark, read_banner
from filters.formats.marked_text import own_label
from schemas.errors import Malformed
from schemas.label.marking import marking
from schemas.label.model import Label
from schemas.label.spif import MarkingCode
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import validate
from schemas.message import Meta
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Lines:
    """A marking above and below, the label they say, and what reads a line as a label."""

    top: str
    bottom: str
    label: Label
    read: Callable[[str], Label]


def by_register(meta: Meta) -> Lines:
    """The banner of IC-ISM for a label that is one."""
    label = read_banner(meta.label)
    return Lines(banner_mark(label), banner_mark(label), label, read_banner)


def by_policy(document: bytes, language: str) -> Callable[[Meta], Lines]:
    """The page's markings of a policy, in a language ("" the policy's own)."""
    spif = read_spif(document)
    form = TextForm.of(spif)

    def lines(meta: Meta) -> Lines:
        valid = validate(own_label(form, meta.label), spif, meta.accepted_s * 1000)
        top = marking(valid, MarkingCode.PAGE_TOP, language)
        bottom = marking(valid, MarkingCode.PAGE_BOTTOM, language)
        if not (top and bottom and top.isprintable() and bottom.isprintable()):
            raise Malformed(
                Reason.LABEL_INVALID,
                "the policy has no marking of one printable line for this label",
            )
        return Lines(top, bottom, valid.label, form.read)

    return lines
