"""Labels bound to data as STANAG 4778 binds them, source side: read, verify, compare.

Takes a `BindingInformation` and the data it speaks of, gives which label is bound to which data, or
raises: `Malformed` for what is in no shape we take, `Forged` for a digest or signature that does
not hold. Follows ADatP-4778 edition A §4 and ADatP-4778.2 annexes A and B, in the one profile of
docs/spec/label-binding.md: labels are in the binding, data is digested (SHA-384 or SHA-512) in one
ds:Manifest, which stands in the signature, or, unsigned, at the end of the container.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from filters.formats.certificate_path import Trust
from filters.formats.label_4774 import Role, is_label, label_set, role_of
from filters.formats.label_xml import parse
from filters.formats.xml_signature import (
    CANONICAL,
    WITHOUT_BINDING,
    Digest,
    canonical,
    check_ids,
    children,
    read_manifest,
    signed_elements,
)
from filters.formats.xml_signature import NAMESPACE as SIGNATURE_NAMESPACE
from schemas.errors import Malformed
from schemas.label.model import Label, LabelSet
from schemas.reasons import Reason

NAMESPACE = "urn:nato:stanag:4778:bindinginformation:1:0"
XMIME = "http://www.w3.org/2005/05/xmlmime"
BINDING_BYTES_MAX = 256 * 1024
BINDINGS_MAX = 64
URI_CHARACTERS_MAX = 256
INSIDE = "\0inside"  # in place of a URI: the data that stands in the binding itself
_Q = f"{{{NAMESPACE}}}"
_DS = f"{{{SIGNATURE_NAMESPACE}}}"
_CONTENT_TYPE = f"{{{XMIME}}}contentType"

Resolve = Callable[[str, Digest], bytes]
"""The bytes of a data object by its URI, as the digest's transforms make them."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Labels and the URIs of the data that they are bound to ("" the whole)."""

    labels: LabelSet
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """What a binding says: first of the whole, then of its parts. signed: and somebody vouches."""

    bound: tuple[Bound, ...]
    signed: bool

    @property
    def whole(self) -> LabelSet:
        """The labels of the whole data object."""
        return self.bound[0].labels

    @property
    def parts(self) -> tuple[Bound, ...]:
        """The labels of parts."""
        return self.bound[1:]


def check_detached(
    untrusted_binding: bytes, untrusted_objects: Mapping[str, bytes], trust: Trust | None,
    at_ms: int,
) -> Binding:  # fmt: skip
    """A binding beside its data: objects by the URI that it names them by, all of them digested.

    trust: who may sign; None: the policy takes digests alone, and a signature is refused.
    at_ms: milliseconds since 1970, the time at which a signer's certificate must be good.
    """

    def resolve(uri: str, digest: Digest) -> bytes:
        if uri not in untrusted_objects:
            raise _reference("the binding names data that is not there")
        if digest.transforms:
            raise Malformed(Reason.BINDING_ALGORITHM, "data beside its binding is taken as it is")
        return untrusted_objects[uri]

    root = parse(untrusted_binding, BINDING_BYTES_MAX)
    binding = _check(root, resolve, trust, at_ms)
    named = {uri for bound in binding.bound for uri in bound.uris}
    if named != untrusted_objects.keys():
        raise _reference("there is data that no label is bound to")
    return binding


def check_embedded(untrusted: bytes, trust: Trust | None, at_ms: int) -> Binding:
    """The one binding inside an XML document, or around it (`mb:Data`; signed only)."""
    return embedded(parse(untrusted), trust, at_ms)


def embedded(root: etree._Element, trust: Trust | None, at_ms: int) -> Binding:
    """As `check_embedded`, of a tree that `label_xml.parse` gave."""
    found = list(root.iter(f"{_Q}BindingInformation"))
    if not found:
        raise Malformed(Reason.LABEL_UNBOUND, "there is no binding in the document")
    if len(found) > 1:
        raise _malformed("there is more than one binding in the document")
    check_ids(root)
    (information,) = found
    data = _Data(root, information)
    binding = _check(information, data.resolve, trust, at_ms)
    if INSIDE in binding.bound[0].uris and information is not root:
        raise _reference("the binding is of data inside it, and there is more in the document")
    return binding


