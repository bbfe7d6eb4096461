"""The one list of stages: name -> where its `STAGE` is.

A stage process loads its own stage and so only its own engine: nothing here imports a stage
until it is asked for.
"""

from importlib import import_module

from schemas.errors import Broken
from schemas.reasons import Reason
from schemas.stage import StageType

_STAGES = {
    # every format, either side
    "bounds": "filters.checks.bounds:STAGE",
    # every format, source side
    "identify": "filters.checks.identify:STAGE",
    "label": "filters.checks.label:STAGE",
    "redact": "filters.transforms.redact:STAGE",
    "relabel": "filters.transforms.relabel:STAGE",
    "route": "filters.routes.route:STAGE",
    "words": "filters.checks.words:STAGE",
    # every format, destination side
    "label_twin": "filters.twins.label_twin:STAGE",
    "route_twin": "filters.twins.route_twin:STAGE",
    "words_twin": "filters.twins.words_twin:STAGE",
    # pack c2: Cursor-on-Target
    "cot_rebuild": "filters.normalizers.cot_rebuild:STAGE",
    "cot_recognise": "filters.checks.cot_recognise:STAGE",
    "cot_schema": "filters.checks.cot_schema:STAGE",
    "xml_recognise": "filters.checks.xml_recognise:STAGE",
    "cot_build": "filters.twins.cot_build:STAGE",
    "cot_read": "filters.twins.cot_read:STAGE",
    "cot_schema_twin": "filters.twins.cot_schema_twin:STAGE",
    # pack events: CloudEvents
    "event_rebuild": "filters.normalizers.event_rebuild:STAGE",
    "event_recognise": "filters.checks.event_recognise:STAGE",
    "event_schema": "filters.checks.event_schema:STAGE",
    "json_recognise": "filters.checks.json_recognise:STAGE",
    "event_build": "filters.twins.event_build:STAGE",
    "event_read": "filters.twins.event_read:STAGE",
    "event_schema_twin": "filters.twins.event_schema_twin:STAGE",
}


def names() -> tuple[str, ...]:
    """Every stage name, sorted."""
    return tuple(sorted(_STAGES))


def load(name: str) -> StageType:
    """The stage of this name; `Broken` (argument) if the catalog has none."""
    if name not in _STAGES:
        raise Broken(Reason.ARGUMENT, f"there is no stage named {name}")
    module, _, constant = _STAGES[name].partition(":")
    stage: StageType = getattr(import_module(module), constant)
    if stage.name != name:
        raise Broken(Reason.ARGUMENT, f"{module} holds the stage {stage.name}, not {name}")
    return stage
