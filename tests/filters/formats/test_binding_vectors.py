"""The bindings that stand in a file: whoever reads them must find the same labels and signers."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from filters.formats.binding_4778 import INSIDE, check_detached, check_embedded
from filters.formats.binding_sealed import Sealed, check_sealed
from filters.formats.certificate_path import read_trust
from schemas.errors import Malformed

FOLDER = Path(__file__).parents[2] / "vectors" / "labels"
GIVEN: dict[str, Any] = json.loads((FOLDER / "bindings.json").read_text("utf-8"))
TRUST = read_trust(GIVEN["authority"].encode())
DATA = {name: value.encode() for name, value in GIVEN["data"].items()}
AT_MS = GIVEN["at_ms"]


def test_data_beside_its_binding() -> None:
    signed = check_detached(GIVEN["detached"].encode(), DATA, TRUST, AT_MS)
    unsigned = check_detached(GIVEN["detached_unsigned"].encode(), DATA, None, AT_MS)
    assert (signed.signed, unsigned.signed) == (True, False)
    assert signed.bound == unsigned.bound
    originator, (alternative,) = signed.whole.originator, signed.whole.alternatives
    assert (originator.policy.name, originator.classification) == ("EXAMPLE", "SECRET")
    assert originator.categories[0].values == ("XAA", "XBB")
    assert alternative.policy.name == "OTHER"


def test_a_binding_in_its_document_and_around_it() -> None:
    inside = check_embedded(GIVEN["embedded"].encode(), TRUST, AT_MS)
    assert [bound.uris for bound in inside.bound] == [("",), ("#p1",)]
    assert inside.parts[0].labels.originator.classification == "RESTRICTED"
    around = check_embedded(GIVEN["around"].encode(), TRUST, AT_MS)
    assert around.bound[0].uris == (INSIDE,)
    assert around.whole == inside.whole


def test_a_sealed_binding() -> None:
    sealed = check_sealed(GIVEN["sealed"], DATA["report.bin"], TRUST, AT_MS)
    assert sealed == Sealed(GIVEN["sealed_label"], "image/png")


def test_any_xml_signature_library_verifies_one() -> None:
    """By the library alone, with the signer's certificate, at the time of the vector's making."""
    certificate = GIVEN["detached"].split("X509Certificate>")[1].removesuffix("</ds:")
    results = XMLVerifier().verify(
        GIVEN["detached"].encode(),
        x509_cert=certificate,
        expect_config=SignatureConfiguration(
            location="./",
            verification_time=datetime.fromtimestamp(AT_MS // 1000, UTC),
            expect_references=3,
            signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
            digest_algorithms=frozenset({DigestAlgorithm.SHA384}),
        ),
    )
    assert isinstance(results, list)
    assert [b"Manifest" in result.signed_data[:20] for result in results] == [True, False, False]


def test_a_document_of_authorities_holds_certificates_and_nothing_else() -> None:
    for wrong in (
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        GIVEN["authority"].encode()
        + b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----",
        GIVEN["authority"].encode() * 33,
    ):
        with pytest.raises(Malformed):
            read_trust(wrong)
