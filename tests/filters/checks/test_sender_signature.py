"""Who may sign what a drop directory brings: openssl makes the signatures, as a sender would."""

import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.checks.sender_signature import STAGE, SenderSignatureParameters
from filters.formats.cms import read_cms
from guard.edge.clock import now_s
from schemas.errors import Malformed
from schemas.message import SIGNATURE_BYTES_MAX, Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Pass, Refuse

PAYLOAD = b"what alpha has to say"
KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ec384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
}
LEAF = ("keyUsage=critical,digitalSignature", "basicConstraints=critical,CA:FALSE",
        "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")  # fmt: skip


def openssl(*words: object) -> bytes:
    done = subprocess.run(["openssl", *map(str, words)], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass
class Office:
    """An authority and those it has certified, in a folder."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def authority(self, name: str) -> None:
        openssl("req", "-x509", *KINDS["ec"], "-nodes", "-keyout", self.path(f"{name}.key"),
                "-out", self.path(f"{name}.pem"), "-subj", f"/CN={name}", "-days", "9000",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip

    def certify(self, name: str, kind: str = "ec", by: str = "ca", days: int = 30,
                more: tuple[str, ...] = (), base: tuple[str, ...] = LEAF) -> None:  # fmt: skip
        openssl("req", *KINDS[kind], "-nodes", "-keyout", self.path(f"{name}.key"),
                "-out", self.path("csr"), "-subj", f"/CN={name}")  # fmt: skip
        self.path("ext").write_text("\n".join((*base, *more)) + "\n")
        openssl("x509", "-req", "-in", self.path("csr"), "-CA", self.path(f"{by}.pem"), "-CAkey",
                self.path(f"{by}.key"), "-days", days, "-extfile", self.path("ext"), "-out",
                self.path(f"{name}.pem"))  # fmt: skip

    def sign(self, name: str, *words: object, payload: bytes = PAYLOAD) -> bytes:
        self.path("m").write_bytes(payload)
        words = words or ("-md", "sha256")
        return openssl("cms", "-sign", "-binary", "-in", self.path("m"), "-signer",
                       self.path(f"{name}.pem"), "-inkey", self.path(f"{name}.key"), "-outform",
                       "DER", *words)  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    made = Office(tmp_path_factory.mktemp("office"))
    for name in ("ca", "stranger"):
        made.authority(name)
    made.certify("alpha")
    made.certify("beta")
    made.certify("forger", by="stranger")
    return made


def stage(office: Office, **changes: Any) -> Run:
    given = {"signers": {"alpha": ["cn:alpha"]}, "authority_document": "ca.pem"} | changes
    parameters = SenderSignatureParameters.model_validate(given)
    names = [given["authority_document"], given.get("revoked_document")]
    documents = {name: office.path(name).read_bytes() for name in names if name}
    return STAGE.make(parameters, documents)


def message(signature: bytes, payload: bytes = PAYLOAD, sender: str = "alpha",
            at_s: int | None = None) -> Message:  # fmt: skip
    meta = Meta(id="a" * 32, flow="c2", sender=sender, name="x",
                accepted_s=now_s() if at_s is None else at_s,
                signature=b64encode(signature).decode())  # fmt: skip
    return Message.make(meta, payload)


def passes(run: Run, told: Message) -> bool:
    return isinstance(run(told), Pass)


def refusal(run: Run, told: Message) -> Reason:
    try:
        answer = run(told)
    except Malformed as error:
        return error.reason
    assert isinstance(answer, Refuse), answer
    return answer.reason


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_sender_signed_passes(office: Office, kind: str) -> None:
    office.certify(f"s-{kind}", kind)
    digest = "sha384" if kind == "ec384" else "sha256"
    run = stage(office, signers={"alpha": [f"cn:s-{kind}"]})
    for words in (("-md", digest), ("-md", digest, "-keyid")):
        assert passes(run, message(office.sign(f"s-{kind}", *words)))


def test_names_are_exactly_those_of_the_policy(office: Office) -> None:
    office.certify("mail", more=("subjectAltName=email:alpha@example.org,URI:urn:x:alpha",
                                 "extendedKeyUsage=emailProtection"))  # fmt: skip
    signed = message(office.sign("mail"))
    for name in ("cn:mail", "email:alpha@example.org", "uri:urn:x:alpha"):
        assert passes(stage(office, signers={"alpha": ["cn:nobody", name]}), signed)
    for name in ("cn:Mail", "cn:mai", "email:alpha@example.com", "uri:mail", "email:mail"):
        run = stage(office, signers={"alpha": [name]})
        assert refusal(run, signed) == Reason.SIGNATURE_OTHER_SIGNER


def test_what_another_signed_or_nobody_is_refused(office: Office) -> None:
    run = stage(office)
    assert refusal(run, message(b"")) == Reason.SIGNATURE_MISSING
    assert refusal(run, message(office.sign("beta"))) == Reason.SIGNATURE_OTHER_SIGNER
    assert refusal(run, message(office.sign("forger"))) == Reason.SIGNATURE_UNTRUSTED
    good = office.sign("alpha")
    assert refusal(run, message(good, PAYLOAD + b"!")) == Reason.SIGNATURE_INVALID
    assert refusal(run, message(good, sender="beta")) == Reason.SIGNATURE_MISSING
    assert passes(stage(office, others="pass"), message(b"", sender="beta"))
    assert refusal(stage(office, others="pass"), message(b"")) == Reason.SIGNATURE_MISSING


def test_a_certificate_holds_in_its_time_only(office: Office) -> None:
    run, good = stage(office), office.sign("alpha")
    for at_s in (now_s() - 86_400, now_s() + 31 * 86_400):
        assert refusal(run, message(good, at_s=at_s)) == Reason.SIGNATURE_UNTRUSTED


def test_a_revoked_signer_is_refused(office: Office) -> None:
    office.certify("gone")
    folder = office.folder
    folder.joinpath("index.txt").write_text("")
    folder.joinpath("number").write_text("01\n")
    folder.joinpath("ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\ncrlnumber={folder}/number\n"
        "default_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\n"
        "authorityKeyIdentifier=keyid\n"
    )
    own = ["ca", "-config", office.path("ca.cnf"), "-cert", office.path("ca.pem"), "-keyfile",
           office.path("ca.key")]  # fmt: skip
    openssl(*own, "-revoke", office.path("gone.pem"))
    openssl(*own, "-gencrl", "-out", office.path("revoked.pem"))
    run = stage(office, revoked_document="revoked.pem",
                signers={"alpha": ["cn:alpha", "cn:gone"]})  # fmt: skip
    assert refusal(run, message(office.sign("gone"))) == Reason.SIGNATURE_UNTRUSTED
    soon = now_s() + 60  # the list's time has begun
    assert passes(run, message(office.sign("alpha"), at_s=soon))
    late = now_s() + 31 * 86_400  # it is over: without a list of now nobody is believed
    assert refusal(run, message(office.sign("alpha"), at_s=late)) == Reason.SIGNATURE_UNTRUSTED


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("for-keys", ("keyUsage=critical,keyEncipherment", *LEAF[1:])),
        ("without-usage", LEAF[1:]),
        ("an-authority", ("keyUsage=critical,keyCertSign,digitalSignature",
                          "basicConstraints=critical,CA:TRUE", *LEAF[2:])),
        ("for-servers", (*LEAF, "extendedKeyUsage=serverAuth")),
    ],
)  # fmt: skip
def test_a_certificate_for_something_else_is_none(
    office: Office, name: str, lines: tuple[str, ...]
) -> None:
    office.certify(name, base=lines)
    run = stage(office, signers={"alpha": [f"cn:{name}"]})
    assert refusal(run, message(office.sign(name))) == Reason.SIGNATURE_UNTRUSTED


def test_a_card_for_signatures_that_cannot_be_denied_is_taken(office: Office) -> None:
    """As on a CAC: key usage digitalSignature and nonRepudiation, for e-mail."""
    usage = "keyUsage=critical,digitalSignature,nonRepudiation"
    office.certify("DOE.J.1234567890", "rsa", base=(usage, *LEAF[1:]),
                   more=("extendedKeyUsage=emailProtection,clientAuth",))  # fmt: skip
    run = stage(office, signers={"alpha": ["cn:DOE.J.1234567890"]})
    assert passes(run, message(office.sign("DOE.J.1234567890")))
    narrow = stage(office, signers={"alpha": ["cn:DOE.J.1234567890"]},
                   extended_usages=["1.3.6.1.5.5.7.3.36"])  # fmt: skip
    assert refusal(narrow, message(office.sign("DOE.J.1234567890"))) == Reason.SIGNATURE_UNTRUSTED


@pytest.mark.parametrize(
    "words",
    [("-md", "sha1"), ("-md", "sha256", "-noattr"), ("-md", "sha256", "-nodetach"),
     ("-md", "sha256", "-nocerts"), ("-md", "sha256", "-stream", "-nodetach")],
    ids=" ".join,
)  # fmt: skip
def test_other_forms_of_cms_are_not_taken(office: Office, words: tuple[str, ...]) -> None:
    found = refusal(stage(office), message(office.sign("alpha", *words)))
    assert found in (Reason.SIGNATURE_MALFORMED, Reason.SIGNATURE_INVALID)


def test_two_signers_are_not_taken(office: Office) -> None:
    both = office.sign("alpha", "-md", "sha256", "-signer", office.path("beta.pem"), "-inkey",
                       office.path("beta.key"))  # fmt: skip
    assert refusal(stage(office), message(both)) == Reason.SIGNATURE_MALFORMED


def test_no_bit_can_be_changed_that_counts(office: Office) -> None:
    """Except in what nobody signed: a certificate's own outer bytes are the authority's."""
    run, good = stage(office), office.sign("alpha")
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1
        try:
            answer = run(message(bytes(changed)))
        except Malformed:
            continue
        if isinstance(answer, Pass):
            assert read_cms(bytes(changed)).signed == read_cms(good).signed


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        read_cms(untrusted)


def test_a_cut_or_longer_one_is_malformed(office: Office) -> None:
    good = office.sign("alpha")
    for at in range(0, len(good), 7):
        with pytest.raises(Malformed):
            read_cms(good[:at])
    for longer in (good + b"\0", bytes(SIGNATURE_BYTES_MAX + 1)):
        with pytest.raises(Malformed):
            read_cms(longer)


def test_documents_that_hold_no_certificates_are_a_fault_of_the_policy(office: Office) -> None:
    office.path("empty.pem").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="does not hold"):
        stage(office, authority_document="empty.pem")
    with pytest.raises(ValueError, match="does not hold"):
        stage(office, authority_document="alpha.key")


CONFINED = """
import base64, sys
from pathlib import Path
from filters import catalog
from schemas.message import Message, Meta
folder, at_s = Path(sys.argv[1]), int(sys.argv[2])
stage = catalog.load("sender_signature")
parameters = stage.parameters.model_validate(
    {"signers": {"alpha": ["cn:alpha"]}, "authority_document": "ca.pem"})
run = stage.make(parameters, {"ca.pem": (folder / "ca.pem").read_bytes()})
before = set(sys.modules)
for path in sorted(folder.glob("*.signed")):
    meta = Meta(id="a" * 32, flow="c2", sender="alpha", name="x", accepted_s=at_s,
                signature=base64.b64encode(path.read_bytes()).decode())
    try:
        run(Message.make(meta, (folder / "m").read_bytes()))
    except Exception as error:
        assert type(error).__name__ == "Malformed", error
print(sorted(set(sys.modules) - before))
"""


def test_nothing_is_imported_when_the_stage_is_confined(office: Office) -> None:
    office.certify("address", "rsa", more=("subjectAltName=IP:10.1.2.3,email:a@b.example",))
    for name in ("alpha", "beta", "forger", "address"):
        office.path(f"{name}.signed").write_bytes(office.sign(name))
    office.path("junk.signed").write_bytes(b"0\x80junk")
    words = [sys.executable, "-c", CONFINED, str(office.folder), str(now_s())]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_ledger_is_told_by_whom_it_was_signed(office: Office) -> None:
    assert stage(office)(message(office.sign("alpha"))) == Pass("signed by cn:alpha")
