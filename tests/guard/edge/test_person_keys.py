"""A person's key out of a PKCS #12 file: only with a certificate that holds, and only Ed25519."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from guard.cli.main import main
from guard.edge.issuing import key_usage
from guard.edge.keys import public_of, read_secret
from guard.edge.person_keys import PKCS12_BYTES_MAX, read_pkcs12
from schemas.errors import CheckvalveError
from schemas.reasons import Reason
from tests.guard.edge.certificates import AT_S, Party, authority

ROOT = authority("People")


def pkcs12(party: Party, key: Any = None) -> bytes:
    return serialize_key_and_certificates(
        b"alice", key or party.key, party.certificate, None, BestAvailableEncryption(b"secret")
    )


def refusal(untrusted: bytes, password: str = "secret", anchor: Party = ROOT,
            at_s: int = AT_S) -> Reason:  # fmt: skip
    with pytest.raises(CheckvalveError) as raised:
        read_pkcs12(untrusted, password, anchor.pem, at_s)
    return raised.value.reason


def test_a_certified_persons_key_is_taken() -> None:
    alice = ROOT.certify(Party("alice"), names=[])
    found = read_pkcs12(pkcs12(alice), "secret", ROOT.pem, AT_S)
    assert found.seed == alice.key.private_bytes_raw()
    assert found.public == public_of(found.seed)
    assert found.subject == "CN=alice"


def test_what_is_none_or_of_nobody_is_refused() -> None:
    alice = ROOT.certify(Party("alice"), names=[])
    good = pkcs12(alice)
    assert refusal(good, "another") == Reason.KEY_MISSING
    for junk in (b"", b"0\x80", good[:-40], bytes(PKCS12_BYTES_MAX + 1)):
        assert refusal(junk) == Reason.KEY_MISSING
    assert refusal(good, anchor=authority("People")) == Reason.CERTIFICATE_UNTRUSTED
    assert refusal(good, at_s=AT_S + 10**8) == Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize(
    "usage", [key_usage(), key_usage(digital_signature=True, key_cert_sign=True)]
)
def test_a_certificate_for_something_else_is_refused(usage: Any) -> None:
    alice = ROOT.certify(Party("alice"), names=[], usage=usage)
    assert refusal(pkcs12(alice)) in (Reason.CERTIFICATE_USAGE, Reason.CERTIFICATE_UNTRUSTED)


def test_a_key_of_another_kind_says_what_it_serves_for() -> None:
    card = ROOT.certify(Party("alice", generate_private_key(SECP256R1())), names=[])
    assert refusal(pkcs12(card)) == Reason.KEY_MISSING


def test_the_command_writes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    import_key = ["keys", "import", str(tmp_path / "a.p12"), "--authority",
                  str(tmp_path / "ca.pem"), "--out", str(tmp_path / "alice.key")]  # fmt: skip
    root = authority("People", days=(-1000, 10_000))
    alice = root.certify(Party("alice"), names=[], days=(-1000, 10_000))
    (tmp_path / "a.p12").write_bytes(pkcs12(alice))
    (tmp_path / "ca.pem").write_bytes(root.pem)
    (tmp_path / "password").write_text("secret\n")
    asked = CliRunner().invoke(main, [*import_key], input="wrong\n")
    assert asked.exit_code == 3
    assert not (tmp_path / "alice.key").exists()
    done = CliRunner().invoke(main, [*import_key, "--password-file", str(tmp_path / "password")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "alice.key").stat().st_mode & 0o777 == 0o400
    seed = read_secret(tmp_path / "alice.key")
    assert public_of(seed).hex() in done.output
    assert seed.hex() not in done.output
