"""Policies and labels for tests: the four of the project, and random ones of any shape."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from schemas.label.spif import Spif
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm

DOCUMENTS = Path(__file__).parents[3] / "schemas" / "documents"
NAMES = ("KESTRIA", "ALLIANCE", "BEACON", "MERIDIAN")
NOW_MS = 1_780_000_000_000
PAST, FUTURE = "2020-01-01T00:00:00Z", "2030-01-01T00:00:00+02:00"
_KINDS = (
    'tagType="restrictive"', 'tagType="permissive"', 'tagType="enumerated" enumType="restrictive"',
    'tagType="enumerated" enumType="permissive"', 'tagType="tagType7"',
)  # fmt: skip
_OPERATIONS = ("onlyOne", "oneOrMore", "all")
HEAD = (
    '<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20261126000000Z"'
    ' originatorDN="cn=x" keyIdentifier="0" privilegeId="2.999.1" rbacId="2.999.2"'
)


def document(name: str) -> bytes:
    """The bytes of one of the project's policies."""
    return (DOCUMENTS / f"{name.lower()}.spif.xml").read_bytes()


def spif(name: str) -> Spif:
    return read_spif(document(name))


def form(name: str) -> TextForm:
    return TextForm.of(spif(name))


def policy(classes: str, tags: str = "", rest: str = "", *, name: str = "P", attributes: str = "",
           oid: str = "2.999.9.1") -> bytes:  # fmt: skip
    """A policy of these parts, for a test of one rule."""
    return (
        f'{HEAD} {attributes}><securityPolicyId name="{name}" id="{oid}"/>'
        f"<securityClassifications>{classes}</securityClassifications>"
        f"<securityCategoryTagSets>{tags}</securityCategoryTagSets>{rest}</SPIF>"
    ).encode()


@dataclass(frozen=True)
class TagPlan:
    """What is chosen for a tag before anything refers to it."""

    set_name: str
    oid: str
    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is chosen for a policy before anything refers to it."""

    name: str
    oid: str
    classes: tuple[str, ...]
    tags: tuple[TagPlan, ...]


def plan(chance: Random, number: int) -> Plan:
    oid = f"2.999.9.{number}"
    classes = tuple(f"C{at}" for at in range(chance.randint(1, 4)))
    tags = tuple(
        TagPlan(f"T{at}", f"{oid}.{at}", chance.choice(_KINDS),
                tuple(f"V{at}{it}" for it in range(chance.randint(1, 3))))
        for at in range(chance.randint(0, 3))
    )  # fmt: skip
    return Plan(f"POLICY{number}", oid, classes, tags)


def pair(seed: int) -> tuple[Plan, Plan, bytes, bytes]:
    """Two policies with equivalences both ways, as plans and as bytes."""
    chance = Random(seed)
    one, other = plan(chance, 1), plan(chance, 2)
    return one, other, write(chance, one, other), write(chance, other, one)


def write(chance: Random, mine: Plan, other: Plan) -> bytes:
    """The policy's bytes; what it says beyond its names is by chance."""
    classes = "".join(_class(chance, mine, other, at) for at in range(len(mine.classes)))
    tags = "".join(_tag(chance, mine, other, tag) for tag in mine.tags)
    always = _requirement(chance, other) if chance.random() < 0.1 and other.tags else ""
    rest = (
        f'<equivalentPolicies><equivalentPolicy name="{other.name}" id="{other.oid}">{always}'
        "</equivalentPolicy></equivalentPolicies>"
    )
    window = f'notAfter="{chance.choice((PAST, FUTURE))}"' if chance.random() < 0.05 else ""
    return policy(classes, tags, rest, name=mine.name, oid=mine.oid, attributes=window)


def text(chance: Random, of: Plan) -> str:
    """A label of the policy in its one spelling; whether it is valid is left to chance."""
    parts = [f"{of.name} {chance.choice(of.classes)}"]
    for tag in of.tags:
        if chance.random() < 0.6:
            count = chance.randint(1, len(tag.values))
            parts.append(", ".join(sorted(chance.sample(tag.values, count))))
    return "//".join(parts)


