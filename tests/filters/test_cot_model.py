"""The model that crosses: its vectors, and the two sides' readers of it in agreement."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats import cot_model
from filters.formats.cot_model import CotModel
from filters.twins import cot_read
from schemas.cbor import CborValue, encode
from schemas.errors import Malformed
from schemas.stage import Run
from schemas.verdict import SENTENCE_CHARACTERS_MAX, Pass
from tests.filters.conftest import MakeMessage, changed, refused


class Good(TypedDict):
    """An event, the model it becomes, that model's bytes, and the event built from them."""

    what: str
    xml: str
    model: CotModel
    cbor: str
    built: str


class Refused(TypedDict):
    """Bytes that are no model, and the reason that a reader gives."""

    what: str
    reason: str
    cbor: str


class Vectors(TypedDict):
    """The file of known answers."""

    good: list[Good]
    refused: list[Refused]


Read = Callable[[bytes], CotModel]
ROOT = Path(__file__).parent.parent.parent
VECTORS: Vectors = json.loads(
    (ROOT / "tests" / "vectors" / "cot" / "model.json").read_text("utf-8")
)
SCHEMA = {"cot-event.xsd": (ROOT / "schemas" / "packs" / "c2" / "cot-event.xsd").read_bytes()}
READERS = pytest.mark.parametrize("read", [cot_model.read, cot_read.model], ids=["own", "twin"])
GOOD = VECTORS["good"][0]["model"]


def stage(name: str, **parameters: object) -> Run:
    found = catalog.load(name)
    return found.make(found.parameters.model_validate(parameters), SCHEMA)


@pytest.mark.parametrize("case", VECTORS["good"], ids=lambda case: case["what"])
def test_an_event_becomes_the_vector_and_the_vector_becomes_the_event(
    case: Good, make_message: MakeMessage
) -> None:
    rebuilt = changed(stage("cot_rebuild")(make_message(case["xml"].encode()))).message
    assert rebuilt.payload.hex() == case["cbor"]
    assert rebuilt.meta.type == "application/cot+cbor"
    built = changed(stage("cot_build")(rebuilt)).message
    assert built.payload.decode() == case["built"]
    assert changed(stage("cot_rebuild")(built)).message.payload == rebuilt.payload


@READERS
@pytest.mark.parametrize("case", VECTORS["good"], ids=lambda case: case["what"])
def test_a_reader_reads_the_vector(read: Read, case: Good) -> None:
    assert read(bytes.fromhex(case["cbor"])) == case["model"]


@READERS
@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["what"])
def test_a_reader_refuses_by_name(read: Read, case: Refused) -> None:
    with pytest.raises(Malformed) as caught:
        read(bytes.fromhex(case["cbor"]))
    assert caught.value.reason == case["reason"]


def nested(levels: int) -> list[CborValue]:
    inner: list[CborValue] = ["a", {}, ""]
    for _ in range(levels - 1):
        inner = ["a", {}, [inner]]
    return inner


@READERS
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"detail": [nested(8)]}, None),
        ({"detail": [nested(9)]}, "too-deep"),
        ({"detail": [["a", {}, ""]] * 2048}, None),
        ({"detail": [["a", {}, ""]] * 2049}, "too-many-elements"),
        ({"event": {f"a{i}": "" for i in range(64)}}, None),
        ({"event": {f"a{i}": "" for i in range(65)}}, "too-many-attributes"),
        ({"point": {"a" * 64: ""}}, None),
        ({"point": {"a" * 65: ""}}, "model-shape"),
        ({"detail": [["a", {}, "é" * 32768]]}, None),
        ({"detail": [["a", {}, "é" * 32769]]}, "text-too-long"),
        ({"detail": [["a", {}, "a\tb\r\n\u00a0\u202e"]]}, None),
        ({"detail": [["a", {}, "\u0085"]]}, "character-not-allowed"),
        ({"detail": [["a", {}, "\uffff"]]}, "character-not-allowed"),
    ],
)
def test_the_bounds_are_where_the_specification_has_them(
    read: Read, change: CotModel, reason: str | None
) -> None:
    data = encode({**GOOD, **change})
    if reason is None:
        assert read(data) == {**GOOD, **change}
    else:
        with pytest.raises(Malformed) as caught:
            read(data)
        assert caught.value.reason == reason


NAMES = st.sampled_from(["a", "_b", "c.d-e", "", "1a", "x:y", "é", "a b"])
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.integers(-9, 99) | st.none()
)
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=3)
ELEMENTS = st.recursive(
    st.tuples(NAMES, ATTRIBUTES, TEXTS).map(list),
    lambda inner: st.tuples(NAMES, ATTRIBUTES, st.lists(inner, max_size=3)).map(list),
    max_leaves=6,
)


def ask(read: Read, data: bytes) -> object:
    try:
        return read(data)
    except Malformed:
        return Malformed


@settings(deadline=None, derandomize=True, database=None, max_examples=600)
@given(event=ATTRIBUTES, detail=st.lists(ELEMENTS | TEXTS, max_size=3), layout=st.integers(0, 2))
def test_the_two_readers_accept_the_same_models(
    event: dict[str, CborValue], detail: list[CborValue], layout: int
) -> None:
    data = encode({"cot": layout, "event": event, "point": {}, "detail": detail})
    assert ask(cot_model.read, data) == ask(cot_read.model, data)


