"""The destination side's reader of security policies: Open XML SPIF bytes become a `Book`.

Written apart from the source side's: a policy is compiled to facts about *atoms*. An atom is a
classification (`("", name)`) or a value (`(tag, name)`, the tag by tag set and name); a label is
a set of atoms, and every rule of the policy hangs on the atom that sets it off. Whatever the
grammar (`filters.twins.spif_form`) does not name is `Malformed(SPIF_MALFORMED)`. Follows
docs/spec/labels.md.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field

from filters.twins import spif_form as form
from filters.twins.spif_form import LANGUAGE, NO_END, Element

Atom = tuple[str, str]
Place = tuple[str, str, str]  # tag set (id or name), R, P or I, lacv

_PLACES_OF_MARKS = frozenset(
    (
        "pageTop", "pageBottom", "pageTopBottom", "documentStart", "documentEnd", "noNameDisplay",
        "noMarkingDisplay", "suppressClassName", "firstLineOfText", "lastLineOfText", "subject",
        "xHeader", "portionMarking", "inputTitle", "waterMark", "replacePolicy",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Need:
    """At least `least` and at most `most` of the groups have an atom in the label."""

    rule: str
    groups: tuple[frozenset[Atom], ...]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class NeedAbroad:
    """The same of another policy's values, by their places there."""

    places: tuple[Place, ...]
    least: int
    most: int