def held(chance: Random, of: Plan) -> tuple[list[str], dict[str, list[str]]]:
    """A clearance: classifications, and values by tag."""
    classes = chance.sample(of.classes, chance.randint(1, len(of.classes)))
    categories = {}
    for tag in of.tags:
        values = chance.sample(tag.values, chance.randint(0, len(tag.values)))
        if values:
            categories[tag.set_name] = values
    return classes, categories


def _class(chance: Random, mine: Plan, other: Plan, at: int) -> str:
    inside = _requirement(chance, mine) if chance.random() < 0.15 and mine.tags else ""
    stale = _maybe(chance, 0.05, ' obsolete="true"')
    for _ in range(chance.choice((0, 1, 1, 1, 1, 1, 2))):
        lacv = chance.randrange(len(other.classes) + (chance.random() < 0.05))
        needs = _requirement(chance, other) if chance.random() < 0.2 and other.tags else ""
        applied = chance.choice(("both", "both", "both", "encrypt", "decrypt"))
        inside += (
            f'<equivalentClassification policyRef="{other.name}" lacv="{lacv}"'
            f' applied="{applied}">{needs}</equivalentClassification>'
        )
    return (
        f'<securityClassification name="{mine.classes[at]}" lacv="{at}" hierarchy="{at * 3}"'
        f"{stale}>{inside}</securityClassification>"
    )


def _tag(chance: Random, mine: Plan, other: Plan, tag: TagPlan) -> str:
    bounds = _maybe(chance, 0.1, ' singleSelection="true"')
    bounds += _maybe(chance, 0.1, f' minSelection="{chance.randint(0, 1)}"')
    bounds += _maybe(chance, 0.1, f' maxSelection="{chance.randint(1, 3)}"')
    values = "".join(_value(chance, mine, other, tag, at) for at in range(len(tag.values)))
    return (
        f'<securityCategoryTagSet name="{tag.set_name}" id="{tag.oid}"><securityCategoryTag'
        f" {tag.kind}{bounds}>{values}</securityCategoryTag></securityCategoryTagSet>"
    )


def _value(chance: Random, mine: Plan, other: Plan, tag: TagPlan, at: int) -> str:
    inside = _maybe(chance, 0.15, f"<excludedClass>{chance.choice(mine.classes)}</excludedClass>")
    if chance.random() < 0.12:
        inside += f"<excludedCategory {_reference(chance, mine)}/>"
    if chance.random() < 0.12:
        inside += _requirement(chance, mine)
    for _ in range(chance.choice((0, 1, 1, 1, 1, 2))):
        inside += _equivalent(chance, other)
    more = _maybe(chance, 0.06, f' requiredClass="{chance.choice(mine.classes)}"')
    more += _maybe(chance, 0.04, ' obsolete="true"')
    more += _maybe(chance, 0.06, f' notBefore="{chance.choice((PAST, FUTURE))}"')
    return f'<tagCategory name="{tag.values[at]}" lacv="{at}"{more}>{inside}</tagCategory>'


def _equivalent(chance: Random, other: Plan) -> str:
    if not other.tags or chance.random() < 0.2:
        return (
            f'<equivalentSecCategoryTag policyRef="{other.name}" applied="both" action="discard"/>'
        )
    tag = chance.choice(other.tags)
    lacv = chance.randrange(len(tag.values) + (chance.random() < 0.05))
    return (
        f'<equivalentSecCategoryTag policyRef="{other.name}" tagSetId="{tag.oid}" {tag.kind}'
        f' lacv="{lacv}" applied="both"/>'
    )


def _requirement(chance: Random, of: Plan) -> str:
    groups = "".join(
        f"<categoryGroup {_reference(chance, of, every=False)}/>"
        for _ in range(chance.randint(1, 3))
    )
    operation = chance.choice(_OPERATIONS)
    return f'<requiredCategory operation="{operation}">{groups}</requiredCategory>'


def _reference(chance: Random, of: Plan, *, every: bool = True) -> str:
    tag = chance.choice(of.tags)
    if every and chance.random() < 0.3:
        return f'tagSetRef="{tag.set_name}" {tag.kind} all="true"'
    return f'tagSetRef="{tag.set_name}" {tag.kind} lacv="{chance.randrange(len(tag.values))}"'


def _maybe(chance: Random, how_often: float, text: str) -> str:
    return text if chance.random() < how_often else ""
