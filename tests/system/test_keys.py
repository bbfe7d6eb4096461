"""Keys rolled over mid-stream, old keys afterwards, and a key that is revoked, with all processes.

The fault "key rolled over mid-stream, old key afterwards": nothing is lost on the way, and what
somebody with the old key sends afterwards is refused, kept, and raises an alarm.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.ledger_files import entries_of
from guard.edge.making import pack_folder
from schemas.entry import Entry, Kind
from tests.system.test_policy_change import SAMPLE, Dropping, entries, guard, wait_for

pytestmark = pytest.mark.long


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    faults = LinkFaults(direct=True)
    with Demonstration(open_folder / "site", pack_folder("c2"), faults, insecure=False) as made:
        yield made


def keys(*words: object) -> Result:
    done = guard("keys", *words)
    assert done.exit_code == 0, done.stdout + done.stderr
    return done


def authority(flow: Demonstration) -> list[object]:
    folder = flow.made.low / "trust"
    return ["--authority", folder / "authority.pem", "--authority-key",
            flow.folder / "authority.key"]  # fmt: skip


def new_certificate(flow: Demonstration) -> Path:
    csr, made = flow.folder.parent / "low.csr", flow.folder.parent / "new.pem"
    for path in (csr, made):
        path.unlink(missing_ok=True)
    keys("request", "--site", flow.made.low, "--out", csr)
    keys("issue", csr, *authority(flow), "--out", made)
    return made


def rotate_envelope(flow: Demonstration) -> None:
    made = new_certificate(flow)
    keys("rotate", "envelope", made, "--site", flow.made.high, "--overlap", "1h")
    wait_for(lambda: "taken-up" in acts(flow.made.high, "envelope"))
    keys("rotate", "envelope", made, "--site", flow.made.low, "--receiver-ready")
    wait_for(lambda: "taken-up" in acts(flow.made.low, "envelope"))


def rotate_link(flow: Demonstration) -> None:
    file = flow.folder.parent / "next-link.key"
    keys("generate", "link", file, "--site", flow.made.low)
    keys("rotate", "link", file, "--site", flow.made.high)
    wait_for(lambda: "taken-up" in acts(flow.made.high, "link"))
    keys("rotate", "link", file, "--site", flow.made.low, "--receiver-ready")
    wait_for(lambda: "taken-up" in acts(flow.made.low, "link"))
    keys("destroy", "file", file)
    assert not file.exists()


def told(side: Path, kind: Kind) -> list[Entry]:
    return [entry for _, entry in entries_of(side / "ledger") if entry["kind"] == kind]


def acts(side: Path, key: str) -> list[object]:
    return [entry["act"] for entry in told(side, Kind.KEY) if entry["key"] == key]


def shown(side: Path) -> dict[str, str]:
    listed = json.loads(guard("keys", "list", "--site", side, "--json").stdout)["keys"]
    return {line["key"]: line["state"] for line in listed}


def decided_more(flow: Demonstration, count: int) -> None:
    before = flow.follow().decided
    wait_for(lambda: flow.follow().decided >= before + count)


def test_both_keys_are_rolled_over_mid_stream_and_nothing_is_lost(flow: Demonstration) -> None:
    low, high = flow.made.low, flow.made.high
    before = {name: (low / "keys" / name).read_bytes() for name in ("seal.key", "link.key")}
    with Dropping(flow):
        decided_more(flow, 5)
        rotate_envelope(flow)
        decided_more(flow, 10)
        rotate_link(flow)
        decided_more(flow, 10)
    wait_for(flow.settled)
    account = flow.follow()
    assert (account.gaps, account.lost, account.duplicates) == (0, 0, 0)
    assert len(account.committed) == len(account.delivered) == len(flow.dropped)
    assert {alarm["reason"] for alarm in told(high, Kind.ALARM)} <= {"link-silent"}
    for side in (low, high):
        assert entries(side)  # it verifies

    for name, content in before.items():  # on the low side the old secrets are gone
        assert (low / "keys" / name).read_bytes() != content
    assert sorted(p.name for p in (low / "keys").glob("*.key*")) == ["link.key", "seal.key"]
    assert acts(low, "envelope") == ["made", "taken-up"]
    assert acts(low, "link") == ["made", "taken-up"]
    assert acts(high, "envelope") == acts(high, "link") == ["taken-up"]
    assert all(entry["who"] for entry in (*told(low, Kind.KEY), *told(high, Kind.KEY)))

    states = shown(high)
    assert (states["envelope"], states["envelope-old"]) == ("in-use", "overlap")
    assert (states["link"], states["link-next"]) == ("in-use", "overlap")
    keys("destroy", "link-old", "--site", high)
    assert "link-next" not in shown(high)
    wait_for(lambda: "destroyed" in acts(high, "link"))
    assert (high / "keys" / "link.key").read_bytes() == (low / "keys" / "link.key").read_bytes()
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)


def test_what_somebody_with_the_old_envelope_key_sends_is_held_and_alarmed(
    flow: Demonstration,
) -> None:
    low, high = flow.made.low, flow.made.high
    stolen = flow.folder.parent / "stolen"
    shutil.copytree(low / "keys", stolen)
    certificate = (low / "trust" / "source.pem").read_bytes()
    rotate_envelope(flow)
    keys("end-overlap", "--site", high)
    wait_for(lambda: "overlap-ended" in acts(high, "envelope"))
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    assert len(flow.follow().delivered) == 1

    flow.side("low").end()  # and now he who stole the key has the low host
    shutil.copyfile(stolen / "seal.key", low / "keys" / "seal.key")
    (low / "trust" / "source.pem").write_bytes(certificate)
    flow.start_side("low").await_line("event", "running")
    flow.drop(SAMPLE, "position.cot")
    wait_for(lambda: bool(told(high, Kind.HELD)))
    (held,) = told(high, Kind.HELD)
    assert held["reason"] == "manifest-key"
    assert "manifest-key" in [alarm["reason"] for alarm in told(high, Kind.ALARM)]
    assert (high / "held" / str(held["id"])).is_dir()  # kept, with its bytes
    assert len(flow.follow().delivered) == 1


def test_what_is_signed_twice_crosses_and_what_is_signed_once_does_not(open_folder: Path) -> None:
    pack, policy = open_folder / "pack", open_folder / "pack" / "policy.toml"
    shutil.copytree(pack_folder("c2"), pack)
    policy.write_text(policy.read_text("utf-8") + '\nsignatures = "hybrid"\n')
    with Demonstration(open_folder / "site", pack, LinkFaults(direct=True)) as flow:
        low, high = flow.made.low, flow.made.high
        for _ in range(20):
            flow.drop(SAMPLE, "position.cot")
        wait_for(flow.settled)
        rotate_envelope(flow)  # both keys of it
        flow.drop(SAMPLE, "position.cot")
        wait_for(flow.settled)
        account = flow.follow()
        assert (len(account.delivered), account.gaps, account.lost) == (21, 0, 0)
        assert not told(high, Kind.HELD)
        flow.side("low").end()
        seal = low / "keys" / "seal.key"  # the second key is broken; the first is not enough
        seal.chmod(0o600)
        seal.write_text(seal.read_text().split("\n")[0] + "\n")
        refused = guard("run", "low", "--site", low)
        assert refused.exit_code == 3
        assert "certifies another key" in refused.stderr


def test_what_somebody_with_the_old_link_key_sends_opens_nothing(flow: Demonstration) -> None:
    low, high = flow.made.low, flow.made.high
    stolen = (low / "keys" / "link.key").read_bytes()
    rotate_link(flow)
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    flow.side("low").end()
    (low / "keys" / "link.key").chmod(0o600)
    (low / "keys" / "link.key").write_bytes(stolen)
    flow.start_side("low").await_line("event", "running")
    flow.drop(SAMPLE, "position.cot")
    wait_for(lambda: "datagram-tag" in [a["reason"] for a in told(high, Kind.ALARM)])
    assert len(flow.follow().delivered) == 1


def test_a_revoked_key_stops_a_running_side_until_there_is_another(flow: Demonstration) -> None:
    low, high = flow.made.low, flow.made.high
    flow.drop(SAMPLE, "position.cot")
    wait_for(flow.settled)
    lists = flow.folder.parent / "revoked.pem"
    keys("revoke", low / "trust" / "source.pem", *authority(flow), "--out", lists)
    keys("take-revocations", lists, "--site", high)
    said = flow.side("high").await_line("event", "keys-refused")
    assert "has been revoked" in said["cause"]
    assert shown(high)["envelope"] == "revoked"
    flow.drop(SAMPLE, "position.cot")  # it lands, and stays where it landed
    wait_for(lambda: len(flow.follow().committed) == 2)

    made = new_certificate(flow)
    keys("rotate", "envelope", made, "--site", high, "--overlap", "1h")
    flow.side("high").await_line("event", "running")
    wait_for(lambda: bool(told(high, Kind.HELD)))
    (held,) = told(high, Kind.HELD)  # a revoked key has no overlap
    assert held["reason"] == "manifest-key"
    keys("rotate", "envelope", made, "--site", low, "--receiver-ready")
    wait_for(lambda: "taken-up" in acts(low, "envelope"))
    flow.drop(SAMPLE, "position.cot")
    wait_for(lambda: len(flow.follow().delivered) == 2)
    assert acts(high, "authority") == ["revocations"]