class _Data:
    """An XML document as the data of the binding inside it."""

    __slots__ = ("information", "root")

    def __init__(self, root: etree._Element, information: etree._Element) -> None:
        self.root, self.information = root, information

    def resolve(self, uri: str, digest: Digest) -> bytes:
        """The canonical bytes of the whole without the binding, or of one element of it."""
        if uri == "" and digest.transforms == (WITHOUT_BINDING, CANONICAL):
            return canonical(_without(self.root, self.information))
        if digest.transforms != (CANONICAL,):
            raise Malformed(Reason.BINDING_ALGORITHM, "not the transforms of data like this")
        if not uri.startswith("#"):
            raise _reference("the binding refers to what is outside its document")
        within = set(self.information.iter())
        found = [
            element for element in self.root.iter(etree.Element)
            if element.get("Id") == uri[1:] and element not in within
        ]  # fmt: skip
        if len(found) != 1 or self.information in found[0].iter():
            raise _reference("the binding refers to no one element beside it")
        return canonical(found[0])


def _without(root: etree._Element, information: etree._Element) -> etree._Element:
    """A copy of the document without the binding, the text around it joined."""
    if root is information:
        raise _reference("the binding is the whole document: it cannot refer to the rest")
    path = root.getroottree().getelementpath(information)
    copy = deepcopy(root)
    found = copy.find(path)
    parent, before = found.getparent(), found.getprevious()
    if found.tail:
        if before is None:
            parent.text = (parent.text or "") + found.tail
        else:
            before.tail = (before.tail or "") + found.tail
    parent.remove(found)
    return copy


# -- the binding itself -------------------------------------------------------------------------


def _check(
    information: etree._Element, resolve: Resolve, trust: Trust | None, at_ms: int
) -> Binding:
    signed, manifest, bindings = _opened(information, trust, at_ms)
    digests = read_manifest(manifest) if manifest is not None else {}
    bound = tuple(map(_bound, bindings))
    uris = [uri for each in bound for uri in each.uris]
    if len(set(uris)) != len(uris):
        raise _reference("data is bound to two labels")
    if digests.keys() != {uri for uri in uris if uri != INSIDE}:
        raise _reference("the manifest does not digest just the data that the binding names")
    if INSIDE in uris and not signed:
        raise Malformed(Reason.LABEL_UNBOUND, "data inside a binding needs its signature")
    for uri, digest in digests.items():
        digest.check(resolve(uri, digest))
    whole = [each for each in bound if _is_whole(each)]
    if len(whole) != 1:
        raise _reference("not exactly one label is bound to the whole of the data")
    return Binding((whole[0], *(each for each in bound if each is not whole[0])), signed)


def _opened(
    information: etree._Element, trust: Trust | None, at_ms: int
) -> tuple[bool, etree._Element | None, list[etree._Element]]:
    """Whether it is signed, the manifest, and the metadata bindings: from signed bytes alone."""
    if information.tag != f"{_Q}BindingInformation" or information.keys():
        raise _malformed("it is no binding information, or has an attribute")
    parts = list(children(information))
    signed = bool(parts) and parts[0].tag == f"{_DS}Signature"
    containers = parts[1:] if signed else parts
    if len(containers) != 1 or containers[0].tag != f"{_Q}MetadataBindingContainer":
        raise _malformed("there is not exactly one container of bindings")
    container = containers[0]
    bindings = [each for each in children(container) if each.tag == f"{_Q}MetadataBinding"]
    others = [each for each in container if each.tag != f"{_Q}MetadataBinding"]
    if container.keys() not in ([], ["Id"]) or not 1 <= len(bindings) <= BINDINGS_MAX:
        raise _malformed("the container has an attribute, no binding, or more than their bound")
    if not signed:
        if trust is not None:
            raise Malformed(Reason.LABEL_UNBOUND, "the binding is not signed, and has to be")
        if len(others) != 1 or container[-1] is not others[0]:
            raise Malformed(Reason.LABEL_UNBOUND, "the binding has no digests of its data")
        return False, others[0], bindings
    if others:
        raise _malformed("the container holds something else than bindings")
    if trust is None:
        raise Malformed(Reason.BINDING_SIGNATURE, "the policy names nobody who may sign bindings")
    return True, *_signed(information, bindings, trust, at_ms)


