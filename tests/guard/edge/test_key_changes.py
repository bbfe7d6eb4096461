"""Keys changed on a side that stands still: what takes whose place, and what may not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from guard.cli.main import main
from guard.edge import key_events
from guard.edge.clock import now_s
from guard.edge.issuing import Authority, issue, new_authority, revocation_list
from guard.edge.key_changes import SESSION_MARGIN, Changing
from guard.edge.key_watch import KeyWatch
from guard.edge.keys import public_of, signer
from guard.edge.ledger_files import LedgerWriter
from guard.edge.making import make_site, pack_folder
from guard.edge.old_identities import read_old
from guard.edge.seal_key import read_seal_key, replace_secret
from guard.edge.sealing_keys import SealingKeys
from guard.edge.seals import seal_verifier
from guard.edge.site import load_site, read_public, with_keys_of_now
from guard.edge.site_link_keys import LinkKey, read_link_key, read_link_keys
from guard.edge.spec import Spec, Value
from schemas.errors import Broken, CheckvalveError, Forged, Malformed
from schemas.reasons import Reason
from tests.guard.edge.power import cut_before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_site(tmp_path / "s", pack_folder("c2"), "127.0.0.1:9", "127.0.0.1:9")
    return tmp_path / "s"


@pytest.fixture
def low(folder: Path) -> Changing:
    return Changing(folder / "low", "somebody")


@pytest.fixture
def high(folder: Path) -> Changing:
    return Changing(folder / "high", "somebody")


def authority(folder: Path) -> Authority:
    return Authority.read(folder / "low/trust/authority.pem", folder / "authority.key")


def certify(folder: Path, low: Changing, days: int = 30) -> bytes:
    low.request_envelope()
    key = read_seal_key(folder / "low/keys/seal-next.key")
    return issue(authority(folder), "LOW", key.public, now_s() - 60, days)


def refused(sentence: str, act: Callable[[], object]) -> None:
    with pytest.raises(CheckvalveError, match=sentence):
        act()


def guard(*words: object) -> Result:
    return CliRunner().invoke(main, ["keys", *map(str, words)])


def test_the_next_sealing_key_takes_the_place_of_the_one_before(
    folder: Path, low: Changing, high: Changing
) -> None:
    before = load_site(folder / "low")
    pem = certify(folder, low)
    assert low.request_envelope() == low.request_envelope()  # of the same key
    high.rotate_envelope(pem, 3600)
    low.rotate_envelope(pem, 3600)
    ours, theirs = load_site(folder / "low"), load_site(folder / "high")
    assert ours.seal_public == theirs.seal_public != before.seal_public
    assert public_of(ours.keys["seal"]) == ours.seal_public
    ((old, taken),) = [(it.public, it.taken) for it in theirs.old_keys]
    assert (old, taken) == (before.seal_public, True)
    assert {path.name for path in (folder / "low/keys").glob("*.key*")} == {"seal.key", "link.key"}
    later = load_site(folder / "high", now_s() + 3601)
    assert [it.taken for it in later.old_keys] == [False]
    assert theirs.keys_hold_until_s <= now_s() + 3600


def test_signatures_of_a_key_whose_time_is_over_are_told_from_forged_ones() -> None:
    new, old, older, nobody = (bytes([n]) * 32 for n in (1, 2, 3, 4))
    values: dict[str, Value] = {
        "seal_public": public_of(new).hex(),
        "seal_old": [[public_of(old).hex(), 1, ""], [public_of(older).hex(), 0, ""]],
    }
    spec = Spec("verify", "x:y", "high", {}, values)
    for seed in (new, old):
        seal_verifier(spec)(signer(seed)(b"x"), b"x")
    for seed, reason in ((older, Reason.MANIFEST_KEY), (nobody, Reason.MANIFEST_SIGNATURE)):
        with pytest.raises(Forged) as raised:
            seal_verifier(spec)(signer(seed)(b"x"), b"x")
        assert raised.value.reason == reason
    seal_verifier(spec, every=True)(signer(older)(b"x"), b"x")


def test_what_may_not_take_the_place_of_the_sealing_key(
    folder: Path, low: Changing, high: Changing
) -> None:
    now = (folder / "low/trust/source.pem").read_bytes()
    refused("in use already", lambda: high.rotate_envelope(now, 60))
    stranger = new_authority("Another", now_s() - 60, 30)
    other = issue(stranger, "LOW", public_of(bytes(32)), now_s() - 60, 30)
    refused(
        "does not verify|not issued|untrusted|authority", lambda: high.rotate_envelope(other, 60)
    )
    whose = issue(authority(folder), "NORTH", public_of(bytes(32)), now_s() - 60, 30)
    refused("source domain is", lambda: high.rotate_envelope(whose, 60))
    unknown = issue(authority(folder), "LOW", public_of(bytes(32)), now_s() - 60, 30)
    refused("guard keys request", lambda: low.rotate_envelope(unknown, 60))
    pem = certify(folder, low)
    high.rotate_envelope(pem, 60)
    refused("was replaced", lambda: high.rotate_envelope(now, 60))
    refused("low side's folder", low.end_overlap)
    refused("high side's folder", high.request_envelope)


@pytest.mark.parametrize("lose", [False, True])
def test_a_power_cut_leaves_one_sealing_key_that_fits(
    folder: Path, low: Changing, lose: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = load_site(folder / "low").seal_public
    pem = certify(folder, low)
    cuts, ended = 0, set()
    for call in range(200):
        copy = tmp_path / "cut" / "low"
        shutil.copytree(folder / "low", copy)
        side = Changing(copy, "somebody")
        try:
            with cut_before(call, monkeypatch, copy / "keys", lose=lose):
                side.rotate_envelope(pem, 60)
        except AssertionError:
            break
        cuts += 1
        found = load_site(copy)  # it may start
        assert public_of(found.keys["seal"]) == found.seal_public
        ended.add(found.seal_public == before)
        side.rotate_envelope(pem, 60)  # and the operator does it again
        assert load_site(copy).seal_public != before
        left = {path.name for path in (copy / "keys").glob("*key*")}
        assert left <= {"seal.key", "link.key", "seal.key.gone", "seal-next.key.gone"}
        shutil.rmtree(copy)
    assert cuts > 20
    assert ended == {True, False}


def test_an_overlap_ends_by_hand_and_says_so(folder: Path, low: Changing, high: Changing) -> None:
    high.rotate_envelope(certify(folder, low), 3600)
    assert high.end_overlap() == 1
    assert [it.taken for it in load_site(folder / "high").old_keys] == [False]
    assert high.end_overlap() == 0
    acts = [entry["act"] for entry in key_events.untold(folder / "high")]
    assert acts == ["taken-up", "overlap-ended"]


def test_no_more_than_four_earlier_keys_are_remembered(
    folder: Path, low: Changing, high: Changing
) -> None:
    for _ in range(6):
        pem = certify(folder, low)
        high.rotate_envelope(pem, 3600)
        low.rotate_envelope(pem, 3600)
    assert len(read_old(folder / "low/trust")) == len(read_old(folder / "high/trust")) == 4
    load_site(folder / "low")
    (folder / "high/trust/source-old.json").write_text("{}")
    refused("list of earlier certificates", lambda: load_site(folder / "high"))


def test_the_next_link_key(folder: Path, low: Changing, high: Changing) -> None:
    made = low.new_link()
    assert made.first_session == SESSION_MARGIN
    high.rotate_link(made)
    site = load_site(folder / "high")
    assert (site.keys["link-next"], site.link_sessions) == (made.key, (0, SESSION_MARGIN))
    refused("has not begun to use", lambda: high.rotate_link(low.new_link()))
    refused("has not begun to use", high.destroy_old_link)
    low.rotate_link(made)
    site = load_site(folder / "low")
    assert (site.keys["link"], site.link_sessions) == (made.key, (SESSION_MARGIN, 0))
    refused("does not say from which later session", lambda: low.rotate_link(made))
    refused("does not say from which", lambda: high.rotate_link(LinkKey(bytes(32))))
    assert low.new_link().first_session == 2 * SESSION_MARGIN


@pytest.mark.parametrize(
    "text",
    ["", "00", "g" * 64, f"{'0' * 64}\nfrom 0\n", f"{'0' * 64}\nfrom 4294967296\n",
     f"{'0' * 64}\nto 5\n"],
)  # fmt: skip
def test_a_link_key_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "link.key").write_text(text)
    with pytest.raises(Broken, match="is not 32 bytes"):
        read_link_key(tmp_path / "link.key")


def test_what_a_crash_left_of_a_link_key_that_took_its_place_is_no_next_key(folder: Path) -> None:
    keys = folder / "high/keys"
    made = LinkKey(bytes(32), 7)
    (keys / "link-next.key").write_bytes(made.write())
    replace_secret(keys / "link.key", made.write())
    assert read_link_keys(folder / "high", "high").following is None


def test_a_list_that_is_older_than_the_one_there_is_refused(
    folder: Path, high: Changing, tmp_path: Path
) -> None:
    newer, older = tmp_path / "newer.pem", tmp_path / "older.pem"
    own = authority(folder)
    serial = load_site(folder / "high")
    assert serial.source.domain == "LOW"
    newer.write_bytes(revocation_list(own, {5: now_s()}, 2, now_s() - 60, 7))
    older.write_bytes(revocation_list(own, {}, 1, now_s() - 60, 7))
    high.take_revocations(newer)
    refused("what was revoked stays revoked", lambda: high.take_revocations(older))
    stranger = new_authority("Another", now_s() - 60, 30)
    older.write_bytes(revocation_list(stranger, {}, 3, now_s() - 60, 7))
    with pytest.raises(Forged):  # it says nothing of our certificate
        high.take_revocations(older)
    older.write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    with pytest.raises(Malformed):
        high.take_revocations(older)


def test_a_running_side_sees_a_key_end_and_begin_to_hold_again(
    folder: Path, low: Changing, high: Changing, tmp_path: Path
) -> None:
    site = load_site(folder / "high")
    watch = KeyWatch(site)
    assert watch.look(site) is None
    serial = Authority.read(folder / "low/trust/authority.pem", folder / "authority.key")
    own = (folder / "high/trust/source.pem").read_bytes()
    listed = guard("revoke", folder / "high/trust/source.pem", "--authority",
                   folder / "low/trust/authority.pem", "--authority-key",
                   folder / "authority.key", "--out", tmp_path / "revoked.pem")  # fmt: skip
    assert listed.exit_code == 0, listed.output
    high.take_revocations(tmp_path / "revoked.pem")
    with pytest.raises(Forged, match="has been revoked"):
        watch.look(site)
    assert watch.look(site) is None  # it is told once
    with pytest.raises(Forged, match="has been revoked"):
        watch.checked(site)
    pem = certify(folder, low)
    assert serial.certificate.subject
    high.rotate_envelope(pem, 3600)
    found = watch.look(site)
    assert found is not None
    assert found.seal_public != site.seal_public
    assert [old.taken for old in found.old_keys] == [False]
    assert own.decode() == read_old(folder / "high/trust")[0].certificate


def test_a_time_that_has_come_is_seen_without_a_change_of_any_file(
    folder: Path, low: Changing, high: Changing
) -> None:
    high.rotate_envelope(certify(folder, low), 3600)
    before = with_keys_of_now(load_site(folder / "high"), now_s() - 10)
    watch = KeyWatch(before)
    lines = read_old(folder / "high/trust")
    assert lines[0].until_s > now_s()
    over = with_keys_of_now(before, lines[0].until_s)
    assert [old.taken for old in over.old_keys] == [False]
    assert watch.look(before) is None


def test_an_event_is_told_until_the_ledger_has_it(folder: Path, low: Changing) -> None:
    low.request_envelope()
    side = folder / "low"
    (told,) = key_events.untold(side)
    assert (told["act"], told["key"], told["who"]) == ("made", "envelope", "somebody")
    assert key_events.untold(side) == [told]
    writer = LedgerWriter.open(
        side / "ledger", SealingKeys(side / "sealing"), read_public(side / "trust/ledger.pub"),
        "checkvalve/c2/low",
    )  # fmt: skip
    writer.append([told])
    writer.close()
    assert key_events.untold(side) == []
    assert not list((side / "keys").glob("event-*"))


def test_all_secrets_of_a_side_are_destroyed(folder: Path) -> None:
    low = folder / "low"
    assert guard("destroy", "all", "--site", low).exit_code == 2
    assert guard("destroy", "all", "--site", low, "--yes").exit_code == 0
    assert not list((low / "keys").glob("*.key"))
    assert not list((low / "sealing").glob("*.key"))
    with pytest.raises(Broken):
        load_site(low)


def test_the_list_shows_every_key_and_no_secret(folder: Path, low: Changing) -> None:
    low.request_envelope()
    for side in ("low", "high"):
        done = guard("list", "--site", folder / side, "--json")
        assert done.exit_code == 0, done.output
        lines = {line["key"]: line for line in json.loads(done.stdout)["keys"]}
        assert {"envelope", "link", "ledger", "policy author-1", "reviewer reviewer-1"} <= set(
            lines
        )
        assert lines["envelope"]["private"] == (side == "low")
        for path in (folder / side / "keys").glob("*.key"):
            secret = path.read_text()[:64]
            assert secret not in done.stdout
            assert secret not in guard("list", "--site", folder / side).stdout
    (folder / "low/keys/link.key").chmod(0o600)
    (folder / "low/keys/link.key").write_text("x")
    done = guard("list", "--site", folder / "low")
    assert done.exit_code == 1
    assert "link: the key" in done.stdout.replace("\n", " ")
    assert guard("list", "--site", folder).exit_code == 3


def test_a_low_side_is_not_rotated_by_mistake_before_the_high_one(
    folder: Path, low: Changing, tmp_path: Path
) -> None:
    (tmp_path / "new.pem").write_bytes(certify(folder, low))
    done = guard("rotate", "envelope", tmp_path / "new.pem", "--site", folder / "low")
    assert done.exit_code == 2
    assert "the high side must have it first" in done.stderr
    for time in ("0s", "91d", "5", "1w"):
        done = guard("rotate", "envelope", tmp_path / "new.pem", "--site", folder / "high",
                     "--overlap", time)  # fmt: skip
        assert done.exit_code == 2
