"""One XML signature of one shape: which bytes it signs, and that they are signed; source side.

Takes a document whose root has the signature as its first child, gives the canonical bytes of each
element that it signs, by the element's Id, or raises. Who reads on reads those bytes and no
others: what the signature does not cover does not exist for them (docs/spec/label-binding.md §5).

    ds:Signature
      ds:SignedInfo   exclusive canonicalization; a method of `METHODS`; to each element signed one
                      ds:Reference URI="#Id", one transform (the same canonicalization), SHA-384+
      ds:SignatureValue
      ds:KeyInfo      ds:X509Data with one to four certificates, the signer's first
      ds:Object       up to two: a ds:Manifest, and ds:SignatureProperties with the time of signing;
                      each is itself signed

`signxml` verifies (XMLDSIG core validation), with the key of the certificate whose path
`certificate_path` has checked and with no other; our table decides what reaches it. Follows XML
Signature 1.1 and ADatP-4778.2 annexes A and B.
"""

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from filters.formats import certificate_path, label_xml
from filters.formats.certificate_path import Trust, check_path
from filters.formats.label_times import moment_ms
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"
CANONICAL = "http://www.w3.org/2001/10/xml-exc-c14n#"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
WITHOUT_BINDING = (  # ADatP-4778.2 annex A
    "not(ancestor-or-self::*[local-name()='BindingInformation' and"
    " namespace-uri()='urn:nato:stanag:4778:bindinginformation:1:0'])"
)
REFERENCES_MAX = 64
VALUE_CHARACTERS_MAX = 4096
_DIGESTS = {
    "http://www.w3.org/2001/04/xmldsig-more#sha384": DigestAlgorithm.SHA384,
    "http://www.w3.org/2001/04/xmlenc#sha512": DigestAlgorithm.SHA512,
}
METHODS: Mapping[str, tuple[SignatureMethod, type]] = {
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":
        (SignatureMethod.ECDSA_SHA256, EllipticCurvePublicKey),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384":
        (SignatureMethod.ECDSA_SHA384, EllipticCurvePublicKey),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512":
        (SignatureMethod.ECDSA_SHA512, EllipticCurvePublicKey),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":
        (SignatureMethod.RSA_SHA256, RSAPublicKey),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":
        (SignatureMethod.RSA_SHA384, RSAPublicKey),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":
        (SignatureMethod.RSA_SHA512, RSAPublicKey),
}  # fmt: skip
SKEW_MS_MAX = 300_000  # how far a signer's clock may be ahead of ours
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_WSU = f"{{{WSU}}}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Q = f"{{{NAMESPACE}}}"

