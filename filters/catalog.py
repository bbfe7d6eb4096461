"""The one list of stages: name -> where its `STAGE` is, its kind, side and version.

A stage process loads its own stage and so only its own engine: nothing here imports a stage
until it is asked for, and who must only know what a stage may do (`release`, the supervisor)
reads the list and imports none.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from schemas.errors import Broken
from schemas.kinds import Kind, Side
from schemas.own_stage import OwnStage
from schemas.reasons import Reason

if TYPE_CHECKING:
    from schemas.stage import StageType


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list. All but the module are held equal to the stage's own on loading.

    asks: whether it asks the side's virus scanner. bounds: whether it has
    foreign code held to bounds, which takes threads.
    """

    module: str
    kind: Kind
    side: Side
    version: int
    asks: bool = False
    bounds: bool = False


_STAGES: dict[str, Listed] = {
    # every format, either side
    "bounds": Listed("filters.checks.bounds", Kind.FILTER, Side.BOTH, 1),
    "antivirus": Listed("filters.checks.antivirus", Kind.FILTER, Side.BOTH, 1, asks=True),
    # every format, source side
    "check_binding": Listed("filters.checks.check_binding", Kind.FILTER, Side.SOURCE, 1),
    "check_label": Listed("filters.checks.check_label", Kind.FILTER, Side.SOURCE, 2),
    "identify": Listed("filters.checks.identify", Kind.FILTER, Side.SOURCE, 2),
    "label": Listed("filters.checks.label", Kind.FILTER, Side.SOURCE, 2),
    "map_label": Listed("filters.transforms.map_label", Kind.TRANSFORM, Side.SOURCE, 2),
    "mark": Listed("filters.transforms.mark", Kind.TRANSFORM, Side.SOURCE, 2),
    "redact": Listed("filters.transforms.redact", Kind.TRANSFORM, Side.SOURCE, 2),
    "sender_signature": Listed("filters.checks.sender_signature", Kind.FILTER, Side.SOURCE, 1),
    "relabel": Listed("filters.transforms.relabel", Kind.TRANSFORM, Side.SOURCE, 2),
    "roll_up": Listed("filters.checks.roll_up", Kind.FILTER, Side.SOURCE, 1),
    "route": Listed("filters.routes.route", Kind.ROUTE, Side.SOURCE, 2),
    "words": Listed("filters.checks.words", Kind.FILTER, Side.SOURCE, 3),
    "rules": Listed("filters.checks.rules", Kind.FILTER, Side.SOURCE, 2),
    "personal": Listed("filters.checks.personal", Kind.FILTER, Side.SOURCE, 2),
    "yara": Listed("filters.checks.yara", Kind.FILTER, Side.SOURCE, 2),
    "encoded": Listed("filters.checks.encoded", Kind.FILTER, Side.SOURCE, 2),
    "mask": Listed("filters.transforms.mask", Kind.TRANSFORM, Side.SOURCE, 2),
    "pseudonymize": Listed("filters.transforms.pseudonymize", Kind.TRANSFORM, Side.SOURCE, 2),
    "redact_text": Listed("filters.transforms.redact_text", Kind.TRANSFORM, Side.SOURCE, 2),
    "generalise": Listed("filters.transforms.generalise", Kind.TRANSFORM, Side.SOURCE, 2),
    # every format, destination side
    "check_label_twin": Listed("filters.twins.check_label_twin", Kind.FILTER, Side.DESTINATION, 2),
    "label_twin": Listed("filters.twins.label_twin", Kind.FILTER, Side.DESTINATION, 2),
    "personal_twin": Listed("filters.twins.personal_twin", Kind.FILTER, Side.DESTINATION, 2),
    "route_twin": Listed("filters.twins.route_twin", Kind.ROUTE, Side.DESTINATION, 2),
    "words_twin": Listed("filters.twins.words_twin", Kind.FILTER, Side.DESTINATION, 4),
    # plain text and CSV
    "text_identify": Listed("filters.checks.text_identify", Kind.FILTER, Side.SOURCE, 2),
    "text_recognise": Listed("filters.checks.text_recognise", Kind.FILTER, Side.SOURCE, 2),
    "text_rebuild": Listed("filters.normalizers.text_rebuild", Kind.NORMALIZE, Side.SOURCE, 2),
    "text_check": Listed("filters.checks.text_check", Kind.FILTER, Side.SOURCE, 2),
    "text_read": Listed("filters.twins.text_read", Kind.FILTER, Side.DESTINATION, 1),
    "text_build": Listed("filters.twins.text_build", Kind.NORMALIZE, Side.DESTINATION, 1),
    "text_check_twin": Listed("filters.twins.text_check_twin", Kind.FILTER, Side.DESTINATION, 2),
    "csv_recognise": Listed("filters.checks.csv_recognise", Kind.FILTER, Side.SOURCE, 2),
    "csv_rebuild": Listed("filters.normalizers.csv_rebuild", Kind.NORMALIZE, Side.SOURCE, 2),
    "csv_check": Listed("filters.checks.csv_check", Kind.FILTER, Side.SOURCE, 2),
    "csv_schema": Listed("filters.checks.csv_schema", Kind.FILTER, Side.SOURCE, 2),
    "csv_read": Listed("filters.twins.csv_read", Kind.FILTER, Side.DESTINATION, 1),
    "csv_build": Listed("filters.twins.csv_build", Kind.NORMALIZE, Side.DESTINATION, 1),
    "csv_schema_twin": Listed("filters.twins.csv_schema_twin", Kind.FILTER, Side.DESTINATION, 2),
    # any XML and any JSON
    "xml_rebuild": Listed("filters.normalizers.xml_rebuild", Kind.NORMALIZE, Side.SOURCE, 2),
    "xml_check": Listed("filters.checks.xml_check", Kind.FILTER, Side.SOURCE, 2),
    "xml_schema": Listed("filters.checks.xml_schema", Kind.FILTER, Side.SOURCE, 2),
    "xml_read": Listed("filters.twins.xml_read", Kind.FILTER, Side.DESTINATION, 2),
    "xml_build": Listed("filters.twins.xml_build", Kind.NORMALIZE, Side.DESTINATION, 2),
    "xml_schema_twin": Listed("filters.twins.xml_schema_twin", Kind.FILTER, Side.DESTINATION, 1),
    "json_rebuild": Listed("filters.normalizers.json_rebuild", Kind.NORMALIZE, Side.SOURCE, 1),
    "json_check": Listed("filters.checks.json_check", Kind.FILTER, Side.SOURCE, 1),
    "json_schema": Listed("filters.checks.json_schema", Kind.FILTER, Side.SOURCE, 1),
    "json_read": Listed("filters.twins.json_read", Kind.FILTER, Side.DESTINATION, 1),
    "json_build": Listed("filters.twins.json_build", Kind.NORMALIZE, Side.DESTINATION, 1),
    "json_schema_twin": Listed("filters.twins.json_schema_twin", Kind.FILTER, Side.DESTINATION, 1),
    # pack c2: Cursor-on-Target
    "cot_rebuild": Listed("filters.normalizers.cot_rebuild", Kind.NORMALIZE, Side.SOURCE, 1),
    "cot_recognise": Listed("filters.checks.cot_recognise", Kind.FILTER, Side.SOURCE, 1),
    "cot_schema": Listed("filters.checks.cot_schema", Kind.FILTER, Side.SOURCE, 1),
    "xml_recognise": Listed("filters.checks.xml_recognise", Kind.FILTER, Side.SOURCE, 1),
    "cot_build": Listed("filters.twins.cot_build", Kind.NORMALIZE, Side.DESTINATION, 2),
    "cot_read": Listed("filters.twins.cot_read", Kind.FILTER, Side.DESTINATION, 1),
    "cot_schema_twin": Listed("filters.twins.cot_schema_twin", Kind.FILTER, Side.DESTINATION, 1),
    # pack tak: Cursor-on-Target as TAK protobuf
    "tak_recognise": Listed("filters.checks.tak_recognise", Kind.FILTER, Side.SOURCE, 1),
    "tak_rebuild": Listed("filters.normalizers.tak_rebuild", Kind.NORMALIZE, Side.SOURCE, 1),
    # pack events: CloudEvents
    "event_rebuild": Listed("filters.normalizers.event_rebuild", Kind.NORMALIZE, Side.SOURCE, 1),
    "event_recognise": Listed("filters.checks.event_recognise", Kind.FILTER, Side.SOURCE, 1),
    "event_schema": Listed("filters.checks.event_schema", Kind.FILTER, Side.SOURCE, 1),
    "json_recognise": Listed("filters.checks.json_recognise", Kind.FILTER, Side.SOURCE, 1),
    "event_build": Listed("filters.twins.event_build", Kind.NORMALIZE, Side.DESTINATION, 1),
    "event_read": Listed("filters.twins.event_read", Kind.FILTER, Side.DESTINATION, 1),
    "event_schema_twin": Listed(
        "filters.twins.event_schema_twin", Kind.FILTER, Side.DESTINATION, 1
    ),
    # pack archive: ZIP, TAR, gzip
    "archive_rebuild": Listed(
        "filters.normalizers.archive_rebuild", Kind.NORMALIZE, Side.SOURCE, 2, bounds=True
    ),
    "archive_recognise": Listed("filters.checks.archive_recognise", Kind.FILTER, Side.SOURCE, 2),
    "archive_schema": Listed("filters.checks.archive_schema", Kind.FILTER, Side.SOURCE, 2),
    "container_identify": Listed("filters.checks.container_identify", Kind.FILTER, Side.SOURCE, 2),
    "container_recognise": Listed(
        "filters.checks.container_recognise", Kind.FILTER, Side.SOURCE, 2
    ),
    "archive_build": Listed("filters.twins.archive_build", Kind.NORMALIZE, Side.DESTINATION, 2),
    "archive_read": Listed("filters.twins.archive_read", Kind.FILTER, Side.DESTINATION, 2),
    "archive_schema_twin": Listed(
        "filters.twins.archive_schema_twin", Kind.FILTER, Side.DESTINATION, 2
    ),
    # pack office: OOXML and OpenDocument
    "package_recognise": Listed("filters.checks.package_recognise", Kind.FILTER, Side.SOURCE, 2),
    "office_rebuild": Listed("filters.normalizers.office_rebuild", Kind.NORMALIZE, Side.SOURCE, 2),
    "office_recognise": Listed("filters.checks.office_recognise", Kind.FILTER, Side.SOURCE, 2),
    "office_schema": Listed("filters.checks.office_schema", Kind.FILTER, Side.SOURCE, 2),
    "office_words": Listed("filters.checks.office_words", Kind.FILTER, Side.SOURCE, 2),
    "office_build": Listed("filters.twins.office_build", Kind.NORMALIZE, Side.DESTINATION, 2),
    "office_read": Listed("filters.twins.office_read", Kind.FILTER, Side.DESTINATION, 2),
    "office_schema_twin": Listed(
        "filters.twins.office_schema_twin", Kind.FILTER, Side.DESTINATION, 2
    ),
    # archives and office documents
    "strip_attachments": Listed(
        "filters.transforms.strip_attachments", Kind.TRANSFORM, Side.SOURCE, 2
    ),
    # pictures and PDF, either pack
    "visual_identify": Listed("filters.checks.visual_identify", Kind.FILTER, Side.SOURCE, 2),
    # pack image
    "picture_recognise": Listed("filters.checks.picture_recognise", Kind.FILTER, Side.SOURCE, 2),
    "picture_rebuild": Listed(
        "filters.normalizers.picture_rebuild", Kind.NORMALIZE, Side.SOURCE, 2
    ),
    "picture_downscale": Listed(
        "filters.transforms.picture_downscale", Kind.TRANSFORM, Side.SOURCE, 2
    ),
    "picture_mark": Listed("filters.transforms.picture_mark", Kind.TRANSFORM, Side.SOURCE, 2),
    "picture_noise": Listed("filters.transforms.picture_noise", Kind.TRANSFORM, Side.SOURCE, 2),
    "pixels_recognise": Listed("filters.checks.pixels_recognise", Kind.FILTER, Side.SOURCE, 2),
    "picture_words": Listed("filters.checks.picture_words", Kind.FILTER, Side.SOURCE, 2),
    "picture_read": Listed("filters.twins.picture_read", Kind.FILTER, Side.DESTINATION, 2),
    "picture_build": Listed("filters.twins.picture_build", Kind.NORMALIZE, Side.DESTINATION, 2),
    "picture_verify": Listed("filters.twins.picture_verify", Kind.FILTER, Side.DESTINATION, 2),
    "picture_words_twin": Listed(
        "filters.twins.picture_words_twin", Kind.FILTER, Side.DESTINATION, 1
    ),
    # packs pdf and pdf_raster
    "pdf_recognise": Listed(
        "filters.checks.pdf_recognise", Kind.FILTER, Side.SOURCE, 3, bounds=True
    ),
    "pdf_rebuild": Listed(
        "filters.normalizers.pdf_rebuild", Kind.NORMALIZE, Side.SOURCE, 5, bounds=True
    ),
    "document_recognise": Listed("filters.checks.document_recognise", Kind.FILTER, Side.SOURCE, 3),
    "pdf_words": Listed("filters.checks.pdf_words", Kind.FILTER, Side.SOURCE, 2),
    "pdf_read": Listed("filters.twins.pdf_read", Kind.FILTER, Side.DESTINATION, 3),
    "pdf_build": Listed("filters.twins.pdf_build", Kind.NORMALIZE, Side.DESTINATION, 2),
    "pdf_verify": Listed("filters.twins.pdf_verify", Kind.FILTER, Side.DESTINATION, 2),
    "pdf_words_twin": Listed("filters.twins.pdf_words_twin", Kind.FILTER, Side.DESTINATION, 2),
}


