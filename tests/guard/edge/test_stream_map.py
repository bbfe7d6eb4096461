"""Streams in progress on disk: the map's known answers, restarts, and a machine started again."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from guard.edge.finishing import Finisher
from guard.edge.stream_landing import Landing
from guard.link.events import Piece
from guard.link.trailer import Trailer

ANSWERS: Any = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link" / "files.json").read_text()
)
MAP = ANSWERS["map"]
BOOT = bytes.fromhex(MAP["boot"])
KNOWN = bytes.fromhex(MAP[sys.byteorder])
DATA = bytes(range(250)) * 20


def piece(first: int, end: int, *, sequence: int = 7, total: int = MAP["total"]) -> Piece:
    return Piece(sequence, first, memoryview(DATA[first:end]), MAP["precedence"], total)


def finish(done: Path, out: Path, sequence: int, replace: bool = False) -> dict[str, str | int]:
    (told,) = Finisher(done.parent, out, replace=replace).finish([sequence])
    return told


def land(folder: Path, *pieces: Piece) -> Landing:
    landing = Landing(folder, BOOT)
    for one in pieces:
        landing.land(one)
    landing.flush()
    return landing


def test_the_map_is_the_known_answer(tmp_path: Path) -> None:
    land(tmp_path, piece(0, 1000), piece(1000, 1024), piece(2048, 5000))
    assert (tmp_path / "7.map").read_bytes() == KNOWN
    part = (tmp_path / "7.part").read_bytes()
    assert part == DATA[:1024] + bytes(1024) + DATA[2048:]


def test_a_restart_finds_what_the_known_map_says(tmp_path: Path) -> None:
    (tmp_path / "7.map").write_bytes(KNOWN)
    (tmp_path / "7.part").write_bytes(DATA)
    (found,), complete, _ = Landing(tmp_path, BOOT).recover(BOOT)
    assert (found.sequence, found.precedence, found.total) == (7, MAP["precedence"], MAP["total"])
    assert [list(each) for each in found.held.ranges()] == MAP["ranges"]
    assert not complete


@pytest.mark.parametrize("cut", range(1, 32))
def test_a_map_cut_short_claims_no_more_than_its_whole_entries(tmp_path: Path, cut: int) -> None:
    (tmp_path / "7.map").write_bytes(KNOWN[:-cut])
    (tmp_path / "7.part").write_bytes(DATA)
    (found,), _, _ = Landing(tmp_path, BOOT).recover(BOOT)
    assert found.held.ranges() == (((0, 1023),) if cut <= 16 else ())


def test_after_a_restart_the_map_goes_on_behind_what_it_had(tmp_path: Path) -> None:
    land(tmp_path, piece(0, 1024))
    land(tmp_path, piece(1024, 2048), piece(4000, 5000))
    (found,), _, _ = Landing(tmp_path, BOOT).recover(BOOT)
    assert found.held.ranges() == ((0, 2047), (4000, 4999))


def test_after_a_start_of_the_machine_streams_in_progress_begin_anew(tmp_path: Path) -> None:
    land(tmp_path, piece(0, 1024))
    streams, complete, _ = Landing(tmp_path, bytes(16)).recover(BOOT)
    assert not streams
    assert not complete
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("raw", [b"", KNOWN[:31], b"CVM2" + KNOWN[4:]])
def test_what_is_no_map_is_removed_with_its_part(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "7.map").write_bytes(raw)
    (tmp_path / "7.part").write_bytes(DATA)
    assert Landing(tmp_path, BOOT).recover(BOOT) == ([], [], [])
    assert not list(tmp_path.iterdir())


def test_a_map_without_its_part_is_removed(tmp_path: Path) -> None:
    (tmp_path / "7.map").write_bytes(KNOWN)
    assert Landing(tmp_path, BOOT).recover(BOOT) == ([], [], [])
    assert not list(tmp_path.iterdir())


def test_a_complete_stream_is_known_by_its_name_and_named_from_the_known_answers(
    tmp_path: Path,
) -> None:
    stream = bytes.fromhex(ANSWERS["stream"]["bytes"])
    incoming, out = tmp_path / "incoming", tmp_path / "out"
    incoming.mkdir()
    out.mkdir()
    landing = Landing(incoming, BOOT)
    landing.land(Piece(3, 0, memoryview(stream), 0, len(stream)))
    landing.complete(3)
    assert [one.name for one in incoming.iterdir()] == ["3.done"]
    assert Landing(incoming, BOOT).recover(BOOT) == ([], [3], [])
    told = finish(incoming / "3.done", out, 3)
    assert (told["name"], told["path"]) == ("report.txt", str(out / "report.txt"))
    assert told["bytes"] == 6
    assert (out / "report.txt").read_bytes() == bytes.fromhex(ANSWERS["stream"]["content"])
    assert (out / "report.txt").stat().st_mtime == ANSWERS["trailers"][0]["time_s"]
    assert Landing(incoming, BOOT).recover(BOOT) == ([], [], [3])


def test_a_power_cut_after_the_trailer_was_cut_off_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "3.name").write_bytes(bytes.fromhex(ANSWERS["name_file"]))
    done = tmp_path / "3.done"
    done.write_bytes(bytes.fromhex(ANSWERS["stream"]["content"]))
    out = tmp_path / "out"
    out.mkdir()
    finish(done, out, 3)
    assert (out / "report.txt").read_bytes() == b"hello\n"


@pytest.mark.parametrize(
    ("sent", "landed"), [(0o777, 0o755), (0o000, 0o600), (0o466, 0o644), (0o711, 0o711)]
)
def test_the_modes_that_files_get(tmp_path: Path, sent: int, landed: int) -> None:
    done, out = tmp_path / "1.done", tmp_path / "out"
    out.mkdir()
    done.write_bytes(Trailer("x", sent, 0).write())
    finish(done, out, 1)
    assert os.stat(out / "x").st_mode & 0o7777 == landed


def test_names_that_are_taken_get_the_number_and_then_a_count(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    paths = []
    for _ in range(3):
        done = tmp_path / "9.done"
        done.write_bytes(b"x" + Trailer("x", 0o644, 0).write())
        (tmp_path / "9.name").unlink(missing_ok=True)
        paths.append(Path(str(finish(done, out, 9)["path"])).name)
    assert paths == ["x", "x.9", "x.9.2"]
    done.write_bytes(b"new" + Trailer("x", 0o644, 0).write())
    (tmp_path / "9.name").unlink()
    assert finish(done, out, 9, replace=True)["path"] == str(out / "x")
    assert (out / "x").read_bytes() == b"new"
