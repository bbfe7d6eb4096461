"""Signs of other types at the beginning of what is to be plain text.

Takes the first bytes, gives whether a program would take them for markup, a script, a document or
an archive. Looked at twice: in what was dropped, and in what is to be delivered, for a rebuild
takes away quotes, blanks and marks that may have stood before such a sign.
"""

import re

_OTHERS = re.compile(
    rb"<(?:\?|%|!|html|head|body|script|svg|iframe|math|xsl:)|%pdf|%!ps|#!|\{\\rtf|mime-version:|gif8"
    rb"|pk\x03\x04|sqlite format|\x89png|\xff\xd8\xff|begin:vc|-----begin |id;p",
    re.IGNORECASE,
)
_WORDS = (b"MZ", b"BM", b"RIFF")  # may begin prose too
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BEFORE = b" \t\r\n\"'`"


def begins_as_other(head: bytes) -> bool:
    """Whether the bytes, less blanks and quotes before them, begin as another type."""
    bare = head.lstrip(_BEFORE)
    if _OTHERS.match(bare):
        return True
    return bare.startswith(_WORDS) and _CONTROL.search(bare[:64]) is not None