children = partial(label_xml.children, reason=Reason.BINDING_MALFORMED)
text = partial(label_xml.text, reason=Reason.BINDING_MALFORMED)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a signature says of itself. own: ids of its own parts that it may sign."""

    method: str
    ids: tuple[str, ...]
    certificates: tuple[bytes, ...]
    manifest: str | None
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signed:
    """Canonical bytes of what is signed, by Id; and of the manifest, if there is one."""

    elements: dict[str, bytes]
    manifest: bytes | None


def check_ids(root: etree._Element) -> None:
    """That no two elements have one id, however the attribute is spelled."""
    ids = Counter(
        value
        for element in root.iter(etree.Element)
        for name, value in element.items()
        if name.rpartition("}")[2].lower() == "id"
    )
    if any(count > 1 for count in ids.values()):
        raise Malformed(Reason.BINDING_REFERENCE, "two elements have the same id")


def canonical(element: etree._Element) -> bytes:
    """The element by exclusive canonicalization without comments."""
    try:
        return bytes(etree.tostring(element, method="c14n", exclusive=True, with_comments=False))
    except (etree.LxmlError, ValueError) as error:  # a relative namespace, for one
        raise _malformed("an element has no canonical form") from error


def signed_elements(root: etree._Element, trust: Trust, at_ms: int) -> Signed:
    """What the one signature of `root` signs, but for its own key and properties.

    Raises `Malformed` (BINDING_*) for a signature of another shape, `Forged` for one that does not
    hold or whose signer is not trusted at `at_ms`.
    """
    check_ids(root)
    signatures = list(root.iter(f"{_Q}Signature"))
    if len(signatures) != 1 or root[0] is not signatures[0]:
        raise _malformed("there is not exactly one signature, first in the binding")
    shape = _shape(signatures[0], at_ms)
    leaf = check_path(shape.certificates, trust, at_ms)
    method, kind = METHODS[shape.method]
    if not isinstance(leaf.public_key(), kind):
        raise Forged(Reason.BINDING_SIGNATURE, "the signature is not of the certificate's kind")
    try:
        results = XMLVerifier().verify(
            etree.tostring(root, with_tail=False),
            x509_cert=leaf,
            expect_config=SignatureConfiguration(
                location="./",
                verification_time=_EPOCH + timedelta(milliseconds=at_ms),
                expect_references=len(shape.ids),
                signature_methods=frozenset({method}),
                digest_algorithms=frozenset(_DIGESTS.values()),
            ),
            id_attribute="Id",
        )
    except (SignXMLException, InvalidSignature, etree.LxmlError, ValueError, LookupError) as error:
        raise Forged(Reason.BINDING_SIGNATURE, "the signature does not verify") from error
    found = results if isinstance(results, list) else [results]
    signed = dict(zip(shape.ids, (result.signed_data for result in found), strict=True))
    manifest = signed[shape.manifest] if shape.manifest is not None else None
    return Signed({each: signed[each] for each in signed.keys() - shape.own}, manifest)


def prepare() -> None:
    """Load what verifying reads from disk, so that a confined process has it."""
    certificate_path.prepare()
    XMLVerifier.schemas()  # type: ignore[no-untyped-call]  # signxml types its interface, 2026-11-26


@dataclass(frozen=True, slots=True)
class Digest:
    """What a manifest says of one data object: transforms to its bytes, hash and value."""

    transforms: tuple[str, ...]
    algorithm: str
    value: bytes

    def check(self, data: bytes) -> None:
        """Raises `Forged(BINDING_DIGEST)` for other data."""
        name = _DIGESTS[self.algorithm].name.lower()
        if hashlib.new(name, data).digest() != self.value:
            raise Forged(Reason.BINDING_DIGEST, "the data is not what the label was bound to")


def read_manifest(manifest: etree._Element) -> dict[str, Digest]:
    """The digests of a ds:Manifest by the URI of their object, each once."""
    if manifest.tag != f"{_Q}Manifest" or manifest.keys() not in ([], ["Id"]):
        raise _malformed("the manifest is missing or has an attribute that it cannot have")
    digests: dict[str, Digest] = {}
    for reference in children(manifest):
        uri, digest = _manifest_reference(reference)
        if uri in digests or len(digests) == REFERENCES_MAX:
            raise Malformed(
                Reason.BINDING_REFERENCE, "the manifest has an object twice, or too many"
            )
        digests[uri] = digest
    return digests


def _manifest_reference(element: etree._Element) -> tuple[str, Digest]:
    if element.tag != f"{_Q}Reference" or element.keys() != ["URI"]:
        raise _malformed("the manifest holds something else than references by URI")
    named = ["Transforms"] if len(element) == 3 else []
    *before, method, value = _parts(element, (*named, "DigestMethod", "DigestValue"))
    _no_attributes(value, *before)
    transforms = [_transform(each) for holder in before for each in children(holder)]
    algorithm = _algorithm(method, "DigestMethod", _DIGESTS.keys())
    return str(element.get("URI")), Digest(tuple(transforms), algorithm, _base64(text(value)))


def _transform(element: etree._Element) -> str:
    """Canonicalization, or the one XPath that takes the binding out of its document."""
    if element.tag != f"{_Q}Transform" or element.keys() != ["Algorithm"]:
        raise _malformed("a transform is something else")
    algorithm = str(element.get("Algorithm"))
    within = list(children(element))
    if algorithm == CANONICAL and not within:
        return CANONICAL
    is_xpath = algorithm == XPATH and [each.tag for each in within] == [f"{_Q}XPath"]
    if is_xpath and text(within[0]).strip() == WITHOUT_BINDING and not within[0].keys():
        return WITHOUT_BINDING
    raise Malformed(Reason.BINDING_ALGORITHM, "a transform that is not allowed")


# -- the shape ----------------------------------------------------------------------------------


def _shape(signature: etree._Element, at_ms: int) -> _Shape:
    held = ("Object",) * min(max(len(signature) - 3, 0), 2)
    information, value, key, *objects = _parts(
        signature, ("SignedInfo", "SignatureValue", "KeyInfo", *held)
    )
    _no_attributes(information, value, *objects)
    if not {*signature.keys(), *key.keys()} <= {"Id"}:
        raise _malformed("a signature or its key has an attribute that it cannot have")
    _base64(text(value))
    canonicalization, method, *references = _at_least(list(children(information)), 3)
    _algorithm(canonicalization, "CanonicalizationMethod", {CANONICAL})
    named = _algorithm(method, "SignatureMethod", METHODS.keys())
    if len(references) > REFERENCES_MAX:
        raise _malformed("the signature has more references than their bound")
    ids = tuple(map(_reference, references))
    if len(set(ids)) != len(ids):
        raise Malformed(Reason.BINDING_REFERENCE, "the signature has a reference twice")
    manifest, properties = _held(objects, ids)
    if properties is not None:
        _signed_at(properties, signature, at_ms)
    (data,) = _parts(key, ("X509Data",))
    _no_attributes(data)
    own = {key.get("Id"), *(each.get("Id") for each in (manifest, properties) if each is not None)}
    return _Shape(
        named, ids, tuple(map(_certificate, children(data))),
        None if manifest is None else manifest.get("Id"), frozenset(own - {None}),
    )  # fmt: skip


def _held(
    objects: list[etree._Element], ids: tuple[str, ...]
) -> tuple[etree._Element | None, etree._Element | None]:
    """The manifest and the properties in the objects, each at most once, each signed."""
    found = [child for each in objects for child in children(each)]
    by_name = {child.tag: child for child in found}
    names = {f"{_Q}Manifest", f"{_Q}SignatureProperties"}
    if len(by_name) != len(found) or not by_name.keys() <= names or len(found) < len(objects):
        raise _malformed("an object of the signature holds what it cannot hold")
    if any(child.get("Id") not in ids for child in found):
        raise Malformed(Reason.BINDING_REFERENCE, "a manifest or property is not signed")
    return by_name.get(f"{_Q}Manifest"), by_name.get(f"{_Q}SignatureProperties")


def _signed_at(properties: etree._Element, signature: etree._Element, at_ms: int) -> None:
    """The one property: when it was signed (ADatP-4778.2 annex A), and not in the future."""
    if properties.keys() != ["Id"]:
        raise _malformed("properties of the signature have another attribute than their Id")
    (said,) = _parts(properties, ("SignatureProperty",))
    if said.get("Target") != f"#{signature.get('Id')}" or not set(said.keys()) <= {"Target", "Id"}:
        raise Malformed(Reason.BINDING_REFERENCE, "a property is not of this signature")
    stamps = list(children(said))
    created = [each for stamp in stamps for each in children(stamp)]
    names = [each.tag.removeprefix(_WSU) for each in (*stamps, *created)]
    if names not in (["Timestamp", "Created"], ["TimeStamp", "Created"]):
        raise _malformed("the property of the signature is not the time of signing alone")
    _no_attributes(*stamps, *created)
    if moment_ms(text(created[0])) > at_ms + SKEW_MS_MAX:
        raise Forged(Reason.BINDING_SIGNATURE, "the binding was signed in the future")


def _parts(element: etree._Element, names: tuple[str, ...]) -> list[etree._Element]:
    parts = list(children(element))
    if [part.tag for part in parts] != [_Q + name for name in names]:
        raise _malformed(f"{etree.QName(element).localname} does not hold what it must")
    return parts


def _at_least(parts: list[etree._Element], count: int) -> list[etree._Element]:
    if len(parts) < count:
        raise _malformed("the signature lacks a method or a reference")
    return parts


def _no_attributes(*elements: etree._Element) -> None:
    for element in elements:
        if element.keys():
            raise _malformed("an attribute where there can be none")


def _algorithm(element: etree._Element, name: str, allowed: Container[str]) -> str:
    algorithm = str(element.get("Algorithm", ""))
    if element.tag != _Q + name or element.keys() != ["Algorithm"] or text(element).strip():
        raise _malformed(f"{name} is missing, or holds what it cannot hold")
    if algorithm not in allowed:
        raise Malformed(Reason.BINDING_ALGORITHM, f"{name} names an algorithm that is not allowed")
    return algorithm


def _reference(element: etree._Element) -> str:
    """The Id that a reference of the signature names; only elements of this document."""
    if element.tag != f"{_Q}Reference" or not {"URI"} <= set(element.keys()) <= {"URI", "Type"}:
        raise _malformed("a reference has an attribute that it cannot have")
    uri = element.get("URI", "")
    if not uri.startswith("#") or not uri[1:].replace("-", "").replace("_", "").isalnum():
        raise Malformed(Reason.BINDING_REFERENCE, "the signature refers to what is outside")
    transforms, method, value = _parts(element, ("Transforms", "DigestMethod", "DigestValue"))
    (transform,) = _parts(transforms, ("Transform",))
    _no_attributes(transforms, value)
    _algorithm(transform, "Transform", {CANONICAL})
    _algorithm(method, "DigestMethod", _DIGESTS.keys())
    _base64(text(value))
    return str(uri[1:])


def _certificate(element: etree._Element) -> bytes:
    if element.tag != f"{_Q}X509Certificate":
        raise _malformed("X509Data holds something else than certificates")
    _no_attributes(element)
    return _base64(text(element))


def _base64(untrusted: str) -> bytes:
    compact = "".join(untrusted.split())
    if not 0 < len(compact) <= 4 * VALUE_CHARACTERS_MAX:
        raise _malformed("a value is empty or longer than its bound")
    try:
        return b64decode(compact, validate=True)
    except (Base64Error, ValueError) as error:
        raise _malformed("a value is not base64") from error


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.BINDING_MALFORMED, sentence)
