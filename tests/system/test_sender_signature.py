"""A flow whose policy wants its senders' signatures, with all processes: what they sign, and only
that, is delivered."""

import shutil
from pathlib import Path

import pytest

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from schemas.entry import Kind
from tests.filters.checks.test_sender_signature import Office
from tests.system.test_keys import told
from tests.system.test_policy_change import SAMPLE, guard, wait_for

pytestmark = pytest.mark.long

STAGE = """[[source.stage]]
name = "sender_signature"
parameters = { authority_document = "senders.pem", signers = { alpha = ["cn:alpha"] } }

"""


def signing_pack(folder: Path, office: Office) -> Path:
    """The pack c2, with the signature asked for before anything looks into a payload."""
    pack = folder / "pack"
    shutil.copytree(pack_folder("c2"), pack)
    shutil.copyfile(office.path("ca.pem"), pack / "senders.pem")
    policy = pack / "policy.toml"
    head, first, rest = policy.read_text("utf-8").partition("[[source.stage]]\n")
    before, documents, after = head.partition("[source]\ndocuments = [")
    assert first, documents
    named = before + documents + '"senders.pem", ' + after
    policy.write_text(named + STAGE + first + rest)
    return pack


def test_only_what_its_sender_signed_is_delivered(open_folder: Path, tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.authority("ca")
    for name in ("alpha", "beta"):
        office.certify(name)
    pack = signing_pack(open_folder, office)
    with Demonstration(open_folder / "site", pack, LinkFaults(direct=True)) as flow:
        low = flow.made.low
        files = {
            "good.cot": office.sign("alpha", payload=SAMPLE),
            "unsigned.cot": b"",
            "others.cot": office.sign("beta", payload=SAMPLE),
            "changed.cot": office.sign("alpha", payload=SAMPLE + b" "),
            "junk.cot": b"\x30\x80 is no signature",
        }
        for name, signature in files.items():
            (tmp_path / name).write_bytes(SAMPLE)
            (tmp_path / f"{name}.p7s").write_bytes(signature)
            signed = ["--signed"] if signature else []
            done = guard("submit", tmp_path / name, "--site", low, "--sender", "alpha", *signed)
            assert done.exit_code == 0, done.stdout + done.stderr
        wait_for(lambda: len(told(low, Kind.REFUSED)) == 4)
        reasons = {str(entry["name"]): str(entry["reason"]) for entry in told(low, Kind.REFUSED)}
        assert reasons == {
            "unsigned.cot": "signature-missing", "others.cot": "signature-other-signer",
            "changed.cot": "signature-invalid", "junk.cot": "signature-malformed",
        }  # fmt: skip
        assert {entry["stage"] for entry in told(low, Kind.REFUSED)} == {"sender_signature"}
        wait_for(lambda: len(flow.follow().delivered) == 1)
        (committed,) = told(low, Kind.COMMITTED)
        assert committed["name"] == "good.cot"
        assert "signed by cn:alpha" in str(committed["stages"])
