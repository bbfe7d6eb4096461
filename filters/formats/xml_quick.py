"""The bounded recogniser of XML for what is plainly written: it says yes, or nothing.

Takes bytes and the limits of `filters.formats.xml_recogniser`, gives whether the document is
certainly one that `recognise` lets pass. Where it is not certain, that one is asked, a token at a
time, and names the reason. Ten times as fast, and held to it by tests: what passes here passes
there. `filters.formats.xml_tags` finds the tags; bounds are then a matter of their numbers, and the
rules for names are put to each distinct tag once.
"""

import re

import numpy as np

from filters.formats.xml_recogniser import BYTE_ORDER_MARK, characters, recognise_text
from filters.formats.xml_rules import (
    REFERENCE,
    XmlLimits,
    check_attributes,
    check_name,
    check_references,
)
from filters.formats.xml_tags import WORTH_BYTES, Tags, tags_of
from schemas.errors import Malformed
from schemas.reasons import Reason

_REFERENCE = re.compile(REFERENCE.pattern.encode())


def recognise(untrusted: bytes, limits: XmlLimits) -> None:
    """As `filters.formats.xml_recogniser.recognise`, and quicker for what is written plainly."""
    text = characters(untrusted, limits)
    if len(untrusted) < WORTH_BYTES or not is_surely_sound(
        untrusted.removeprefix(BYTE_ORDER_MARK), limits
    ):
        recognise_text(text, limits)


def is_surely_sound(document: bytes, limits: XmlLimits) -> bool:
    """Whether `document`, UTF-8 and without other characters than those allowed, is sound."""
    tags = tags_of(document, 2 * limits.elements_max)
    if tags is None or not _is_bounded(tags, limits):
        return False
    try:
        _check_names(tags, limits)
        if b"&" in tags.body:
            _check_references(tags.body)
    except Malformed:
        return False
    return True


def _is_bounded(tags: Tags, limits: XmlLimits) -> bool:
    """Elements, levels, texts and values within their bounds; a byte is a character at least."""
    opened = tags.levels + (tags.steps == 0)
    texts = tags.begins[1:] - tags.ends[:-1] - 1
    values = tags.quotes[1::2] - tags.quotes[0::2] - 1
    return bool(
        np.count_nonzero(tags.steps >= 0) <= limits.elements_max
        and int(opened.max()) <= limits.depth_levels_max
        and int(texts.max(initial=0)) <= limits.text_characters_max
        and int(values.max(initial=0)) <= limits.attribute_characters_max
    )


def _check_names(tags: Tags, limits: XmlLimits) -> None:
    """The rules of `xml_rules` for each shape; where namespaces are declared, for each tag."""
    for number, shape in enumerate(tags.shapes):
        check_name(shape.name, limits)
        if "xmlns" not in shape.text:
            if shape.attributes:
                check_attributes(shape.text, limits)
            continue
        for raw in {tags.raw(int(at)) for at in np.flatnonzero(tags.shape == number)}:
            check_attributes(raw.decode()[len(shape.name) :].removesuffix("/"), limits)


def _check_references(body: bytes) -> None:
    """That every ampersand begins a reference, and the careful recogniser's rules for each."""
    found = [each[0].decode() for each in _REFERENCE.finditer(body)]
    if len(found) != body.count(b"&"):
        raise Malformed(Reason.XML_ENTITY, "an ampersand that begins no reference")
    check_references("".join(set(found)))
