"""Word, label, route and redaction checks, and the two sides' own code for them in agreement."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats.cot_model import CotModel
from filters.formats.model_paths import ModelPath
from schemas.cbor import CborValue, decode, encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Run
from schemas.verdict import Answer, Hold, Refuse
from tests.filters.conftest import MakeMessage, changed, refused

WORDS = "# a comment\n\nBlackbird Seven\nNOFORN\ncafé\n  # another\neyes-only\n".encode()
MODEL: CotModel = {"cot": 1, "event": {}, "point": {}, "detail": []}


Search = Callable[[str], tuple[Answer, Answer]]


def stage(name: str, documents: Documents | None = None, /, **parameters: object) -> Run:
    found = catalog.load(name)
    return found.make(found.parameters.model_validate(parameters), documents or {})


@pytest.fixture(scope="module")
def searches(make_message: MakeMessage) -> Search:
    """Both sides' word searches of one text, as answers."""
    own = stage("words", {"words.txt": WORDS})
    twin = stage("words_twin", {"words.txt": WORDS}, form="xml")
    build = stage("cot_build")

    def search(text: str) -> tuple[Answer, Answer]:
        message = make_message(encode({**MODEL, "detail": [["remarks", {}, text]]}))
        return own(message), twin(changed(build(message)).message)

    return search


FOUND = [
    ("blackbird seven", 1), ("BLACKBIRD  SEVEN!", 1), ("Blackbird-seven", 1),
    ("blackbird_seven", 1),
    ("xx noforn", 2), ("NoForn.", 2), ("no\u200bforn", 2), ("no\u00adforn", 2), ("nоfоrn", 2),
    ("ＮＯＦＯＲＮ", 2), ("n\u0301oforn", 2), ("CAFE", 3), ("café", 3), ("cafe\u0301", 3),
    ("eyes only", 4), ("eyes\nonly", 4), ("no%66orn", 2), ("no&#102;orn", 2),
    ("no&amp;#102;orn", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "entry"), FOUND, ids=[ascii(t) for t, _ in FOUND])
def test_a_listed_word_is_found_by_its_number_on_both_sides(
    text: str, entry: int, searches: Search
) -> None:
    for answer in searches(text):
        assert answer == Refuse(Reason.DIRTY_WORD, f"entry {entry} of words.txt was found")


@pytest.mark.parametrize("text", ["", "blackbird", "seven blackbird", "noforns", "eyesonly", "caf"])
def test_other_words_are_not(text: str, searches: Search) -> None:
    assert not any(isinstance(answer, Refuse) for answer in searches(text))


def test_words_do_not_join_across_fields(make_message: MakeMessage) -> None:
    detail: CborValue = [["remarks", {}, "blackbird"], ["remarks", {}, "seven"]]
    message = make_message(encode({**MODEL, "detail": detail}))
    assert not isinstance(stage("words", {"words.txt": WORDS})(message), Refuse)
    built = changed(stage("cot_build")(message)).message
    assert not isinstance(stage("words_twin", {"words.txt": WORDS}, form="xml")(built), Refuse)


def test_names_are_searched_too_and_a_find_can_hold(make_message: MakeMessage) -> None:
    message = make_message(encode({"data": [{"noforn": 1}]}))
    answer = stage("words", {"words.txt": WORDS}, found="hold")(message)
    assert isinstance(answer, Hold)
    assert answer.reason == "dirty-word"
    json = make_message(b'{"data": [{"noforn": 1}]}')
    twin = stage("words_twin", {"words.txt": WORDS}, form="json", found="hold")(json)
    assert twin == answer


PIECES = st.lists(
    st.sampled_from(
        ["black", "bird", "seven", " ", "-", "NO", "forn", "о", "\u200b", "e\u0301", "é", "caf",
         "eyes", "only", "_", "&#102;", "%20", "7", "\n", "ｓ", "ς", "ß", "İ"]
    ),
    max_size=8,
)  # fmt: skip


