"""Normalizer `text_rebuild`: a plain text written anew as deterministic CBOR.

Takes text that `text_recognise` has passed, gives the model of docs/spec/text-model.md. Line ends,
a mark of order, what the policy drops and (unless kept) blanks at the ends of lines do not survive;
characters come out composed. Sets the metadata's `type`.
"""

from dataclasses import replace

from filters.formats.text_model import LAYOUT, TEXT_CBOR, LineParameters, bounded, split, stripped
from filters.formats.text_rules import decoded, judge, kept
from schemas.cbor import CborValue, encode
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed


def make(parameters: LineParameters, documents: Documents) -> Run:
    """A run that rebuilds."""
    keep_blanks = parameters.trailing_blanks == "keep"

    def run(message: Message) -> Answer:
        text = decoded(message.payload, parameters)
        judge(text, parameters, between="\t\n\r\u2028\u2029")
        text, dropped = kept("\n".join(split(text)), parameters)
        lines = text.split("\n")
        if not keep_blanks:
            shorter = [stripped(line) for line in lines]
            if shorter != lines:
                dropped.append("trailing_blanks")
            lines = shorter
        bounded(lines, parameters)
        model: dict[str, CborValue] = {"text": LAYOUT, "lines": list(lines)}
        meta = replace(message.meta, type=TEXT_CBOR)
        note = f"rebuilt; dropped {', '.join(dropped)}" if dropped else "rebuilt"
        return Changed(Message.make(meta, encode(model)), note)

    return run


STAGE = StageType(
    name="text_rebuild",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=LineParameters,
    make=make,
    summary="a plain text is written anew, line by line, in normalization form C, as CBOR",
)
