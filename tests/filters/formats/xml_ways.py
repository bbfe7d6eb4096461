"""Both ways through XML, the quick and the careful one, on one document: do they agree?"""

from filters.formats.xml_quick import is_surely_sound
from filters.formats.xml_quick_rebuild import columns_of
from filters.formats.xml_recogniser import characters, recognise
from filters.formats.xml_rules import XmlLimits
from filters.normalizers.xml_rebuild import XmlRebuildParameters, carefully, survives
from schemas.errors import Malformed

WIDE = XmlLimits(
    bytes_max=1 << 24, depth_levels_max=64, elements_max=100_000, attributes_max=128,
    attribute_characters_max=1 << 18, text_characters_max=1 << 18, name_characters_max=128,
    any_namespace=True, schema_locations=True, xml_attributes=frozenset({"xml:lang", "xml:space"}),
)  # fmt: skip
NARROW = [
    XmlLimits(any_namespace=True, depth_levels_max=3),
    XmlLimits(any_namespace=True, elements_max=4, xml_attributes=frozenset({"xml:lang"})),
    XmlLimits(any_namespace=True, attributes_max=1, schema_locations=True),
    XmlLimits(any_namespace=True, text_characters_max=6, attribute_characters_max=6),
    XmlLimits(any_namespace=True, name_characters_max=6),
    XmlLimits(namespaces=("urn:o", "urn:q")),
]
PARAMETERS = [
    XmlRebuildParameters(),
    XmlRebuildParameters(blanks="keep", prefix={"n": "urn:o"}),
    XmlRebuildParameters(prefixes="keep", xsi="refuse"),
    XmlRebuildParameters(refuse_namespaces=["urn:q"]),
]


def is_sound(payload: bytes, limits: XmlLimits) -> bool:
    try:
        recognise(payload, limits)
    except Malformed:
        return False
    return True


def careful(payload: bytes, parameters: XmlRebuildParameters) -> tuple[bytes, bool] | None:
    try:
        model, note = carefully(payload, parameters)
    except Malformed:
        return None
    return model, "schema locations" in note


def quick(payload: bytes, parameters: XmlRebuildParameters) -> tuple[bytes, bool] | None:
    found = columns_of(payload, survives(parameters))
    return None if found is None else (found[0].write(), found[1])


def compare(payload: bytes) -> tuple[bool, bool]:
    """Whether the quick recogniser and the quick rebuild had an answer: then it was right."""
    try:
        characters(payload, WIDE)
    except Malformed:
        return False, False
    sure = is_surely_sound(payload, WIDE)
    assert not sure or is_sound(payload, WIDE), payload
    for limits in NARROW:
        assert not (sure and is_surely_sound(payload, limits)) or is_sound(payload, limits), payload
    had_answer = False
    for parameters in PARAMETERS if is_sound(payload, WIDE) else ():
        found = quick(payload, parameters)
        assert found is None or found == careful(payload, parameters), (payload, parameters)
        had_answer = had_answer or found is not None
    return sure, had_answer
