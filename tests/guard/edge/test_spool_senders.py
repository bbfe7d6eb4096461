"""The spool against other users' files and directories, and inside the sandbox.

As root, drops belong to users of their own and ingest runs as another; without root the tests that
need two users are skipped and say so.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.edge.sandbox import Calls, Confinement, confine, open_descriptors, self_test
from guard.edge.spool import NotYet, Refused, Spool, Taken
from schemas.reasons import Reason

SENDER, STRANGER, INGEST = 61_101, 61_102, 65_534
InChild = Callable[..., str]
Rights = Callable[..., Confinement]

two_users = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as two users")


@pytest.fixture
def spool_folder(folder: Path) -> Path:
    """A spool whose drop directory belongs to the sender and to ingest's group."""
    root = os.geteuid() == 0
    for top in ("drop", "refused", "claimed"):
        made = folder / top / "patrol"
        made.mkdir(parents=True)
        if root:
            os.chown(made, SENDER if top == "drop" else INGEST, INGEST)
        made.chmod(0o2770 if top == "drop" else 0o2750)
    return folder


def put(root: Path, name: str, content: bytes, owner: int = SENDER, mode: int = 0o644) -> None:
    path = root / "drop" / "patrol" / name
    beside = path.with_name(".beside")
    beside.write_bytes(content)
    beside.chmod(mode)
    if os.geteuid() == 0:
        os.chown(beside, owner, -1)
    beside.rename(path)


def answers(spool: Spool) -> list[str]:
    """Each candidate's answer, everything refused moved away and everything taken discarded."""
    said = []
    for candidate in spool.candidates():
        found = spool.take(candidate)
        name = candidate.name.decode()
        if isinstance(found, Taken):
            spool.discard(found)
            said.append(f"{name} {found.payload.decode()}")
        elif isinstance(found, Refused):
            spool.quarantine(candidate, found.id)
            said.append(f"{name} {found.reason}")
        else:
            assert isinstance(found, NotYet)
            said.append(f"{name} not yet")
    return said


def enter_sandbox(rights: Rights, folder: Path) -> None:
    """With the rights that ingest has."""
    calls = (Calls.READ_FILES, Calls.WRITE_FILES, Calls.INOTIFY)
    confinement = rights(*open_descriptors(), calls=calls, write=(folder,))
    confine(confinement)
    self_test(confinement)


