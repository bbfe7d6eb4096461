"""Bindings as STANAG 4778 writes them: labels and digests of their data, signed or not.

Takes labels, the data they are bound to, and (for a signature) a method, certificates and a
function that signs; gives bytes in the one profile that `binding_4778` reads. Pure: whoever calls
holds the key. Follows docs/spec/label-binding.md §3 to §5.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from filters.formats.binding_4778 import INSIDE, NAMESPACE, XMIME, Bound
from filters.formats.label_4774 import NAMESPACE as LABEL_NAMESPACE
from filters.formats.label_4774 import Role, write_label
from filters.formats.label_times import moment_text
from filters.formats.label_xml import escaped, parse
from filters.formats.xml_signature import (
    CANONICAL,
    METHODS,
    WITHOUT_BINDING,
    WSU,
    XPATH,
    canonical,
)
from filters.formats.xml_signature import NAMESPACE as SIGNATURE_NAMESPACE
from schemas.errors import Broken
from schemas.label.model import LabelSet
from schemas.reasons import Reason

_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_DIGEST = f'<ds:DigestMethod Algorithm="{_SHA384}"/><ds:DigestValue>'
_PROPERTIES = f"{{{SIGNATURE_NAMESPACE}}}SignatureProperties"
_MANIFEST = f"{{{SIGNATURE_NAMESPACE}}}Manifest"
_METADATA_BINDING = f"{{{NAMESPACE}}}MetadataBinding"
_CANONICALIZED = f'<ds:Transform Algorithm="{CANONICAL}"/>'


@dataclass(frozen=True, slots=True)
class Signer:
    """method: a URI of `xml_signature.METHODS`; certificates: DER, the signer's first.

    sign gives the signature value over the bytes it gets (ECDSA: r and s, of one length, joined).
    signed_ms: milliseconds since 1970, which stands in the signature; None: it does not say.
    """

    method: str
    certificates: tuple[bytes, ...]
    sign: Callable[[bytes], bytes]
    signed_ms: int | None = None


def write_detached(
    bound: Sequence[Bound], objects: Mapping[str, bytes], signer: Signer | None,
    media_types: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """A binding to stand beside its data; objects by the URIs that `bound` has."""
    references = "".join(_manifest_line(uri, "", data) for uri, data in objects.items())
    return _written(bound, references, signer, media_types or {})


def write_embedded(
    untrusted_document: bytes, bound: Sequence[Bound], signer: Signer | None
) -> bytes:
    """The document with a binding as the last thing in it; URIs are "" and #Id of its elements."""
    root = parse(untrusted_document)
    lines = []
    for uri in (uri for each in bound for uri in each.uris):
        if uri == "":
            xpath = f'<ds:Transform Algorithm="{XPATH}"><ds:XPath>{WITHOUT_BINDING}</ds:XPath>'
            lines.append(_manifest_line(uri, f"{xpath}</ds:Transform>", canonical(root)))
        else:
            found = [each for each in root.iter(etree.Element) if each.get("Id") == uri[1:]]
            if len(found) != 1:
                raise Broken(Reason.ARGUMENT, "no one element of the document has that Id")
            lines.append(_manifest_line(uri, "", canonical(found[0]), canonicalized=True))
    root.append(parse(_written(bound, "".join(lines), signer, {})))
    return bytes(etree.tostring(root, encoding="utf-8"))


def write_around(untrusted_data: bytes, labels: LabelSet, signer: Signer) -> bytes:
    """A binding with the XML data inside it (`mb:Data`), which its signature covers."""
    data = canonical(parse(untrusted_data)).decode("utf-8")
    return _written([Bound(labels, (INSIDE,))], "", signer, {}, inside=data)


def _written(
    bound: Sequence[Bound], references: str, signer: Signer | None, media_types: Mapping[str, str],
    inside: str = "",
) -> bytes:  # fmt: skip
    bindings = "".join(
        _binding(number, each, media_types, inside) for number, each in enumerate(bound)
    )
    declared = f'xmlns:mb="{NAMESPACE}" xmlns:slab="{LABEL_NAMESPACE}" xmlns:xmime="{XMIME}"'
    manifest = (
        f'<ds:Manifest xmlns:ds="{SIGNATURE_NAMESPACE}" Id="manifest">{references}</ds:Manifest>'
        if references
        else ""
    )
    start = f"<mb:BindingInformation {declared}>"
    end = "</mb:MetadataBindingContainer></mb:BindingInformation>"
    if signer is None:
        return f"{start}<mb:MetadataBindingContainer>{bindings}{manifest}{end}".encode()
    held = manifest + _properties(signer.signed_ms)
    unsigned = f"{start}{held}<mb:MetadataBindingContainer>{bindings}{end}".encode()
    signature = _signature(parse(unsigned), held, signer)
    return f"{start}{signature}<mb:MetadataBindingContainer>{bindings}{end}".encode()


