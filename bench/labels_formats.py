"""What reading and checking written labels costs: `python -m bench.labels_formats [--json]`.

Microseconds a call, the best of several runs of a thousand (the least disturbed one), on labels of
ordinary size. Certificates and keys are made anew; nothing is written.
"""

import argparse
import json
import sys
import timeit
from collections.abc import Callable

from filters.formats.binding_4778 import Bound, check_detached, check_embedded
from filters.formats.binding_sealed import Sealed, check_sealed, write_sealed
from filters.formats.binding_write import write_detached, write_embedded
from filters.formats.ism_marks import portion_mark, read_portion
from filters.formats.label_4774 import read_label, write_label
from filters.formats.label_ism import read_document
from filters.formats.label_st0102 import read_set, write_set
from filters.twins.label_4774_twin import read as read_by_twin
from schemas.label.model import Category, CategoryKind, Label, Originator, PolicyId
from tests.filters.formats.binding_people import AT_MS, People, label_set
from tests.filters.formats.label_cases import VECTORS, label_of

RUNS = 7


def label() -> Label:
    """A label with everything that labels usually have: about 1,000 bytes of XML."""
    permissive, restrictive = CategoryKind.PERMISSIVE, CategoryKind.RESTRICTIVE
    return Label(
        PolicyId("ALLIANCE", "urn:oid:2.999.7.2"), "SECRET",
        (
            Category("urn:oid:2.999.7.2.2", "Releasable To", permissive, ("DEU", "FRA", "GBR")),
            Category("urn:oid:2.999.7.2.3", "Community", permissive, ("CYBER",)),
            Category("urn:oid:2.999.7.2.1", "Compartment", restrictive, ("BALTIC",)),
        ),
        "", AT_MS - 1000, AT_MS + 10**10, Originator("rfc822Name", "desk@example.org"),
    )  # fmt: skip


def calls() -> dict[str, tuple[Callable[[], object], int]]:
    """What is measured, by name, and how often a run calls it."""
    people, one = People(), label()
    trust, signer = people.trust(), people.signer()
    xml, klv = write_label(one), write_set(label_of(VECTORS["st0102"][3]["label"]))
    mark = portion_mark(label_of(VECTORS["ism"][3]["label"]))[1:-1]
    portion = b'<p ism:classification="S" ism:ownerProducer="USA">text</p>'
    ism = (
        b'<r xmlns:ism="urn:us:gov:ic:ism" ism:resourceElement="true" ism:classification="S"'
        b' ism:ownerProducer="USA">' + portion * 20 + b"</r>"
    )
    data = {"report.bin": bytes(1024)}
    bound = [Bound(label_set(one), ("report.bin",))]
    beside = write_detached(bound, data, signer)
    digests = write_detached(bound, data, None)
    inside = write_embedded(b"<doc><p>text</p></doc>", [Bound(label_set(one), ("",))], signer)
    text = Sealed("ALLIANCE SECRET//REL TO FRA, GBR", "")
    sealed = write_sealed(text, data["report.bin"], -7, signer.certificates, signer.sign)
    return {
        f"read a 4774 label ({len(xml)} bytes)": (lambda: read_label(xml), 1000),
        "read it by the destination side's reader": (lambda: read_by_twin(xml), 1000),
        "write a 4774 label": (lambda: write_label(one), 1000),
        "read an ST 0102 set": (lambda: read_set(klv), 1000),
        "read an IC-ISM portion mark": (lambda: read_portion(mark), 1000),
        "read an IC-ISM document of 20 portions": (lambda: read_document(ism), 300),
        "check a sealed binding": (
            lambda: check_sealed(sealed, data["report.bin"], trust, AT_MS), 200,
        ),
        "check a 4778 binding by digest": (
            lambda: check_detached(digests, data, None, AT_MS), 500,
        ),
        "check a signed 4778 binding": (lambda: check_detached(beside, data, trust, AT_MS), 50),
        "check a signed 4778 binding in XML": (lambda: check_embedded(inside, trust, AT_MS), 50),
    }  # fmt: skip


def main() -> int:
    """Measure, print, give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = {
        name: round(min(timeit.repeat(call, number=count, repeat=RUNS)) / count * 1e6, 1)
        for name, (call, count) in calls().items()
    }
    if given.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return 0
    for name, cost_us in result.items():
        sys.stdout.write(f"{cost_us:10,.1f} us  {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
