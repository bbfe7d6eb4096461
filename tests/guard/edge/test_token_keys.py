"""Token keys of a site: who makes one, which process is handed it, what a site without one says."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from filters.formats.token import TokenKey, Where
from guard.cli.main import main
from guard.edge import key_events
from guard.edge.key_events import KeyAct
from guard.edge.key_watch import KeyWatch
from guard.edge.making import make_site, pack_folder
from guard.edge.role_keys import keys_for
from guard.edge.seats import seats_of
from guard.edge.site import load_site
from guard.low import LOW
from schemas.errors import Broken

STAGE = """[[source.stage]]
name = "pseudonymize"
parameters = { places = [{ place = "name" }, { place = "number", join = "patient" }] }

"""
CHECK = '[[source.stage]]\nname = "json_check"\n'


def sealing_pack(folder: Path) -> Path:
    """The pack `json`, which seals two values more."""
    pack = folder / "pack"
    shutil.copytree(pack_folder("json"), pack)
    text = (pack / "policy.toml").read_text("utf-8")
    assert CHECK in text
    (pack / "policy.toml").write_text(text.replace(CHECK, STAGE + CHECK))
    return pack


@pytest.fixture
def low(tmp_path: Path) -> Path:
    pack = sealing_pack(tmp_path)
    return make_site(tmp_path / "s", pack, "127.0.0.1:9", "127.0.0.1:9").low


def guard(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("isolation", ["pooled", "message"])
def test_the_process_that_seals_has_the_keys_and_no_other(low: Path, isolation: str) -> None:
    site = load_site(low)
    receipts = {seat.name: b"" for seat in seats_of(LOW, site.chain.stage)} | {"head": b""}
    having = []
    for seat in seats_of(LOW, site.chain.stage, isolation):
        given = keys_for(seat, site.keys | {"seal-mldsa": b""}, receipts)
        if any(name.startswith("token:") for name in given):
            having.append(seat.name)
    cells = ":cells" if isolation == "message" else ""
    assert having == [f"stage:pseudonymize{cells}"]


def test_the_site_has_one_and_does_not_start_without(low: Path) -> None:
    path = low / "keys" / "token-1.key"
    assert path.stat().st_mode & 0o777 == 0o400
    assert load_site(low).keys["token:1"] == bytes.fromhex(path.read_text())
    assert not list((low.parent / "high" / "keys").glob("token*"))
    path.unlink()
    with pytest.raises(Broken, match="guard token new-key"):
        load_site(low)
    path.write_text("no key\n")
    with pytest.raises(Broken, match="cannot be read"):
        load_site(low)


def test_a_new_key_is_seen_told_and_never_one_that_would_not_seal(low: Path) -> None:
    site = load_site(low)
    watch = KeyWatch(site)
    assert watch.look(site) is None
    done = guard("token", "new-key", "--site", low, "--id", "2")
    assert done.exit_code == 0, done.output
    found = watch.look(site)
    assert found is not None
    assert sorted(found.keys)[-2:] == ["token:1", "token:2"]
    assert [(entry["act"], entry["key"], entry["fingerprint"]) for entry in watch.untold()] == [
        ("made", "token", "1"), ("made", "token", "2"),
    ]  # fmt: skip
    for bad in ("2", "1", "A", "../x", "x" * 17):
        done = guard("token", "new-key", "--site", low, "--id", bad)
        assert done.exit_code == 3, done.output
    assert guard("token", "new-key", "--site", low.parent / "high").exit_code == 3
    assert guard("token", "new-key", "--site", low).exit_code == 0  # today's date follows
    listed = json.loads(guard("keys", "list", "--site", low, "--json").stdout)["keys"]
    states = [line["state"] for line in listed if line["key"].startswith("token ")]
    assert states == ["over", "over", "in-use"]


def test_a_reveal_that_waits_starts_the_lane_anew_once(low: Path) -> None:
    site = load_site(low)
    watch = KeyWatch(site)
    key_events.record(low, KeyAct("revealed", "token", "1", "somebody"))
    assert watch.look(site) is not None
    assert watch.look(site) is None
    again = KeyWatch(site)  # a start tells what waits, and needs no other
    assert again.look(site) is None


def test_nothing_is_revealed_where_no_ledger_hears_of_it(low: Path) -> None:
    path = low / "keys" / "token-1.key"
    key = TokenKey("1", bytes.fromhex(path.read_text()), load_site(low).policy.flow)
    token = key.seal("Doe, Jane", Where("a" * 32, "name", 0))
    done = guard("token", "reveal", token, "--site", low, "--key", path)
    assert done.exit_code == 3
    assert "does not run" in done.output
    assert "Doe" not in done.output
    assert not key_events.reveals(low)
    for wrong, why in (("tok1.g.1.abcd", "cut short"), ("tok1.g.9." + token[9:], "give that")):
        done = guard("token", "reveal", wrong, "--site", low, "--key", path)
        assert done.exit_code == 3
        assert why in done.output
    other = low.parent / "key"
    other.write_bytes(path.read_bytes())
    assert "not named token-ID.key" in guard(
        "token", "reveal", token, "--site", low, "--key", other
    ).output.replace("\n", " ")
