"""Names for complete streams, when whoever put the streams there is not to be trusted."""

import os
from pathlib import Path

import pytest

from guard.edge.finishing import Finisher, Namer, Told
from guard.link.trailer import Trailer


class Place:
    """A receiver's folder, and the one where names are given."""

    def __init__(self, base: Path) -> None:
        self.incoming, self.out = base / "incoming", base / "out"
        self.incoming.mkdir()
        self.out.mkdir()

    def done(self, sequence: int, content: bytes, name: str) -> Path:
        path = self.incoming / f"{sequence}.done"
        path.write_bytes(content + Trailer(name, 0o644, 1_000_000_000).write())
        return path

    def finish(self, *sequences: int, replace: bool = False) -> list[Told]:
        return Finisher(self.incoming, self.out, replace=replace).finish(list(sequences))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_large_batch_gets_its_names_in_order(place: Place) -> None:
    numbers = list(range(1, 301))
    for number in numbers:
        place.done(number, b"%d" % number, f"top/{number % 7}/f{number}")
    told = place.finish(*numbers)
    assert [one["sequence"] for one in told] == numbers
    assert all(Path(str(one["path"])).read_text() == str(one["sequence"]) for one in told)
    assert sorted(path.suffix for path in place.incoming.iterdir()) == [".name"] * 300


def test_what_has_its_name_is_not_told_again(place: Place) -> None:
    place.done(1, b"data", "x")
    assert len(place.finish(1, 1)) == 1 or len(place.finish(1)) == 0
    assert place.finish(1) == []
    assert (place.out / "x").read_bytes() == b"data"


def test_replace_takes_the_place_of_a_file_and_not_of_a_folder(place: Place) -> None:
    (place.out / "x").write_bytes(b"old")
    (place.out / "y").mkdir()
    place.done(1, b"new", "x")
    place.done(2, b"new", "y")
    place.finish(1, 2, replace=True)
    assert (place.out / "x").read_bytes() == b"new"
    assert (place.out / "y.2").read_bytes() == b"new"


def make_pipe(place: Place) -> None:
    os.mkfifo(place.incoming / "1.done")


def make_symbolic_link(place: Place) -> None:
    (place.incoming / "1.done").symlink_to(place.done(9, b"other", "x"))


def make_hard_link(place: Place) -> None:
    os.link(place.done(9, b"other", "x"), place.incoming / "1.done")


def make_folder(place: Place) -> None:
    (place.incoming / "1.done").mkdir()


def make_sparse(place: Place) -> None:
    os.truncate(place.done(1, b"data", "x"), 2**40)


def make_empty(place: Place) -> None:
    (place.incoming / "1.done").touch()


def make_length_a_lie(place: Place) -> None:
    place.done(1, b"data", "x")
    end = b"data" + Trailer("x", 0o644, 1).write()
    (place.incoming / "1.name").write_bytes((2**63 + 5).to_bytes(8, "big") + end)


def make_name_a_pipe(place: Place) -> None:
    place.done(1, b"data", "x")
    os.mkfifo(place.incoming / "1.name")


def make_name_huge(place: Place) -> None:
    place.done(1, b"data", "x")
    (place.incoming / "1.name").touch()
    os.truncate(place.incoming / "1.name", 2**40)


@pytest.mark.parametrize(
    "make",
    [make_pipe, make_symbolic_link, make_hard_link, make_folder, make_sparse, make_empty,
     make_length_a_lie, make_name_a_pipe, make_name_huge],
)  # fmt: skip
def test_what_an_owned_receiver_puts_there_gets_no_name(place: Place, make: object) -> None:
    assert callable(make)
    make(place)
    good = place.done(2, b"good", "good")
    told = place.finish(1, 2)
    assert [one["what"] for one in told] == ["unnamed", "file"]
    assert [path.name for path in place.out.iterdir()] == ["good"]
    assert not good.exists()
    assert place.finish(1) == []  # it stands aside


def test_a_name_that_the_disk_refuses_is_kept_and_told(place: Place) -> None:
    (place.out / "x").write_bytes(b"a file, not a folder")
    place.done(1, b"data", "x/y")
    (told,) = place.finish(1)
    assert told["what"] == "unnamed"
    assert "x/y" in str(told["sentence"])
    assert Path(str(told["path"])).read_bytes() == b"data"


def test_a_thread_names_what_waits_before_it_ends(place: Place) -> None:
    namer = Namer(Finisher(place.incoming, place.out, replace=False))
    for number in range(1, 50):
        place.done(number, b"data", f"f{number}")
        namer.put(number)
    assert namer.end(30)
    assert len(namer.told()) == 49


def test_a_folder_that_is_gone_is_told_to_who_asks(place: Place) -> None:
    namer = Namer(Finisher(place.incoming / "nowhere", place.out, replace=False))
    namer.put(1)
    assert namer.end(30)
    with pytest.raises(OSError, match="nowhere"):
        namer.told()
