"""The spool on real files: what a sender may drop is taken once, what it may not is moved away."""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guard.edge.spool import Candidate, NotYet, Refused, Spool, Taken
from schemas.errors import Broken
from schemas.reasons import Reason

BYTES_MAX = 10_000
QUIET_MS = 100


@dataclass
class Site:
    """A spool's folder, and a sender that drops into it."""

    root: Path
    drop: Path
    refused: Path
    opened: list[Spool]

    def open(self) -> Spool:
        self.opened.append(Spool(self.root, ["patrol", "base"], BYTES_MAX, QUIET_MS))
        return self.opened[-1]

    def put(self, name: str | bytes, content: bytes = b"<event/>") -> None:
        """Drop a file as a sender must: written beside, renamed in."""
        beside = os.path.join(os.fsencode(self.drop), b".beside")
        Path(os.fsdecode(beside)).write_bytes(content)
        os.rename(beside, os.path.join(os.fsencode(self.drop), os.fsencode(name)))

    def left(self) -> list[str]:
        return sorted(os.listdir(self.drop))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for sender in ("patrol", "base"):
        for top in ("drop", "refused"):
            (tmp_path / top / sender).mkdir(parents=True)
    opened: list[Spool] = []
    yield Site(tmp_path, tmp_path / "drop" / "patrol", tmp_path / "refused" / "patrol", opened)
    for spool in opened:
        spool.close()


def until(spool: Spool) -> list[Candidate]:
    """The next candidates, waiting for them."""
    while not (due := spool.candidates()):
        time.sleep(0.005)
    return due


def only(spool: Spool) -> Candidate:
    (candidate,) = until(spool)
    return candidate


def taken(spool: Spool) -> Taken:
    found = spool.take(only(spool))
    assert isinstance(found, Taken)
    return found


def nothing_more(spool: Spool) -> bool:
    """Whether nothing is there: an event that was told late leads to a name that is gone."""
    return all(isinstance(spool.take(each), NotYet) for each in spool.candidates())


def refuse(spool: Spool) -> Refused:
    """Take the only candidate, which must be refused, and move it away."""
    candidate = only(spool)
    found = spool.take(candidate)
    assert isinstance(found, Refused)
    spool.quarantine(candidate, found.id)
    assert nothing_more(spool)
    return found


def test_a_drop_is_taken_once_and_gone_when_discarded(site: Site) -> None:
    spool = site.open()
    site.put("report.xml", b"<event/>")

    found = taken(spool)

    assert (found.payload, found.escaped_name) == (b"<event/>", "report.xml")
    assert found.candidate.sender == "patrol"
    assert (found.sidecar.label, found.sidecar.precedence) == ("", 0)
    assert spool.candidates() == []
    spool.discard(found)
    assert site.left() == os.listdir(site.refused) == []
    assert spool.candidates() == []


def test_the_descriptor_becomes_readable_when_something_arrives(site: Site) -> None:
    spool = site.open()
    spool.candidates()
    assert select.select([spool], [], [], 0)[0] == []
    site.put("a")
    assert select.select([spool], [], [], 5)[0] == [spool]


def test_drops_come_in_the_order_of_their_arrival_over_all_senders(site: Site) -> None:
    spool = site.open()
    other = Site(site.root, site.root / "drop" / "base", site.refused, [])
    site.put("z")
    other.put("m")
    site.put("a")
    assert [(c.sender, c.name) for c in spool.candidates()] == [
        ("patrol", b"z"), ("base", b"m"), ("patrol", b"a"),
    ]  # fmt: skip


def make_symbolic_link(site: Site) -> None:
    (site.drop / "bad").symlink_to("/etc/passwd")


def make_hard_link(site: Site) -> None:
    (site.root / "secret").write_bytes(b"other's")
    os.link(site.root / "secret", site.drop / "bad")


def make_socket(site: Site) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(site.drop / "bad"))


def make_device(site: Site) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(site.drop / "bad", 0o020666, os.makedev(1, 3))


def make_directory(site: Site) -> None:
    made = site.root / "made"
    made.mkdir()
    (made / "inside").write_bytes(b"kept")
    made.rename(site.drop / "bad")