def _binding(number: int, bound: Bound, media_types: Mapping[str, str], inside: str) -> str:
    labels = [(Role.ORIGINATOR, bound.labels.originator)]
    labels += [(Role.ALTERNATIVE, label) for label in bound.labels.alternatives]
    metadata = "".join(
        f"<mb:Metadata>{write_label(label, role).decode()}</mb:Metadata>" for role, label in labels
    )
    if inside:
        data = f"<mb:Data>{inside}</mb:Data>"
    else:
        data = "".join(_data_reference(uri, media_types.get(uri, "")) for uri in bound.uris)
    return f'<mb:MetadataBinding Id="binding-{number}">{metadata}{data}</mb:MetadataBinding>'


def _data_reference(uri: str, media_type: str) -> str:
    kind = f' xmime:contentType="{escaped(media_type)}"' if media_type else ""
    return f'<mb:DataReference URI="{escaped(uri)}"{kind}/>'


def _manifest_line(uri: str, transforms: str, data: bytes, *, canonicalized: bool = False) -> str:
    if transforms or canonicalized:
        transforms = f"<ds:Transforms>{transforms}{_CANONICALIZED}</ds:Transforms>"
    value = b64encode(hashlib.sha384(data).digest()).decode("ascii")
    return (
        f'<ds:Reference URI="{escaped(uri)}">{transforms}{_DIGEST}{value}'
        "</ds:DigestValue></ds:Reference>"
    )


def _properties(signed_ms: int | None) -> str:
    """When it was signed (ADatP-4778.2 annex A; WS-Security section 10)."""
    if signed_ms is None:
        return ""
    return (
        f'<ds:SignatureProperties xmlns:ds="{SIGNATURE_NAMESPACE}" Id="properties">'
        f'<ds:SignatureProperty Target="#signature"><wsu:Timestamp xmlns:wsu="{WSU}">'
        f"<wsu:Created>{moment_text(signed_ms)}</wsu:Created></wsu:Timestamp>"
        "</ds:SignatureProperty></ds:SignatureProperties>"
    )


def _signature(unsigned: etree._Element, held: str, signer: Signer) -> str:
    if signer.method not in METHODS:
        raise Broken(Reason.ARGUMENT, "a signature method that no binding may have")
    signed = [
        each
        for each in unsigned.iter(_MANIFEST, _PROPERTIES, _METADATA_BINDING)
        if "Id" in each.attrib
    ]
    references = "".join(_signed_reference(element) for element in signed)
    information = (
        f'<ds:SignedInfo xmlns:ds="{SIGNATURE_NAMESPACE}">'
        f'<ds:CanonicalizationMethod Algorithm="{CANONICAL}"/>'
        f'<ds:SignatureMethod Algorithm="{signer.method}"/>{references}</ds:SignedInfo>'
    )
    value = b64encode(signer.sign(canonical(parse(information.encode())))).decode("ascii")
    certificates = "".join(
        f"<ds:X509Certificate>{b64encode(each).decode('ascii')}</ds:X509Certificate>"
        for each in signer.certificates
    )
    within = f"<ds:Object>{held}</ds:Object>" if held else ""
    return (
        f'<ds:Signature xmlns:ds="{SIGNATURE_NAMESPACE}" Id="signature">{information}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>{certificates}"
        f"</ds:X509Data></ds:KeyInfo>{within}</ds:Signature>"
    )


def _signed_reference(element: etree._Element) -> str:
    is_own = element.tag in (_MANIFEST, _PROPERTIES)
    name = etree.QName(element).localname
    kind = f' Type="{SIGNATURE_NAMESPACE}{name}"' if is_own else ""
    value = b64encode(hashlib.sha384(canonical(element)).digest()).decode("ascii")
    return (
        f'<ds:Reference{kind} URI="#{element.get("Id")}"><ds:Transforms>{_CANONICALIZED}'
        f"</ds:Transforms>{_DIGEST}{value}</ds:DigestValue></ds:Reference>"
    )
