"""The signature beside a drop: it comes with it and goes with it, and nobody looks inside here."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.edge.spool import Refused, Spool, Taken
from schemas.reasons import Reason
from tests.guard.edge.test_spool import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for sender in ("patrol", "base"):
        for top in ("drop", "refused"):
            (tmp_path / top / sender).mkdir(parents=True)
    opened: list[Spool] = []
    yield Site(tmp_path, tmp_path / "drop" / "patrol", tmp_path / "refused" / "patrol", opened)
    for spool in opened:
        spool.close()


def test_a_signature_beside_a_drop_comes_with_it_and_goes_with_it(site: Site) -> None:
    spool = site.open()
    site.put("one.xml.p7s", b"\x30\x00 nobody looks inside")
    site.put("one.xml.meta.json", b'{"label":"X"}')
    site.put("one.xml")
    site.put("two.xml")
    one, two = taken_all(spool, 2)
    assert (one.signature, one.sidecar.label) == (b"\x30\x00 nobody looks inside", "X")
    assert two.signature == b""
    for each in (one, two):
        spool.discard(each)
    assert os.listdir(site.root / "claimed" / "patrol") == site.left() == []


def test_a_signature_alone_is_no_drop_and_one_that_is_no_file_refuses_the_drop(site: Site) -> None:
    spool = site.open()
    site.put("alone.xml.p7s", b"x")
    site.put("large.xml.p7s", bytes(6145))
    site.put("large.xml")
    os.mkdir(site.drop / "link.xml.p7s")
    site.put("link.xml")
    refused: list[str] = []
    deadline_s = time.monotonic() + 10
    while len(refused) < 2:
        assert time.monotonic() < deadline_s
        for candidate in spool.candidates():
            found = spool.take(candidate)
            assert isinstance(found, Refused)
            assert found.reason == Reason.SIGNATURE_MALFORMED
            spool.quarantine(candidate, found.id)
            refused.append(found.id)
    kept = {path.name for path in site.refused.iterdir()}
    assert kept == {*refused, *(f"{ident}.p7s" for ident in refused)}
    assert site.left() == ["alone.xml.p7s"]


def test_a_signature_left_by_a_crash_is_removed_at_the_next_start(site: Site) -> None:
    site.open().close()
    site.opened.clear()
    claimed = site.root / "claimed" / "patrol"
    for name in ("gone.xml.p7s", "here.xml.p7s", "here.xml"):
        (claimed / name).write_bytes(b"x")
    spool = site.open()
    assert sorted(os.listdir(claimed)) == ["here.xml", "here.xml.p7s"]
    (found,) = taken_all(spool, 1)
    assert found.signature == b"x"


def taken_all(spool: Spool, count: int) -> list[Taken]:
    taken: list[Taken] = []
    deadline_s = time.monotonic() + 10
    while len(taken) < count:
        assert time.monotonic() < deadline_s
        for candidate in spool.candidates():
            found = spool.take(candidate)
            if isinstance(found, Taken):
                taken.append(found)
    return taken