@pytest.mark.parametrize("unknown", ["refuse", "drop"])
def test_what_the_schema_does_not_name_is_refused_or_dropped_and_told(
    unknown: str, make_message: MakeMessage
) -> None:
    xml = VECTORS["good"][1]["xml"]
    more = xml.replace("<detail>", "<detail>words<gadget><x/></gadget><archive odd='1'/>")
    run = stage("cot_rebuild", unknown=unknown)
    if unknown == "refuse":
        with pytest.raises(Malformed) as caught:
            run(make_message(more.encode()))
        assert caught.value.reason == "model-unknown-name"
    else:
        answer = changed(run(make_message(more.encode())))
        assert answer.note == "rebuilt; dropped archive/@odd, detail/gadget, text in detail"
        kept = cot_model.read(answer.message.payload)["detail"]
        named = VECTORS["good"][1]["model"]["detail"]
        assert isinstance(named, list)
        wanted: list[CborValue] = [["archive", {}, ""], *named]
        assert kept == wanted


def test_markup_in_a_value_stays_text(make_message: MakeMessage) -> None:
    line = "&lt;?xml version='1.0'?&gt;&lt;event&gt;&amp;amp;&lt;/event&gt;"
    xml = VECTORS["good"][0]["xml"].replace(
        "</event>", f'<detail><link line="{line}"/></detail></event>'
    )
    rebuilt = changed(stage("cot_rebuild")(make_message(xml.encode()))).message
    detail = cot_model.read(rebuilt.payload)["detail"]
    assert detail == [["link", {"line": "<?xml version='1.0'?><event>&amp;</event>"}, ""]]
    built = changed(stage("cot_build")(rebuilt)).message
    assert changed(stage("cot_rebuild")(built)).message.payload == rebuilt.payload
    assert built.payload.count(b"<?xml") == 1


def test_the_schema_must_be_one_that_the_whitelist_can_read() -> None:
    empty = b'<xs:complexType name="empty">'
    schema = SCHEMA["cot-event.xsd"].replace(empty, empty + b"<xs:anyAttribute/>")
    found = catalog.load("cot_rebuild")
    with pytest.raises(Exception, match="anyAttribute"):
        found.make(found.parameters.model_validate({}), {"cot-event.xsd": schema})


LEGAL = st.text(
    st.sampled_from("ab \t\n\r&<>\"'é漢😀\u00a0\u2028]-%;#")
    | st.characters(min_codepoint=0x20, max_codepoint=0x7E),
    max_size=12,
)


@settings(deadline=None, derandomize=True, database=None, max_examples=300)
@given(text=LEGAL, value=LEGAL)
def test_any_text_crosses_unchanged(text: str, value: str, make_message: MakeMessage) -> None:
    detail: CborValue = [["remarks", {"keywords": value}, text], ["archive", {}, ""]]
    model: CotModel = {**GOOD, "detail": detail}
    built = changed(stage("cot_build")(make_message(encode(model)))).message
    stage("xml_recognise")(built)
    assert cot_model.read(changed(stage("cot_rebuild")(built)).message.payload) == model


@pytest.mark.parametrize("engine", ["compiled", "xmlschema"])
def test_both_engines_of_the_destination_judge_a_built_event(
    engine: str, make_message: MakeMessage
) -> None:
    run = stage("cot_schema_twin", engine=engine)
    event = VECTORS["good"][1]["built"]
    assert isinstance(run(make_message(event.encode())), Pass)
    wrong = event.replace('lat="-52.5"', 'lat="-92.5"')
    assert refused(run(make_message(wrong.encode()))).reason == "schema-invalid"


@pytest.mark.parametrize(
    "xml",
    ["<!DOCTYPE event><event/>", "<event><!-- --></event>", "<event><![CDATA[x]]></event>",
     "<event><?p?></event>", "<event>&x;</event>", "<event>", "", "<event/><event/>"],
)  # fmt: skip
def test_the_destination_parses_no_declarations(xml: str, make_message: MakeMessage) -> None:
    with pytest.raises(Malformed):
        stage("cot_schema_twin")(make_message(xml.encode()))


def test_the_note_of_what_was_dropped_is_bounded_and_a_doctype_never_gets_this_far(
    make_message: MakeMessage,
) -> None:
    xml = VECTORS["good"][0]["xml"]
    many = "".join(f"<{'n' * 60}{i}/>" for i in range(40))
    run = stage("cot_rebuild", unknown="drop")
    more = xml.replace("</event>", f"<detail>{many}</detail></event>")
    answer = changed(run(make_message(more.encode())))
    assert len(answer.note) <= SENTENCE_CHARACTERS_MAX
    assert answer.note.endswith("and 32 more")
    declared = '<!DOCTYPE event [<!ENTITY a "b">]>' + xml.replace("</event>", "&a;</event>")
    with pytest.raises(Malformed) as caught:
        run(make_message(declared.encode()))
    assert caught.value.reason == "xml-doctype"
