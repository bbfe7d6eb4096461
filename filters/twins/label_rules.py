"""The destination side's rules over labels: text, validity, access, equivalence, by sets of atoms.

Takes labels as sets of atoms of a `Book` (`filters.twins.spif_twin`); each check gives nothing or
what was asked, or raises `No` with the rule's code and source. Written apart from the source
side's rules (`schemas/label/`), which it must agree with: docs/spec/labels.md is the one text of
both, and tests ask both the same thousands of questions. Pure: the time is an argument.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from filters.twins.spif_twin import Atom, Book, NeedAbroad, Place
from schemas.errors import Malformed
from schemas.reasons import Reason

Atoms = frozenset[Atom]

CHARACTERS_MAX = 1024
_LABELS_MAX = 16
_SENTENCE_MAX = 240

_SPIF = "XML-SPIF 2.1"
_4774 = "STANAG 4774"
RULES: Mapping[str, tuple[Reason, str]] = {
    "V1": (Reason.LABEL_UNKNOWN, f"{_4774} PolicyIdentifier"),
    "V2": (Reason.LABEL_EXPIRED, f"{_SPIF} SPIF@notBefore, notAfter"),
    "V3": (Reason.LABEL_UNKNOWN, f"{_SPIF} securityClassification"),
    "V4": (Reason.LABEL_INVALID, f"{_SPIF} @obsolete"),
    "V6": (Reason.LABEL_UNKNOWN, f"{_SPIF} tagCategory"),
    "V7": (Reason.LABEL_EXPIRED, f"{_SPIF} tagCategory@notBefore, notAfter"),
    "V8": (Reason.LABEL_INVALID, f"{_SPIF} @singleSelection, minSelection, maxSelection"),
    "V9": (Reason.LABEL_INVALID, f"{_SPIF} tagCategory@requiredClass"),
    "V10": (Reason.LABEL_INVALID, f"{_SPIF} excludedClass"),
    "V11": (Reason.LABEL_INVALID, f"{_SPIF} requiredCategory"),
    "V12": (Reason.LABEL_INVALID, f"{_SPIF} excludedCategory"),
    "A2": (Reason.LABEL_NOT_CLEARED, f"{_4774} ConfidentialityClearance"),
    "A3": (Reason.LABEL_NOT_CLEARED, f"{_4774} ConfidentialityClearance"),
    "A4": (Reason.LABEL_ABOVE_CEILING, "X.841 classification list"),
    "A5": (Reason.LABEL_NOT_RELEASABLE, f"{_4774} Category RESTRICTIVE"),
    "A6": (Reason.LABEL_NOT_RELEASABLE, f"{_4774} Category PERMISSIVE"),
    "E1": (Reason.LABEL_NO_MAPPING, f"{_SPIF} equivalentPolicy"),
    "E2": (Reason.LABEL_NO_MAPPING, f"{_SPIF} equivalentClassification"),
    "E3": (Reason.LABEL_NO_MAPPING, f"{_SPIF} equivalentSecCategoryTag"),
    "E4": (Reason.LABEL_NO_MAPPING, f"{_4774} Category PERMISSIVE"),
    "E5": (Reason.LABEL_NO_MAPPING, f"{_SPIF} equivalentClassification/requiredCategory"),
    "E6": (Reason.LABEL_INVALID, f"{_4774} AlternativeConfidentialityLabel"),
    "E7": (Reason.LABEL_INVALID, f"{_4774} AlternativeConfidentialityLabel"),
    "B1": (Reason.LABEL_UNBOUND, "STANAG 4778 binding"),
    "B2": (Reason.LABEL_MISSING, "the flow's policy"),
    "R2": (Reason.LABEL_NOT_RELEASABLE, "the flow's policy"),
}


class No(Malformed):
    """A rule is broken: which, and how."""

    def __init__(self, rule: str, sentence: str) -> None:
        reason, source = RULES[rule]
        tail = f" [{rule}, {source}]"
        super().__init__(reason, sentence[: _SENTENCE_MAX - len(tail)] + tail)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Holding:
    """What a clearance holds, and when. Times are milliseconds since 1970, None no end."""

    atoms: Atoms
    begins: int = 0
    ends: int | None = None


def holding(
    book: Book, classifications: Iterable[str], categories: Mapping[str, Iterable[str]],
    begins: int = 0, ends: int | None = None,
) -> Holding:  # fmt: skip
    """A clearance by names; categories: tag's name -> values. Raises `No` (A3)."""
    atoms = {("", name) for name in classifications}
    for name, values in categories.items():
        keys = [key for key in book.tags if key.partition(" ")[2] == name]
        if len(keys) != 1:
            raise No("A3", "the clearance names a tag that the policy does not have, or has twice")
        atoms |= {(keys[0], value) for value in values}
    if not atoms <= book.known:
        raise No("A3", "the clearance holds what the policy does not know")
    return Holding(frozenset(atoms), begins, ends)


