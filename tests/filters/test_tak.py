"""TAK protobuf: it becomes the same model as the XML of the same event."""

import pytest
from lxml import etree

from filters.formats.tak_message import parse
from tests.filters.hostile import tak
from tests.filters.hostile.chains import Pack

SAMPLES = dict(tak.samples())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_is_delivered_as_the_event_it_is(name: str) -> None:
    delivered = Pack("tak")(SAMPLES[name])
    assert (delivered.stage, delivered.sentence) == ("", "")
    root = etree.fromstring(delivered.message.payload)
    assert dict(root.attrib)["uid"] == "ANDROID-1"
    assert dict(root[0].attrib) == {
        "lat": "48.25", "lon": "-11.5", "hae": "519", "ce": "9.9", "le": "9999999",
    }  # fmt: skip
    assert root.get("stale") == "2026-05-28T20:31:40.000Z"
    assert len(root[1]) == (0 if name == "least" else 6)


def test_what_is_delivered_passes_as_xml_and_does_not_change() -> None:
    delivered = Pack("tak")(SAMPLES["mesh"]).message.payload
    assert Pack("cot")(delivered).message.payload == delivered


def test_control_fields_do_not_survive() -> None:
    with_control, without = (Pack("tak")(SAMPLES[name]) for name in ("mesh", "stream"))
    assert with_control.message.payload == without.message.payload


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1e22, "10000000000000000000000"), (1e-7, "0.0000001"),
     (100.0, "100"), (0.1, "0.1"), (-11.5, "-11.5")],
)  # fmt: skip
def test_a_number_is_its_shortest_decimal(value: float, text: str) -> None:
    message = tak.mesh(tak.text(2, tak.event(without=12, more=tak.double(12, value))))
    assert parse(message).point["hae"] == text
