"""Written forms of labels for `guard label`: STANAG 4774, IC-ISM and ST 0102, as files.

Takes the bytes of a file, gives a label, and back; raises `Malformed`. The forms themselves are in
`filters/formats/`; here is what a command line adds: a label that does not say when it was made
(the text form cannot) is written as made now.
"""

from dataclasses import replace

from filters.formats.label_4774 import read_label, write_label
from filters.formats.label_ism import read_document
from filters.formats.label_st0102 import read_set, write_set
from guard.edge.clock import now_s
from schemas.label.model import Label
from schemas.label.text import TextForm


def read_4774(untrusted: bytes, _form: TextForm) -> Label:
    """A STANAG 4774 label document."""
    return read_label(untrusted)


def write_4774(label: Label, _form: TextForm) -> bytes:
    """A STANAG 4774 label document."""
    created_ms = now_s() * 1000 if label.created_ms is None else label.created_ms
    return write_label(replace(label, created_ms=created_ms)) + b"\n"


def read_ism(untrusted: bytes, _form: TextForm) -> Label:
    """The banner of an XML document with IC-ISM attributes."""
    return read_document(untrusted).banner


def read_st0102(untrusted: bytes, _form: TextForm) -> Label:
    """A MISB ST 0102 security metadata local set."""
    return read_set(untrusted)


def write_st0102(label: Label, _form: TextForm) -> bytes:
    """A MISB ST 0102 security metadata local set."""
    return write_set(label)
