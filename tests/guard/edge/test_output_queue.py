"""The output queue on real files: whole messages appear, in order, also after a crash."""

import json
import os
import stat
from pathlib import Path

import pytest

from guard.edge.output_queue import OutputQueue
from schemas.errors import Broken
from schemas.reasons import Reason

FOLDERS = 8
ONE, TWO, THREE = (digit * 32 for digit in "123")
FACTS: dict[str, int | str] = {"sequence": 7, "label": "NATO UNCLASSIFIED"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("tmp", "new", "gaps"):
        (tmp_path / "queue" / name).mkdir(parents=True)
    return tmp_path / "queue"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_message_is_seen_only_when_published_and_then_whole(root: Path) -> None:
    queue = OutputQueue(root)
    queue.stage(ONE, "new", "xml", b"<event/>", FACTS)
    queue.sync()
    assert files(root / "new") == []

    queue.publish(ONE)

    assert files(root / "new") == [f"{ONE}.meta.json", f"{ONE}.xml"]
    assert (root / "new" / f"{ONE}.xml").read_bytes() == b"<event/>"
    assert json.loads((root / "new" / f"{ONE}.meta.json").read_text()) == FACTS
    assert files(root / "tmp") == []


def test_a_json_payload_and_its_metadata_have_different_names(root: Path) -> None:
    queue = OutputQueue(root)
    queue.stage(ONE, "new", "json", b'{"payload":1}', FACTS)
    queue.publish(ONE)
    assert (root / "new" / f"{ONE}.json").read_bytes() == b'{"payload":1}'
    assert json.loads((root / "new" / f"{ONE}.meta.json").read_text()) == FACTS


def test_a_message_for_two_queues_is_a_file_in_each(root: Path) -> None:
    queue = OutputQueue(root)
    for name in ("chat", "new"):
        queue.stage(ONE, name, "xml", b"<event/>", FACTS)
    queue.sync()
    queue.publish(ONE)
    for folder in (root / "chat" / "new", root / "new"):
        assert files(folder) == [f"{ONE}.meta.json", f"{ONE}.xml"]


def test_files_are_for_the_group_to_read_and_nobody_else(root: Path) -> None:
    mask = os.umask(0o027)
    try:
        queue = OutputQueue(root)
        queue.stage(ONE, "new", "xml", b"<event/>", FACTS)
        queue.publish(ONE)
    finally:
        os.umask(mask)
    for path in (root / "new").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_after_a_crash_what_was_being_delivered_is_published_and_the_rest_removed(
    root: Path,
) -> None:
    before = OutputQueue(root)
    for ident in (ONE, TWO, THREE):
        before.stage(ident, "chat", "xml", ident.encode(), FACTS)
    (root / "tmp" / "stray").write_bytes(b"half")
    # the crash came between the two renames of TWO
    os.rename(root / "tmp" / f"{TWO}.chat.meta.json", root / "chat" / "new" / f"{TWO}.meta.json")

    after = OutputQueue(root)
    recovered = after.recover({ONE, TWO, "9" * 32})
    for ident in recovered:
        after.publish(ident)

    assert recovered == [ONE, TWO]
    assert files(root / "chat" / "new") == [
        f"{ONE}.meta.json", f"{ONE}.xml", f"{TWO}.meta.json", f"{TWO}.xml",
    ]  # fmt: skip
    assert (root / "chat" / "new" / f"{TWO}.xml").read_bytes() == TWO.encode()
    assert files(root / "tmp") == []
    after.stage(THREE, "chat", "xml", b"comes again", FACTS)
    after.publish(THREE)
    assert (root / "chat" / "new" / f"{THREE}.xml").read_bytes() == b"comes again"


def test_a_crash_at_every_rename_leaves_no_payload_without_its_metadata(root: Path) -> None:
    for renames in range(5):
        queue = OutputQueue(root)
        for name in ("a", "b"):
            queue.stage(ONE, name, "xml", b"x", FACTS)
        order = [(name, suffix) for name in "ab" for suffix in ("meta.json", "xml")]
        for name, suffix in order[:renames]:
            final = root / name / "new" / f"{ONE}.{suffix}"
            os.rename(root / "tmp" / f"{ONE}.{name}.{suffix}", final)
        for folder in (root / "a" / "new", root / "b" / "new"):
            names = files(folder)
            assert f"{ONE}.xml" not in names or f"{ONE}.meta.json" in names
        after = OutputQueue(root)
        for ident in after.recover({ONE}):
            after.publish(ident)
        for folder in (root / "a" / "new", root / "b" / "new"):
            assert files(folder) == [f"{ONE}.meta.json", f"{ONE}.xml"]
            for path in folder.iterdir():
                path.unlink()


def test_a_gap_notice_is_a_file_and_a_second_one_replaces_it(root: Path) -> None:
    queue = OutputQueue(root)
    queue.notice("17-19", {"first": 17, "last": 19, "time_ms": 1})
    queue.notice("17-19", {"first": 17, "last": 19, "time_ms": 2})
    assert files(root / "gaps") == ["17-19.json"]
    assert json.loads((root / "gaps" / "17-19.json").read_text())["time_ms"] == 2


@pytest.mark.parametrize("queue", ["tmp", "gaps", "..", "a/b", "", "A", "x" * 33, ".new", "a\n"])
def test_a_queue_name_reaches_no_other_directory(root: Path, queue: str) -> None:
    with pytest.raises(Broken) as caught:
        OutputQueue(root).stage(ONE, queue, "xml", b"x", FACTS)
    assert caught.value.reason is Reason.ARGUMENT
    assert files(root) == ["gaps", "new", "tmp"]


@pytest.mark.parametrize("name", ["../new/x", "", ".hidden", "a/b", "a\n"])
def test_a_notice_name_reaches_no_other_directory(root: Path, name: str) -> None:
    with pytest.raises(Broken):
        OutputQueue(root).notice(name, {})
    assert files(root / "gaps") == []


def test_a_queue_that_cannot_be_written_says_so(root: Path) -> None:
    queue = OutputQueue(root)
    (root / "tmp").rmdir()
    with pytest.raises(Broken) as staging:
        queue.stage(ONE, "new", "xml", b"x", FACTS)
    with pytest.raises(Broken) as syncing:
        queue.sync()
    assert staging.value.reason is syncing.value.reason is Reason.DISK


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="no directory"):
        OutputQueue(tmp_path)


