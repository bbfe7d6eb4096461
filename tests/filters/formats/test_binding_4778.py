"""STANAG 4778 bindings: what holds, and every way to make one say what nobody signed."""

import re
from base64 import b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from filters.formats.binding_4778 import NAMESPACE, Bound, check_detached, check_embedded
from filters.formats.binding_write import write_around, write_detached, write_embedded
from filters.formats.xml_signature import NAMESPACE as DS
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from tests.filters.formats.binding_people import AT_MS, MORE, People, label, label_set

PEOPLE = People()
TRUST = PEOPLE.trust()
DATA = {"report.bin": b"the report", "map.bin": b"the map"}
LABELS = label_set(label("SECRET", "XAA", "XBB"), label("SECRET", policy="OTHER"))
BOUND = [Bound(LABELS, ("report.bin", "map.bin"))]
DETACHED = write_detached(BOUND, DATA, PEOPLE.signer(), {"map.bin": "image/png"})
DOCUMENT = b'<doc><p Id="p1">one</p>and<p Id="p2">two</p></doc>'
PARTS = [
    Bound(label_set(label("SECRET")), ("",)),
    Bound(label_set(label("RESTRICTED")), ("#p1",)),
]
EMBEDDED = write_embedded(DOCUMENT, PARTS, PEOPLE.signer())
Q, S = f"{{{NAMESPACE}}}", f"{{{DS}}}"


def test_labels_are_bound_to_data_beside_them() -> None:
    binding = check_detached(DETACHED, DATA, TRUST, AT_MS)
    assert (binding.signed, binding.bound) == (True, tuple(BOUND))
    unsigned = write_detached(BOUND, DATA, None)
    assert check_detached(unsigned, DATA, None, AT_MS).bound == tuple(BOUND)


def test_labels_are_bound_to_a_document_and_its_parts() -> None:
    binding = check_embedded(EMBEDDED, TRUST, AT_MS)
    assert (binding.whole, binding.parts) == (PARTS[0].labels, (PARTS[1],))
    around = write_around(DOCUMENT, LABELS, PEOPLE.signer())
    assert check_embedded(around, TRUST, AT_MS).whole == LABELS


def test_rsa_and_longer_curves_sign_too() -> None:
    for signer, trust in (
        (PEOPLE.rsa_signer(), TRUST),
        ((other := People("Others", ec.SECP384R1())).signer(), other.trust("desk@example.org")),
    ):
        written = write_detached(BOUND, DATA, signer)
        assert check_detached(written, DATA, trust, AT_MS).signed


def test_blanks_between_elements_make_no_difference() -> None:
    unsigned = write_detached(BOUND, DATA, None).replace(b"><", b">\n  <")
    spaced = unsigned.replace(b"<slab:GenericValue>\n", b"<slab:GenericValue>")
    assert check_detached(spaced, DATA, None, AT_MS).bound == tuple(BOUND)


# -- attacks: each is refused by name -------------------------------------------------------------

Attack = Callable[[etree._Element], None]


def binding_of(root: etree._Element) -> etree._Element:
    return root.find(f".//{Q}MetadataBinding")


def lower(root: etree._Element) -> None:
    for it in root.iter("{*}Classification"):
        it.text = "OPEN"


def wrap_in_object(root: etree._Element) -> None:
    """The signed binding goes where nobody reads it, and a forged one takes its place."""
    signed = binding_of(root)
    forged = etree.fromstring(etree.tostring(signed))
    lower(forged)
    forged.set("Id", "forged")
    signed.getparent().replace(signed, forged)
    etree.SubElement(root[0], f"{S}Object").append(signed)


def wrap_in_container(root: etree._Element) -> None:
    signed = binding_of(root)
    forged = etree.fromstring(etree.tostring(signed))
    lower(forged)
    forged.set("Id", "forged")
    signed.addprevious(forged)


