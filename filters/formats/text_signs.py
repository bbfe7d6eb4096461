"""Signs of other types at the beginning of what is to be plain text.

Takes bytes or text, gives whether a program would take them for markup, a script, a document, an
archive or JSON. Looked at twice: in what was dropped, and in what is to be delivered, for a rebuild
takes away quotes, blanks and marks that may have stood before such a sign.
"""

import re
from json import JSONDecodeError, JSONDecoder

_OTHERS = re.compile(
    rb"<(?:\?|%|!|html|head|body|script|svg|iframe|math|xsl:)|%pdf|%!ps|#!|\{\\rtf|mime-version:|gif8"
    rb"|pk\x03\x04|@echo off|sqlite format|\x89png|\xff\xd8\xff|begin:vc|-----begin |id;p",
    re.IGNORECASE,
)
_WORDS = (b"MZ", b"BM", b"RIFF")  # may begin prose too
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BEFORE = b" \t\r\n\"'`"
_BEFORE_TEXT = _BEFORE.decode() + (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
    "\u202f\u205f\u3000"
)
_HEAD_CHARACTERS = 1024
_PARSED_CHARACTERS_MAX = 1 << 20
_CUT_CHARACTERS = 16  # of what may stand at the cut: a word, an escape
_JSON = re.compile(r"[ \t\r\n]*+(?:\{[ \t\r\n]*+[\"}]|\[[ \t\r\n]*+[\"{\[\]0-9tfn-])")
_READER = JSONDecoder(parse_int=len, parse_float=len)  # numbers of any length cost nothing


def begins_as_other(untrusted: bytes) -> bool:
    """Whether the bytes, less blanks and quotes before them, begin as another type."""
    bare = untrusted.lstrip(_BEFORE)
    if _OTHERS.match(bare):
        return True
    return bare.startswith(_WORDS) and _CONTROL.search(bare[:64]) is not None


def text_begins_as_other(text: str) -> bool:
    """The same of a text, however many blanks of any kind there are before it."""
    head = text.lstrip(_BEFORE_TEXT)[:_HEAD_CHARACTERS]
    return begins_as_other(head.encode("utf-8", "surrogatepass"))


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or array; of a long one, whether its beginning is of one."""
    if _JSON.match(text) is None:
        return False
    head = text[:_PARSED_CHARACTERS_MAX]
    try:
        _READER.decode(head)
    except RecursionError:
        return True
    except JSONDecodeError as error:
        cut = error.pos >= len(head) - _CUT_CHARACTERS or error.msg.startswith("Unterminated")
        return cut and len(head) < len(text)
    return len(head) == len(text)
