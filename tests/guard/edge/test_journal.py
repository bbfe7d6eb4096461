import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from guard.edge.journal import JournalReader, JournalWriter, Position
from guard.edge.journal_recovery import make_segment
from schemas.errors import Broken, Malformed

SMALL_SEGMENT_BYTES = 300


def put(writer: JournalWriter, *payloads: bytes) -> list[Position]:
    positions = [writer.append(payload) for payload in payloads]
    writer.sync()
    writer.mark(writer.next_number)
    return positions


def taken(reader: JournalReader) -> list[bytes]:
    payloads: list[bytes] = []
    while more := reader.take(7):
        payloads += [payload for _, payload in more]
    return payloads


def readable(reader: JournalReader, wait_ms: int = 0) -> bool:
    poller = select.poll()
    poller.register(reader.fileno(), select.POLLIN)
    return bool(poller.poll(wait_ms))


def test_what_is_marked_is_read_once_in_order_over_many_segments(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, SMALL_SEGMENT_BYTES)
    reader = JournalReader(tmp_path, 0)
    payloads = [b"%d" % number * (number + 1) for number in range(60)]
    put(writer, *payloads[:20])
    first = taken(reader)
    put(writer, *payloads[20:])
    assert first + taken(reader) == payloads
    assert taken(reader) == []
    assert len(list(tmp_path.glob("*.journal"))) > 3