def read_text(untrusted: str, book: Book) -> Atoms:
    """The atoms of a label in the one spelling of text form. Anything else is `Malformed`."""
    if len(untrusted) > CHARACTERS_MAX or not untrusted.isprintable():
        raise Malformed(Reason.LABEL_MALFORMED, "the label is too long, or not printable")
    head, *parts = untrusted.split("//")
    if not head.startswith(book.name + " "):
        raise No("V1", "the label does not name its policy")
    name = head[len(book.name) + 1 :]
    if name not in book.classes:
        raise No("V3", "a classification that the policy does not know")
    atoms = {("", name)}
    for part in parts:
        atoms |= _tagged(part, book)
    if spell(frozenset(atoms), book) != untrusted:
        raise Malformed(Reason.LABEL_MALFORMED, "the label is not in its one spelling")
    return frozenset(atoms)


def read_set(untrusted: str, books: Iterable[Book]) -> list[tuple[Book, Atoms]]:
    """The labels of a set, the originator's first, each of another of `books`."""
    texts = untrusted.split(" || ")
    left = {book.name: book for book in books}
    found: list[tuple[Book, Atoms]] = []
    for text in texts[:_LABELS_MAX]:
        names = [name for name in left if _is_of(text, left[name])]
        if len(names) != 1:
            raise No("V1", "a label names no policy that is known here, or one twice")
        book = left.pop(names[0])
        found.append((book, read_text(text, book)))
    if len(texts) > _LABELS_MAX:
        raise Malformed(Reason.LABEL_MALFORMED, "more labels than their bound")
    return found


def spell(atoms: Atoms, book: Book) -> str:
    """A label's one spelling."""
    (name,) = (name for tag, name in atoms if not tag)
    parts = [f"{book.name} {name}"]
    for tag, prefix in book.prefixes.items():
        values = sorted(value for its, value in atoms if its == tag)
        if values:
            parts.append(prefix + ", ".join(values))
    return "//".join(parts)


def check_valid(atoms: Atoms, book: Book, at_ms: int, *, stale_ok: bool = False) -> None:
    """Raises `No` (V2 to V12) unless the label is valid at `at_ms`. stale_ok: V4 is left out."""
    if not _during(at_ms, book.begins, book.ends):
        raise No("V2", "the policy is not in force")
    if not atoms <= book.known:
        raise No("V6", "a value that the policy does not know")
    if atoms & book.stale and not stale_ok:
        raise No("V4", "the label has something obsolete")
    for tag, (least, most) in book.sizes.items():
        if not least <= sum(its == tag for its, _ in atoms) <= most:
            raise No("V8", f"{tag.partition(' ')[2][:40]} has too few values or too many")
    for atom in sorted(atoms):
        if atom in book.windows and not _during(at_ms, *book.windows[atom]):
            raise No("V7", f"{atom[1][:40]} may not be used now")
        for need in book.needs.get(atom, ()):
            if not need.least <= sum(bool(group & atoms) for group in need.groups) <= need.most:
                raise No(need.rule, f"what {atom[1][:40]} requires is not there")
        for rule, banned in book.bans.get(atom, ()):
            if banned & atoms:
                raise No(rule, f"the label has what {atom[1][:40]} excludes")


def check_access(atoms: Atoms, book: Book, held: Holding, at_ms: int) -> None:
    """Raises `No` (A2, A4 to A6) unless who holds `held` may see what bears the label."""
    if not _during(at_ms, held.begins, held.ends):
        raise No("A2", "the clearance is not good now")
    lacking = atoms - held.atoms
    for tag, name in sorted(lacking):
        if not tag:
            raise No("A4", f"the clearance does not have {name[:40]}")
        if book.tags[tag] == "R":
            raise No("A5", f"the clearance does not have {name[:40]}")
    for tag in sorted({tag for tag, _ in lacking if tag and book.tags[tag] == "P"}):
        if not any(its == tag for its, _ in atoms & held.atoms):
            raise No("A6", f"the clearance has none of {tag.partition(' ')[2][:40]}")