def double(root: etree._Element) -> None:
    signed = binding_of(root)
    forged = etree.fromstring(etree.tostring(signed))
    lower(forged)
    signed.addprevious(forged)


def double_by_other_name(root: etree._Element) -> None:
    double(root)
    first = binding_of(root)
    first.set("id", first.attrib.pop("Id"))


def second_container(root: etree._Element) -> None:
    root.append(etree.fromstring(etree.tostring(root[1])))


def second_signature(root: etree._Element) -> None:
    root.insert(1, etree.fromstring(etree.tostring(root[0])))


def nested_information(root: etree._Element) -> None:
    """A forged binding with the true, signed one inside its metadata."""
    true = etree.fromstring(etree.tostring(root))
    lower(root)
    root.remove(root[0])
    binding_of(root)[0].append(true)


def signature_last(root: etree._Element) -> None:
    root.append(root[0])


def swap_digests(root: etree._Element) -> None:
    first, second = root.findall(f".//{S}Manifest/{S}Reference/{S}DigestValue")
    first.text, second.text = second.text, first.text


def swap_references(root: etree._Element) -> None:
    first, *_, second = root.findall(f".//{S}SignedInfo/{S}Reference")
    uri = first.get("URI")
    first.set("URI", second.get("URI"))
    second.set("URI", uri)


def refer_outside(root: etree._Element) -> None:
    root.find(f".//{S}SignedInfo/{S}Reference").set("URI", "http://example.org/label.xml")


def refer_to_all(root: etree._Element) -> None:
    root.find(f".//{S}SignedInfo/{S}Reference").set("URI", "")


def refer_by_xpointer(root: etree._Element) -> None:
    root.find(f".//{S}SignedInfo/{S}Reference").set("URI", "#xpointer(id('binding-0'))")


def metadata_elsewhere(root: etree._Element) -> None:
    metadata = binding_of(root)[0]
    metadata.tag = f"{Q}MetadataReference"
    metadata.clear()
    metadata.set("URI", "http://example.org/label.xml")


def algorithm(name: str, value: str) -> Attack:
    def attack(root: etree._Element) -> None:
        root.find(f".//{S}{name}").set("Algorithm", value)

    return attack


def empty(name: str) -> Attack:
    def attack(root: etree._Element) -> None:
        root.find(f".//{S}{name}").text = ""

    return attack


def xslt(root: etree._Element) -> None:
    transforms = root.find(f".//{S}Transforms")
    etree.SubElement(
        transforms, f"{S}Transform", Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"
    )


def truncated_hmac(root: etree._Element) -> None:
    method = root.find(f".//{S}SignatureMethod")
    method.set("Algorithm", MORE + "hmac-sha256")
    etree.SubElement(method, f"{S}HMACOutputLength").text = "8"


def output_length(root: etree._Element) -> None:
    etree.SubElement(root.find(f".//{S}SignatureMethod"), f"{S}HMACOutputLength").text = "8"


def key_value(root: etree._Element) -> None:
    information = root.find(f".//{S}KeyInfo")
    information.clear()
    etree.SubElement(information, f"{S}KeyName").text = "desk"


def other_certificate(root: etree._Element) -> None:
    stranger = People("Strangers")
    der = stranger.desk.certificate.public_bytes(Encoding.DER)
    root.find(f".//{S}X509Certificate").text = b64encode(der).decode()


def manifest_unsigned(root: etree._Element) -> None:
    root.find(f".//{S}Manifest").set("Id", "other")


def without_manifest(root: etree._Element) -> None:
    root[0].remove(root[0].find(f"{S}Object"))


def unsigned(root: etree._Element) -> None:
    manifest = root.find(f".//{S}Manifest")
    root[1].append(manifest)
    root.remove(root[0])


def transform_of_data(root: etree._Element) -> None:
    etree.SubElement(binding_of(root)[-1], f"{S}Transforms")


