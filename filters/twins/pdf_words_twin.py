"""Filter `pdf_words_twin`: dirty-word search over a written PDF, by another reader of its text.

Takes the file, changes nothing. The text comes out by pypdf, a PDF reader in plain Python, from a
file that `pdf_verify` has held to one form (`filters.twins.pdf_shown`), and the names that stand in
it are searched with it; the search is that of `words_twin`. What a picture shows is not read.
"""

import zlib
from typing import Any, Literal

from pydantic import Field

from filters.twins import pdf_verify, words_twin
from filters.twins.pdf_build import clean
from filters.twins.pdf_read import Clean
from filters.twins.pdf_shown import names, shown
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse

_CODECS = ("charmap", "utf-16-be", "utf-16-le", "gbk", "gb2312", "gb18030", "big5", "big5hkscs",
           "cp1252", "cp932", "cp949", "cp950", "euc_jp", "euc_kr", "shift_jis")  # fmt: skip
_CMAP = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
    b"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n1 beginbfchar\n<0001> <0041>\n"
    b"endbfchar\n1 beginbfrange\n<0002> <0004> <0042>\nendbfrange\nendcmap end end"
)


def _smallest() -> bytes:
    """One page with a word in each kind of font, so that all that reads them is loaded."""
    content = b"BT\n/f0 9 Tf\n<414243> Tj\n/f1 9 Tf\n[ <00010002> -300 <0003> ] TJ\nET\n"
    codes = {"Type": "Encoding", "BaseEncoding": "WinAnsiEncoding", "Differences": [65, "A", "B"]}
    objects: list[Any] = [
        _stream(_CMAP),
        {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica", "Encoding": codes,
         "ToUnicode": {"$o": 0}},
        {"Registry": b"Adobe", "Ordering": b"Identity", "Supplement": 0},
        {"Type": "Font", "Subtype": "CIDFontType2", "BaseFont": "X", "CIDSystemInfo": {"$o": 2}},
        {"Type": "Font", "Subtype": "Type0", "BaseFont": "X", "Encoding": "Identity-H",
         "DescendantFonts": [{"$o": 3}], "ToUnicode": {"$o": 0}},
        _stream(content),
        {"Type": "Page", "MediaBox": [0, 0, 9, 9], "Contents": {"$o": 5},
         "Resources": {"Font": {"f0": {"$o": 1}, "f1": {"$o": 4}}}},
    ]  # fmt: skip
    return clean(Clean([6], objects), 90)


def _stream(raw: bytes) -> dict[str, Any]:
    return {"$b": zlib.compress(raw), "$n": len(raw)}


class PdfWordsTwinParameters(Parameters):
    """document: the list. found: what becomes of a PDF in which an entry is found."""

    document: str = Field(default="words.txt", max_length=64)
    found: Literal["refuse", "hold"] = "refuse"


def make(parameters: PdfWordsTwinParameters, documents: Documents) -> Run:
    """A run that searches; raises `KeyError` if the list is not among the documents."""
    search = words_twin.make(
        words_twin.WordsTwinParameters(
            document=parameters.document, form="text", found=parameters.found
        ),
        documents,
    )
    shown(_smallest())
    for codec in _CODECS:
        b"\x20\x20".decode(codec)

    def run(message: Message) -> Answer:
        pdf_verify.check(message.payload)  # pypdf sees no other form
        for each in (names(message.payload), *shown(message.payload)):
            raw = each.encode("utf-8", "replace")
            answer = search(Message(message.meta_bytes, raw))
            if isinstance(answer, Refuse | Hold):
                return answer
        return Pass()

    return run


STAGE = StageType(
    name="pdf_words_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=PdfWordsTwinParameters,
    make=make,
    summary="no text of a written PDF holds an entry of the destination's word list",
    rechecks=frozenset({"words"}),
)