def test_what_was_delivered_is_not_replaced_by_another_of_its_name(root: Path) -> None:
    queue = OutputQueue(root)
    queue.stage(ONE, "new", "xml", b"<first/>", FACTS)
    for _ in ("staged", "published"):
        with pytest.raises(Broken) as caught:
            queue.stage(ONE, "new", "xml", b"<second/>", FACTS)
        assert caught.value.reason == Reason.ARGUMENT
        queue.publish(ONE)
    assert (root / "new" / f"{ONE}.xml").read_bytes() == b"<first/>"


def test_where_tmp_has_folders_messages_are_staged_among_them_and_recovered_from_each(
    root: Path,
) -> None:
    OutputQueue(root).stage(THREE, "new", "xml", b"as before", FACTS)
    for number in range(FOLDERS):
        (root / "tmp" / f"{number:02x}").mkdir()
    before = OutputQueue(root)
    idents = [f"{number:08x}{'0' * 24}" for number in range(2 * FOLDERS)]
    for ident in idents:
        before.stage(ident, "chat", "xml", ident.encode(), FACTS)
    assert all(len(files(root / "tmp" / f"{n:02x}")) == 4 for n in range(FOLDERS))

    after = OutputQueue(root)
    for ident in after.recover({THREE, *idents[:-1]}):
        after.publish(ident)

    assert len(files(root / "chat" / "new")) == 2 * (len(idents) - 1)
    assert (root / "new" / f"{THREE}.xml").read_bytes() == b"as before"
    assert files(root / "tmp") == [f"{n:02x}" for n in range(FOLDERS)]
    assert all(files(root / "tmp" / f"{n:02x}") == [] for n in range(FOLDERS))