ATTACKS: list[tuple[Attack, Reason]] = [
    (lower, Reason.BINDING_SIGNATURE),
    (wrap_in_object, Reason.BINDING_MALFORMED),
    (wrap_in_container, Reason.BINDING_REFERENCE),
    (double, Reason.BINDING_REFERENCE),
    (double_by_other_name, Reason.BINDING_REFERENCE),
    (second_container, Reason.BINDING_MALFORMED),
    (second_signature, Reason.BINDING_MALFORMED),
    (nested_information, Reason.LABEL_UNBOUND),
    (signature_last, Reason.BINDING_MALFORMED),
    (swap_digests, Reason.BINDING_SIGNATURE),
    (swap_references, Reason.BINDING_SIGNATURE),
    (refer_outside, Reason.BINDING_REFERENCE),
    (refer_to_all, Reason.BINDING_REFERENCE),
    (refer_by_xpointer, Reason.BINDING_REFERENCE),
    (metadata_elsewhere, Reason.BINDING_SIGNATURE),
    (algorithm("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
     Reason.BINDING_ALGORITHM),
    (algorithm("CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
     Reason.BINDING_ALGORITHM),
    (algorithm("SignatureMethod", DS + "rsa-sha1"), Reason.BINDING_ALGORITHM),
    (algorithm("SignatureMethod", MORE + "ecdsa-sha1"), Reason.BINDING_ALGORITHM),
    (algorithm("SignatureMethod", MORE + "ecdsa-sha384"), Reason.BINDING_SIGNATURE),
    (algorithm("SignatureMethod", MORE + "rsa-sha256"), Reason.BINDING_SIGNATURE),
    (algorithm("DigestMethod", DS + "sha1"), Reason.BINDING_ALGORITHM),
    (algorithm("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"),
     Reason.BINDING_ALGORITHM),
    (algorithm("Transform", DS + "enveloped-signature"), Reason.BINDING_ALGORITHM),
    (algorithm("Transform", DS + "base64"), Reason.BINDING_ALGORITHM),
    (empty("SignatureValue"), Reason.BINDING_MALFORMED),
    (empty("DigestValue"), Reason.BINDING_MALFORMED),
    (empty("X509Certificate"), Reason.BINDING_MALFORMED),
    (xslt, Reason.BINDING_MALFORMED),
    (truncated_hmac, Reason.BINDING_MALFORMED),
    (output_length, Reason.BINDING_MALFORMED),
    (key_value, Reason.BINDING_MALFORMED),
    (other_certificate, Reason.CERTIFICATE_UNTRUSTED),
    (manifest_unsigned, Reason.BINDING_REFERENCE),
    (without_manifest, Reason.BINDING_SIGNATURE),
    (unsigned, Reason.LABEL_UNBOUND),
    (transform_of_data, Reason.BINDING_SIGNATURE),
]  # fmt: skip


@pytest.mark.parametrize(("attack", "reason"), ATTACKS, ids=lambda it: getattr(it, "__name__", ""))
def test_an_attack_on_a_signed_binding(attack: Attack, reason: Reason) -> None:
    root = etree.fromstring(DETACHED)
    attack(root)
    with pytest.raises((Malformed, Forged)) as raised:
        check_detached(etree.tostring(root), DATA, TRUST, AT_MS)
    assert raised.value.reason is reason, raised.value


def test_other_data_is_not_bound() -> None:
    for data, reason in (
        ({**DATA, "map.bin": b"another map"}, Reason.BINDING_DIGEST),
        ({"map.bin": DATA["report.bin"], "report.bin": DATA["map.bin"]}, Reason.BINDING_DIGEST),
        ({**DATA, "more.bin": b""}, Reason.BINDING_REFERENCE),
        ({"report.bin": DATA["report.bin"]}, Reason.BINDING_REFERENCE),
    ):
        with pytest.raises((Malformed, Forged)) as raised:
            check_detached(DETACHED, data, TRUST, AT_MS)
        assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"two</p>", b"three</p>", Reason.BINDING_DIGEST),
        (b"one</p>", b"One</p>", Reason.BINDING_DIGEST),
        (b"</p>and", b"</p>or", Reason.BINDING_DIGEST),
        (b"</doc>", b"<q/></doc>", Reason.BINDING_DIGEST),
        (b"<doc>", b"<doc class='x'>", Reason.BINDING_DIGEST),
        (b'Id="p2"', b'Id="p1"', Reason.BINDING_REFERENCE),
        (b'Id="p2"', b'id="p1"', Reason.BINDING_REFERENCE),
        (b'Id="p2"', b'xml:id="p1"', Reason.BINDING_REFERENCE),
        (b'Id="p2"', b'Id="binding-0"', Reason.BINDING_REFERENCE),
        (b"and", b"<!-- and -->", Reason.XML_DOCTYPE),
    ],
)
def test_a_changed_document_is_not_bound(old: bytes, new: bytes, reason: Reason) -> None:
    assert old in EMBEDDED
    with pytest.raises((Malformed, Forged)) as raised:
        check_embedded(EMBEDDED.replace(old, new, 1), TRUST, AT_MS)
    assert raised.value.reason is reason


