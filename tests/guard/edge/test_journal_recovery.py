import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guard.edge.journal import JournalReader, JournalWriter
from guard.edge.segments import walk
from schemas.errors import Broken, Malformed

SYNCED = [b"record %d, synced" % number for number in range(6)]
TORN = [b"record %d, never synced" % number for number in range(6, 10)]


def journal(directory: Path, *, marked: bool = True, segment_bytes_max: int = 1 << 20) -> None:
    """Six records synced in two batches."""
    writer = JournalWriter.open(directory, segment_bytes_max)
    for number, payload in enumerate(SYNCED):
        writer.append(payload)
        if number % 3 == 2:
            writer.sync()
    if marked:
        writer.mark(writer.next_number)
    writer.close()


def with_unsynced_tail(directory: Path) -> tuple[Path, int]:
    """The journal with four more records written and not synced; (segment, where they begin)."""
    journal(directory)
    segment = max(directory.glob("*.journal"))
    begin = segment.stat().st_size
    writer = JournalWriter.open(directory)
    for payload in TORN:
        writer.append(payload)
    writer.sync()  # written; what a power cut leaves of it is the tests' to decide
    writer.close()
    return segment, begin


def recovered(directory: Path) -> list[bytes]:
    """What a writer finds, after which it must be able to go on."""
    writer = JournalWriter.open(directory)
    found = [each.payload for each in walk(directory)]
    assert writer.next_number == len(found)
    writer.mark(writer.next_number)
    writer.append(b"goes on")
    writer.sync()
    writer.mark(writer.next_number)
    reader = JournalReader(directory, 0)
    read: list[bytes] = []
    while records := reader.take(3):
        read += [payload for _, payload in records]
    assert read == [*found, b"goes on"]
    reader.close()
    writer.close()
    return found


def test_a_tail_cut_at_any_byte_leaves_whole_records(tmp_path: Path) -> None:
    segment, begin = with_unsynced_tail(tmp_path / "whole")
    whole = segment.read_bytes()
    for end in range(begin, len(whole) + 1):
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "whole", copy)
        (copy / segment.name).write_bytes(whole[:end])
        found = recovered(copy)
        assert found == (SYNCED + TORN)[: len(found)]
        assert len(found) >= len(SYNCED)
        shutil.rmtree(copy)


@pytest.mark.parametrize("lost", range(4))
def test_pages_of_a_batch_may_reach_the_disk_in_any_order(tmp_path: Path, lost: int) -> None:
    segment, begin = with_unsynced_tail(tmp_path)
    content = bytearray(segment.read_bytes())
    at = content.index(TORN[lost], begin)
    content[at : at + len(TORN[lost])] = bytes(len(TORN[lost]))
    segment.write_bytes(content)
    assert recovered(tmp_path) == SYNCED + TORN[:lost]


def test_zeros_after_the_last_record_are_no_records(tmp_path: Path) -> None:
    journal(tmp_path)
    segment = max(tmp_path.glob("*.journal"))
    segment.write_bytes(segment.read_bytes() + bytes(100_000))
    assert recovered(tmp_path) == SYNCED


def test_every_flipped_bit_in_a_synced_record_is_noticed(tmp_path: Path) -> None:
    journal(tmp_path / "whole")
    segment = max((tmp_path / "whole").glob("*.journal"))
    whole = segment.read_bytes()
    for at in range(len(whole)):
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "whole", copy)
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        (copy / segment.name).write_bytes(damaged)
        with pytest.raises(Malformed):
            JournalWriter.open(copy)
        shutil.rmtree(copy)


def test_damage_before_the_last_sync_is_noticed_without_the_mark(tmp_path: Path) -> None:
    journal(tmp_path, marked=False)
    segment = max(tmp_path.glob("*.journal"))
    content = segment.read_bytes()
    segment.write_bytes(content.replace(SYNCED[1], b"x" * len(SYNCED[1])))
    (tmp_path / "mark").unlink()
    with pytest.raises(Malformed):
        JournalWriter.open(tmp_path)


def test_a_synced_record_that_is_gone_is_noticed_by_the_mark(tmp_path: Path) -> None:
    journal(tmp_path)
    segment = max(tmp_path.glob("*.journal"))
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(Malformed, match="missing"):
        JournalWriter.open(tmp_path)