NO_MESSAGES: list[tuple[Callable[[Site], None], Reason]] = [
    (make_symbolic_link, Reason.SYMBOLIC_LINK),
    (make_hard_link, Reason.HARD_LINKED),
    (make_socket, Reason.NOT_A_REGULAR_FILE),
    (make_device, Reason.NOT_A_REGULAR_FILE),
    (make_directory, Reason.NOT_A_REGULAR_FILE),
    (lambda site: os.mkfifo(site.drop / "bad"), Reason.NOT_A_REGULAR_FILE),
    (lambda site: (site.drop / "bad").mkdir(), Reason.NOT_A_REGULAR_FILE),
    (lambda site: site.put("bad", b""), Reason.EMPTY),
    (lambda site: site.put("bad", b"x" * (BYTES_MAX + 1)), Reason.TOO_LARGE),
]


@pytest.mark.parametrize("at_start", [False, True], ids=["running", "at start"])
@pytest.mark.parametrize(("make", "reason"), NO_MESSAGES)
def test_what_is_no_message_is_refused_by_its_reason_and_kept(
    site: Site, make: Callable[[Site], None], reason: Reason, at_start: bool
) -> None:
    if at_start:
        make(site)
    spool = site.open()
    if not at_start:
        make(site)

    found = refuse(spool)

    assert found.reason is reason
    assert len(found.id) == 32
    assert site.left() == []
    assert os.listdir(site.refused) == [found.id]


def test_refused_bytes_are_kept_as_they_were_and_a_link_is_not_followed(site: Site) -> None:
    spool = site.open()
    make_symbolic_link(site)
    link = refuse(spool)
    assert os.readlink(site.refused / link.id) == "/etc/passwd"
    make_directory(site)
    directory = refuse(spool)
    assert (site.refused / directory.id / "inside").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (b"line\nbreak.xml", "line\\x0abreak.xml"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"not-utf8-\xff\xfe", "not-utf8-\\xff\\xfe"),
        (b"latin-\xe9", "latin-\\xe9"),
        ("turn-\u202e-gpj".encode(), "turn-\\xe2\\x80\\xae-gpj"),
        (b"delete\x7f", "delete\\x7f"),
    ],
)
def test_a_name_nobody_could_read_is_refused_and_told_in_ascii(
    site: Site, name: bytes, written: str
) -> None:
    spool = site.open()
    site.put(name)
    found = refuse(spool)
    assert found.reason is Reason.NAME_NOT_ALLOWED
    assert found.escaped_name == written


def test_other_names_are_taken_and_told_in_ascii(site: Site) -> None:
    spool = site.open()
    for name, written in (
        ("Übung 1.xml", "\\xc3\\x9cbung 1.xml"),
        ("back\\slash", "back\\x5cslash"),
        ("-rf; rm *", "-rf; rm *"),
    ):
        site.put(name)
        found = taken(spool)
        assert found.escaped_name == written
        spool.discard(found)


def test_a_name_as_long_as_names_get_is_taken_and_told_short(site: Site) -> None:
    spool = site.open()
    site.put("ü" * 127)
    found = taken(spool)
    assert len(found.escaped_name) <= 255
    assert found.escaped_name.startswith("\\xc3\\xbc")
    spool.discard(found)
    assert site.left() == []


@pytest.mark.parametrize("name", [".hidden", "a.part", "a.tmp", "a.meta.json", ".claimed"])
def test_what_is_not_yet_dropped_is_left_alone(site: Site, name: str) -> None:
    (site.drop / name).write_bytes(b"unfinished")
    spool = site.open()
    (site.drop / f"{name}").write_bytes(b"more")
    assert spool.candidates() == []
    assert site.left() == [name]


def test_a_file_written_in_place_is_left_until_it_is_closed(site: Site) -> None:
    spool = site.open()
    with open(site.drop / "slow", "wb") as file:
        file.write(b"first half, ")
        file.flush()
        assert spool.candidates() == []
        file.write(b"second half")
    found = taken(spool)
    assert found.payload == b"first half, second half"


