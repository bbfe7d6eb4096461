"""The posture on a side's disk: of its own flow, and taken up until the roles have been told."""

import json
from pathlib import Path

import pytest

from guard.core.signed_note import PersonKey, SignedNote
from guard.edge.authors import AUTHORS
from guard.edge.keys import read_secret
from guard.edge.making import make_site, pack_folder
from guard.edge.orders import OrdersFile
from guard.edge.posture_files import ACTIVE, PostureKeeper, apply_posture
from guard.edge.site import Site, load_site
from schemas.errors import Malformed
from schemas.posture import FIRST_LINE
from schemas.reasons import Reason


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return load_site(
        make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2").low
    )


def signed(site: Site, version: int, more: str = "", flow: str = "c2") -> bytes:
    """By both authors."""
    head = f'{FIRST_LINE}\nformat = 1\nversion = {version}\nflow = "{flow}"\nreason = "x"\n'
    note = SignedNote(head + more, what="the posture")
    for name in AUTHORS:
        key = PersonKey(name, site.root.policy_keys[name])
        seed = read_secret(site.folder.parent / f"{name}.key")
        note = note.signed_by(key, seed, Reason.POSTURE_UNSIGNED)
    return note.write()


def told(site: Site) -> int:
    found: int = json.loads((site.folder / "posture" / "orders.json").read_bytes())["version"]
    return found


def test_another_flows_posture_does_not_hold_here_whoever_signed_it(site: Site) -> None:
    apply_posture(site, signed(site, 1, "stop = true\n"), "the posture", "")
    keeper = PostureKeeper(site, "")
    active = site.folder / "posture" / ACTIVE
    active.write_bytes(signed(site, 2, flow="events"))
    refused = keeper.look(site)
    assert refused is not None
    assert "is for the flow events, and this is c2" in refused["cause"]
    assert (keeper.version, told(site)) == (1, 1)
    with pytest.raises(Malformed, match="is for the flow events"):
        PostureKeeper(site, "")


def test_a_posture_is_in_force_when_the_roles_have_been_told_and_not_before(site: Site) -> None:
    keeper = PostureKeeper(site, "")
    apply_posture(site, signed(site, 1, "stop = true\n"), "the posture", "")
    made = site.folder / "posture" / "orders.tmp"
    made.mkdir()
    with pytest.raises(OSError, match=r"directory|permitted"):
        keeper.look(site)
    assert (keeper.version, told(site)) == (0, 0)
    made.rmdir()
    assert keeper.look(site) == {"event": "posture", "cause": "posture version 1 is in force"}
    assert (keeper.version, told(site)) == (1, 1)


def test_a_batch_is_decided_under_what_the_ledger_was_told(site: Site) -> None:
    keeper = PostureKeeper(site, "")
    orders = OrdersFile(site.folder)
    assert orders.now().version == 0
    apply_posture(site, signed(site, 1, "stop = true\n"), "the posture", "")
    keeper.look(site)
    assert orders.seen.version == 0
    assert orders.news(1) == []
    assert orders.now().version == orders.seen.version == 1
    assert [entry["version"] for entry in orders.news(1)] == [1]
