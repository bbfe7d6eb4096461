"""The stage `check_binding`: what passes, what is refused, and a thousand mutated bindings."""

import random
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from filters.checks.check_binding import STAGE
from filters.formats.binding_4778 import Bound
from filters.formats.binding_sealed import Sealed, write_sealed
from filters.formats.binding_write import write_embedded
from schemas.errors import Malformed
from schemas.label.model import Category, CategoryKind, Label, LabelSet, PolicyId
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Answer, Pass, Refuse
from tests.filters.conftest import PACKS
from tests.filters.formats.binding_people import AT_MS, People
from tests.guard.edge.certificates import AT_S

PEOPLE = People()
FOLDER = PACKS.parent / "documents"
DOCUMENTS = {
    "alliance.spif.xml": (FOLDER / "alliance.spif.xml").read_bytes(),
    "kestria.spif.xml": (FOLDER / "kestria.spif.xml").read_bytes(),
    "authorities.pem": PEOPLE.authority.pem,
}
TEXT = "ALLIANCE SECRET//REL TO FRA, GBR"
DATA = b'<doc><p Id="p1">one</p>and<p Id="p2">two</p></doc>'
ALLIANCE = PolicyId("ALLIANCE", "urn:oid:2.999.7.2")


def label(classification: str = "SECRET", *nations: str) -> Label:
    released = nations or ("FRA", "GBR")
    tag = Category("urn:oid:2.999.7.2.2", "Releasable To", CategoryKind.PERMISSIVE, released)
    return Label(ALLIANCE, classification, (tag,), created_ms=AT_MS - 1000)


@cache
def stage(form: str, trust: str = "authorities.pem", *policies: str) -> Run:
    named = [*(policies or ("alliance.spif.xml",))]
    parameters = STAGE.parameters.model_validate(
        {"form": form, "trust_document": trust, "policy_documents": named}
    )
    return STAGE.make(parameters, DOCUMENTS)


def message(payload: bytes, text: str = TEXT, binding: str = "") -> Message:
    meta = Meta(id="5" * 32, flow="f", sender="s", name="n", accepted_s=AT_S, label=text)
    return Message.make(replace(meta, binding=binding), payload)


def answer(run: Run, given: Message) -> Answer:
    try:
        return run(given)
    except Malformed as error:
        return Refuse(error.reason, error.sentence)


def seal(text: str = TEXT, data: bytes = DATA) -> str:
    der = PEOPLE.desk.certificate.public_bytes(Encoding.DER)
    return write_sealed(Sealed(text, ""), data, -7, (der,), PEOPLE.signer().sign)


def embed(whole: Label, *parts: Label, signed: bool = True) -> bytes:
    bound = [Bound(LabelSet(whole), ("",))]
    bound += [Bound(LabelSet(one), (f"#p{number}",)) for number, one in enumerate(parts, 1)]
    return write_embedded(DATA, bound, PEOPLE.signer() if signed else None)


def test_a_sealed_binding_passes() -> None:
    assert isinstance(answer(stage("sealed"), message(DATA, binding=seal())), Pass)
    spelled = message(DATA, "alliance secret//rel to GBR,FRA", seal())
    assert isinstance(answer(stage("sealed"), spelled), Pass)


def test_an_embedded_binding_passes_with_its_parts() -> None:
    given = message(embed(label(), label("RESTRICTED", "FRA", "GBR", "NOR"), label()))
    assert answer(stage("embedded"), given) == Pass("label bound by signature, 2 parts below it")
    digests = message(embed(label(), signed=False))
    assert answer(stage("embedded", ""), digests) == (
        Pass("label bound by digest alone, 0 parts below it")
    )


