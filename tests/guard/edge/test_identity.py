"""Who may say that it is LOW: only a certificate that says so, from the authority, in its time."""

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from guard import roles
from guard.edge.clock import now_s
from guard.edge.identity import Identity, read_identity
from guard.edge.issuing import DAY_S, demonstration_authority, issue, key_usage, new_authority
from guard.edge.keys import new_secret, public_of, write_secret
from guard.edge.making import make_site, pack_folder
from guard.edge.site import load_site
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from tests.guard.edge.certificates import AT_S, Party, authority

Read = Callable[..., Identity]


@pytest.fixture
def root() -> Party:
    return authority()


@pytest.fixture
def low(root: Party) -> Party:
    return root.certify(Party("LOW"))


@pytest.fixture
def read(tmp_path: Path, root: Party) -> Read:
    """Reads an identity from a trust folder with these files in it."""

    def read(
        source: bytes, anchor: bytes = root.pem, revoked: bytes | None = None,
        at_s: int = AT_S, demonstration: bool = False,
    ) -> Identity:  # fmt: skip
        (tmp_path / "authority.pem").write_bytes(anchor)
        (tmp_path / "source.pem").write_bytes(source)
        (tmp_path / "revoked.pem").unlink(missing_ok=True)
        if revoked is not None:
            (tmp_path / "revoked.pem").write_bytes(revoked)
        return read_identity(tmp_path, "LOW", at_s, demonstration=demonstration)

    return read


def refusal(
    kind: type[Exception], reason: Reason, sentence: str, act: Callable[[], object]
) -> None:
    with pytest.raises(kind) as caught:
        act()
    error = caught.value
    assert isinstance(error, Forged | Malformed)
    assert error.reason is reason
    assert re.search(sentence, error.sentence), error.sentence


# -- what is believed -------------------------------------------------------------------------


def test_a_domain_is_believed_with_its_sealing_key(low: Party, read: Read) -> None:
    identity = read(low.pem)
    assert identity.domain == "LOW"
    assert identity.public == low.key.public_key().public_bytes_raw()
    assert identity.authority == "CN=An authority"
    assert identity.fingerprint == low.certificate.fingerprint(SHA256()).hex()
    assert identity.valid_until_s == AT_S + 30 * DAY_S


def test_an_authority_may_have_others_below_it(root: Party, read: Read) -> None:
    middle = root.certify(Party("A middle authority"), ca=True, path_length=0)
    low = middle.certify(Party("LOW"))
    assert read(low.pem + middle.pem).authority == "CN=An authority"


def test_an_authority_of_another_kind_of_key_may_vouch(read: Read) -> None:
    root = Party("RSA", generate_private_key(65537, 3072))
    root.certify(root, ca=True, names=[], algorithm=SHA256())
    low = root.certify(Party("LOW"), algorithm=SHA256())
    assert read(low.pem, root.pem).domain == "LOW"


def test_what_is_issued_is_believed_for_its_days(read: Read) -> None:
    root = new_authority("An authority", AT_S, 2)
    pem = issue(root, "LOW", public_of(bytes(32)), AT_S, 2)
    for at_s in (AT_S, AT_S + 2 * DAY_S - 1):
        assert read(pem, root.pem, at_s=at_s).public == public_of(bytes(32))
    for at_s in (AT_S - 1, AT_S + 2 * DAY_S + 1):
        with pytest.raises(Forged):
            read(pem, root.pem, at_s=at_s)


# -- wrong domain -----------------------------------------------------------------------------


def test_another_domains_certificate(root: Party, read: Read) -> None:
    high = root.certify(Party("HIGH"))
    refusal(Forged, Reason.CERTIFICATE_DOMAIN, "of CN=HIGH, the policy's source domain is LOW",
            lambda: read(high.pem))  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["urn:checkvalve:domain:HIGH"],
        ["urn:checkvalve:domain:LOW", "urn:checkvalve:domain:HIGH"],
        ["URN:checkvalve:domain:LOW"],
        ["urn:checkvalve:domain:LOW\0"],
        ["https://low.example"],
    ],
)
def test_a_certificate_whose_two_names_differ(root: Party, names: list[str], read: Read) -> None:
    uris: list[x509.GeneralName] = [x509.UniformResourceIdentifier(name) for name in names]
    low = root.certify(Party("LOW"), names=uris)
    refusal(Forged, Reason.CERTIFICATE_DOMAIN, "urn:checkvalve:domain:LOW as its one alternative",
            lambda: read(low.pem))  # fmt: skip


# -- wrong time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ((-30, -1), "has expired, it is 2027-01-15 08:00 UTC here: have the authority issue"),
        ((1, 30), "is not valid yet, it is 2027-01-15 08:00 UTC here: check this host's clock"),
    ],
)
def test_a_certificate_outside_its_time(
    root: Party, days: tuple[int, int], sentence: str, read: Read
) -> None:
    low = root.certify(Party("LOW"), days=days)
    refusal(Forged, Reason.CERTIFICATE_VALIDITY, sentence, lambda: read(low.pem))


