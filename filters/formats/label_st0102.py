"""MISB ST 0102 security metadata local sets (KLV) as internal labels, and back; source side.

Takes the bytes of a local set, with or without its 16-byte universal label, gives a label or
raises `Malformed`; takes a label, gives the one spelling of it. Tags and codes are those of
ST 0102.12 (SMPTE 336 local set: one-byte tag, BER length, value).

A code of a nation means nothing without its coding method (in FIPS 10-4 AS is Australia, in
ISO 3166 it is American Samoa), so the method is part of the tag's name and codes of two methods
never compare equal.
"""

import re
from collections.abc import Mapping

from schemas.errors import Malformed
from schemas.label.model import Category, CategoryKind, Label, PolicyId
from schemas.reasons import Reason

UNIVERSAL_LABEL = bytes.fromhex("060e2b34020301010e01030302000000")
POLICY = PolicyId("MISB ST 0102", "urn:smpte:ul:060e2b34.02030101.0e010303.02000000")
SET_BYTES_MAX = 4096
VERSION_LEAST = 6  # before it, coding methods could be left out
CLASSIFICATIONS = ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET", "TOP SECRET")

_ISO2, _ISO3, _ISON = "ISO 3166 two letter", "ISO 3166 three letter", "ISO 3166 numeric"
_FIPS2, _FIPS4 = "FIPS 10-4 two letter", "FIPS 10-4 four letter"
_S2, _S3 = "STANAG 1059 two letter", "STANAG 1059 three letter"
_G2, _G3, _GN = "GENC two letter", "GENC three letter", "GENC numeric"
# The two tags of methods number them differently.
_METHODS = {
    1: _ISO2, 2: _ISO3, 3: _FIPS2, 4: _FIPS4, 5: _ISON, 6: _S2, 7: _S3, 10: "FIPS 10-4 mixed",
    11: "ISO 3166 mixed", 12: "STANAG 1059 mixed", 13: _G2, 14: _G3, 15: _GN, 16: "GENC mixed",
}  # fmt: skip
_OBJECT_METHODS = {
    1: _ISO2, 2: _ISO3, 3: _ISON, 4: _FIPS2, 5: _FIPS4, 6: _S2, 7: _S3, 13: _G2, 14: _G3, 15: _GN,
    64: "GENC administrative subdivision",
}  # fmt: skip
_RESTRICTIVE = CategoryKind.RESTRICTIVE
_PERMISSIVE = CategoryKind.PERMISSIVE
_INFORMATIVE = CategoryKind.INFORMATIVE
_COUNTRY, _RELEASE, _OBJECT = "Classifying Country", "Releasing Instructions", "Object Country"
_COMPARTMENTS, _CAVEATS, _VERSION = "SCI/SHI", "Caveats", "Version"
# Tag -> (name, longest value in bytes): text that is for people, kept as it is.
_TEXTS = {
    7: ("Classified By", 40), 8: ("Derived From", 40), 9: ("Classification Reason", 40),
    10: ("Declassification Date", 8), 11: ("Marking System", 40),
    14: ("Classification Comments", 480), 23: ("Country Coding Date", 10),
    24: ("Object Country Coding Date", 10),
}  # fmt: skip
_TEXT_TAGS = {name: tag for tag, (name, _) in _TEXTS.items()}
_SHAPES = {
    10: re.compile(r"[0-9]{8}"),
    23: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    24: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
_CODE = re.compile(r"[A-Z0-9][A-Z0-9\-]{0,9}")
_NUMBER = re.compile("[0-9]{1,5}")
_REQUIRED = (1, 2, 3, 12, 13, 22)


# -- reading ------------------------------------------------------------------------------------


def read_set(untrusted: bytes) -> Label:
    """The label that a security metadata local set is."""
    if len(untrusted) > SET_BYTES_MAX:
        raise _malformed("the security metadata set is larger than its bound")
    items = _items(_value(untrusted))
    missing = [tag for tag in _REQUIRED if tag not in items]
    if missing:
        raise _malformed(f"the security metadata set lacks tag {missing[0]}")
    code = _byte(items[1], "classification")
    if not 1 <= code <= len(CLASSIFICATIONS):
        raise _malformed("the classification is none that ST 0102 has")
    version = int.from_bytes(items[22]) if len(items[22]) == 2 else 0
    if version < VERSION_LEAST:
        raise _malformed(f"the version is none of {VERSION_LEAST} or later")
    categories = [Category("", _VERSION, _INFORMATIVE, (str(version),))]
    categories += _countries(items)
    if 4 in items:
        categories.append(Category("", _COMPARTMENTS, _RESTRICTIVE, _compartments(items[4])))
    if 5 in items:
        categories.append(Category("", _CAVEATS, _RESTRICTIVE, (_ascii(items[5]),)))
    for tag, (name, bytes_max) in _TEXTS.items():
        if tag in items:
            categories.append(Category("", name, _INFORMATIVE, (_said(items, tag, bytes_max),)))
    return Label(POLICY, CLASSIFICATIONS[code - 1], tuple(categories))


def _value(untrusted: bytes) -> bytes:
    """What stands in the set: without universal label and length, if it begins with them."""
    if not untrusted.startswith(UNIVERSAL_LABEL[:4]):
        return untrusted
    if not untrusted.startswith(UNIVERSAL_LABEL):
        raise _malformed("the universal label is not that of a security metadata local set")
    size, at = _length(untrusted, len(UNIVERSAL_LABEL))
    if at + size != len(untrusted):
        raise _malformed("the set is shorter or longer than it says")
    return untrusted[at:]


def _items(value: bytes) -> dict[int, bytes]:
    items: dict[int, bytes] = {}
    at = 0
    while at < len(value):
        tag = value[at]
        size, at = _length(value, at + 1)
        if at + size > len(value):
            raise _malformed("an item is longer than the set")
        if not 1 <= tag <= 24 or 15 <= tag <= 21:
            raise _malformed(f"tag {tag} is unknown, or deprecated and not read")
        if tag in items:
            raise _malformed(f"tag {tag} stands twice")
        items[tag] = value[at : at + size]
        at += size
    return items


def _length(value: bytes, at: int) -> tuple[int, int]:
    """A BER length (short, or long of one or two bytes) and where it ends."""
    if at >= len(value):
        raise _malformed("the set ends in the middle of an item")
    first = value[at]
    if first < 0x80:
        return first, at + 1
    more = first & 0x7F
    if not 1 <= more <= 2 or at + 1 + more > len(value):
        raise _malformed("a length is not written as ST 0102 sets write it")
    return int.from_bytes(value[at + 1 : at + 1 + more]), at + 1 + more


def _byte(value: bytes, what: str) -> int:
    if len(value) != 1:
        raise _malformed(f"the {what} is not one byte")
    return value[0]


def _ascii(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError as error:
        raise _malformed("a text has a character that is not ASCII") from error


def _countries(items: Mapping[int, bytes]) -> list[Category]:
    method = _METHODS.get(_byte(items[2], "country coding method"))
    shown = _OBJECT_METHODS.get(_byte(items[12], "object country coding method"))
    if method is None or shown is None:
        raise _malformed("a country coding method is unknown or left out")
    country = _ascii(items[3])
    if not country.startswith("//"):
        raise _malformed("the classifying country does not begin with //")
    try:
        objects = items[13].decode("utf-16-be")
    except UnicodeDecodeError as error:
        raise _malformed("the object countries are not UTF-16") from error
    found = [
        Category("", f"{_COUNTRY} ({method})", _INFORMATIVE, _codes(country[2:], "\0")),
        Category("", f"{_OBJECT} ({shown})", _INFORMATIVE, _codes(objects, ";")),
    ]
    if 6 in items:
        released = _codes(_ascii(items[6]), " ")
        found.append(Category("", f"{_RELEASE} ({method})", _PERMISSIVE, released))
    return found


def _codes(text: str, between: str) -> tuple[str, ...]:
    codes = tuple(text.split(between))
    if not all(map(_CODE.fullmatch, codes)) or len(set(codes)) != len(codes):
        raise _malformed("codes of nations are not a list of different codes")
    return codes


def _compartments(value: bytes) -> tuple[str, ...]:
    text = _ascii(value)
    names = tuple(text.removesuffix("//").split("/"))
    if not text.endswith("//") or not all(names) or len(set(names)) != len(names):
        raise _malformed("the compartments are not different names, / between them and // after")
    return names


def _said(items: Mapping[int, bytes], tag: int, bytes_max: int) -> str:
    text = _ascii(items[tag])
    shape = _SHAPES.get(tag)
    if len(text) > bytes_max or (shape is not None and shape.fullmatch(text) is None):
        raise _malformed(f"the text of tag {tag} is too long or not in its shape")
    return text


# -- writing ------------------------------------------------------------------------------------


def write_set(label: Label, *, universal_label: bool = True) -> bytes:
    """The label as a local set; `Malformed` for what this format cannot say."""
    if label.policy != POLICY or label.classification not in CLASSIFICATIONS:
        raise _malformed("ST 0102 sets say labels of the policy MISB ST 0102 only")
    around = (label.created_ms, label.review_ms, label.originator)
    if label.privacy_mark or label.successions or any(each is not None for each in around):
        raise _malformed("ST 0102 has no privacy mark, originator, times or succession")
    items = {1: bytes([CLASSIFICATIONS.index(label.classification) + 1])}
    for category in label.categories:
        for tag, value in _written(category).items():
            if items.setdefault(tag, value) != value:
                raise _malformed("two categories would be one item of ST 0102")
    body = b"".join(
        bytes([tag]) + _written_length(len(items[tag])) + items[tag] for tag in sorted(items)
    )
    whole = UNIVERSAL_LABEL + _written_length(len(body)) + body if universal_label else body
    if read_set(whole) != label:
        raise _malformed("this label would be read as another one from ST 0102")
    return whole


def _written(category: Category) -> dict[int, bytes]:
    """The items that say one category."""
    values, name = category.values, category.tag
    if name == _VERSION:
        number = int(values[0]) if _NUMBER.fullmatch(values[0]) else 0
        return {22: min(number, 0xFFFF).to_bytes(2)}
    if name == _COMPARTMENTS:
        return {4: _bytes("/".join(values) + "//")}
    if name == _CAVEATS and len(values) == 1:
        return {5: _bytes(values[0])}
    if name in _TEXT_TAGS and len(values) == 1:
        return {_TEXT_TAGS[name]: _bytes(values[0])}
    kind, _, method = name.removesuffix(")").partition(" (")
    if kind == _OBJECT:
        return {12: _code(_OBJECT_METHODS, method), 13: ";".join(values).encode("utf-16-be")}
    if kind == _COUNTRY and len(values) == 1:
        return {2: _code(_METHODS, method), 3: _bytes("//" + values[0])}
    if kind == _RELEASE:
        return {2: _code(_METHODS, method), 6: _bytes(" ".join(values))}
    raise _malformed("a category that ST 0102 does not have")


def _bytes(text: str) -> bytes:
    if not text.isascii():
        raise _malformed("a text that is not ASCII cannot be said in ST 0102")
    return text.encode("ascii")


def _code(methods: Mapping[int, str], method: str) -> bytes:
    for code, name in methods.items():
        if name == method:
            return bytes([code])
    raise _malformed("a country coding method that ST 0102 does not have")


def _written_length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    if size < 0x100:
        return bytes([0x81, size])
    return b"\x82" + size.to_bytes(2)


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, sentence)