def translate(atoms: Atoms, home: Book, there: Book, at_ms: int) -> Atoms:
    """The label as `home`'s policy says it is in `there`. Raises `No` (E1 to E6).

    The label is a conjunction: a classification, restrictive values, and for each permissive tag
    one clause, any of its values. Each conjunct is carried over by itself; clauses about one
    permissive tag come together as their intersection.
    """
    if there.oid not in home.others:
        raise No("E1", "the label's policy lists no equivalence to the other")
    (own,) = (atom for atom in atoms if not atom[0])
    places = home.abroad.get((there.oid, own), [])
    if len(places) != 1 or places[0] not in there.places:
        raise No("E2", "not exactly one classification over there")
    loose: set[Atom] = {there.places[places[0]]}
    clauses: list[tuple[str, Atoms]] = []
    valued = sorted(atom for atom in atoms if atom[0])
    for tag, group in groupby(valued, key=lambda atom: atom[0]):
        images = [_image(atom, home, there) for atom in group]
        if home.tags[tag] == "P":
            together: Atoms = frozenset().union(*images)
            if all(there.tags[its] == "I" for its, _ in together):
                raise No("E4", "a permissive tag of which nothing is left")
            images = [together]
        for image in images:
            _settle(image, there, loose, clauses)
    needs = home.extra.get((there.oid, own), []) + home.extra.get((there.oid, None), [])
    for need in needs:
        wanted = _wanted(need, there)
        if need.least == len(wanted):
            _settle(frozenset(wanted), there, loose, clauses)
        elif not need.least <= _count(wanted, _met(loose, clauses)) <= need.most:
            raise No("E5", "it is open which values the equivalence wants")
    result = _met(loose, clauses)
    for need in needs:
        if not need.least <= _count(_wanted(need, there), result) <= need.most:
            raise No("E5", "what the equivalence wants excludes itself")
    try:
        check_valid(result, there, at_ms)
    except No as error:
        raise No("E6", f"over there: {error.sentence}") from error
    return result


def _image(atom: Atom, home: Book, there: Book) -> Atoms:
    places = home.abroad.get((there.oid, atom), [])
    found = [there.places[place] for place in places if place is not None and place in there.places]
    if not places or len(found) + (None in places) != len(places):
        raise No("E3", f"{atom[1][:40]} is nothing over there, and not discarded")
    if found and None in places:
        raise No("E3", f"{atom[1][:40]} is mapped and discarded")
    return frozenset(found)


def _settle(image: Atoms, there: Book, loose: set[Atom], clauses: list[tuple[str, Atoms]]) -> None:
    for tag in {tag for tag, _ in image}:
        mine = frozenset(atom for atom in image if atom[0] == tag)
        if there.tags[tag] == "P":
            clauses.append((tag, mine))
        else:
            loose |= mine


def _met(loose: set[Atom], clauses: list[tuple[str, Atoms]]) -> Atoms:
    """All conjuncts as one label."""
    found = set(loose)
    for tag in {tag for tag, _ in clauses}:
        shared = frozenset.intersection(*(values for its, values in clauses if its == tag))
        if not shared:
            raise No("E4", "two conditions share no value over there")
        found |= shared
    return frozenset(found)


def _wanted(need: NeedAbroad, there: Book) -> list[Atom]:
    found: list[Place] = [place for place in need.places if place in there.places]
    if len(found) != len(need.places):
        raise No("E5", "the equivalence wants a value that is not there")
    return [there.places[place] for place in found]


def _count(wanted: Iterable[Atom], atoms: Atoms) -> int:
    return sum(atom in atoms for atom in wanted)


def _is_of(text: str, book: Book) -> bool:
    head = text.partition("//")[0]
    return head.startswith(book.name + " ") and head[len(book.name) + 1 :] in book.classes


def _tagged(part: str, book: Book) -> set[Atom]:
    """The atoms of one part of a text; `No` (V6) unless it can be read in exactly one way."""
    readings: list[set[Atom]] = []
    for prefix in set(book.prefixes.values()):
        if not part.startswith(prefix):
            continue
        tags = [tag for tag, its in book.prefixes.items() if its == prefix]
        names = part[len(prefix) :].split(", ")
        atoms = [(tag, name) for name in names for tag in tags if name in book.members[tag]]
        if len(atoms) == len(names) == len(set(atoms)):
            readings.append(set(atoms))
    if len(readings) != 1:
        raise No("V6", "a value that the policy does not know, or that could be two")
    return readings[0]


def _during(at_ms: int, begins: int, ends: int | None) -> bool:
    return begins <= at_ms and (ends is None or at_ms <= ends)