def test_in_the_sandbox_drops_are_taken_and_anything_else_is_moved_away(
    spool_folder: Path, in_child: InChild, rights: Rights
) -> None:
    def act(kept: int) -> str:
        spool = Spool(spool_folder, ["patrol"], 1000)
        put(spool_folder, "good", b"payload")
        put(spool_folder, "good.meta.json", b'{"label":"L"}')
        put(spool_folder, "\x07bell", b"x")
        drop = spool_folder / "drop" / "patrol"
        os.mkfifo(drop / "fifo")
        (drop / "link").symlink_to("/etc/passwd")
        (drop / "directory").mkdir()
        if os.geteuid() == 0:
            os.mknod(drop / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        enter_sandbox(rights, spool_folder)
        return ", ".join(sorted(answers(spool)))

    device = " device not-a-regular-file," if os.geteuid() == 0 else ""
    assert in_child(act) == (
        f"\x07bell name-not-allowed,{device} directory not-a-regular-file,"
        " fifo not-a-regular-file, good payload, link symbolic-link"
    )
    left = os.listdir(spool_folder / "drop" / "patrol")
    assert all(name.startswith(".refused-") for name in left)
    assert os.listdir(spool_folder / "claimed" / "patrol") == []


@two_users
def test_files_of_others_and_files_that_may_not_be_read_are_refused(
    spool_folder: Path, in_child: InChild, rights: Rights
) -> None:
    def act(kept: int) -> str:
        spool = Spool(spool_folder, ["patrol"], 1000)
        put(spool_folder, "a", b"the sender's")
        put(spool_folder, "b", b"root's", owner=0)
        put(spool_folder, "c", b"a stranger's", owner=STRANGER)
        put(spool_folder, "d", b"closed", mode=0o600)
        enter_sandbox(rights, spool_folder)
        return ", ".join(answers(spool))

    assert in_child(act) == "a the sender's, b root's, c not-the-senders, d not-readable"
    assert len(os.listdir(spool_folder / "refused" / "patrol")) == 2


@two_users
def test_a_directory_of_the_sender_is_hidden_where_it_is_and_told_once(
    spool_folder: Path, in_child: InChild, rights: Rights
) -> None:
    def act(kept: int) -> str:
        spool = Spool(spool_folder, ["patrol"], 1000)
        made = spool_folder / "drop" / "patrol" / "directory"
        made.mkdir(mode=0o755)
        os.chown(made, SENDER, SENDER)
        enter_sandbox(rights, spool_folder)
        return f"{answers(spool)} {answers(spool)}"

    assert in_child(act) == "['directory not-a-regular-file'] []"
    (left,) = os.listdir(spool_folder / "drop" / "patrol")
    assert left.startswith(".refused-")


@two_users
@pytest.mark.parametrize("mode", [0o500, 0o700, 0o750, 0o740])
def test_a_sender_that_closes_its_directory_hurts_only_itself(
    spool_folder: Path, in_child: InChild, rights: Rights, mode: int
) -> None:
    for top in ("drop", "refused", "claimed"):
        made = spool_folder / top / "base"
        made.mkdir()
        os.chown(made, INGEST, INGEST)

    def act(kept: int) -> str:
        put(spool_folder, "before", b"payload")
        spool = Spool(spool_folder, ["patrol", "base"], 1000, quiet_ms=10)
        put(spool_folder, "a", b"payload")
        (spool_folder / "drop" / "patrol" / "link").symlink_to("/etc/passwd")
        (spool_folder / "drop" / "patrol").chmod(mode)
        enter_sandbox(rights, spool_folder)
        first = answers(spool)
        descriptor = os.open(
            spool_folder / "drop" / "base" / "b", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640
        )
        os.write(descriptor, b"payload")
        os.close(descriptor)
        second = answers(spool)
        return f"{'a not yet' in first} {'b payload' in second}"

    assert in_child(act) == "True True"
    assert sorted(os.listdir(spool_folder / "drop" / "patrol")) == ["a", "before", "link"]


@two_users
def test_a_directory_that_is_closed_at_start_is_served_when_it_is_opened(
    spool_folder: Path, in_child: InChild, rights: Rights
) -> None:
    drop = spool_folder / "drop" / "patrol"
    put(spool_folder, "a", b"payload")
    drop.chmod(0o700)
    reader, writer = os.pipe()
    if (other := os.fork()) == 0:
        os.close(writer)  # so that it ends with this test, however that ends
        os.setresuid(SENDER, SENDER, SENDER)
        os.read(reader, 1)
        drop.chmod(0o2777)
        os._exit(0)

    def act(kept: int) -> str:
        enter_sandbox(rights, spool_folder)
        spool = Spool(spool_folder, ["patrol"], 1000, quiet_ms=10)
        first = answers(spool)
        os.write(writer, b"x")
        while not (said := answers(spool)):
            pass
        return f"{first} {said}"

    assert in_child(act) == "[] ['a payload']"
    os.waitpid(other, 0)
    os.close(reader)
    os.close(writer)


@two_users
def test_a_directory_that_its_sender_opens_again_is_served_again(
    spool_folder: Path, in_child: InChild, rights: Rights
) -> None:
    drop = spool_folder / "drop" / "patrol"
    reader, writer = os.pipe()
    if (other := os.fork()) == 0:
        os.close(writer)  # so that it ends with this test, however that ends
        os.setresuid(SENDER, SENDER, SENDER)
        os.read(reader, 1)
        drop.chmod(0o2777)
        os._exit(0)

    def act(kept: int) -> str:
        put(spool_folder, "before", b"payload")
        spool = Spool(spool_folder, ["patrol"], 1000, quiet_ms=10)
        put(spool_folder, "a", b"payload")
        drop.chmod(0o700)
        enter_sandbox(rights, spool_folder)
        said = [answers(spool)]
        os.write(writer, b"x")
        while not {"a payload", "before payload"} <= {one for each in said for one in each}:
            said.append(answers(spool))
        return str(said[0])

    assert in_child(act) == "['a not yet']"
    os.waitpid(other, 0)
    os.close(reader)
    os.close(writer)
    assert os.listdir(drop) == []


def test_a_file_that_changes_while_it_is_copied_is_refused_or_taken_whole(
    spool_folder: Path,
) -> None:
    size = 4_000_000
    spool = Spool(spool_folder, ["patrol"], size)
    seen = set()
    for _ in range(20):
        put(spool_folder, "a", b"a" * size)
        writer = os.open(spool_folder / "drop" / "patrol" / "a", os.O_RDWR)
        child = os.fork()
        if child == 0:
            for at in range(0, size, 4096):
                os.pwrite(writer, b"b", at)
            os._exit(0)
        (candidate,) = spool.candidates()
        found = spool.take(candidate)
        os.waitpid(child, 0)
        os.close(writer)
        if isinstance(found, Taken):
            assert len(found.payload) == size
            spool.discard(found)
        else:
            assert isinstance(found, Refused)
            assert found.reason is Reason.CHANGED_WHILE_READ
            seen.add(found.reason)
            spool.quarantine(candidate, found.id)
        spool.candidates()
    spool.close()
    assert seen == {Reason.CHANGED_WHILE_READ}