def test_an_authority_that_has_expired(read: Read) -> None:
    root = authority(days=(-30, -1))
    low = root.certify(Party("LOW"))
    refusal(Forged, Reason.CERTIFICATE_VALIDITY, r"number 1 above it in the chain\) has expired",
            lambda: read(low.pem, root.pem))  # fmt: skip


# -- wrong authority --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["An authority", "Another authority"])
def test_another_authority(name: str, read: Read) -> None:
    low = authority(name).certify(Party("LOW"))
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "was not issued by the authority",
            lambda: read(low.pem))  # fmt: skip


def test_another_authority_does_not_help_by_coming_along(read: Read) -> None:
    other = authority("Another authority")
    low = other.certify(Party("LOW"))
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "was not issued by the authority",
            lambda: read(low.pem + other.pem))  # fmt: skip


def test_a_domain_that_vouches_for_itself(read: Read) -> None:
    low = Party("LOW")
    low.certify(low)
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "was not issued by the authority",
            lambda: read(low.pem))  # fmt: skip
    refusal(Forged, Reason.CERTIFICATE_USAGE, "is not the certificate of an authority",
            lambda: read(low.pem, low.pem))  # fmt: skip


def test_a_certificate_changed_after_it_was_signed(low: Party, read: Read) -> None:
    der = low.certificate.public_bytes(Encoding.DER).replace(b"LOW", b"HOW")
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "was not issued by the authority",
            lambda: read(pem_of(der)))  # fmt: skip


def test_a_weak_authority(read: Read) -> None:
    root = Party("Short", generate_private_key(65537, 1024))
    root.certify(root, ca=True, names=[], algorithm=SHA256())
    low = root.certify(Party("LOW"), algorithm=SHA256())
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "CN=Short uses a key that is too short",
            lambda: read(low.pem, root.pem))  # fmt: skip


def test_the_demonstration_authority_outside_a_demonstration(
    read: Read,
) -> None:
    root = demonstration_authority(AT_S, 1)
    pem = issue(root, "LOW", public_of(bytes(32)), AT_S, 1)
    assert read(pem, root.pem, demonstration=True).domain == "LOW"
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "put the certificate of your own authority there",
            lambda: read(pem, root.pem))  # fmt: skip


# -- wrong use --------------------------------------------------------------------------------


def test_a_domain_that_issues_for_another(root: Party, read: Read) -> None:
    high = root.certify(Party("HIGH"))
    low = high.certify(Party("LOW"))
    refusal(Forged, Reason.CERTIFICATE_USAGE, "has issued another, and it is not an authority's",
            lambda: read(low.pem + high.pem))  # fmt: skip


def test_an_authority_below_one_that_may_have_none(read: Read) -> None:
    root = authority(path_length=0)
    middle = root.certify(Party("A middle authority"), ca=True)
    low = middle.certify(Party("LOW"))
    refusal(Forged, Reason.CERTIFICATE_USAGE, "path length",
            lambda: read(low.pem + middle.pem, root.pem))  # fmt: skip


def test_a_domain_that_could_be_an_authority(root: Party, read: Read) -> None:
    both = key_usage(digital_signature=True, key_cert_sign=True)
    for ca, usage in ((True, None), (True, both), (False, both)):
        low = root.certify(Party("LOW"), ca=ca, usage=usage)
        refusal(Forged, Reason.CERTIFICATE_USAGE, "may issue certificates .*key usage",
                partial(read, low.pem))  # fmt: skip


def test_a_key_that_is_not_for_signing(root: Party, read: Read) -> None:
    usage = x509.KeyUsage(False, False, False, False, True, False, False, False, False)
    low = root.certify(Party("LOW"), usage=usage)
    refusal(Forged, Reason.CERTIFICATE_USAGE, "is not for signatures", lambda: read(low.pem))


def test_a_key_that_cannot_seal(root: Party, read: Read) -> None:
    low = root.certify(Party("LOW", generate_private_key(65537, 2048)))
    refusal(Forged, Reason.CERTIFICATE_KEY, "a key that is not Ed25519", lambda: read(low.pem))


# -- revoked ----------------------------------------------------------------------------------


def test_a_revoked_domain(root: Party, low: Party, read: Read) -> None:
    other = root.certify(Party("HIGH"))
    assert read(low.pem, revoked=root.revoke(other)).domain == "LOW"
    refusal(Forged, Reason.CERTIFICATE_REVOKED, "has been revoked by its authority",
            lambda: read(low.pem, revoked=root.revoke(other, low)))  # fmt: skip


def test_a_revoked_authority(root: Party, read: Read) -> None:
    middle = root.certify(Party("A middle authority"), ca=True, path_length=0)
    low = middle.certify(Party("LOW"))
    chain = low.pem + middle.pem
    assert read(chain, revoked=root.revoke() + middle.revoke()).domain == "LOW"
    lists = root.revoke(middle) + middle.revoke()
    refusal(Forged, Reason.CERTIFICATE_REVOKED, r"number 1 above it .* has been revoked",
            lambda: read(chain, revoked=lists))  # fmt: skip


