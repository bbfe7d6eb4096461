"""The simulated disk is at least as cruel as a real one, and never more so than it says."""

import errno
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diode_sim.chance import Chance
from diode_sim.world.disk import Disk
from diode_sim.world.inodes import SECTOR_BYTES, Inode

CUTS = range(300)


def disk(capacity_bytes: int = 1 << 20) -> Disk:
    return Disk(capacity_bytes, lambda: 0)


def make(of: Disk, name: bytes, content: bytes, *, synced: bool = True) -> Inode:
    made = of.create(of.root, name)
    of.write(made, 0, content)
    if synced:
        of.sync_content(made)
        of.sync_directory(of.root)
    return made


def after_cuts(prepare: object) -> Iterator[dict[bytes, bytes]]:
    """What many power cuts leave of what `prepare` does to an empty disk."""
    assert callable(prepare)
    for seed in CUTS:
        of = disk()
        prepare(of)
        of.power_cut(Chance(seed))
        yield {name: bytes(inode.content) for name, inode in of.root.entries.items()}


def test_what_is_synced_with_its_name_survives_every_power_cut() -> None:
    def prepare(of: Disk) -> None:
        made = make(of, b"a", b"one" * 1000)
        make(of, b"b", b"two")
        of.write(made, 3000, b"not synced")
        of.create(of.root, b"c")

    for left in after_cuts(prepare):
        assert left[b"a"][:3000] == b"one" * 1000
        assert left[b"b"] == b"two"


def test_a_name_and_its_bytes_are_lost_each_by_itself() -> None:
    def bytes_only(of: Disk) -> None:
        of.sync_content(make(of, b"a", b"content", synced=False))

    def name_only(of: Disk) -> None:
        make(of, b"a", b"content", synced=False)
        of.sync_directory(of.root)

    assert {b"a" in left for left in after_cuts(bytes_only)} == {True, False}
    assert {left.get(b"a") for left in after_cuts(bytes_only)} == {b"content", None}
    assert {left[b"a"] for left in after_cuts(name_only)} == {b"content", b"", bytes(7)}


def test_a_write_is_torn_between_sectors_in_any_mixture_and_never_in_one() -> None:
    def prepare(of: Disk) -> None:
        of.write(make(of, b"a", b"o" * 4 * SECTOR_BYTES), 0, b"n" * 4 * SECTOR_BYTES)

    def sectors(content: bytes) -> str:
        parts = [content[at : at + SECTOR_BYTES] for at in range(0, len(content), SECTOR_BYTES)]
        assert all(len(set(part)) == 1 for part in parts)
        return "".join(chr(part[0]) for part in parts)

    found = {sectors(left[b"a"]) for left in after_cuts(prepare)}
    assert found == {"".join(mixture) for mixture in product("on", repeat=4)}


def test_a_write_across_a_sectors_edge_is_torn_there() -> None:
    def prepare(of: Disk) -> None:
        of.write(make(of, b"a", b"o" * 2 * SECTOR_BYTES), SECTOR_BYTES - 2, b"new!")

    found = {left[b"a"][SECTOR_BYTES - 2 : SECTOR_BYTES + 2] for left in after_cuts(prepare)}
    assert found == {b"oooo", b"neoo", b"oow!", b"new!"}


def test_a_file_may_have_its_length_without_its_bytes() -> None:
    def prepare(of: Disk) -> None:
        of.write(make(of, b"a", b"old"), 3, b"new")

    assert {left[b"a"] for left in after_cuts(prepare)} >= {b"old", b"oldnew", b"old\0\0\0"}


def test_a_truncation_may_be_undone_until_it_is_synced() -> None:
    def prepare(of: Disk) -> None:
        of.truncate(make(of, b"a", b"whole"), 1)

    def synced(of: Disk) -> None:
        prepare(of)
        of.sync_content(of.root.entries[b"a"])

    assert {left[b"a"] for left in after_cuts(prepare)} == {b"whole", b"w"}
    assert {left[b"a"] for left in after_cuts(synced)} == {b"w"}


def test_a_rename_is_whole_or_not_there() -> None:
    def prepare(of: Disk) -> None:
        make(of, b"state", b"old")
        make(of, b"tmp", b"new")
        of.rename((of.root, b"tmp"), (of.root, b"state"), over=True)

    found = {tuple(sorted(left.items())) for left in after_cuts(prepare)}
    assert found == {((b"state", b"new"),), ((b"state", b"old"), (b"tmp", b"new"))}


def test_a_rename_between_directories_loses_no_file_and_doubles_none() -> None:
    for seed in CUTS:
        of = disk()
        for name in (b"from", b"to"):
            of.create(of.root, name, folder=True)
        source, target = of.root.entries[b"from"], of.root.entries[b"to"]
        made = of.create(source, b"a")
        of.sync_all()
        of.rename((source, b"a"), (target, b"a"), over=True)
        of.create(target, b"later")
        if seed % 2:
            of.sync_directory(source)  # which cannot be done without the other
        of.power_cut(Chance(seed))
        there = [made in each.entries.values() for each in (source, target)]
        assert there in (([True, False], [False, True]) if seed % 2 == 0 else ([False, True],))
        assert made.links == 1


