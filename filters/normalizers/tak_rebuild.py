"""Normalizer `tak_rebuild`: the event of a TAK message written anew as deterministic CBOR.

Takes a message that `tak_recognise` has passed, gives the model of docs/spec/cot-model.md. The
XML of the detail is parsed as by `cot_rebuild`; typed details become elements after it. Control
fields and the spelling of the message do not survive. Sets the metadata's `type`.
"""

from dataclasses import replace

from lxml import etree

from filters.formats.cot_whitelist import read as read_whitelist
from filters.formats.tak_message import TakEvent
from filters.formats.tak_message import parse as parse_tak
from filters.formats.xml_parse import parse
from filters.normalizers.cot_rebuild import COT_CBOR, Builder, CotRebuildParameters
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed


def make(parameters: CotRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds; raises `KeyError` if the schema is not among the documents."""
    root = read_whitelist(documents[parameters.schema_document])
    refuse, always = parameters.unknown == "refuse", frozenset(parameters.drop)

    def run(message: Message) -> Answer:
        event = parse_tak(message.payload)
        builder = Builder(refuse, always)
        builder.dropped.extend(event.dropped)
        payload = encode(builder.event(_tree(event), root))
        meta = replace(message.meta, type=COT_CBOR)
        return Changed(Message.make(meta, payload), builder.note())

    return run


def _tree(event: TakEvent) -> etree._Element:
    detail = parse(f"<detail>{event.xml}</detail>".encode())
    if detail.tag != "detail":
        raise Malformed(Reason.MODEL_SHAPE, "the XML of the detail leaves its element")
    there = {child.tag for child in detail}
    try:
        node = etree.Element("event", event.attributes)
        etree.SubElement(node, "point", event.point)
        for name, attributes in event.details.items():
            if name in there:
                raise Malformed(Reason.MODEL_SHAPE, f"{name} stands in the message and in its XML")
            etree.SubElement(detail, name, attributes)
    except ValueError as error:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text that XML cannot hold") from error
    node.append(detail)
    return node


STAGE = StageType(
    name="tak_rebuild",
    version=1,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=CotRebuildParameters,
    make=make,
    summary="the Cursor-on-Target event of a TAK message is written anew, as CBOR",
)