def test_nothing_is_read_beyond_the_mark(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    reader = JournalReader(tmp_path, 0)
    for payload in (b"one", b"two", b"three"):
        writer.append(payload)
    writer.sync()
    writer.mark(2)
    assert reader.take(100) == [(0, b"one"), (1, b"two")]
    assert reader.take(100) == []
    writer.mark(3)
    assert reader.take(100) == [(2, b"three")]


def test_the_mark_never_passes_what_is_synced_and_never_goes_back(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    put(writer, b"one")
    writer.append(b"two")
    with pytest.raises(Broken):
        writer.mark(2)
    with pytest.raises(Broken):
        writer.mark(0)


def test_a_reader_is_woken_by_the_mark_alone(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    reader = JournalReader(tmp_path, 0)
    writer.append(b"one")
    writer.sync()
    assert not readable(reader)
    writer.mark(1)
    assert readable(reader)
    assert taken(reader) == [b"one"]
    assert not readable(reader)


def test_a_reader_may_be_there_before_the_writer(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path, 0)
    assert reader.take(1) == []
    writer = JournalWriter.open(tmp_path)
    put(writer, b"one")
    assert readable(reader)
    assert taken(reader) == [b"one"]
    put(writer, b"two")
    assert readable(reader)
    assert taken(reader) == [b"two"]


def test_records_are_read_by_position_marked_or_not(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, SMALL_SEGMENT_BYTES)
    reader = JournalReader(tmp_path, 0)
    payloads = [b"%d" % number * 50 for number in range(40)]
    positions = put(writer, *payloads)
    assert [reader.read(position) for position in reversed(positions)] == payloads[::-1]
    unmarked = writer.append((b"in ", b"two ", b"parts"))
    writer.sync()
    assert reader.read(unmarked) == b"in two parts"
    writer.mark(41)
    while records := reader.take(3):
        for number, payload in records:
            assert reader.read(reader.position(number)) == payload


def test_a_wrong_position_is_malformed(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    (position, *_) = put(writer, b"one", b"two")
    reader = JournalReader(tmp_path, 0)
    for wrong in (
        position._replace(offset=position.offset + 1),
        position._replace(offset=2**40),
        position._replace(length=2),
        position._replace(length=2**40),
        position._replace(segment=7),
    ):
        with pytest.raises(Malformed):
            reader.read(wrong)


@pytest.mark.parametrize("planted", [False, True])
def test_a_reader_stops_at_damage_below_the_mark_and_skips_nothing(
    tmp_path: Path, planted: bool
) -> None:
    writer = JournalWriter.open(tmp_path)
    positions = put(writer, *[b"%d" % number * 30 for number in range(10)])
    reader = JournalReader(tmp_path, 0)
    assert [number for number, _ in reader.take(4)] == [0, 1, 2, 3]
    segment = max(tmp_path.glob("*.journal"))
    content = bytearray(segment.read_bytes())
    content[positions[6].offset + 40] ^= 4
    segment.write_bytes(content)
    if planted:  # a segment that would go on where the damage is
        make_segment(tmp_path, 6)
    assert [number for number, _ in reader.take(10)] == [4, 5]
    for _ in range(2):
        with pytest.raises(Malformed):
            reader.take(10)
    with pytest.raises(Malformed):
        reader.read(positions[6])


def test_a_reader_starts_anywhere_and_at_the_oldest_kept(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, SMALL_SEGMENT_BYTES)
    payloads = [b"%03d" % number * 10 for number in range(50)]
    put(writer, *payloads)
    for start in range(50):
        assert taken(JournalReader(tmp_path, start)) == payloads[start:]
    ahead = JournalReader(tmp_path, 51)
    assert ahead.take(1) == []
    put(writer, b"no. 50", b"no. 51")
    assert ahead.take(1) == [(51, b"no. 51")]
    assert writer.segments_below(30) > 0
    writer.drop_below(30)
    assert writer.segments_below(30) == 0
    oldest = JournalReader(tmp_path, 0)
    (number, _), *_ = oldest.take(1)
    assert 0 < number <= 30
    with pytest.raises(Malformed):
        JournalReader(tmp_path, 1).take(1)


def test_numbers_go_on_after_everything_was_dropped_and_the_writer_restarted(
    tmp_path: Path,
) -> None:
    writer = JournalWriter.open(tmp_path, SMALL_SEGMENT_BYTES)
    put(writer, *[b"x" * 100] * 10)
    writer.drop_below(10)
    writer.close()
    writer = JournalWriter.open(tmp_path, SMALL_SEGMENT_BYTES)
    assert writer.append(b"y").number == 10


def test_a_reader_from_the_start_waits_where_all_was_dropped(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    put(writer, b"x", b"y")
    writer.close()
    make_segment(tmp_path, 2)  # a power cut came before its first record
    writer = JournalWriter.open(tmp_path)
    writer.drop_below(2)
    reader = JournalReader(tmp_path, 0)
    assert reader.take(7) == reader.take(7) == []
    put(writer, b"z")
    assert reader.take(7) == [(2, b"z")]


def test_a_record_larger_than_a_segment_has_one_of_its_own(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, SMALL_SEGMENT_BYTES)
    large = os.urandom(200_000)
    put(writer, b"before", large, b"after")
    assert taken(JournalReader(tmp_path, 0)) == [b"before", large, b"after"]


def test_an_empty_record_or_one_out_of_bounds_is_our_own_mistake(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    for payload in (b"", (b"", b""), bytes(64 * 1024 * 1024 + 1)):
        with pytest.raises(Broken):
            writer.append(payload)


def test_one_journal_has_one_writer(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    with pytest.raises(Broken, match="another process"):
        JournalWriter.open(tmp_path)
    writer.close()
    JournalWriter.open(tmp_path).close()


def test_a_full_disk_stops_the_writer_and_loses_nothing_synced(tmp_path: Path) -> None:
    """The disk is a file size limit, in a process of its own."""
    code = f"""
import resource, signal
from pathlib import Path
from guard.edge.journal import JournalWriter
from schemas.errors import Broken
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = JournalWriter.open(Path({str(tmp_path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    while True:
        writer.append(b"x" * 1000)
        writer.sync()
        writer.mark(writer.next_number)
except Broken:
    pass
for again in (lambda: writer.sync(), lambda: writer.append(b"x") and writer.sync()):
    try:
        again()
    except Broken:
        print("stopped at", writer.synced_number)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["stopped at 4"] * 2
    writer = JournalWriter.open(tmp_path)
    assert writer.next_number == 4
    assert taken(JournalReader(tmp_path, 0)) == [b"x" * 1000] * 4


READER = """
import select, sys
from pathlib import Path
from guard.edge.journal_reader import JournalReader
reader = JournalReader(Path(sys.argv[1]), 0)
poller = select.poll()
poller.register(reader.fileno(), select.POLLIN)
print("ready", flush=True)
count, expected = 0, int(sys.argv[2])
while count < expected:
    if not poller.poll(10_000):
        sys.exit("nobody woke the reader")
    while records := reader.take(50):
        for number, payload in records:
            assert number == count and payload == b"%d" % number * 20
            count += 1
print(count)
"""


def test_a_reader_in_another_process_keeps_up_with_the_writer(tmp_path: Path) -> None:
    count = 3000
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path), str(count)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    writer = JournalWriter.open(tmp_path, 20_000)
    for number in range(count):
        writer.append(b"%d" % number * 20)
        if number % 10 == 9:
            writer.sync()
            writer.mark(number + 1)
    out, _ = reader.communicate(timeout=30)
    assert (reader.returncode, out) == (0, f"{count}\n")