@pytest.mark.parametrize(
    ("form", "given", "reason"),
    [
        ("sealed", message(DATA), Reason.LABEL_UNBOUND),
        ("sealed", message(DATA, "", seal()), Reason.LABEL_MISSING),
        ("sealed", message(DATA, "ALLIANCE UNCLASSIFIED", seal()), Reason.LABEL_UNBOUND),
        ("sealed", message(DATA, "ALLIANCE SECRET//REL TO FRA, GBR, NOR", seal()),
         Reason.LABEL_UNBOUND),
        ("sealed", message(DATA, "KESTRIA SECRET", seal()), Reason.LABEL_UNKNOWN),
        ("sealed", message(DATA + b" ", binding=seal()), Reason.BINDING_DIGEST),
        ("sealed", message(DATA, binding=seal("ALLIANCE ODD")), Reason.LABEL_UNKNOWN),
        ("embedded", message(DATA), Reason.LABEL_UNBOUND),
        ("embedded", message(embed(label()), binding=seal()), Reason.BINDING_MALFORMED),
        ("embedded", message(embed(label()), "ALLIANCE UNCLASSIFIED"), Reason.LABEL_UNBOUND),
        ("embedded", message(embed(label(), signed=False)), Reason.LABEL_UNBOUND),
        ("embedded", message(embed(label(), label("TOP SECRET"))), Reason.LABEL_INVALID),
        ("embedded", message(embed(label(), label("SECRET", "FRA"))), Reason.LABEL_NOT_RELEASABLE),
        ("embedded", message(embed(label("COSMIC"))), Reason.LABEL_UNKNOWN),
        ("embedded", message(embed(replace(label(), policy=PolicyId("NATO")))),
         Reason.LABEL_UNKNOWN),
        ("embedded", message(embed(replace(label(), created_ms=AT_MS + 10**9))),
         Reason.LABEL_INVALID),
    ],
)  # fmt: skip
def test_what_is_refused(form: str, given: Message, reason: Reason) -> None:
    found = answer(stage(form), given)
    assert isinstance(found, Refuse)
    assert found.reason is reason, found.sentence


def test_parameters_that_do_not_fit() -> None:
    for wrong in (
        {"form": "sealed", "policy_documents": ["a"]},
        {"form": "embedded", "policy_documents": ["a"], "signers": ["desk"]},
        {"form": "embedded", "policy_documents": []},
    ):
        with pytest.raises(ValueError, match="validation error"):
            STAGE.parameters.model_validate(wrong)


# -- a thousand mutated bindings ------------------------------------------------------------------

MUTATIONS = 1000
_BASE64 = ("DigestValue", "SignatureValue", "X509Certificate")


def mutated(chance: random.Random, document: bytes) -> tuple[str, bytes]:
    """One attribute, value, namespace, order, digest or signature of the binding changed."""
    root = etree.fromstring(document)
    information = root.find(".//{*}BindingInformation")
    every = list(information.iter(etree.Element))
    element = chance.choice(every)
    kind = chance.choice(("attribute", "value", "namespace", "order", "base64", "name", "removal"))
    if kind == "attribute":
        if element.attrib and chance.random() < 0.8:
            name = chance.choice(element.keys())
            new = chance.choice(["", "#p1", "#binding-0", "PERMISSIVE", element.get(name) + "x"])
            element.set(name, new) if chance.random() < 0.8 else element.attrib.pop(name)
        else:
            element.set(chance.choice(["Id", "URI", "Type", "lang"]), chance.choice(["", "p1"]))
    elif kind == "value":
        element = chance.choice([it for it in every if not len(it) and it.text])
        element.text = chance.choice(
            ["UNCLASSIFIED", "NOR", "ALLIANCE", "", element.text + "A", element.text[::-1], "2026"]
        )
    elif kind == "namespace":
        element.tag = f"{{urn:other}}{etree.QName(element).localname}"
    elif kind == "order" and len(element) > 1:
        element.append(element[0])
    elif kind == "base64":
        element = chance.choice([it for it in every if etree.QName(it).localname in _BASE64])
        raw = bytearray(b64decode(element.text))
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        element.text = b64encode(raw).decode()
    elif kind == "name":
        element.tag = chance.choice(every).tag
    elif kind == "removal" and element is not information:
        element.getparent().remove(element)
    return kind, etree.tostring(root)


@pytest.mark.parametrize("signed", [True, False])
def test_a_mutated_binding_is_refused_or_decided_the_same(signed: bool) -> None:
    chance = random.Random(4778)
    documents = [
        embed(label(), signed=signed),
        embed(label(), label("RESTRICTED"), label("SECRET", "FRA", "GBR", "NOR"), signed=signed),
    ]
    run = stage("embedded", "authorities.pem" if signed else "")
    right = [answer(run, message(document)) for document in documents]
    assert all(isinstance(one, Pass) for one in right)
    outcomes: Counter[str] = Counter()
    for number in range(MUTATIONS):
        which = number % len(documents)
        kind, document = mutated(chance, documents[which])
        found = answer(run, message(document))
        if isinstance(found, Refuse):
            outcomes[f"refused {kind}"] += 1
        else:
            assert found == right[which] or (not signed and isinstance(found, Pass)), (
                f"again: random.Random(4778), number {number}, {kind}: {document!r}"
            )
            outcomes["same"] += 1
    assert outcomes["same"] < MUTATIONS / 3
    assert len(outcomes) >= 7, outcomes