def test_documents_with_no_binding_or_two() -> None:
    root = etree.fromstring(EMBEDDED)
    root.append(etree.fromstring(etree.tostring(root[-1], with_tail=False)))
    for given_, reason in (
        (DOCUMENT, Reason.LABEL_UNBOUND),
        (etree.tostring(root), Reason.BINDING_MALFORMED),
    ):
        with pytest.raises(Malformed) as raised:
            check_embedded(given_, TRUST, AT_MS)
        assert raised.value.reason is reason


def test_a_document_without_a_canonical_form_is_not_bound() -> None:
    odd = b'<doc xmlns:r="relative" r:a="1">'
    unsigned = write_embedded(DOCUMENT, PARTS, None).replace(b"<doc>", odd)
    with pytest.raises(Malformed) as raised:
        check_embedded(unsigned, None, AT_MS)
    assert raised.value.reason is Reason.BINDING_MALFORMED
    with pytest.raises(Forged):
        check_embedded(EMBEDDED.replace(b"<doc>", odd), TRUST, AT_MS)


def test_a_binding_of_parts_alone_is_refused() -> None:
    for bound in ([PARTS[1]], [PARTS[0], PARTS[0]]):
        with pytest.raises(Malformed) as raised:
            check_embedded(write_embedded(DOCUMENT, bound, PEOPLE.signer()), TRUST, AT_MS)
        assert raised.value.reason in (Reason.BINDING_REFERENCE, Reason.BINDING_MALFORMED)


def test_data_around_needs_a_signature() -> None:
    around = write_around(DOCUMENT, LABELS, PEOPLE.signer())
    naked = re.sub(rb"<ds:Signature.*</ds:Signature>", b"", around)
    for trust in (TRUST, None):
        with pytest.raises(Malformed) as raised:
            check_embedded(naked, trust, AT_MS)
        assert raised.value.reason is Reason.LABEL_UNBOUND


def test_data_around_a_binding_that_holds_its_own_is_not_covered() -> None:
    around = write_around(DOCUMENT, LABELS, PEOPLE.signer())
    with pytest.raises(Malformed) as raised:
        check_embedded(b"<doc>more than was signed" + around + b"</doc>", TRUST, AT_MS)
    assert raised.value.reason is Reason.BINDING_REFERENCE


def test_a_signature_nobody_may_make_is_not_passed_over() -> None:
    with pytest.raises(Malformed) as raised:
        check_detached(DETACHED, DATA, None, AT_MS)
    assert raised.value.reason is Reason.BINDING_SIGNATURE


@given(st.binary(max_size=200))
def test_any_bytes_are_malformed(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        check_detached(untrusted, DATA, TRUST, AT_MS)
    with pytest.raises(Malformed):
        check_embedded(untrusted, TRUST, AT_MS)
