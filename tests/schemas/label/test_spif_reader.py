"""The reader of policies: what it takes, what it refuses, and the schema beside it."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.errors import Malformed
from schemas.label.model import CategoryKind
from schemas.label.spif import Foreign, MarkingCode, Operation
from schemas.label.spif_reader import read_spif
from tests.schemas.label.policies import DOCUMENTS, NAMES, document, pair, policy, spif

CLASS = '<securityClassification name="A" lacv="1" hierarchy="1"{}>{}</securityClassification>'
TAG = (
    '<securityCategoryTagSet name="T" id="2.999.9.1.1"><securityCategoryTag tagType="restrictive">'
    '<tagCategory name="v" lacv="1">{}</tagCategory></securityCategoryTag></securityCategoryTagSet>'
)
SCHEMA = etree.XMLSchema(etree.parse(DOCUMENTS / "spif.xsd"))


def refusal(untrusted: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        read_spif(untrusted)
    assert caught.value.reason == "spif-malformed"
    return caught.value.sentence


def test_a_policy_is_read_whole() -> None:
    kestria = spif("KESTRIA")
    assert (kestria.policy.name, kestria.policy.uri) == ("KESTRIA", "urn:oid:2.999.7.1")
    secret = kestria.classifications["SECRET"]
    assert (secret.lacv, secret.hierarchy, secret.color) == ("5", 30, "red")
    assert secret.equivalents[0].policy == "urn:oid:2.999.7.2"
    top = kestria.classifications["TOP SECRET"]
    assert top.required[0].operation is Operation.ONE_OR_MORE
    assert len(top.required[0].groups) == 3
    release = kestria.tag_of("", "Releasable To")
    assert release is not None
    assert (release.kind, release.tag_set) == (CategoryKind.PERMISSIVE, "urn:oid:2.999.7.1.3")
    assert release.qualifiers[0].prefix == "REL TO "
    mapped = release.values["FRA"].equivalents[0].value
    assert mapped == Foreign("urn:oid:2.999.7.2.2", CategoryKind.PERMISSIVE, "2")
    eyes = kestria.tags["urn:oid:2.999.7.1.2", "Eyes Only"]
    assert eyes.max_values == 1
    (excluded,) = eyes.values["KESTRIA EYES ONLY"].excluded
    assert excluded == {value.key for value in release.values.values()}
    administrative = kestria.tag_of("", "Administrative")
    assert administrative is not None
    exercise = administrative.values["EXERCISE"]
    assert (exercise.from_ms, exercise.to_ms) == (1_767_225_600_000, 1_924_991_999_000)
    assert exercise.equivalents[0].value is None
    assert kestria.privacy_marks == {"PERSONAL DATA", "IN CONFIDENCE"}
    assert {code for one in kestria.markings for code in one.codes} == {
        MarkingCode.PORTION, MarkingCode.REPLACE_POLICY,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("untrusted", "words"),
    [
        (b"", "not XML"),
        (b"<SPIF/>", "the root is not SPIF"),
        (policy(CLASS.format("", ""))[:-3], "not XML"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]>' + policy(CLASS.format("", "")), "a declaration"),
        (b"<?pi x?>" + policy(CLASS.format("", "")), "beside the root"),
        (policy(CLASS.format("", "<?pi x?>")), "what it may not hold"),
        (policy(CLASS.format("", "<![CDATA[x]]>")), "CDATA"),
        (policy(CLASS.format("", "&unknown;")), "not XML"),
        ("é".join(["<SPIF>", "</SPIF>"]).encode("latin-1"), "not XML in UTF-8"),
        (policy(CLASS.format("", "")).decode().encode("utf-16"), "not XML in UTF-8"),
        (policy(CLASS.format(' more="1"', "")), "an attribute it may not have"),
        (policy(CLASS.format("", "text")), "text it may not hold"),
        (policy(CLASS.format("", "<code>pageTop</code>")), "what it may not hold"),
        (policy(CLASS.format("", "<x xmlns='urn:x'/>")), "what it may not hold"),
        (policy(CLASS.format("", ""), rest="<extensions/>"), "what it may not hold"),
        (policy(""), "no classification"),
        (policy(CLASS.format("", "") * 2), "one name"),
        (policy(CLASS.format("", "") + CLASS.format("", "").replace('"A"', '"a"')
                .replace('lacv="1"', 'lacv="2"')), "one name"),
        (policy(CLASS.format("", "") + CLASS.format("", "").replace('"A"', '"B"')
                .replace('hierarchy="1"', 'hierarchy="2"')), "one lacv"),
        (policy(CLASS.format("", "") + CLASS.format("", "").replace('"A"', '"B"')
                .replace('lacv="1"', 'lacv="2"')), "one rank"),
        (policy(CLASS.format("", ""), name="x" * 129), "longer than 128"),
        (policy(CLASS.format("", ""), name="a  b"), "a blank that names do not have"),
        (policy(CLASS.format("", ""), oid="3.1"), "object identifier"),
        (policy(CLASS.format("", ""), attributes='notAfter="2026-13-01T00:00:00Z"'), "calendar"),
        (policy(CLASS.format("", ""), attributes='notAfter="2026-12-01T00:00:00"'), "no zone"),
        (policy(CLASS.format("", "")).replace(b'"2.1"', b'"1.0"'), "schema version"),
        (policy(CLASS.format("", ""), TAG.format("") * 2), "lacv"),
        (policy(CLASS.format("", ""), TAG.format("<excludedClass>B</excludedClass>")), "names a"),
        (policy(CLASS.format("", ""), TAG.format(
            '<excludedCategory tagSetRef="T" tagType="restrictive" lacv="2"/>')), "not there"),
        (policy(CLASS.format("", ""), TAG.format(
            '<excludedCategory tagSetRef="T" tagType="restrictive"/>')), "one of the two"),
        (policy(CLASS.format("", ""), TAG.format(
            '<excludedCategory tagSetRef="T" tagType="restrictive" lacv="1" all="true"/>')),
         "one of the two"),
        (policy(CLASS.format("", ""), TAG.format(
            '<equivalentSecCategoryTag policyRef="Q" applied="both" action="discard"/>')),
         "not among"),
        (policy(CLASS.format("", ""), TAG.format("").replace('"restrictive"', '"enumerated"')),
         "tag type"),
        (policy(CLASS.format("", ""), TAG.format("").replace('"restrictive"', '"notApplicable"')),
         "tag type"),
        (policy(CLASS.format("", "<requiredCategory operation='some'>"
         "<categoryGroup tagSetRef='T' tagType='restrictive' lacv='1'/></requiredCategory>"),
         TAG.format("")), "not known"),
        (policy(CLASS.format("", "<requiredCategory operation='all'/>"), TAG.format("")), "group"),
        (policy(CLASS.format(' obsolete="yes"', "")), "neither true nor false"),
        (policy(CLASS.format("", "")).replace(b'hierarchy="1"', b'hierarchy="one"'), "number"),
    ],
)  # fmt: skip
def test_a_policy_is_refused(untrusted: bytes, words: str) -> None:
    assert words in refusal(untrusted)


def test_an_enum_type_may_be_left_out_where_one_value_is_meant() -> None:
    tags = "".join(
        f'<securityCategoryTag name="T{at}" tagType="enumerated" enumType="{kind}">'
        f'<tagCategory name="v{at}" lacv="{at}"/><tagCategory name="w{at}" lacv="9"/>'
        "</securityCategoryTag>"
        for at, kind in enumerate(("restrictive", "permissive"))
    )
    tag_set = f'<securityCategoryTagSet name="T" id="2.999.9.1.1">{tags}</securityCategoryTagSet>'
    need = (
        '<requiredCategory operation="all">'
        '<categoryGroup tagSetRef="T" tagType="enumerated" lacv="{}"/></requiredCategory>'
    )
    found = read_spif(policy(CLASS.format("", need.format(1)), tag_set))
    assert found.classifications["A"].required[0].groups == (
        frozenset({("urn:oid:2.999.9.1.1", "T1", "v1")}),
    )
    assert "names two values" in refusal(policy(CLASS.format("", need.format(9)), tag_set))


@pytest.mark.parametrize("name", NAMES)
def test_the_projects_policies_follow_the_schema(name: str) -> None:
    SCHEMA.assertValid(etree.fromstring(document(name)))


def test_what_the_schema_refuses_the_reader_refuses() -> None:
    """Attributes taken away, emptied, made too long or misspelt, in policies of each kind."""
    refused = 0
    for seed, name in itertools.product(range(3), (*NAMES, "")):
        root = etree.fromstring(document(name) if name else pair(seed)[2])
        for element in itertools.islice(root.iter(), seed, None, 3):
            for key, value in list(element.attrib.items()):
                for changed in (None, "", value + "?" * 260, value.upper() + "x"):
                    if changed is None:
                        del element.attrib[key]
                    else:
                        element.attrib[key] = changed
                    if not SCHEMA.validate(root):
                        refusal(etree.tostring(root))
                        refused += 1
                    element.attrib[key] = value
    assert refused > 500


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200), st.integers(0, 5000))
def test_any_bytes_are_a_policy_or_malformed(noise: bytes, at: int) -> None:
    whole = document("BEACON")
    for untrusted in (noise, whole[:at] + noise + whole[at:]):
        try:
            assert read_spif(untrusted).classifications
        except Malformed as error:
            assert error.sentence  # noqa: PT017  # both answers are right, 2026-11-26


def test_a_policy_is_bounded() -> None:
    assert "larger than" in refusal(b" " * (4 * 2**20 + 1))
    many = "".join(
        CLASS.format("", "<markingData/>" * 250).replace('"A"', f'"A{at}"') for at in range(450)
    )
    assert "elements" in refusal(policy(many))


def test_documents_are_where_the_docs_say() -> None:
    assert Path(DOCUMENTS, "spif.xsd").is_file()
    assert {path.name for path in DOCUMENTS.glob("*.spif.xml")} == {
        f"{name.lower()}.spif.xml" for name in NAMES
    }
