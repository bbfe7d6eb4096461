"""The transform `mark`: what people then see, and that a wrong marking is not covered up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from filters.checks.roll_up import STAGE as ROLL_UP
from filters.formats.label_ism import read_document
from filters.transforms.mark import STAGE
from schemas.cbor import decode, encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Answer, Pass, Refuse
from tests.filters.conftest import PACKS, changed

POLICY = (PACKS.parent / "documents" / "alliance.spif.xml").read_bytes()
LABEL = "ALLIANCE SECRET//REL TO FRA, GBR"
META = Meta(id="5" * 32, flow="f", sender="s", name="n", accepted_s=1_800_000_000)


def stage(form: str, **more: str) -> Run:
    parameters = {"form": form, **more}
    if not form.startswith("ism"):
        parameters["policy_document"] = "policy"
    return STAGE.make(STAGE.parameters.model_validate(parameters), {"policy": POLICY})


def answer(run: Run, payload: bytes, label: str = LABEL) -> Answer:
    try:
        return run(Message.make(replace(META, label=label), payload))
    except Malformed as error:
        return Refuse(error.reason, error.sentence)


def test_a_text_is_marked_above_and_below() -> None:
    found = changed(answer(stage("text"), b"(AU) One.\r\n\r\n(AR) Two.\r\n"))
    assert found.message.payload.decode() == f"{LABEL}\n\n(AU) One.\n\n(AR) Two.\n\n{LABEL}\n"
    assert found.note == f"marked {LABEL}"
    assert answer(stage("text"), found.message.payload) == Pass("marked already")


def test_a_marked_text_rolls_up() -> None:
    run = ROLL_UP.make(
        ROLL_UP.parameters.model_validate({"form": "text", "policy_document": "policy"}),
        {"policy": POLICY},
    )
    found = changed(answer(stage("text"), b"(AU) One."))
    assert isinstance(run(found.message), Pass)


def test_of_a_set_the_policys_own_label_is_written() -> None:
    found = changed(answer(stage("text"), b"x", f"KESTRIA SECRET || {LABEL}"))
    assert found.message.payload.decode() == f"{LABEL}\n\nx\n\n{LABEL}\n"


def test_a_marking_in_another_language() -> None:
    found = changed(answer(stage("text", language="fr"), b"x", "ALLIANCE CONFIDENTIAL"))
    assert found.message.payload.startswith(b"ALLIANCE CONFIDENTIEL\n")


@pytest.mark.parametrize(
    ("payload", "label", "reason"),
    [
        (b"ALLIANCE RESTRICTED\n\nx\n", LABEL, Reason.LABEL_INVALID),
        (b"x\n\nALLIANCE TOP SECRET//BALTIC\n", LABEL, Reason.LABEL_INVALID),
        (b"x", "", Reason.LABEL_MISSING),
        (b"x", "ALLIANCE ODD", Reason.LABEL_UNKNOWN),
        (b"x", "ALLIANCE TOP SECRET", Reason.LABEL_INVALID),
        (b"x\x1b[2J", LABEL, Reason.CHARACTER_NOT_ALLOWED),
        (b"\xff", LABEL, Reason.ENCODING_NOT_UTF8),
    ],
)
def test_a_text_that_cannot_be_marked(payload: bytes, label: str, reason: Reason) -> None:
    found = answer(stage("text"), payload, label)
    assert isinstance(found, Refuse)
    assert found.reason is reason


def test_the_root_of_xml_is_marked() -> None:
    run = stage("xml", attribute="marking")
    found = changed(answer(run, b"<r a='1'><p/></r>"))
    assert etree.fromstring(found.message.payload).get("marking") == LABEL
    assert answer(run, found.message.payload) == Pass("marked already")
    wrong = answer(run, b"<r marking='ALLIANCE UNCLASSIFIED'/>")
    assert isinstance(wrong, Refuse)
    assert wrong.reason is Reason.LABEL_INVALID


def test_the_root_of_xml_gets_attributes_of_ic_ism() -> None:
    run = stage("ism-xml")
    found = changed(answer(run, b"<r><p/></r>", "SECRET//REL TO USA, GBR"))
    banner = read_document(found.message.payload).banner
    assert (banner.classification, banner.created_ms) == ("S", 1_799_971_200_000)
    again = answer(run, found.message.payload, "SECRET//REL TO USA, GBR")
    assert again == Pass("marked already")
    wrong = answer(run, found.message.payload, "UNCLASSIFIED")
    assert isinstance(wrong, Refuse)
    assert wrong.reason is Reason.LABEL_INVALID


def test_a_text_gets_a_banner_of_ic_ism() -> None:
    found = changed(answer(stage("ism-text"), b"(U) x", "SECRET//NOFORN"))
    assert found.message.payload == b"SECRET//NOFORN\n\n(U) x\n\nSECRET//NOFORN\n"


def test_a_place_in_the_model_is_marked() -> None:
    run = stage("model", path="about/marking")
    found = changed(answer(run, encode({"about": {"id": "1"}})))
    assert decode(found.message.payload) == {"about": {"id": "1", "marking": LABEL}}
    assert answer(run, found.message.payload) == Pass("marked already")
    for payload, reason in (
        (encode({"other": {}}), Reason.MODEL_SHAPE),
        (encode({"about": {"marking": "ALLIANCE UNCLASSIFIED"}}), Reason.LABEL_INVALID),
    ):
        refused = answer(run, payload)
        assert isinstance(refused, Refuse)
        assert refused.reason is reason


def test_parameters_that_do_not_fit() -> None:
    for wrong in (
        {"form": "text"},
        {"form": "ism-text", "policy_document": "policy"},
        {"form": "xml", "policy_document": "policy"},
        {"form": "text", "policy_document": "policy", "path": "@a"},
        {"form": "xml", "policy_document": "policy", "attribute": "xmlns"},
    ):
        with pytest.raises(ValueError, match="validation error"):
            STAGE.parameters.model_validate(wrong)


RUNS = [stage("text"), stage("xml", attribute="m"), stage("ism-text"), stage("model", path="@m")]


@given(st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_marking_twice_is_marking_once(payload: bytes) -> None:
    for run in RUNS[:2]:
        first = answer(run, payload)
        if isinstance(first, Refuse):
            continue
        assert answer(run, changed(first).message.payload) == Pass("marked already")