@settings(deadline=None, derandomize=True, database=None, max_examples=500)
@given(pieces=PIECES)
def test_both_sides_find_the_same(pieces: list[str], searches: Search) -> None:
    own, twin = searches("".join(pieces))
    assert own == twin


CLEARANCE = {
    "classifications": ["UNCLASSIFIED", "NATO RESTRICTED", "NATO SECRET"],
    "ceiling": "NATO RESTRICTED",
    "categories": ["ATOMAL"],
    "audience": ["FRA", "GBR"],
}
LABELS = [
    ("UNCLASSIFIED", ""), ("unclassified", ""), ("NATO  RESTRICTED", ""),
    ("NATO RESTRICTED//REL TO FRA, GBR", ""), ("NATO RESTRICTED//ATOMAL//REL TO GBR,USA,FRA", ""),
    ("", "label-missing"), ("NATO SECRET", "label-above-ceiling"), ("SECRET", "label-unknown"),
    ("UNCLASSIFIED//REL TO FRA", "label-not-releasable"),
    ("UNCLASSIFIED//BOHEMIA", "label-not-releasable"),
    ("UNCLASSIFIED//", "label-unknown"), ("//REL TO FRA", "label-unknown"), ("/", "label-unknown"),
    ("UNCLASSIFIED//REL TO", "label-unknown"), ("UNCLASSIFIED//REL TO FRA,,GBR", "label-unknown"),
    ("UNCLASSIFIED//REL TO FRA, GBR//REL TO FRA, GBR", "label-unknown"),
    ("ÜNCLASSIFIED", "label-unknown"),
    ("UNCLASSIFIED; DROP", "label-unknown"), ("UNCLASSIFIED//A,B", "label-unknown"),
]  # fmt: skip


def verdict(run: Run, message: Message) -> str:
    try:
        answer = run(message)
    except Malformed as error:
        return error.reason
    return answer.reason if isinstance(answer, Refuse) else ""


@pytest.mark.parametrize(("label", "reason"), LABELS, ids=[ascii(label) for label, _ in LABELS])
def test_a_label_is_judged_alike_on_both_sides(
    label: str, reason: str, make_message: MakeMessage
) -> None:
    message = make_message(b"", label)
    assert verdict(stage("label", **CLEARANCE), message) == reason
    assert verdict(stage("label_twin", **CLEARANCE), message) == reason


PARTS = st.sampled_from(["UNCLASSIFIED", "NATO SECRET", "//", "/", "REL TO", "FRA", "GBR", ",", " ",
                         "ATOMAL", "-", "REL", "\u00a0", "ı", "\n"])  # fmt: skip


@settings(deadline=None, derandomize=True, database=None, max_examples=800)
@given(parts=st.lists(PARTS, max_size=9))
def test_any_label_is_judged_alike_on_both_sides(
    parts: list[str], make_message: MakeMessage
) -> None:
    message = make_message(b"", "".join(parts))
    own = verdict(stage("label", **CLEARANCE), message)
    assert (own == "") == (verdict(stage("label_twin", **CLEARANCE), message) == "")


def test_the_label_in_the_payload_must_say_the_same(make_message: MakeMessage) -> None:
    own = stage("label", **CLEARANCE, path="@access")
    twin = stage("label_twin", **CLEARANCE, attribute="access")
    for written, reason in (
        ("UNCLASSIFIED", ""),
        ("NATO RESTRICTED", "label-unknown"),
        (None, "label-unknown"),
    ):
        model: CotModel = {**MODEL, "event": {} if written is None else {"access": written}}
        message = make_message(encode(model), "UNCLASSIFIED")
        assert verdict(own, message) == reason
        assert verdict(twin, changed(stage("cot_build")(message)).message) == reason