def _signed(
    information: etree._Element, bindings: list[etree._Element], trust: Trust, at_ms: int
) -> tuple[etree._Element | None, list[etree._Element]]:
    alone = parse(etree.tostring(information, with_tail=False, encoding="utf-8"))
    signed = signed_elements(alone, trust, at_ms)
    ids = [binding.get("Id", "") for binding in bindings]
    if not all(ids):
        raise _reference("a binding has no Id, so nothing can sign it")
    if signed.elements.keys() != set(ids):
        raise _reference("the signature does not sign just the bindings and its own parts")
    manifest = parse(signed.manifest) if signed.manifest is not None else None
    return manifest, [parse(signed.elements[each]) for each in ids]


def _bound(binding: etree._Element) -> Bound:
    """One MetadataBinding: labels first, then the data they are bound to."""
    if binding.tag != f"{_Q}MetadataBinding" or binding.keys() not in ([], ["Id"]):
        raise _malformed("a binding has an attribute that it cannot have")
    labels = []
    uris: list[str] = []
    for part in children(binding):
        if part.tag == f"{_Q}Metadata" and not uris:
            labels.append(_label(part))
        elif part.tag == f"{_Q}DataReference":
            uris.append(_uri(part))
        elif part.tag == f"{_Q}Data" and not uris:
            _only_child(part)
            uris.append(INSIDE)
        else:
            raise _malformed("a binding holds what it cannot hold, or not in that order")
    if not labels or not uris or len(uris) > BINDINGS_MAX:
        raise _malformed("a binding has no label, no data, or too much of it")
    if any(role is Role.METADATA for role, _ in labels):
        raise _malformed("a label of metadata stands where labels of data do")
    return Bound(label_set(labels), tuple(uris))


def _label(metadata: etree._Element) -> tuple[Role, Label]:
    child = _only_child(metadata)
    if not is_label(child):
        raise _malformed("the metadata of a binding is no STANAG 4774 label")
    return role_of(child)


def _only_child(element: etree._Element) -> etree._Element:
    found = list(children(element))
    if len(found) != 1 or not set(element.keys()) <= {_CONTENT_TYPE}:
        raise _malformed("metadata or data of a binding is not one element")
    return found[0]


def _uri(reference: etree._Element) -> str:
    uri = reference.get("URI")
    if uri is None or not {"URI"} <= set(reference.keys()) <= {"URI", _CONTENT_TYPE}:
        raise _malformed("a data reference has no URI, or another attribute")
    if list(children(reference)):
        raise Malformed(Reason.BINDING_ALGORITHM, "a data reference has a transform")
    if len(uri) > URI_CHARACTERS_MAX or not uri.isascii() or not (uri == "" or uri.isprintable()):
        raise _reference("a data reference is longer than its bound, or no URI")
    return str(uri)


def _is_whole(bound: Bound) -> bool:
    """Whether its data is more than a part of a document (a part begins with #)."""
    return not all(uri.startswith("#") for uri in bound.uris)


def _reference(sentence: str) -> Malformed:
    return Malformed(Reason.BINDING_REFERENCE, sentence)


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.BINDING_MALFORMED, sentence)
