"""The pack c2 with a stage that wants labels bound: from the sidecar's text to the other side."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from filters.formats.binding_sealed import Sealed, write_sealed
from guard.edge.making import pack_folder
from guard.edge.site import read_documents
from guard.edge.spool_sidecar import read_sidecar
from guard.rehearsal import Outcome, Rehearsal
from schemas.message import Meta
from schemas.policy import Policy, read_policy
from schemas.reasons import Reason
from schemas.verdict import Refuse
from tests.filters.formats.binding_people import People
from tests.guard.edge.certificates import AT_S

PACK = pack_folder("c2")
PEOPLE = People()
SAMPLE = (PACK / "samples" / "position.cot").read_bytes()
LABEL = "KESTRIA UNCLASSIFIED"
STAGE = """
[[source.stage]]
name = "check_binding"
[source.stage.parameters]
form = "sealed"
policy_documents = ["kestria.spif.xml"]
trust_document = "authorities.pem"
signers = ["desk@example.org"]
"""
BEFORE = '\n[[source.stage]]\nname = "cot_rebuild"'


def policy_with_binding() -> Policy:
    text = (PACK / "policy.toml").read_text("utf-8")
    changed = text.replace(BEFORE, STAGE + BEFORE, 1).replace(
        'documents = ["cot-event.xsd", ', 'documents = ["authorities.pem", "cot-event.xsd", ', 1
    )
    assert changed.count("authorities.pem") == 2
    return read_policy(changed.encode())


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    plain = read_policy((PACK / "policy.toml").read_bytes())
    documents = read_documents(PACK, plain) | {"authorities.pem": PEOPLE.authority.pem}
    with Rehearsal(policy_with_binding(), documents) as made:
        yield made


def decide(rehearsal: Rehearsal, payload: bytes, sidecar: dict[str, str]) -> Outcome:
    claimed = read_sidecar(json.dumps(sidecar).encode())
    meta = Meta(id="5" * 32, flow="c2", sender="alpha", name="a.cot", accepted_s=AT_S)
    meta = replace(meta, label=claimed.label, binding=claimed.binding)
    return rehearsal.decide(Meta.read(meta.write()), payload)


def seal(label: str = LABEL, payload: bytes = SAMPLE, people: People = PEOPLE) -> str:
    der = people.desk.certificate.public_bytes(Encoding.DER)
    return write_sealed(Sealed(label, ""), payload, -7, (der,), people.signer().sign)


def test_a_bound_message_crosses_and_its_binding_does_not(rehearsal: Rehearsal) -> None:
    outcome = decide(rehearsal, SAMPLE, {"label": LABEL, "binding": seal()})
    assert outcome.stopped is None, outcome
    assert outcome.message is not None
    assert outcome.message.meta.binding == ""


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        ({"label": LABEL}, Reason.LABEL_UNBOUND),
        ({"binding": seal()}, Reason.LABEL_MISSING),
        ({"label": "KESTRIA RESTRICTED", "binding": seal()}, Reason.LABEL_UNBOUND),
        ({"label": LABEL, "binding": seal(payload=SAMPLE + b"\n")}, Reason.BINDING_DIGEST),
        ({"label": LABEL, "binding": seal(people=People("Strangers"))},
         Reason.CERTIFICATE_UNTRUSTED),
        ({"label": LABEL, "binding": "AAAA"}, Reason.BINDING_MALFORMED),
    ],
)  # fmt: skip
def test_what_is_not_bound_is_refused_by_the_stage(
    rehearsal: Rehearsal, sidecar: dict[str, str], reason: Reason
) -> None:
    outcome = decide(rehearsal, SAMPLE, sidecar)
    assert isinstance(outcome.stopped, Refuse)
    assert (outcome.stage, outcome.stopped.reason) == ("check_binding", reason)