def test_a_revocation_list_that_proves_nothing(root: Party, low: Party, read: Read) -> None:
    stale, early = root.revoke(days=(-9, -2)), root.revoke(days=(2, 9))
    others, forged = authority("Other").revoke(), authority().revoke()
    for revoked in (stale, early, others, forged):
        with pytest.raises(Forged, match="put the newest list of its authority there") as caught:
            read(low.pem, revoked=revoked)
        assert caught.value.reason is Reason.CERTIFICATE_REVOKED


# -- garbage ----------------------------------------------------------------------------------


def pem_of(der: bytes, label: str = "CERTIFICATE") -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


def test_garbage_is_refused_by_file(root: Party, low: Party, read: Read) -> None:
    der = low.certificate.public_bytes(Encoding.DER)
    for bad in (
        b"", b"\0" * 100, der, low.pem[:-20], b"x" + low.pem, low.pem * 5, low.pem + b"\n" * 70_000,
        pem_of(b"\x30\x80"), pem_of(der, "PRIVATE KEY"), low.pem + pem_of(b"", "PRIVATE KEY"),
        pem_of(der[:-1]), root.revoke(),
    ):  # fmt: skip
        with pytest.raises(Malformed, match=r"source\.pem must hold one to 4 certificates in PEM"):
            read(bad)
        with pytest.raises(Malformed, match=r"authority\.pem must hold one certificate in PEM"):
            read(low.pem, bad)
    for bad in (b"", b"\0" * 100, low.pem, pem_of(b"\x30\x80", "X509 CRL")):
        with pytest.raises(Malformed, match=r"revoked\.pem must hold one to 4 revocation lists"):
            read(low.pem, revoked=bad)


@pytest.mark.filterwarnings("ignore")  # what libraries say of odd certificates is not our answer
def test_every_changed_byte_is_refused(low: Party, read: Read) -> None:
    der = low.certificate.public_bytes(Encoding.DER)
    for at in range(len(der)):
        for flipped in (0x01, 0x80):
            changed = bytearray(der)
            changed[at] ^= flipped
            with pytest.raises((Forged, Malformed)):
                read(pem_of(bytes(changed)))


def test_no_certificate_at_all(tmp_path: Path) -> None:
    refusal(Malformed, Reason.CERTIFICATE_MALFORMED, "guard init makes one for trying",
            lambda: read_identity(tmp_path, "LOW", AT_S, demonstration=False))  # fmt: skip


# -- a site -----------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    made = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:9", "127.0.0.1:9")
    return made.low.parent


def test_a_made_site_loads_and_both_sides_believe_the_same_key(site: Path) -> None:
    low, high = load_site(site / "low"), load_site(site / "high")
    assert low.source == high.source
    assert low.source.domain == "LOW"
    assert high.seal_public == public_of(low.keys["seal"])
    assert "seal" not in high.keys


def test_the_demonstrations_authority_key_is_in_neither_side(site: Path) -> None:
    names = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert {name for name in names if "authority" in name} == {
        "authority.key", "low/trust/authority.pem", "high/trust/authority.pem",
    }  # fmt: skip
    private = [name for name in names if b"PRIVATE" in (site / name).read_bytes()]
    assert private == ["authority.key"]
    assert (site / "authority.key").stat().st_mode & 0o777 == 0o400


def test_a_source_side_whose_key_is_not_the_certified_one(site: Path) -> None:
    key = site / "low" / "keys" / "seal.key"
    key.unlink()
    write_secret(key, new_secret())
    refusal(Forged, Reason.CERTIFICATE_KEY, r"certifies another key than keys/seal\.key",
            lambda: load_site(site / "low"))  # fmt: skip


@pytest.mark.parametrize("side", ["low", "high"])
def test_a_side_does_not_start_with_an_identity_that_does_not_hold(site: Path, side: str) -> None:
    later_s = now_s() + 366 * DAY_S
    refusal(Forged, Reason.CERTIFICATE_VALIDITY, rf"{side}/trust/source\.pem .*has expired",
            lambda: load_site(site / side, later_s))  # fmt: skip
    toml = site / side / "site.toml"
    toml.write_text(toml.read_text().replace("demo = true", "demo = false"))
    refusal(Forged, Reason.ROOT_UNTRUSTED, "the trust root is for demonstration",
            lambda: load_site(site / side))  # fmt: skip
    trust = site / side / "trust"
    refusal(Forged, Reason.CERTIFICATE_UNTRUSTED, "demonstration authority of guard init",
            lambda: read_identity(trust, "LOW", now_s(), demonstration=False))  # fmt: skip


def test_no_role_loads_what_reads_certificates() -> None:
    names = sorted(path.stem for path in Path(roles.__path__[0]).glob("[!_]*.py"))
    imports = "".join(f"import guard.roles.{name}\n" for name in names)
    loaded = "import sys, guard.process\n" + imports + "print('OpenSSL' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True)
    assert names
    assert told.stdout == "False\n", told.stderr
