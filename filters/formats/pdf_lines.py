"""The one form of a content stream that crosses (docs/spec/pdf-model.md), as a pattern."""

import re

_NUMBER = rb"-?(?:0|[1-9]\d{0,8})(?:\.\d{0,5}[1-9])? "
_COUNTED = {
    0: rb"q|Q|h|S|s|f|f\*|B|B\*|b|b\*|n|W|W\*|BT|ET|T\*",
    1: rb"w|J|j|M|i|Tc|Tw|Tz|TL|Tr|Ts|g|G",
    2: rb"m|l|Td|TD|d0",
    3: rb"rg|RG",
    4: rb"re|v|y|k|K",
    6: rb"c|cm|Tm|d1",
}
_STRING = rb"<(?:[0-9a-f]{2})*>"
_LINE = b"|".join((
    *(rb"(?:%s){%d}(?:%s)" % (_NUMBER, count, names) for count, names in _COUNTED.items()),
    rb"/g\d{1,5} gs", rb"/x\d{1,5} Do", rb"/s\d{1,5} sh", rb"/f\d{1,5} %sTf" % _NUMBER,
    rb"/(?:c\d{1,5}|DeviceGray|DeviceRGB|DeviceCMYK|Pattern) (?:cs|CS)",
    rb"(?:%s){0,32}(?:/p\d{1,5} )?(?:scn|SCN|sc|SC)" % _NUMBER,
    rb"\[ (?:%s)*\] %sd" % (_NUMBER, _NUMBER),
    rb"%s Tj" % _STRING, rb"\[ (?:%s |%s)*\] TJ" % (_STRING, _NUMBER),
))  # fmt: skip
_ONE = re.compile(_LINE)


def is_content(raw: bytes) -> bool:
    """Whether every line of a content stream is in the one form."""
    *lines, rest = raw.split(b"\n")
    return not rest and all(_ONE.fullmatch(line) for line in lines)
