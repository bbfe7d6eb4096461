"""What a hostile or careless sender may leave in its drop directory, on a running flow."""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.demonstration import Demonstration
from guard.edge.making import pack_folder
from schemas.entry import Entry, Kind
from schemas.reasons import Reason

WITHIN_S = 30.0


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    (open_folder / "site").mkdir()
    with Demonstration(open_folder / "site", pack_folder("c2")) as running:
        yield running


def event() -> bytes:
    return (pack_folder("c2") / "samples" / "marker.cot").read_bytes()


def await_entries(flow: Demonstration, count: int) -> list[Entry]:
    """The entries that say what became of a drop, once there are so many."""
    seen: list[Entry] = []
    deadline_s = time.monotonic() + WITHIN_S
    while len(seen) < count:
        assert time.monotonic() < deadline_s, f"only {len(seen)} of {count}: {seen}"
        seen += [e for e in flow.low_entries() if e["kind"] in (Kind.SPOOL_REFUSED, Kind.COMMITTED)]
        time.sleep(0.05)
    return seen


def test_everything_that_is_no_message_is_refused_by_name_and_kept(flow: Demonstration) -> None:
    drop = flow.made.low / "spool" / "drop" / "alpha"
    secret = flow.folder / "secret.cot"
    secret.write_bytes(event())
    wanted: dict[str, Reason] = {}

    (drop / "link.cot").symlink_to(secret)
    wanted["link.cot"] = Reason.SYMBOLIC_LINK
    (drop / "dangling.cot").symlink_to("/nowhere/at/all")
    wanted["dangling.cot"] = Reason.SYMBOLIC_LINK
    os.mkfifo(drop / "pipe.cot")
    wanted["pipe.cot"] = Reason.NOT_A_REGULAR_FILE
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        here = Path.cwd()
        os.chdir(drop)
        bound.bind("socket.cot")
        os.chdir(here)
    wanted["socket.cot"] = Reason.NOT_A_REGULAR_FILE
    (flow.folder / "folder").mkdir()
    (flow.folder / "folder" / "inside.cot").write_bytes(event())
    (flow.folder / "folder").rename(drop / "folder.cot")
    wanted["folder.cot"] = Reason.NOT_A_REGULAR_FILE
    os.link(secret, drop / "hard.cot")
    wanted["hard.cot"] = Reason.HARD_LINKED
    (drop / "empty.cot").touch()
    wanted["empty.cot"] = Reason.EMPTY
    place(drop, b"large.cot", b"<" * (flow.made.policy.payload_bytes_max + 1))
    wanted["large.cot"] = Reason.TOO_LARGE
    place(drop, b"two\nlines.cot", event())
    wanted["two\\x0alines.cot"] = Reason.NAME_NOT_ALLOWED
    place(drop, b"not\xffutf8.cot", event())
    wanted["not\\xffutf8.cot"] = Reason.NAME_NOT_ALLOWED
    if os.geteuid() == 0:
        os.mknod(drop / "device.cot", 0o020666, os.makedev(1, 3))
        wanted["device.cot"] = Reason.NOT_A_REGULAR_FILE

    entries = await_entries(flow, len(wanted))
    assert {str(e["name"]): e["reason"] for e in entries} == wanted
    await_kept(flow, {str(entry["id"]) for entry in entries})
    # A folder that only its owner may move out is put aside where it is, under a hidden name.
    assert [path for path in drop.iterdir() if not path.name.startswith(".refused-")] == []
    assert secret.read_bytes() == event()
    assert not list(flow.delivered_files())


def await_kept(flow: Demonstration, ids: set[str]) -> None:
    """What was refused is kept, under its id: told first, then moved."""
    spool = flow.made.low / "spool"
    deadline_s = time.monotonic() + WITHIN_S
    while True:
        names = [path.name for path in (spool / "refused" / "alpha").iterdir()]
        names += [p.name.removeprefix(".refused-") for p in (spool / "drop" / "alpha").iterdir()]
        if ids <= {name[:32] for name in names}:
            return
        assert time.monotonic() < deadline_s, ids - {name[:32] for name in names}
        time.sleep(0.05)


def place(drop: Path, name: bytes, content: bytes) -> None:
    """Write beside, rename in: names are bytes."""
    made = drop / ".placing"
    made.write_bytes(content)
    os.rename(made, os.path.join(os.fsencode(drop), name))


def test_a_file_still_being_written_waits_until_it_is_whole(flow: Demonstration) -> None:
    drop = flow.made.low / "spool" / "drop" / "alpha"
    for name in ("later.cot.part", "later.cot.tmp", ".later.cot"):
        (drop / name).write_bytes(event())
    with (drop / "slow.cot").open("wb") as slow:
        slow.write(event()[:100])
        slow.flush()
        time.sleep(1.0)
        assert {e["kind"] for e in flow.low_entries()} <= {Kind.RUN, Kind.SESSION}
        slow.write(event()[100:])
    (entry,) = await_entries(flow, 1)
    assert (entry["kind"], entry["name"]) == (Kind.COMMITTED, "slow.cot")
    assert sorted(path.name for path in drop.iterdir()) == [
        ".later.cot", "later.cot.part", "later.cot.tmp",
    ]  # fmt: skip
    (drop / "later.cot.part").rename(drop / "later.cot")
    (entry,) = await_entries(flow, 1)
    assert entry["name"] == "later.cot"


def test_the_sidecar_rules_and_a_reply_tells_the_outcome_alone(flow: Demonstration) -> None:
    flow.drop(event(), "secret.cot", json.dumps({"label": "SECRET"}).encode())
    flow.drop(event(), "twice.cot", b'{"label": "UNCLASSIFIED", "label": "UNCLASSIFIED"}')
    flow.drop(event(), "good.cot", json.dumps({"label": "UNCLASSIFIED"}).encode())
    deadline_s = time.monotonic() + WITHIN_S
    while not flow.settled():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert flow.account.refusals == {
        Reason.LABEL_ABOVE_CEILING: 1, Reason.SIDECAR_MALFORMED: 1,
    }  # fmt: skip
    replies = [
        json.loads(path.read_text())
        for path in (flow.made.low / "replies" / "alpha").glob("*.json")
    ]
    outcomes = {reply["name"].partition("-")[2]: reply["outcome"] for reply in replies}
    assert outcomes == {"secret.cot": "refused", "good.cot": "released"}
    assert all(reply.keys() == {"id", "name", "outcome", "accepted_s"} for reply in replies)
