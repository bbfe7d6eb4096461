"""What a signature may say beside the binding, and what even a trusted signer may not sign."""

import hashlib
from base64 import b64encode
from dataclasses import replace

import pytest
from lxml import etree

from filters.formats.binding_4778 import check_detached
from filters.formats.binding_write import write_detached
from filters.formats.xml_signature import canonical
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from tests.filters.formats.binding_people import AT_MS
from tests.filters.formats.test_binding_4778 import (
    BOUND,
    DATA,
    DETACHED,
    PEOPLE,
    TRUST,
    Attack,
    Q,
    S,
    binding_of,
)


def resigned(root: etree._Element) -> bytes:
    """The document with digests and signature made anew, as the trusted signer would."""
    for reference in root.findall(f".//{S}SignedInfo/{S}Reference"):
        (signed,) = [it for it in root.iter() if it.get("Id") == reference.get("URI")[1:]]
        value = b64encode(hashlib.sha384(canonical(signed)).digest()).decode()
        reference.find(f"{S}DigestValue").text = value
    information = root.find(f".//{S}SignedInfo")
    value = b64encode(PEOPLE.signer().sign(canonical(information))).decode()
    root.find(f".//{S}SignatureValue").text = value
    return bytes(etree.tostring(root))


def test_a_signature_says_when_or_does_not() -> None:
    silent = write_detached(BOUND, DATA, replace(PEOPLE.signer(), signed_ms=None))
    assert b"Created>" not in silent.split(b"Metadata>")[0]
    assert check_detached(silent, DATA, TRUST, AT_MS).signed
    late = write_detached(BOUND, DATA, replace(PEOPLE.signer(), signed_ms=AT_MS + 400_000))
    with pytest.raises(Forged, match="in the future"):
        check_detached(late, DATA, TRUST, AT_MS)


def test_a_signature_may_sign_its_key_and_spell_as_annex_a_does() -> None:
    root = etree.fromstring(DETACHED.replace(b"wsu:Timestamp", b"wsu:TimeStamp"))
    root.find(f".//{S}KeyInfo").set("Id", "key")
    information = root.find(f".//{S}SignedInfo")
    more = etree.fromstring(etree.tostring(information[-1]))
    more.set("URI", "#key")
    information.append(more)
    assert check_detached(resigned(root), DATA, TRUST, AT_MS).bound == tuple(BOUND)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (lambda root: root.find(f".//{S}SignatureProperty").set("Target", "#other"),
         Reason.BINDING_REFERENCE),
        (lambda root: etree.SubElement(root.find(f".//{S}SignatureProperty"), "other"),
         Reason.BINDING_MALFORMED),
        (lambda root: root.find(f".//{S}SignatureProperties").set("Type", "x"),
         Reason.BINDING_MALFORMED),
        (lambda root: root.find(f".//{S}Object").append(etree.Element(f"{S}Other")),
         Reason.BINDING_MALFORMED),
        (lambda root: root.find(f".//{S}SignedInfo").remove(
            root.find(f".//{S}Reference[@URI='#properties']")), Reason.BINDING_REFERENCE),
        (lambda root: root.find(f".//{S}SignedInfo").remove(
            root.find(f".//{S}Reference[@URI='#manifest']")), Reason.BINDING_REFERENCE),
        (lambda root: root.find(f".//{S}SignedInfo").remove(
            root.find(f".//{S}Reference[@URI='#binding-0']")), Reason.BINDING_REFERENCE),
        (lambda root: root.find(f".//{Q}MetadataBinding").addnext(
            etree.fromstring(etree.tostring(binding_of(root)).replace(b'Id="b', b'Id="c'))),
         Reason.BINDING_REFERENCE),
    ],
)  # fmt: skip
def test_what_a_trusted_signer_may_not_sign(attack: Attack, reason: Reason) -> None:
    root = etree.fromstring(DETACHED)
    attack(root)
    with pytest.raises((Malformed, Forged)) as raised:
        check_detached(resigned(root), DATA, TRUST, AT_MS)
    assert raised.value.reason is reason, raised.value