def test_a_file_that_a_scan_found_is_left_while_it_still_changes(site: Site) -> None:
    with open(site.drop / "slow", "wb") as file:
        file.write(b"first half, ")
        file.flush()
        spool = site.open()
        assert spool.candidates() == []
        file.write(b"second half")
        file.flush()
        (candidate,) = until(spool)
        assert isinstance(spool.take(candidate), NotYet)
        (candidate,) = until(spool)
        found = spool.take(candidate)
    assert isinstance(found, Taken)
    assert found.payload == b"first half, second half"


def test_who_forgets_what_was_accepted_waits_until_all_that_was_there_is_offered(
    site: Site,
) -> None:
    """A drop that a power cut brought back is in doubt at first: it must be seen before."""
    site.put("back.cot")
    spool = site.open()
    told = [spool.all_offered]
    assert spool.candidates() == []
    told.append(spool.all_offered)
    (candidate,) = until(spool)
    told.append(spool.all_offered)
    site.put("new.cot")
    until(spool)
    told.append(spool.all_offered)
    assert told == [False, False, True, True]
    assert isinstance(spool.take(candidate), Taken)


def test_a_sender_that_takes_its_file_back_leaves_no_trace(site: Site) -> None:
    spool = site.open()
    site.put("a")
    candidate = only(spool)
    (site.drop / "a").unlink()
    assert isinstance(spool.take(candidate), NotYet)
    assert spool.candidates() == []


def test_a_name_may_be_used_again_at_any_moment_and_no_drop_is_lost(site: Site) -> None:
    spool = site.open()
    site.put("latest", b"one")
    candidate = only(spool)
    site.put("latest", b"two replaces it before it is taken")
    first = spool.take(candidate)
    assert isinstance(first, Taken)
    site.put("latest", b"three")
    spool.discard(first)
    second = taken(spool)
    spool.discard(second)
    assert spool.candidates() == []
    assert [first.payload, second.payload] == [b"two replaces it before it is taken", b"three"]
    assert site.left() == []


def test_a_taken_file_that_a_crash_left_is_offered_again_as_the_same(site: Site) -> None:
    spool = site.open()
    site.put("a", b"payload")
    (site.root / "drop" / "patrol" / "a.meta.json").write_bytes(b'{"label":"L"}')
    before = taken(spool)

    again = taken(site.open())

    assert again.identity == before.identity
    assert (again.payload, again.sidecar.label) == (b"payload", "L")


def test_a_refused_file_that_a_crash_left_is_told_under_the_same_id(site: Site) -> None:
    spool = site.open()
    site.put("a", b"")
    before = spool.take(only(spool))
    assert isinstance(before, Refused)
    after = refuse(site.open())
    assert after.id == before.id
    assert os.listdir(site.refused) == [before.id]


def test_when_the_event_queue_overflows_every_drop_is_still_taken_once(site: Site) -> None:
    spool = site.open()
    count = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) + 500
    if count > 40_000:
        pytest.skip("this host's event queue is too long to overflow in a test")
    content = site.root / "content"
    for number in range(count):
        content.write_bytes(b"x")
        os.rename(content, site.drop / f"{number}")
    names: list[bytes] = []
    while len(names) < count:
        for candidate in until(spool):
            found = spool.take(candidate)
            if isinstance(found, Taken):
                names.append(candidate.name)
                spool.discard(found)
    assert len(set(names)) == count
    assert site.left() == []
    assert nothing_more(spool)


def test_a_drop_directory_that_is_replaced_stops_ingest(site: Site) -> None:
    spool = site.open()
    assert spool.candidates() == []
    site.drop.rename(site.root / "moved")
    with pytest.raises(Broken, match="drop directory"):
        spool.candidates()


@pytest.mark.parametrize("sender", ["..", "a/b", "", ".a", "a\n", "x" * 65])
def test_a_sender_name_reaches_no_other_directory(site: Site, sender: str) -> None:
    with pytest.raises(Broken) as caught:
        Spool(site.root, [sender], BYTES_MAX)
    assert caught.value.reason is Reason.SITE_MALFORMED


def test_a_sender_without_directory_is_named(site: Site) -> None:
    with pytest.raises(Broken, match="unusable"):
        Spool(site.root, ["nobody"], BYTES_MAX)