@dataclass(slots=True)
class Book:
    """A policy as facts. Times are milliseconds since 1970; a tag is tag set id and name, joined.

    classes    name -> rank
    tags       in the order of the document: tag -> R, P or I
    sizes      tag -> fewest and most values
    prefixes   tag -> what stands before its values in text
    members    tag -> its values
    known      all its atoms
    needs, bans, windows, stale   by atom
    places     of this policy's atoms, for others to find (a classification's: "", "C", lacv)
    abroad     (other policy's id, atom) -> places there; None among them: discarded
    extra      (other policy's id, atom, or None for the whole policy) -> what is needed there
    """

    name: str = ""
    oid: str = ""
    begins: int = 0
    ends: int | None = None
    classes: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    needs: defaultdict[Atom, list[Need]] = field(default_factory=lambda: defaultdict(list))
    bans: defaultdict[Atom, list[tuple[str, frozenset[Atom]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    windows: dict[Atom, tuple[int, int | None]] = field(default_factory=dict)
    stale: set[Atom] = field(default_factory=set)
    places: dict[Place, Atom] = field(default_factory=dict)
    known: set[Atom] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    abroad: defaultdict[tuple[str, Atom], list[Place | None]] = field(
        default_factory=lambda: defaultdict(list)
    )
    extra: defaultdict[tuple[str, Atom | None], list[NeedAbroad]] = field(
        default_factory=lambda: defaultdict(list)
    )


def read(untrusted: bytes) -> Book:
    """The policy that the bytes are, or `Malformed(SPIF_MALFORMED)`."""
    root = form.parse(untrusted)
    for name in ("securityPolicyId", "securityClassifications"):
        form.demand(len(root.each(name)) == 1, f"not exactly one {name}")
    for name in ("securityCategoryTagSets", "privacyMarks", "equivalentPolicies"):
        form.demand(len(root.each(name)) <= 1, f"{name} stands twice")
    form.demand(root.at["schemaVersion"] in ("2.0", "2.1"), "another schema version")
    for name in ("privilegeId", "rbacId"):
        form.oid(root.at[name])
    book = Book()
    identity = root.each("securityPolicyId")[0].at
    book.name, book.oid = form.name(identity["name"]), form.oid(identity["id"])
    book.begins, book.ends = form.window(root)
    form.integer(root.at.get("version", "1"))
    _Compiler(book, root).run()
    book.known = set(book.places.values())
    return book


class _Compiler:
    def __init__(self, book: Book, root: Element) -> None:
        self.book, self.root = book, root
        self.policies: dict[str, str] = {}

    def run(self) -> None:
        self.equivalent_policies()
        classes = self.root.each("securityClassifications", "securityClassification")
        for element in classes:
            self.one_class(element)
        form.demand(bool(classes), "no classification")
        form.demand(len(set(self.book.classes.values())) == len(classes), "two classes of one rank")
        form.distinct([element.at["name"] for element in classes])
        tagged = [
            (tag, self.one_tag(tag_set, tag))
            for tag_set in self.root.each("securityCategoryTagSets", "securityCategoryTagSet")
            for tag in tag_set.each("securityCategoryTag")
        ]
        sets = {
            (it.at["id"], it.at["name"])
            for it in self.root.each("securityCategoryTagSets", "securityCategoryTagSet")
            if it.inside
        }
        form.demand(len({one for one, _ in sets}) == len({one for _, one in sets}), "sets clash")
        for element in classes:
            self.rules(element, ("", element.at["name"]))
            self.abroad_class(element)
        for tag, key in tagged:
            for element in tag.each("tagCategory"):
                self.one_value(element, (key, element.at["name"]))
        self.look_at_marks(self.root)

    def equivalent_policies(self) -> None:
        elements = self.root.each("equivalentPolicies", "equivalentPolicy")
        for element in elements:
            self.policies[form.name(element.at["name"])] = form.oid(element.at["id"])
        self.book.others = set(self.policies.values())
        form.demand(len(self.policies) == len(elements) == len(self.book.others), "policies clash")
        for element in elements:
            self.needed_abroad(element, self.policies[element.at["name"]], None)

    def one_class(self, element: Element) -> None:
        name = form.name(element.at["name"])
        self.book.classes[name] = form.integer(element.at["hierarchy"])
        place = ("", "C", form.lacv(element))
        form.demand(place not in self.book.places, "two classifications of one lacv")
        self.book.places[place] = ("", name)
        color = element.at.get("color", "")
        form.demand(not color or re.fullmatch("[a-z]{3,16}|#[0-9a-fA-F]{6}", color), "no color")
        self.stale(element, ("", name))

    def stale(self, element: Element, atom: Atom) -> None:
        if form.truth(element.at.get("obsolete", "")):
            self.book.stale.add(atom)

    def one_tag(self, tag_set: Element, tag: Element) -> str:
        """Names, places and bounds of a tag; gives its key."""
        set_name, set_id = tag_set.at["name"], form.oid(tag_set.at["id"])
        name = form.name(tag.at.get("name") or set_name)
        key = f"{set_id} {name}"
        form.demand(key not in self.book.tags, "two tags of one name")
        kind = form.kind(tag)
        encoding = tag.at.get("tag7Encoding", "")
        form.demand(encoding in ("", "bitSetAttributes", "securityAttributes"), "an encoding")
        least, most = tag.at.get("minSelection", "0"), tag.at.get("maxSelection", "unbounded")
        smallest = 0 if least == "unbounded" else form.amount(least)
        largest = NO_END if most == "unbounded" else form.amount(most)
        if form.truth(tag.at.get("singleSelection", "")):
            largest = min(largest, 1)
        self.book.tags[key], self.book.sizes[key] = kind, (smallest, largest)
        self.book.prefixes[key] = _prefix(tag)
        names = [form.name(element.at["name"]) for element in tag.each("tagCategory")]
        form.demand(bool(names), "a tag without values")
        form.distinct(names)
        self.book.members[key] = set(names)
        for element in tag.each("tagCategory"):
            for where in (set_name, set_id):
                place = (where, kind, form.lacv(element))
                form.demand(place not in self.book.places, "two values of one lacv")
                self.book.places[place] = (key, element.at["name"])
        return key

    def one_value(self, element: Element, atom: Atom) -> None:
        self.stale(element, atom)
        window = form.window(element)
        if window != (0, None):
            self.book.windows[atom] = window
        wanted = element.at.get("requiredClass", "")
        if wanted:
            form.demand(wanted in self.book.classes, "a classification there is not")
            self.book.needs[atom].append(Need("V9", (frozenset({("", wanted)}),), 1, 1))
        for child in element.each("excludedClass"):
            form.demand(child.text in self.book.classes, "a classification there is not")
            self.book.bans[atom].append(("V10", frozenset({("", child.text)})))
        for child in element.each("excludedCategory"):
            self.book.bans[atom].append(("V12", self.group(child)))
        self.rules(element, atom)
        for child in element.each("equivalentSecCategoryTag"):
            self.abroad_value(child, atom)

    def rules(self, element: Element, atom: Atom) -> None:
        for child in element.each("requiredCategory"):
            groups = tuple(self.group(one) for one in child.inside)
            least, most = _bounds(child)
            self.book.needs[atom].append(Need("V11", groups, least, most))

    def group(self, element: Element) -> frozenset[Atom]:
        """The atoms that a reference inside the policy means."""
        where = element.at["tagSetRef"]
        if element.at["tagType"] == "enumerated" and "enumType" not in element.at:
            kinds = "RP"
        else:
            kinds = form.kind(element)
        every = form.truth(element.at.get("all", ""))
        form.demand(every != ("lacv" in element.at), "a reference to one value and all")
        if every:
            found = [atom for place, atom in self.book.places.items()
                     if place[0] == where and place[1] in kinds and atom[0]]  # fmt: skip
        else:
            code = form.lacv(element)
            found = [self.book.places[where, kind, code] for kind in kinds
                     if (where, kind, code) in self.book.places]  # fmt: skip
            form.demand(len(found) <= 1, "a reference that means two values")
        form.demand(bool(found), "a reference to what is not there")
        return frozenset(found)

    def policy(self, element: Element) -> str:
        name = element.at["policyRef"]
        form.demand(name in self.policies, "an equivalence to a policy that is not listed")
        form.demand(element.at["applied"] in ("encrypt", "decrypt", "both"), "applied where?")
        return self.policies[name] if element.at["applied"] != "decrypt" else ""

    def abroad_class(self, element: Element) -> None:
        atom = ("", element.at["name"])
        for child in element.each("equivalentClassification"):
            oid = self.policy(child)
            if oid:
                self.book.abroad[oid, atom].append(("", "C", form.lacv(child)))
                self.needed_abroad(child, oid, atom)

    def abroad_value(self, element: Element, atom: Atom) -> None:
        oid = self.policy(element)
        if not oid:
            return
        if "action" in element.at:
            form.demand(element.at["action"] == "discard", "an action that is not known")
            self.book.abroad[oid, atom].append(None)
            return
        form.demand({"tagSetId", "tagType", "lacv"} <= element.at.keys(), "mapped to nothing")
        place = (form.oid(element.at["tagSetId"]), form.kind(element), form.lacv(element))
        self.book.abroad[oid, atom].append(place)

    def needed_abroad(self, element: Element, oid: str, atom: Atom | None) -> None:
        for child in element.each("requiredCategory"):
            form.demand(all("lacv" in one.at for one in child.inside), "not one value")
            places = tuple(
                (it.at["tagSetRef"], form.kind(it), form.lacv(it)) for it in child.inside
            )
            self.book.extra[oid, atom].append(NeedAbroad(places, *_bounds(child)))

    def look_at_marks(self, element: Element) -> None:
        """Markings are for people on the other side too, but not for us: only their form counts."""
        for child in element.inside:
            self.look_at_marks(child)
        form.truth(element.at.get("obsolete", ""))
        if element.name == "code":
            form.demand(element.text in _PLACES_OF_MARKS, "a marking code that is not known")
        elif element.name == "markingQualifier":
            code = element.at.get("markingCode", "")
            form.demand(not code or code in _PLACES_OF_MARKS, "a marking code that is not known")
            parts = [one.at["qualifierCode"] for one in element.inside]
            form.demand(set(parts) <= {"prefix", "separator", "suffix"}, "a qualifier not known")
            form.demand(len(set(parts)) == len(parts), "a qualifier twice")
            printable = all(one.at["markingQualifier"].isprintable() for one in element.inside)
            form.demand(printable, "a qualifier that is not printable")
        elif element.name == "markingData":
            tongue = element.at.get(LANGUAGE, "")
            well = not tongue or re.fullmatch("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}", tongue)
            form.demand(well and element.at.get("phrase", "").isprintable(), "a phrase or language")


def _prefix(tag: Element) -> str:
    """Where several are given: for portions, else for the page's top, bottom, else everywhere."""
    given: dict[str, str] = {}
    for element in tag.each("markingQualifier"):
        text = "".join(
            it.at["markingQualifier"] for it in element.inside if it.at["qualifierCode"] == "prefix"
        )
        given.setdefault(element.at.get("markingCode", ""), " ".join(text.split()))
    orders = (("portionMarking",), ("pageTop", "pageTopBottom"), ("pageBottom", "pageTopBottom"))
    for order in orders:
        named = [code for code in given if code in order]  # the first in the document counts
        text = given[named[0]] if named else given.get("", "")
        if text:
            return text + " "
    return ""


def _bounds(requirement: Element) -> tuple[int, int]:
    size = len(requirement.inside)
    bounds = {"onlyOne": (1, 1), "oneOrMore": (1, size), "all": (size, size)}
    form.demand(size > 0 and requirement.at["operation"] in bounds, "a requirement of nothing")
    return bounds[requirement.at["operation"]]
