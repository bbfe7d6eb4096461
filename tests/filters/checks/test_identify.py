"""What a payload is: our own look and libmagic's, and the declared type, must agree."""

import pytest

from filters import catalog
from schemas.stage import Run
from schemas.verdict import Pass
from tests.filters.conftest import MakeMessage, refused


def identify(*types: str) -> Run:
    stage = catalog.load("identify")
    return stage.make(stage.parameters.model_validate({"types": list(types)}), {})


XML = identify("text/xml", "application/xml")
JSON = identify("application/json")


@pytest.mark.parametrize(
    "payload",
    [b"<event/>", b"<?xml version='1.0'?><event/>", b"\r\n <event/>", b"<!-- a --><event/>",
     b"<!DOCTYPE event><event/>", b"<event>\x00"],
)  # fmt: skip
def test_what_begins_as_xml_goes_on_to_the_recogniser(
    payload: bytes, make_message: MakeMessage
) -> None:
    assert XML(make_message(payload)) == Pass()
    assert XML(make_message(payload, media_type="text/xml")) == Pass()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "type-unknown"),
        (b"plain words", "type-unknown"),
        (b"%PDF-1.7\n", "type-unknown"),
        (b"PK\x03\x04" + bytes(30), "type-unknown"),
        (b"\x7fELF\x02\x01\x01" + bytes(50), "type-unknown"),
        (b"#!/bin/sh\n", "type-unknown"),
        (b'{"a": 1}', "type-not-allowed"),
        (b"<html><body></body></html>", "type-not-allowed"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "type-not-allowed"),
        ("<event/>".encode("utf-16"), "encoding-not-utf8"),
        ("<event/>".encode("utf-16-le"), "encoding-not-utf8"),
        ("<event/>".encode("utf-16-be"), "encoding-not-utf8"),
        (b"\xef\xbb\xbf<event/>", "encoding-not-utf8"),
        (b"+ADw-event/+AD4-", "encoding-not-utf8"),
    ],
)
def test_anything_else_is_refused_where_xml_is_wanted(
    payload: bytes, reason: str, make_message: MakeMessage
) -> None:
    assert refused(XML(make_message(payload))).reason == reason


@pytest.mark.parametrize("name", ["<html>", "<?php", "#!/bin/sh", "import os", "BEGIN:VCARD"])
def test_what_the_first_name_of_json_spells_does_not_make_it_another_type(
    name: str, make_message: MakeMessage
) -> None:
    assert JSON(make_message(f'{{"{name}": 1}}'.encode())) == Pass()
    assert JSON(make_message(f'["{name}"]'.encode())) == Pass()
    assert refused(JSON(make_message(b"{\\rtf1 x}"))).reason == "type-not-allowed"


def test_json_is_sorted_out_the_same_way(make_message: MakeMessage) -> None:
    assert JSON(make_message(b' {"a": 1}')) == Pass()
    assert JSON(make_message(b"[1]")) == Pass()
    assert refused(JSON(make_message(b"<a/>"))).reason == "type-not-allowed"


def test_a_declared_type_must_be_what_is_found(make_message: MakeMessage) -> None:
    for declared in ("application/json", "image/png", "nonsense"):
        answer = XML(make_message(b"<event/>", media_type=declared))
        assert refused(answer).reason == "type-not-allowed"


def test_a_type_nobody_knows_is_a_mistake_in_the_policy() -> None:
    with pytest.raises(KeyError):
        identify("image/png")
