"""How fast labels are read, decided and mapped, on both sides: `python -m bench.labels`.

The policies KESTRIA and ALLIANCE, labels of them with none to two tags. Processor time of one
process, so that what else runs does not count; medians of five rounds. A decision is
validity and access, of a label that was parsed.
"""

import statistics
import time
from collections.abc import Callable

from filters.twins import label_rules, spif_twin
from schemas.label.access import decide
from schemas.label.clearance import ClearanceTable
from schemas.label.equivalence import Equivalence
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import validate
from tests.schemas.label.policies import NOW_MS, document

ROUNDS = 5
COUNT = 4_000
TEXTS = (
    "KESTRIA UNCLASSIFIED", "KESTRIA RESTRICTED//REL TO FRA, GBR",
    "KESTRIA SECRET//ORCHID//REL TO FRA, GBR, KST", "KESTRIA SECRET//ORCHID//MEDICAL, STAFF",
)  # fmt: skip
HELD = {
    "classifications": ["UNCLASSIFIED", "RESTRICTED", "SECRET"],
    "categories": {"Special Handling": ["ORCHID"], "Releasable To": ["GBR"]},
}


def rate(work: Callable[[int], object], count: int = COUNT) -> float:
    """Times a second, the median round; `work` gets a running number."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for number in range(count):
            work(number)
        rounds.append(count / (time.process_time() - start))
    return statistics.median(rounds)


def source() -> list[tuple[str, float]]:
    """The source side's code."""
    spif, other = read_spif(document("KESTRIA")), read_spif(document("ALLIANCE"))
    form, pairing = TextForm.of(spif), Equivalence.between(spif, other)
    labels = [form.read(text) for text in TEXTS]
    valids = [validate(label, spif, NOW_MS) for label in labels]
    held = ClearanceTable.model_validate(HELD).under(spif)
    size = len(TEXTS)
    return [
        ("read a label in text form", rate(lambda it: form.read(TEXTS[it % size]))),
        ("decide: validity and access", rate(
            lambda it: decide(validate(labels[it % size], spif, NOW_MS), held, NOW_MS))),
        ("map to the other policy", rate(
            lambda it: pairing.translate(valids[it % size], NOW_MS))),
        ("read a policy (8 KB)", rate(lambda it: read_spif(document("KESTRIA")), 20)),
    ]  # fmt: skip


def destination() -> list[tuple[str, float]]:
    """The destination side's code."""
    book, other = spif_twin.read(document("KESTRIA")), spif_twin.read(document("ALLIANCE"))
    labels = [label_rules.read_text(text, book) for text in TEXTS]
    held = label_rules.holding(book, **HELD)  # type: ignore[arg-type]  # one table, two types, 2026-11-26
    size = len(TEXTS)

    def decided(number: int) -> None:
        atoms = labels[number % size]
        label_rules.check_valid(atoms, book, NOW_MS)
        label_rules.check_access(atoms, book, held, NOW_MS)

    return [
        ("read a label in text form", rate(
            lambda it: label_rules.read_text(TEXTS[it % size], book))),
        ("decide: validity and access", rate(decided)),
        ("map to the other policy", rate(
            lambda it: label_rules.translate(labels[it % size], book, other, NOW_MS))),
        ("read a policy (8 KB)", rate(lambda it: spif_twin.read(document("KESTRIA")), 20)),
    ]  # fmt: skip


def main() -> None:
    """Print both tables."""
    for side, rows in (("source", source()), ("destination", destination())):
        for name, per_s in rows:
            print(f"{side:<12} {name:<28} {per_s:>9,.0f} /s  {1e6 / per_s:>8.1f} us")


if __name__ == "__main__":
    main()
