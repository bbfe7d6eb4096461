"""The stage `roll_up`: a message's label dominates every part's, in text and in XML."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.checks.roll_up import STAGE
from filters.formats.label_ism import NAMESPACE
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Answer, Pass, Refuse
from tests.filters.conftest import PACKS

POLICY = (PACKS.parent / "documents" / "alliance.spif.xml").read_bytes()
BANNER = "ALLIANCE SECRET//REL TO FRA, GBR"


def stage(form: str, default: str = "") -> Run:
    parameters: dict[str, str] = {"form": form}
    if form == "text":
        parameters["policy_document"] = "policy"
    if default:
        parameters |= {"unlabelled": "default", "default": default}
    return STAGE.make(STAGE.parameters.model_validate(parameters), {"policy": POLICY})


def answer(run: Run, payload: bytes, label: str = BANNER) -> Answer:
    meta = Meta(id="5" * 32, flow="f", sender="s", name="n", accepted_s=1_800_000_000)
    try:
        return run(Message.make(replace(meta, label=label), payload))
    except Malformed as error:
        return Refuse(error.reason, error.sentence)


def text(*paragraphs: str, banner: str = BANNER, foot: str | None = None) -> bytes:
    return "\n\n".join([banner, *paragraphs, banner if foot is None else foot]).encode() + b"\n"


def test_text_whose_parts_are_below_its_banner() -> None:
    given_ = text(
        "(AU) Weather.", "(AR//REL TO FRA, GBR, NOR) Route\nof the convoy.",
        "(AS//REL TO FRA, GBR) Time.", "(ALLIANCE SECRET//REL TO FRA,GBR) Place.",
    )  # fmt: skip
    assert answer(stage("text"), given_) == Pass("4 portions below the banner")
    assert answer(stage("text"), given_.replace(b"\n", b"\r\n")) == Pass(
        "4 portions below the banner"
    )
    above = "ALLIANCE TOP SECRET//BALTIC//REL TO FRA"
    assert isinstance(answer(stage("text"), given_, above), Pass)


@pytest.mark.parametrize(
    ("payload", "label", "reason"),
    [
        (text("(ATS//BALTIC//REL TO FRA) x"), BANNER, Reason.LABEL_INVALID),
        (text("(AS//BALTIC//REL TO FRA, GBR) x"), BANNER, Reason.LABEL_INVALID),
        (text("(AS//REL TO FRA) x"), BANNER, Reason.LABEL_NOT_RELEASABLE),
        (text("(AS) x\n(AS//REL TO FRA) y"), BANNER, Reason.LABEL_NOT_RELEASABLE),
        (text("(AU) x\n- (ATS//BALTIC//REL TO FRA) y"), BANNER, Reason.LABEL_INVALID),
        (text("(AU) x (AS//REL TO FRA) y"), BANNER, Reason.LABEL_NOT_RELEASABLE),
        (text("(AU) x PERSON(ATS//BALTIC) (NO MARK) y"), BANNER, None),
        (text("(AX) x"), BANNER, Reason.LABEL_UNKNOWN),
        (text("(AS//REL TO MARS) x"), BANNER, Reason.LABEL_UNKNOWN),
        (text("(AU//BALTIC) x"), BANNER, Reason.LABEL_INVALID),
        (text("no mark"), BANNER, Reason.LABEL_MISSING),
        (text("(AU)no blank"), BANNER, Reason.LABEL_MISSING),
        (text("(AU) x"), "", Reason.LABEL_MISSING),
        (text("(AU) x"), "ALLIANCE RESTRICTED//REL TO FRA, GBR", Reason.LABEL_INVALID),
        (text("(AU) x"), "ALLIANCE SECRET//REL TO FRA, GBR, NOR", Reason.LABEL_NOT_RELEASABLE),
        (text("(AU) x"), "ALLIANCE SECRET", Reason.LABEL_NOT_RELEASABLE),
        (text("(AU) x"), f"KESTRIA SECRET || {BANNER}", None),
        (text("(AU) x"), f"{BANNER} || {BANNER}", Reason.LABEL_UNKNOWN),
        (text("(AU) x"), "KESTRIA SECRET || BEACON RED", Reason.LABEL_UNKNOWN),
        (text("(AU) x", foot="ALLIANCE SECRET"), BANNER, Reason.LABEL_MISSING),
        (text("(AU) x", banner="SECRET STUFF"), BANNER, Reason.LABEL_UNKNOWN),
        (BANNER.encode(), BANNER, Reason.LABEL_MISSING),
        (b"", BANNER, Reason.LABEL_MISSING),
        (text("(AU) \u202ex"), BANNER, None),
        (text("(AU) x\x00"), BANNER, Reason.CHARACTER_NOT_ALLOWED),
        (text("(AU) x\x85(AS//BALTIC) y"), BANNER, Reason.CHARACTER_NOT_ALLOWED),
        (text("(AU) x\u2029(AS//BALTIC) y"), BANNER, Reason.CHARACTER_NOT_ALLOWED),
        (text("(AU) x") + b"\xff", BANNER, Reason.ENCODING_NOT_UTF8),
    ],
)
def test_text_that_is_refused(payload: bytes, label: str, reason: Reason | None) -> None:
    found = answer(stage("text"), payload, label)
    if reason is None:
        assert isinstance(found, Pass)
    else:
        assert isinstance(found, Refuse)
        assert found.reason is reason, found.sentence


def test_what_goes_without_a_mark_is_the_policys_choice() -> None:
    given_ = text("no mark", "(AU) x", "none")
    run = stage("text", "ALLIANCE RESTRICTED//REL TO FRA, GBR")
    assert answer(run, given_) == Pass(
        "1 portions below the banner; 2 without a mark, assigned"
        " ALLIANCE RESTRICTED//REL TO FRA, GBR"
    )
    found = answer(stage("text", "ALLIANCE TOP SECRET//BALTIC"), given_)
    assert isinstance(found, Refuse)
    assert found.reason is Reason.LABEL_INVALID
    indented = answer(run, text(" (ATS//BALTIC) x"))
    assert isinstance(indented, Refuse)
    assert indented.reason is Reason.LABEL_INVALID
    assert "the message had no label, assigned" in str(
        answer(stage("text", BANNER), text("(AU) x"), "")
    )


@pytest.mark.parametrize(
    ("payload", "label", "reason"),
    [
        (text("(U) x", "(S//NF) y", banner="SECRET//NOFORN"), "SECRET//NOFORN", None),
        (text("(U) x", "(S//NF) y", banner="SECRET//NOFORN"), "TOP SECRET//SI//NOFORN", None),
        (text("(U//FOUO) x", banner="SECRET"), "SECRET", None),
        (text("(U) x", "(S//NF) y", banner="SECRET"), "SECRET", Reason.LABEL_INVALID),
        (text("(S//REL TO USA, GBR) x", banner="SECRET//REL TO USA, FRA, GBR"),
         "SECRET//REL TO USA, FRA, GBR", Reason.LABEL_NOT_RELEASABLE),
        (text("(S//XYZ) x", banner="SECRET"), "SECRET", Reason.LABEL_MALFORMED),
        (text("(U) x", banner="SECRET//NOFORN"), "UNCLASSIFIED", Reason.LABEL_INVALID),
        (text("(U) x", banner="SECRET//NOFORN"), "ALLIANCE SECRET", Reason.LABEL_MALFORMED),
    ],
)  # fmt: skip
def test_text_with_the_marks_of_ic_ism(payload: bytes, label: str, reason: Reason | None) -> None:
    found = answer(stage("ism-text"), payload, label)
    assert isinstance(found, Pass) if reason is None else (
        isinstance(found, Refuse) and found.reason is reason
    ), found  # fmt: skip


def xml(banner: str, *portions: str) -> bytes:
    declared = f'xmlns:ism="{NAMESPACE}" ism:resourceElement="true" ism:ownerProducer="USA"'
    parts = "".join(f'<p ism:ownerProducer="USA" {each}>x</p>' for each in portions)
    return f"<r {declared} {banner}>{parts}</r>".encode()


def test_a_portion_does_not_exclude_itself_unless_the_policy_lets_it() -> None:
    payload = xml(OPEN, 'ism:classification="TS" ism:excludeFromRollup="true"')
    found = answer(stage("ism-xml"), payload, "UNCLASSIFIED")
    assert isinstance(found, Refuse)
    assert found.reason is Reason.LABEL_INVALID
    lenient = STAGE.make(
        STAGE.parameters.model_validate({"form": "ism-xml", "excluded": "leave-out"}), {}
    )
    assert isinstance(answer(lenient, payload, "UNCLASSIFIED"), Pass)


SECRET, OPEN = 'ism:classification="S"', 'ism:classification="U"'
NOFORN = SECRET + ' ism:disseminationControls="NF"'


def test_xml_with_attributes_of_ic_ism() -> None:
    run = stage("ism-xml")
    assert isinstance(answer(run, xml(NOFORN, OPEN, NOFORN), "SECRET//NOFORN"), Pass)
    for payload, label, reason in (
        (xml(SECRET, NOFORN), "SECRET", Reason.LABEL_INVALID),
        (xml(OPEN, SECRET), "SECRET", Reason.LABEL_INVALID),
        (xml(NOFORN), "SECRET", Reason.LABEL_INVALID),
        (xml(NOFORN), "", Reason.LABEL_MISSING),
        (b"<r/>", "SECRET", Reason.LABEL_MISSING),
    ):
        found = answer(run, payload, label)
        assert isinstance(found, Refuse)
        assert found.reason is reason, found.sentence


def test_the_real_sample_is_decided(shared: Path) -> None:
    sample = (shared / "labels" / "ism-v10" / "sample-SuperHero-ism.xml").read_bytes()
    assert answer(stage("ism-xml"), sample, "UNCLASSIFIED") == Pass("1 portions below the banner")
    raised = sample.replace(b'<nc:PersonName ism:classification="U"', b"<nc:PersonName"
                            b' ism:classification="S"')  # fmt: skip
    assert raised != sample
    found = answer(stage("ism-xml"), raised, "UNCLASSIFIED")
    assert isinstance(found, Refuse)
    assert found.reason is Reason.LABEL_INVALID


def test_parameters_that_do_not_fit() -> None:
    for wrong in (
        {"form": "text"},
        {"form": "ism-xml", "policy_document": "policy"},
        {"form": "ism-xml", "unlabelled": "default"},
        {"form": "ism-xml", "default": "SECRET"},
        {"form": "ism-text", "excluded": "leave-out"},
    ):
        with pytest.raises(ValueError, match="do not fit"):
            STAGE.parameters.model_validate(wrong)
    with pytest.raises(Malformed):
        stage("ism-text", "NO LABEL")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_answered(payload: bytes) -> None:
    for form in ("text", "ism-text", "ism-xml"):
        found = answer(RUNS[form], payload)
        assert isinstance(found, Refuse)


RUNS = {form: stage(form) for form in ("text", "ism-text", "ism-xml")}
