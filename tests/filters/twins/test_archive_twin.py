"""What a taken-over source side could send of archives: refused by the destination's own code.

Models are written by hand. What both sides must refuse is refused by both, each by its own way.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from filters import catalog
from filters.formats import archive_model
from filters.twins.archive_read import ArchiveReadParameters, archive
from filters.twins.archive_writers import gzip_file, tar_file, zip_file
from filters.twins.container_texts import container_texts
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.verdict import Refuse

VECTORS = Path(__file__).parents[2] / "vectors" / "archive" / "model.json"
META = Meta(id="7" * 32, flow="f", sender="s", name="", accepted_s=1)
BOUNDS = ArchiveReadParameters()


def entry(name: str = "a.txt", **more: Any) -> dict[str, Any]:
    return {"name": name, "part": "text", "data": b"x", **more}


def model(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"archive": 1, "kind": "zip", "entries": list(entries), **more}


WRONG: dict[str, Any] = {
    "not a map": [],
    "other layout": model(archive=2),
    "layout that is true": model(archive=True),
    "other kind": model(kind="rar"),
    "one key more": model(more=1),
    "entries no list": model(entries={}),
    "entry no map": model([]),  # type: ignore[arg-type]  # wrong on purpose, 2026-11-26
    "entry with more": model(entry(more=1)),
    "data that is text": model(entry(data="x")),
    "data and archive": model(entry(archive=model())),
    "part no name": model(entry(part="")),
    "parent": model(entry("../a.txt")),
    "absolute": model(entry("/a.txt")),
    "drive": model(entry("c:a.txt")),
    "backslash": model(entry("..\\a.txt")),
    "double slash": model(entry("a//b.txt")),
    "empty": model(entry("")),
    "device": model(entry("nul.txt")),
    "device in superscript": model(entry("com¹.txt")),
    "device with blanks": model(entry("con  .txt")),
    "line end": model(entry("a\n.txt")),
    "right to left": model(entry("a\u202etxt.txt")),
    "zero width": model(entry("a\u200b.txt")),
    "selector of another page": model(entry("a\U000e0141.txt")),
    "grapheme joiner": model(entry("a\u034f.txt")),
    "emoji selector": model(entry("a\ufe0f.txt")),
    "joiner": model(entry("क\u200d.txt")),
    "Hangul filler": model(entry("a\u3164.txt")),
    "Braille blank": model(entry("a\u2800.txt")),
    "Khmer vowel that has no form": model(entry("a\u17b4.txt")),
    "not composed": model(entry("e\u0301.txt")),
    "full-width slash": model(entry("..／a.txt")),
    "two-dot leader": model(entry("‥/a.txt")),
    "no-break blank": model(entry("a\u00a0.txt")),
    "trailing dot": model(entry("a./b.txt")),
    "trailing blank": model(entry("a.txt ")),
    "same twice": model(entry(), entry()),
    "same by case": model(entry("A.txt"), entry("a.txt")),
    "same by form": model(entry("fi.txt"), entry("ﬁ.txt")),
    "file and folder": model(entry("a"), entry("a/b.txt")),
    "folder then file by case": model(entry("A/b.txt"), entry("a")),
    "not sorted": model(entry("b.txt"), entry("a.txt")),
    "gzip of two": model(entry("content"), entry("z"), kind="gzip"),
    "gzip with a name": model(entry("a.txt"), kind="gzip"),
    "inside": model(
        {"name": "b.zip", "part": "zip", "archive": model(entry("../a.txt"))}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_both_sides_refuse_a_wrong_model(what: str) -> None:
    crossed = encode(WRONG[what])
    with pytest.raises(Malformed):
        archive_model.read(crossed)
    with pytest.raises(Malformed):
        archive(crossed, BOUNDS)


@pytest.mark.parametrize(
    "name",
    ["हिन्दी.txt", "ไทยที่.txt", "ΰ̈.txt", "العَرَبِيَّة.txt", "한글.txt", "ភាសាខ្មែរ.txt", "ᠮᠣᠩᠭᠣᠯ.txt"],
)
def test_names_in_the_marks_of_many_scripts_pass_both_sides(name: str) -> None:
    crossed = encode(model(entry(name)))
    assert archive_model.read(crossed) == archive(crossed, BOUNDS)


def test_the_destination_keeps_bounds_of_its_own() -> None:
    many = encode(model(*[entry(f"{n:04}.txt") for n in range(1100)]))
    with pytest.raises(Malformed, match="too-many-elements"):
        archive(many, BOUNDS)
    nested = model(entry())
    for _ in range(4):
        nested = model({"name": "a.zip", "part": "zip", "archive": nested})
    with pytest.raises(Malformed, match="too-deep"):
        archive(encode(nested), BOUNDS)
    large = encode(model(entry(data=bytes(1000))))
    with pytest.raises(Malformed, match="size-out-of-bounds"):
        archive(large, ArchiveReadParameters(total_bytes_max=999))


def test_the_builder_takes_no_part_that_its_own_table_lacks() -> None:
    stage = catalog.load("archive_build")
    line = {"part": "zip", "extensions": ["zip"]}
    run = stage.make(stage.parameters.model_validate({"parts": [line]}), {})
    for wrong in (
        entry(), entry("a.zip", part="zip"), entry("a.exe", part="zip"),
        {"name": "a.exe", "part": "zip", "archive": model()},
    ):  # fmt: skip
        with pytest.raises(Malformed, match="type-not-allowed"):
            run(Message.make(META, encode(model(wrong))))


@pytest.mark.parametrize("write", [zip_file, tar_file, gzip_file])
def test_the_twin_refuses_an_archive_with_one_byte_more_or_other(write: Any) -> None:
    stage = catalog.load("archive_schema_twin")
    parameters = stage.parameters.model_validate({"kinds": ["zip", "tar", "gzip"]})
    run = stage.make(parameters, {})
    good = write([("a.txt", b"all is well\n" * 9)])
    assert not isinstance(run(Message.make(META, good)), Refuse)
    survived = []
    for at in range(len(good)):
        changed = good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :]
        try:
            answer = run(Message.make(META, changed))
        except Malformed:
            continue
        if not isinstance(answer, Refuse):
            survived.append(at)
    # TAR has no checksum of contents, gzip none of its name: another file, as whole as the first
    free = {gzip_file: range(10, 15), tar_file: range(512, 512 + 12 * 9)}.get(write, range(0))
    assert set(survived) <= set(free)


def test_the_vectors_read_and_build_as_they_say() -> None:
    for vector in json.loads(VECTORS.read_text("utf-8")):
        crossed = bytes.fromhex(vector["cbor"])
        read = archive(crossed, BOUNDS)
        assert encode(read) == crossed
        assert archive_model.read(crossed) == read
        files = [(one["name"], one["data"]) for one in read["entries"]]
        write = {"zip": zip_file, "tar": tar_file, "gzip": gzip_file}[read["kind"]]
        assert write(files).hex() == vector["file"]


@pytest.mark.parametrize("write", [zip_file, tar_file])
def test_names_in_archives_of_every_kind_inside_one_another_are_searched(write: Any) -> None:
    inside = write([("deep.txt", b"x"), ("none.txt", b"PK and ustar")])
    named = write([("a", gzip_file([("b", inside)]))])
    assert {"a", "deep.txt", "none.txt"} <= set(container_texts(named))
