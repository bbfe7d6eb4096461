"""Normalizer `office_rebuild`: an office document taken apart and written anew, as CBOR.

Takes a docx, xlsx, pptx, odt, ods or odp file that `package_recognise` has passed; each XML part
crosses as a tree of allowed names, each picture goes through the stages that the policy names for
its type. Macros, embedded objects, external links, comments, revisions, metadata, signatures,
thumbnails, unused parts and names of parts do not survive, or are refused, as the policy says. Sets
the metadata's `type`. The model is docs/spec/office-model.md.
"""

from dataclasses import replace

from filters.formats import odf_package, ooxml_package
from filters.formats.container_limits import Purse
from filters.formats.container_parameters import ContainerParameters
from filters.formats.odf_rebuild import OdfBuilder
from filters.formats.office_model import OFFICE_CBOR
from filters.formats.office_names import Names
from filters.formats.office_names import read as read_names
from filters.formats.office_rules import Dropped, OfficeRules
from filters.formats.ooxml_rebuild import OoxmlBuilder, Picture
from filters.formats.part_chain import PartChain, PartStopped
from schemas.cbor import CborValue, encode
from schemas.message import Message
from schemas.stage import Documents, Kind, Run, Side, StageType
from schemas.verdict import Answer, Changed


class OfficeRebuildParameters(OfficeRules, ContainerParameters):
    """The rules of `OfficeRules` and the bounds of a container."""


def make(parameters: OfficeRebuildParameters, documents: Documents) -> Run:
    """A run that rebuilds; raises `KeyError` if a table is not among the documents."""
    ooxml = read_names(documents[parameters.ooxml_document])
    odf = read_names(documents[parameters.odf_document])
    media = {line.type: (line.media, PartChain(line.stage, documents)) for line in parameters.media}
    limits = parameters.limits()

    def run(message: Message) -> Answer:
        dropped = Dropped(parameters)
        purse = Purse(limits, parameters.all_pixels_max)

        def picture(media_type: str, untrusted: bytes) -> tuple[str, bytes] | None:
            if media_type not in media:
                return None
            name, chain = media[media_type]
            return name, chain(message, untrusted, purse)

        try:
            model = _model(message.payload, purse, dropped, picture, ooxml, odf)
        except PartStopped as stopped:
            return stopped.answer
        meta = replace(message.meta, type=OFFICE_CBOR)
        return Changed(Message.make(meta, encode(model)), dropped.sentence())

    return run


def _model(
    untrusted: bytes, purse: Purse, dropped: Dropped, picture: Picture, ooxml: Names, odf: Names
) -> dict[str, CborValue]:
    if odf_package.is_package(untrusted):
        return OdfBuilder(odf_package.read(untrusted, purse), odf, dropped, picture).model()
    return OoxmlBuilder(ooxml_package.read(untrusted, purse), ooxml, dropped, picture).model()


STAGE = StageType(
    name="office_rebuild",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.SOURCE,
    parameters=OfficeRebuildParameters,
    make=make,
    summary="an office document is written anew from allowed parts and elements, as CBOR",
)
