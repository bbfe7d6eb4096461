"""Sidecars on real files: parsed strictly, refused with their drop, moved with it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.edge.spool import Refused, Spool, Taken
from guard.edge.spool_sidecar import SIDECAR_BYTES_MAX, read_sidecar
from schemas.errors import Malformed
from schemas.reasons import Reason


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for top in ("drop", "refused"):
        (tmp_path / top / "patrol").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def spool(root: Path) -> Iterator[Spool]:
    opened = Spool(root, ["patrol"], 1000)
    yield opened
    opened.close()


def put(root: Path, name: str, content: bytes) -> None:
    beside = root / "drop" / "patrol" / ".beside"
    beside.write_bytes(content)
    beside.rename(root / "drop" / "patrol" / name)


def take(spool: Spool) -> Taken | Refused:
    (candidate,) = spool.candidates()
    found = spool.take(candidate)
    assert isinstance(found, Taken | Refused)
    return found


def test_a_sidecar_is_read_with_its_drop_and_removed_with_it(root: Path, spool: Spool) -> None:
    claim = b'{"label":"NATO UNCLASSIFIED","precedence":"FLASH OVERRIDE","destination":"ward"}'
    put(root, "a.xml.meta.json", claim)
    put(root, "a.xml", b"<event/>")

    found = take(spool)

    assert isinstance(found, Taken)
    sidecar = found.sidecar
    assert (sidecar.label, sidecar.precedence) == ("NATO UNCLASSIFIED", 4)
    assert (sidecar.type, sidecar.destination) == ("", "ward")
    spool.discard(found)
    for top in ("drop", "claimed", "refused"):
        assert os.listdir(root / top / "patrol") == []


def test_the_next_sidecar_of_a_name_in_use_stays_for_the_next_drop(
    root: Path, spool: Spool
) -> None:
    for number in (1, 2):
        put(root, "a.meta.json", b'{"precedence":%d}' % number)
        put(root, "a", b"%d" % number)
        if number == 1:
            first = take(spool)
    assert isinstance(first, Taken)
    spool.discard(first)
    second = take(spool)
    assert isinstance(second, Taken)
    assert [(f.payload, f.sidecar.precedence) for f in (first, second)] == [(b"1", 1), (b"2", 2)]


MALFORMED = {
    "empty": b"",
    "not JSON": b"label: x",
    "not an object": b'["label"]',
    "a key twice": b'{"label":"a","label":"b"}',
    "another key": b'{"label":"a","queue":"b"}',
    "a number for a label": b'{"label":1}',
    "precedence out of bounds": b'{"precedence":5}',
    "precedence unknown": b'{"precedence":"URGENT"}',
    "precedence a truth": b'{"precedence":true}',
    "precedence a fraction": b'{"precedence":1.0}',
    "precedence not a number": b'{"precedence":NaN}',
    "control characters": b'{"label":"a\\nb"}',
    "a lone surrogate": b'{"label":"\\ud800"}',
    "not UTF-8": b'{"label":"\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"label":"a"}',
    "two objects": b"{}{}",
    "too deep": b"[" * 4000,
    "too long a label": b'{"label":"%b"}' % (b"x" * 257),
    "a number too long": b'{"precedence":%b}' % (b"9" * 4001),
    "too large": b" " * SIDECAR_BYTES_MAX + b"{}",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_sidecar_refuses_its_drop_and_both_are_kept(
    root: Path, spool: Spool, content: bytes
) -> None:
    put(root, "a.meta.json", content)
    put(root, "a", b"payload")
    (candidate,) = spool.candidates()
    found = spool.take(candidate)
    assert isinstance(found, Refused)
    assert found.reason is Reason.SIDECAR_MALFORMED

    spool.quarantine(candidate, found.id)

    refused = root / "refused" / "patrol"
    assert (refused / found.id).read_bytes() == b"payload"
    assert (refused / f"{found.id}.meta.json").read_bytes() == content
    assert os.listdir(root / "drop" / "patrol") == os.listdir(root / "claimed" / "patrol") == []


def test_a_sidecar_that_is_no_file_refuses_its_drop_and_is_not_followed(
    root: Path, spool: Spool
) -> None:
    beside = root / "drop" / "patrol" / "a.meta.json"
    (root / "good.json").write_bytes(b"{}")
    makers: list[Callable[[], None]] = [
        lambda: os.mkfifo(beside),
        lambda: beside.symlink_to(root / "good.json"),
        lambda: os.link(root / "good.json", beside),
        beside.mkdir,
    ]
    for make in makers:
        make()
        put(root, "a", b"payload")
        (candidate,) = spool.candidates()
        found = spool.take(candidate)
        assert isinstance(found, Refused)
        assert found.reason is Reason.SIDECAR_MALFORMED
        spool.quarantine(candidate, found.id)
        assert os.listdir(root / "drop" / "patrol") == []


def test_any_bytes_are_a_sidecar_or_malformed() -> None:
    good = b'{"label":"a","precedence":"FLASH","type":"t/x","destination":"d"}'
    for at in range(len(good)):
        for byte in range(256):
            try:
                read_sidecar(good[:at] + bytes([byte]) + good[at + 1 :])
            except Malformed as error:
                assert error.reason is Reason.SIDECAR_MALFORMED  # noqa: PT017  # both are answers