def test_damage_in_a_closed_segment_a_missing_and_a_stray_one_are_noticed(tmp_path: Path) -> None:
    journal(tmp_path / "whole", segment_bytes_max=80)
    names = sorted(path.name for path in (tmp_path / "whole").glob("*.journal"))
    assert len(names) > 3
    for name in names[:-1]:
        for harm in ("cut", "grown", "gone"):
            copy = tmp_path / f"{name}-{harm}"
            shutil.copytree(tmp_path / "whole", copy)
            content = (copy / name).read_bytes()
            (copy / name).write_bytes(content[:-1] if harm == "cut" else content + b"\0")
            if harm == "gone":
                (copy / name).unlink()
            if (name, harm) != (names[0], "gone"):  # the oldest may have been dropped
                with pytest.raises(Malformed):
                    JournalWriter.open(copy)
    (tmp_path / "whole" / "stray.journal").write_bytes(b"")
    with pytest.raises(Malformed):
        JournalWriter.open(tmp_path / "whole")


def test_swapped_segments_are_noticed(tmp_path: Path) -> None:
    journal(tmp_path, segment_bytes_max=120)
    first, second, *_ = sorted(tmp_path.glob("*.journal"))
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    with pytest.raises(Malformed):
        JournalWriter.open(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 23, 24])
def test_a_segment_that_a_power_cut_left_unused_is_made_again(tmp_path: Path, size: int) -> None:
    journal(tmp_path)
    (tmp_path / f"{len(SYNCED):020d}.journal").write_bytes(bytes(size))
    assert recovered(tmp_path) == SYNCED


def test_a_payload_cannot_pass_for_a_record(tmp_path: Path) -> None:
    """A sender puts a perfect record, for a later number, into a message whose record is torn."""
    journal(tmp_path / "a")
    forged = max((tmp_path / "a").glob("*.journal")).read_bytes()
    journal(tmp_path / "b")
    segment = max((tmp_path / "b").glob("*.journal"))
    writer = JournalWriter.open(tmp_path / "b")
    writer.append(forged.replace(b"\0\0\0\0\0\0\0\5", b"\0\0\0\0\0\0\0\7"))
    writer.sync()
    writer.close()
    segment.write_bytes(segment.read_bytes()[:-1])
    assert recovered(tmp_path / "b") == SYNCED


def test_the_owner_says_what_may_be_read_before_it_goes_on(tmp_path: Path) -> None:
    journal(tmp_path, marked=False)
    writer = JournalWriter.open(tmp_path)
    reader = JournalReader(tmp_path, 0)
    assert reader.take(10) == []
    with pytest.raises(Broken, match="may be read"):
        writer.append(b"next")
    writer.cut(4)
    writer.mark(4)
    assert writer.append(b"another fourth").number == 4
    writer.sync()
    writer.mark(5)
    assert [payload for _, payload in reader.take(10)] == [*SYNCED[:4], b"another fourth"]
    with pytest.raises(Broken, match="may"):
        writer.cut(4)


def test_a_mark_that_is_not_whole_shows_nothing_until_the_owner_says(tmp_path: Path) -> None:
    journal(tmp_path)
    (tmp_path / "mark").write_bytes(bytes(12))
    reader = JournalReader(tmp_path, 0)
    assert reader.take(10) == []
    writer = JournalWriter.open(tmp_path)
    assert reader.take(10) == []
    writer.mark(6)
    assert [payload for _, payload in reader.take(10)] == SYNCED


@pytest.mark.parametrize("number", range(8))
def test_a_cut_goes_back_over_segments_and_stays_cut(tmp_path: Path, number: int) -> None:
    journal(tmp_path, marked=False, segment_bytes_max=120)
    writer = JournalWriter.open(tmp_path, 120)
    if number > len(SYNCED):
        with pytest.raises(Broken):
            writer.cut(number)
        return
    writer.cut(number)
    assert writer.next_number == number
    writer.close()
    assert recovered(tmp_path) == SYNCED[:number]


def test_a_killed_writer_leaves_what_it_said_was_synced(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from guard.edge.journal import JournalWriter
writer = JournalWriter.open(Path({str(tmp_path)!r}), 5000)
while True:
    for _ in range(10):
        writer.append(b"%d" % writer.next_number)
    writer.sync()
    writer.mark(writer.next_number)
    print(writer.synced_number, flush=True)
"""
    said = 0
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        while said < 500:
            said = int(writer.stdout.readline())
        writer.kill()
        said = max([said, *(int(line) for line in writer.stdout.read().splitlines())])
    found = recovered(tmp_path)
    assert len(found) >= said
    assert found == [b"%d" % number for number in range(len(found))]
