"""The known answers of docs/spec/manifest.md, read by the product and by the slow reader."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest

from guard.core.verification import Accepts, open_envelope
from guard.edge.keys import verifier
from schemas.errors import Forged, Malformed
from tests.guard.core import envelopes
from tests.guard.core import slow_manifest as slow

FILE = Path(__file__).parents[2] / "vectors" / "manifest" / "envelopes.json"
ANSWERS = json.loads(FILE.read_text("utf-8"))
PUBLIC = bytes.fromhex(ANSWERS["public"])


def accepting(fields: dict[str, Any]) -> Accepts:
    return Accepts(
        fields["flow"], fields["source_domain"], fields["destination_domain"],
        {envelopes.POLICY}, 1000, names=True,
    )  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS["good"], ids=lambda answer: answer["name"])
def test_both_open_what_was_sealed(answer: dict[str, Any]) -> None:
    envelope, fields = bytes.fromhex(answer["envelope"]), answer["fields"]
    manifest, payload = open_envelope(
        envelope, fields["sequence"], accepting(fields), verifier(PUBLIC)
    )
    assert payload.hex() == answer["payload"]
    assert envelopes.as_fields(manifest) == fields
    assert slow.opened(envelope, PUBLIC) == (fields, payload)


@pytest.mark.parametrize("answer", ANSWERS["bad"], ids=lambda answer: answer["name"])
def test_both_refuse_what_was_not(answer: dict[str, Any]) -> None:
    envelope = bytes.fromhex(answer["envelope"])
    fields = ANSWERS["good"][0]["fields"]
    with pytest.raises((Malformed, Forged)):
        open_envelope(envelope, 7, accepting(fields), verifier(PUBLIC))
    with pytest.raises(slow.WrongError):
        slow.opened(envelope, PUBLIC)


def test_any_cbor_library_reads_one() -> None:
    envelope = bytes.fromhex(ANSWERS["good"][0]["envelope"])
    cose, _ = slow.split(envelope)
    told = cbor2.loads(cose)
    protected, unprotected, content, signature = told.value
    assert (told.tag, cbor2.loads(protected), unprotected) == (18, {1: -8}, {})
    assert cbor2.loads(content)[2] == "tracks"
    assert len(signature) == 64


def test_the_specs_example_is_the_first_vector() -> None:
    page = (Path(__file__).parents[3] / "docs/spec/manifest.md").read_text("utf-8")
    envelope = bytes.fromhex(ANSWERS["good"][0]["envelope"])
    shown = page.split("```")[1]
    for line in shown.strip().splitlines():
        start = line.strip().split("   ")[0].split("…")[0].split("×")[0].split()
        start = [part for part in start if len(part) == 2]
        assert bytes.fromhex("".join(start)) in envelope