def test_of_one_directory_what_came_first_is_kept_first() -> None:
    def prepare(of: Disk) -> None:
        for name in b"abcd":
            of.create(of.root, bytes([name]))
        of.unlink(of.root, b"a")

    found = {bytes(sorted(b"".join(left))) for left in after_cuts(prepare)}
    assert found == {b"", b"a", b"ab", b"abc", b"abcd", b"bcd"}


def test_directories_forget_independently() -> None:
    found = set()
    for seed in CUTS:
        of = disk()
        folders = [of.create(of.root, name, folder=True) for name in (b"x", b"y")]
        of.sync_all()
        for folder in folders:
            of.create(folder, b"a")
        of.power_cut(Chance(seed))
        found.add(tuple(bool(folder.entries) for folder in folders))
    assert found == set(product((True, False), repeat=2))


def test_after_a_failed_sync_only_the_cache_has_the_bytes_and_a_later_sync_does_not_help() -> None:
    def prepare(of: Disk) -> None:
        made = make(of, b"a", b"old")
        of.write(made, 0, b"new")
        of.fail_syncs = 1
        with pytest.raises(OSError, match="Input/output") as caught:
            of.sync_content(made)
        assert caught.value.errno == errno.EIO
        of.sync_content(made)
        assert bytes(made.content) == b"new"

    assert {left[b"a"] for left in after_cuts(prepare)} == {b"old"}


def test_what_is_written_again_after_a_failed_sync_is_durable() -> None:
    def prepare(of: Disk) -> None:
        made = make(of, b"a", b"old")
        of.write(made, 0, b"new")
        of.fail_syncs = 1
        with pytest.raises(OSError, match="Input/output"):
            of.sync_all()
        of.write(made, 0, b"new")
        of.sync_content(made)

    assert {left[b"a"] for left in after_cuts(prepare)} == {b"new"}


def test_the_same_chance_leaves_the_same() -> None:
    def prepare(of: Disk) -> None:
        for name in (b"a", b"b"):
            make(of, name, b"x" * 5000, synced=False)

    assert list(after_cuts(prepare)) == list(after_cuts(prepare))


ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ("create", "folder", "write", "truncate", "unlink", "rename", "sync", "sync folder",
             "sync all", "hold", "let go", "cut")
        ),
        st.integers(0, 5), st.integers(0, 5), st.integers(0, 2000),
    ),
    max_size=40,
)  # fmt: skip


REFUSED = (
    errno.EEXIST, errno.ENOENT, errno.ENOSPC, errno.EISDIR, errno.ENOTDIR, errno.EINVAL,
    errno.ENOTEMPTY,
)  # fmt: skip


class Busy:
    """Does acts, and holds the disk to what must always be so."""

    def __init__(self) -> None:
        self.disk = disk(6000)
        self.folders = [self.disk.root]
        self.held: list[tuple[Inode, int]] = []

    def act(self, what: str, where: int, which: int, size: int) -> None:
        of, folder = self.disk, self.folders[where % len(self.folders)]
        name = b"%d" % which
        found = folder.entries.get(name)
        if what == "create":
            of.create(folder, name)
        elif what == "folder":
            self.folders.append(of.create(folder, name, folder=True))
        elif what == "unlink":
            of.unlink(folder, name)
        elif what == "rename":
            target = self.folders[size % len(self.folders)]
            of.rename((folder, name), (target, b"%d" % (size % 6)), over=bool(size % 2))
        elif what == "sync folder":
            of.sync_directory(folder)
        elif what == "sync all":
            of.sync_all()
        elif what == "let go":
            if self.held:
                of.let_go(*self.held.pop(which % len(self.held)))
        elif what == "cut":
            of.power_cut(Chance(size))
            self._check_cut()
        elif found is not None and not found.is_directory:
            self._on_file(what, found, size)

    def _on_file(self, what: str, found: Inode, size: int) -> None:
        if what == "write":
            self.disk.write(found, size % 900, b"w" * size)
        elif what == "truncate":
            self.disk.truncate(found, size)
        elif what == "sync":
            self.disk.sync_content(found)
        elif what == "hold":
            self.held.append((found, self.disk.hold(found)))

    def check(self) -> None:
        there = list(self.disk.walk())
        without_name = {id(i): i for i, _ in self.held if not i.links and i.opened}
        every = {id(inode): inode for inode in there} | without_name
        used = sum(len(inode.content) for inode in every.values())
        assert self.disk.used_bytes == used <= self.disk.capacity_bytes
        names: dict[int, int] = {id(self.disk.root): 1}
        for inode in there:
            for name, child in inode.entries.items():
                names[id(child)] = names.get(id(child), 0) + 1
                assert child.place == (inode, name)
        assert all(inode.links == names[id(inode)] == 1 for inode in there)

    def _check_cut(self) -> None:
        there = list(self.disk.walk())
        self.folders = [inode for inode in there if inode.is_directory]
        assert all(inode.content == inode.stable and not inode.unsynced for inode in there)
        assert all(inode.entries == inode.stable_entries for inode in there)
        assert not any(inode.opened for inode in there)


@settings(max_examples=300)
@given(ACTS)
def test_room_links_and_names_are_right_after_anything(
    acts: list[tuple[str, int, int, int]],
) -> None:
    busy = Busy()
    for each in [*acts, ("cut", 0, 0, 7)]:
        try:
            busy.act(*each)
        except OSError as error:
            if error.errno not in REFUSED:
                raise
        busy.folders = [f for f in busy.folders if f.links]
        busy.check()