def test_relabel_writes_metadata_and_model_and_refuses_contradiction(
    make_message: MakeMessage,
) -> None:
    run = stage(
        "relabel", path="@access", default="U", labels={"u": "UNCLASSIFIED", "R": "NATO RESTRICTED"}
    )
    for label, written, wanted in (
        ("", None, "UNCLASSIFIED"), ("R", None, "NATO RESTRICTED"), ("", "R", "NATO RESTRICTED"),
        ("U", "u", "UNCLASSIFIED"), ("U", "R", None), ("X", None, None), ("", "X", None),
    ):  # fmt: skip
        model: CotModel = {**MODEL, "event": {} if written is None else {"access": written}}
        answer = run(make_message(encode(model), label))
        if wanted is None:
            assert refused(answer).reason == "label-no-mapping"
        else:
            relabelled = changed(answer).message
            assert relabelled.meta.label == wanted
            assert decode(relabelled.payload) == {**MODEL, "event": {"access": wanted}}
    unlabelled = stage("relabel", labels={"A": "B"})(make_message(b""))
    assert refused(unlabelled).reason == "label-missing"


def test_redact_drops_what_is_listed_and_nothing_else(make_message: MakeMessage) -> None:
    model: CotModel = {
        "cot": 1,
        "event": {"qos": "1", "uid": "a"},
        "point": {"lat": "0"},
        "detail": [
            ["contact", {"callsign": "A", "phone": "1"}, ""],
            ["shape", {}, [["link", {}, [["Style", {}, ""]]]]],
            ["remarks", {}, "x"],
            ["remarks", {}, "y"],
        ],
    }
    paths = ["contact/@phone", "remarks", "@qos", "shape/link/Style", "nothing/here", "point/@lat"]
    answer = changed(stage("redact", paths=paths)(make_message(encode(model))))
    assert decode(answer.message.payload) == {
        "cot": 1,
        "event": {"uid": "a"},
        "point": {},
        "detail": [["contact", {"callsign": "A"}, ""], ["shape", {}, [["link", {}, ""]]]],
    }
    assert "nothing/here" not in answer.note


def test_a_path_into_another_model_goes_through_maps_and_lists() -> None:
    model = {"data": [{"who": {"phone": "1", "name": "n"}}, {"who": "x"}]}
    path = ModelPath.parse("data/who/phone")
    assert path.read(model) == "1"
    assert path.drop(model) == 1
    assert model == {"data": [{"who": {"name": "n"}}, {"who": "x"}]}


@pytest.mark.parametrize("text", ["", "/", "a/", "a//b", "@a/b", "a/@", "a b", "a/" * 20 + "b"])
def test_what_is_no_path_is_a_mistake_in_the_policy(text: str) -> None:
    with pytest.raises(Exception, match="no path"):
        ModelPath.parse(text)


def test_routes_by_metadata_and_field_on_both_sides(make_message: MakeMessage) -> None:
    event = make_message(encode({**MODEL, "event": {"type": "b-t-f"}}), "UNCLASSIFIED")
    own = [
        {"queues": ["no"], "sender": "bravo"},
        {"queues": ["chat", "log"], "field": "@type", "value": "b-t-*", "label": "UNCL*"},
        {"queues": ["rest"]},
    ]
    twin = [
        {"queues": ["no"], "when": {"sender": "bravo"}},
        {"queues": ["chat", "log"], "when": {"@type": "b-t-*", "label": "UNCL*"}},
        {"queues": ["rest"]},
    ]
    built = changed(stage("cot_build")(event)).message
    for run, message in (
        (stage("route", rules=own), event),
        (stage("route_twin", rules=twin), built),
    ):
        routed = changed(run(message)).message
        assert routed.meta.queues == "chat,log"
        assert routed.payload == message.payload
    none = stage("route", rules=own[:2])(make_message(event.payload, "X"))
    assert refused(none).reason == "no-route"
    assert refused(stage("route_twin", rules=twin[:1])(built)).reason == "no-route"
    with pytest.raises(ValueError, match="no message has"):
        stage("route_twin", rules=[{"queues": ["a"], "when": {"colour": "red"}}])
