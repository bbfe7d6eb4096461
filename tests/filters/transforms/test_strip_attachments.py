"""Attachments are taken out of archives and documents, and what is left is whole."""

from typing import Any

import pytest

from filters import catalog
from filters.formats import archive_model, office_model
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.verdict import Changed, Pass, Refuse

META = Meta(id="7" * 32, flow="f", sender="s", name="", accepted_s=1)


def strip(model: Any, **parameters: Any) -> Any:
    stage = catalog.load("strip_attachments")
    run = stage.make(stage.parameters.model_validate(parameters), {})
    return run(Message.make(META, encode(model)))


def entry(name: str, part: str = "text", **more: Any) -> dict[str, Any]:
    return {"name": name, "part": part, "data": b"x", **more}


def archive(*entries: Any, kind: str = "zip") -> dict[str, Any]:
    return {"archive": 1, "kind": kind, "entries": list(entries)}


def test_parts_go_by_kind_and_by_ending_at_every_level() -> None:
    inner = {"name": "b.zip", "part": "zip", "archive": archive(entry("c.png", "png"))}
    model = archive(entry("a.txt"), inner, entry("d.log"))
    answer = strip(model, parts=["png"], extensions=["log"])
    assert isinstance(answer, Changed)
    assert answer.note == "2 parts stripped"
    left = archive_model.read(answer.message.payload)
    assert left == archive(entry("a.txt"), {**inner, "archive": archive()})


def test_an_archive_in_which_nothing_is_left_is_refused_or_passes() -> None:
    model = archive(entry("a.txt"))
    assert isinstance(strip(model, parts=["text"]), Refuse)
    assert isinstance(strip(model, parts=["text"], emptied="pass"), Changed)


def test_a_gzip_file_without_contents_goes_with_them() -> None:
    member = {"name": "a.gz", "part": "gzip", "archive": archive(entry("content"), kind="gzip")}
    answer = strip(archive(member, entry("b.csv", "csv")), parts=["text"])
    assert archive_model.read(answer.message.payload) == archive(entry("b.csv", "csv"))


def test_what_has_no_such_part_passes_unchanged() -> None:
    assert isinstance(strip(archive(entry("a.txt")), parts=["png"]), Pass)


def test_pictures_of_a_document_go_with_what_shows_them() -> None:
    def shown(number: int) -> Any:
        return ["w:r", {}, [["a:blip", {"r:embed": f"rId{number}"}, []]]]

    def image(media: str) -> Any:
        return {"kind": "image", "media": media, "data": b"x"}

    tree = ["w:document", {}, [["w:body", {}, [shown(1), shown(2), shown(3), "text"]]]]
    parts = [{"kind": "document", "links": [1, 2, "https://192.0.2.1/"], "tree": tree},
             image("png"), image("jpeg")]  # fmt: skip
    answer = strip({"office": 1, "kind": "docx", "parts": parts}, parts=["png"])
    left: Any = office_model.read(answer.message.payload)
    assert left["parts"][0]["links"] == [1, "https://192.0.2.1/"]
    assert left["parts"][1:] == [image("jpeg")]
    assert left["parts"][0]["tree"][2][0][2] == [["w:r", {}, []], shown(1), shown(2), "text"]


def test_pictures_of_an_opendocument_file_go_too() -> None:
    def shown(number: int) -> Any:
        return ["draw:frame", {}, [["draw:image", {"xlink:href": f"part:{number}"}, []]]]

    images = [{"kind": "image", "media": media, "data": b"x"} for media in ("gif", "png")]
    tree = ["office:document-content", {}, [shown(1), shown(2)]]
    parts = [{"kind": "content", "object": 0, "tree": tree}, *images]
    answer = strip({"office": 1, "kind": "odt", "parts": parts}, parts=["gif"])
    left: Any = office_model.read(answer.message.payload)
    assert left["parts"][0]["tree"][2] == [["draw:frame", {}, []], shown(1)]


@pytest.mark.parametrize("model", [[], {}, {"office": 1}, {"entries": [1]}, {"archive": {}}])
def test_what_is_no_model_is_malformed(model: Any) -> None:
    with pytest.raises(Malformed):
        strip(model, parts=["text"])
