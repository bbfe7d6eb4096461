"""Writes bindings.json: an authority, a signer, and labels bound to data in every way there is.

Run as `python -m tests.vectors.labels.make_bindings`, once: ECDSA draws a number, so it writes
other bytes each time. What is in the file is read by the tests, from the file alone.
"""

import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from filters.formats.binding_4778 import Bound
from filters.formats.binding_sealed import Sealed, write_sealed
from filters.formats.binding_write import write_around, write_detached, write_embedded
from schemas.label.model import Category, CategoryKind, Label, PolicyId
from tests.filters.formats.binding_people import AT_MS, People, label, label_set

DATA = {"report.bin": b"the report", "map.bin": b"the map"}
DOCUMENT = b'<doc><p Id="p1">one</p>and<p Id="p2">two</p></doc>'


def main() -> None:
    """Write the file beside this one."""
    people = People()
    signer = people.signer()
    labels = label_set(label("SECRET", "XAA", "XBB"), label("SECRET", policy="OTHER"))
    beside = [Bound(labels, tuple(DATA))]
    within = [Bound(labels, ("",)), Bound(label_set(label("RESTRICTED")), ("#p1",))]
    alliance = Category("urn:oid:2.999.7.2.2", "Releasable To", CategoryKind.PERMISSIVE, ("FRA",))
    known = Label(
        PolicyId("ALLIANCE", "urn:oid:2.999.7.2"), "SECRET", (alliance,), created_ms=AT_MS - 1
    )
    whole = [Bound(label_set(known), ("",))]
    der = people.desk.certificate.public_bytes(Encoding.DER)
    text = "ALLIANCE SECRET//REL TO FRA, GBR"
    vectors = {
        "at_ms": AT_MS,
        "authority": people.authority.pem.decode(),
        "data": {name: value.decode() for name, value in DATA.items()},
        "document": DOCUMENT.decode(),
        "detached": write_detached(beside, DATA, signer).decode(),
        "detached_unsigned": write_detached(beside, DATA, None).decode(),
        "embedded": write_embedded(DOCUMENT, within, signer).decode(),
        "around": write_around(DOCUMENT, labels, signer).decode(),
        "alliance_label": "ALLIANCE SECRET//REL TO FRA",
        "alliance": write_embedded(DOCUMENT, whole, signer).decode(),
        "alliance_rsa": write_embedded(DOCUMENT, whole, people.rsa_signer()).decode(),
        "sealed_label": text,
        "sealed": write_sealed(
            Sealed(text, "image/png"), DATA["report.bin"], -7, (der,), signer.sign
        ),
    }
    path = Path(__file__).parent / "bindings.json"
    path.write_text(json.dumps(vectors, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