def names() -> tuple[str, ...]:
    """Every stage name, sorted."""
    return tuple(sorted(_STAGES))


def entry(name: str, own: OwnStage | None = None) -> Listed:
    """The line of this name, without importing the stage; `Broken` (argument) if there is none.

    own: what the policy says of a stage of the site's own, which the list does not have.
    """
    if own is not None:
        if name in _STAGES:
            raise Broken(Reason.ARGUMENT, f"{name} is a stage of this project, and no site's own")
        return Listed("", Kind(own.kind), Side(own.side), own.version)
    if name not in _STAGES:
        raise Broken(Reason.ARGUMENT, f"there is no stage named {name}")
    return _STAGES[name]


def load(name: str, own: OwnStage | None = None) -> "StageType":
    """The stage of this name; `Broken` (argument) if the catalog has none, or has it wrong."""
    listed = entry(name, own)
    if own is not None:
        from filters.own_stages import load_own  # only here: few sites have one

        return load_own(name, own)
    stage: StageType = import_module(listed.module).STAGE
    asks = stage.make_asking is not None
    bounds = stage.make_bounded is not None
    if (stage.name, stage.kind, stage.side, stage.version, asks, bounds) != (
        name, listed.kind, listed.side, listed.version, listed.asks, listed.bounds,
    ):  # fmt: skip
        raise Broken(Reason.ARGUMENT, f"{listed.module} does not hold {name} as it is listed")
    return stage
