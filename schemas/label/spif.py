"""A security policy as a typed object: what an Open XML SPIF 2.1 says, read and resolved.

`schemas.label.spif_reader` makes it from bytes. Here is what the rules ask: the classifications,
the tags with their values, what they require and exclude, what they are in other policies, and
how they are written for people. References inside the policy are resolved to keys of values when
it is read; references into another policy (`Foreign`) when the two are put side by side
(`schemas.label.equivalence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.errors import Malformed
from schemas.label.model import CategoryKind, PolicyId
from schemas.reasons import Reason

UNBOUNDED = 1 << 31

ValueKey = tuple[str, str, str]
"""tag set id, tag name, value name"""

TagKey = tuple[str, str]
"""tag set id, tag name"""


class Operation(StrEnum):
    """How many groups of a requirement must be met (XML-SPIF 2.1 operation)."""

    ONLY_ONE = "onlyOne"
    ONE_OR_MORE = "oneOrMore"
    ALL = "all"


class MarkingCode(StrEnum):
    """Where or how a marking is used (XML-SPIF 2.1 markingCode)."""

    PAGE_TOP = "pageTop"
    PAGE_BOTTOM = "pageBottom"
    PAGE_TOP_BOTTOM = "pageTopBottom"
    DOCUMENT_START = "documentStart"
    DOCUMENT_END = "documentEnd"
    NO_NAME_DISPLAY = "noNameDisplay"
    NO_MARKING_DISPLAY = "noMarkingDisplay"
    SUPPRESS_CLASS_NAME = "suppressClassName"
    FIRST_LINE = "firstLineOfText"
    LAST_LINE = "lastLineOfText"
    SUBJECT = "subject"
    X_HEADER = "xHeader"
    PORTION = "portionMarking"
    INPUT_TITLE = "inputTitle"
    WATER_MARK = "waterMark"
    REPLACE_POLICY = "replacePolicy"


@dataclass(frozen=True, slots=True)
class Marking:
    """A phrase for people: in which language ("" any), where (no code: everywhere)."""

    phrase: str | None
    language: str
    codes: frozenset[MarkingCode]


@dataclass(frozen=True, slots=True)
class Qualifier:
    """What stands around and between the values of a tag; `code` None: everywhere."""

    code: MarkingCode | None
    prefix: str = ""
    separator: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Groups of values of which onlyOne, oneOrMore or all must be in the label."""

    operation: Operation
    groups: tuple[frozenset[ValueKey], ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A value of another policy: tag set by name or id, kind, and its lacv there."""

    tag_set: str
    kind: CategoryKind
    lacv: str


@dataclass(frozen=True, slots=True)
class ForeignRequirement:
    """Values of another policy that an equivalence adds."""

    operation: Operation
    groups: tuple[Foreign, ...]


@dataclass(frozen=True, slots=True)
class EquivalentClass:
    """policy id of the other policy, the classification's lacv there, what it requires there."""

    policy: str
    lacv: str
    required: tuple[ForeignRequirement, ...] = ()


@dataclass(frozen=True, slots=True)
class EquivalentValue:
    """policy id of the other policy, and the value there; None: discarded by rule."""

    policy: str
    value: Foreign | None


@dataclass(frozen=True, slots=True)
class Classification:
    """One classification. `hierarchy` orders them; higher is more sensitive."""

    name: str
    lacv: str
    hierarchy: int
    obsolete: bool = False
    color: str = ""
    required: tuple[Requirement, ...] = ()
    equivalents: tuple[EquivalentClass, ...] = ()
    markings: tuple[Marking, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a tag, and the rules that come with it (XML-SPIF 2.1 tagCategory)."""

    key: ValueKey
    lacv: str
    obsolete: bool = False
    from_ms: int | None = None
    to_ms: int | None = None
    required_class: str = ""
    excluded_classes: frozenset[str] = frozenset()
    required: tuple[Requirement, ...] = ()
    excluded: tuple[frozenset[ValueKey], ...] = ()
    equivalents: tuple[EquivalentValue, ...] = ()
    markings: tuple[Marking, ...] = ()

    @property
    def name(self) -> str:
        """The value's name."""
        return self.key[2]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: its kind, how many values a label may have of it, and the values by name."""

    tag_set: str
    tag_set_name: str
    name: str
    kind: CategoryKind
    values: Mapping[str, Value]
    min_values: int = 0
    max_values: int = UNBOUNDED
    qualifiers: tuple[Qualifier, ...] = ()

    @property
    def key(self) -> TagKey:
        """Tag set id and tag name."""
        return self.tag_set, self.name


@dataclass(frozen=True, slots=True)
class EquivalentPolicy:
    """Another policy that this one has equivalences to, and what it always requires there."""

    policy: PolicyId
    required: tuple[ForeignRequirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Spif:
    """A whole policy.

    classifications  by name, in the order of the document
    tags             by tag set id and tag name, in the order of the document
    equivalents      by policy id
    privacy_marks    those a label may have; none listed: any
    tags_by_name     the tags whose name no other tag has
    demanded         tags of which every label must have a value
    """

    policy: PolicyId
    classifications: Mapping[str, Classification]
    tags: Mapping[TagKey, Tag]
    version: int = 1
    from_ms: int | None = None
    to_ms: int | None = None
    equivalents: Mapping[str, EquivalentPolicy] = field(default_factory=dict)
    privacy_marks: frozenset[str] = frozenset()
    markings: tuple[Marking, ...] = ()
    qualifiers: tuple[Qualifier, ...] = ()
    tags_by_name: Mapping[str, Tag] = field(init=False, repr=False, compare=False)
    demanded: tuple[Tag, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranks = {one.hierarchy for one in self.classifications.values()}
        if len(ranks) != len(self.classifications):
            raise Malformed(
                Reason.SPIF_MALFORMED, "two classifications have one rank: rule D2 needs an order"
            )
        names = [tag.name for tag in self.tags.values()]
        alone = {tag.name: tag for tag in self.tags.values() if names.count(tag.name) == 1}
        object.__setattr__(self, "tags_by_name", alone)
        demanded = tuple(tag for tag in self.tags.values() if tag.min_values)
        object.__setattr__(self, "demanded", demanded)

    def tag_of(self, tag_set: str, name: str) -> Tag | None:
        """The tag; a label that names no tag set has it by the tag's name, if one tag has that."""
        return self.tags.get((tag_set, name)) if tag_set else self.tags_by_name.get(name)
