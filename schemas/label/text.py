"""Labels in short text form, under their policy: for sidecars, the command line and reports.

    ALLIANCE SECRET//BALTIC//REL TO FRA, GBR
    policy classification // value // prefix value, value

    T1  The first part is the policy's name, a blank and the classification. Where the reader is
        told to take it, the policy's name may be left out.
    T2  Each further part is one tag: its prefix, if the policy gives it one (the prefix of its
        portion marking, such as `REL TO `), and its values, separated by commas. A part without a
        prefix holds values of tags that have none.
    T3  Letter case and runs of blanks make no difference in reading. Writing gives the policy's
        spelling, tags in the policy's order, values in order of their names.
    T4  A set, the originator's label first, is written with ` || ` between its labels.
    T5  A policy has a text form if every spelling has one reading: no name holds `//`, `,` or `||`,
        no two names are the same but for case, and no value begins like another tag's prefix.

It carries classification and categories, and nothing else of a label. `TextForm.of` makes a
policy's form once, or raises `Malformed(SPIF_MALFORMED)`; `read` gives a `Label` (not yet found
valid) or raises `Malformed`. The destination side reads the form with code of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.errors import Malformed
from schemas.label.clauses import Denied, Rule, shown
from schemas.label.marking import qualifier
from schemas.label.model import Category, Label
from schemas.label.spif import MarkingCode, Spif, Tag, TagKey
from schemas.reasons import Reason

CHARACTERS_MAX = 1024
BETWEEN = " || "
_PARTS_MAX = 64
_RESERVED = ("//", ",", "||")


@dataclass(frozen=True, slots=True)
class TextForm:
    """How labels of one policy are written.

    classifications  spelling in capitals -> name; with and without the policy's name
    prefixes         in capitals, longest first, with the tags that have it ("" at the end)
    values           prefix -> value in capitals -> tag and name
    """

    spif: Spif
    classifications: dict[str, str]
    prefixes: tuple[str, ...]
    values: dict[str, dict[str, tuple[Tag, str]]]
    prefix_of: dict[TagKey, str]

    @classmethod
    def of(cls, spif: Spif) -> "TextForm":
        """The form of a policy. Raises `Malformed(SPIF_MALFORMED)` if it has none (T5)."""
        policy = spif.policy.name
        full = {f"{policy} {name}".upper(): name for name in spif.classifications}
        bare = {name.upper(): name for name in spif.classifications}
        if full.keys() & bare.keys() or len(bare) != len(spif.classifications):
            raise _formless("two of its classifications read alike")
        _check_names((policy, *spif.classifications))
        prefix_of = {tag.key: _prefix(tag) for tag in spif.tags.values()}
        values: dict[str, dict[str, tuple[Tag, str]]] = {}
        for tag in spif.tags.values():
            _check_names(tag.values)
            there = values.setdefault(prefix_of[tag.key].upper(), {})
            for name in tag.values:
                if name.upper() in there:
                    raise _formless(f"two values read {shown(name)}")
                there[name.upper()] = (tag, name)
        prefixes = tuple(sorted(values, key=len, reverse=True))
        _check_prefixes(prefixes, values)
        return cls(spif, full | bare, prefixes, values, prefix_of)

    def read(self, untrusted: str, *, policy_named: bool = False) -> Label:
        """The label that the text spells. policy_named: the policy's name may not be left out.

        Raises `Malformed`: LABEL_MALFORMED for what is in no such form, LABEL_UNKNOWN (as `Denied`
        by V3 or V6) for names that the policy does not have.
        """
        first, *rest = _parts(untrusted)
        name = self.classifications.get(first)
        is_bare = name is not None and first == name.upper()
        if name is None or (policy_named and is_bare):
            raise Denied(Rule.V3, "the policy does not know the classification")
        found: dict[TagKey, tuple[Tag, list[str]]] = {}
        for part in rest:
            for tag, value in self._values(part):
                names = found.setdefault(tag.key, (tag, []))[1]
                if value in names:
                    raise _not_a_label("a value stands twice")
                names.append(value)
        return Label(
            policy=self.spif.policy,
            classification=name,
            categories=tuple(
                Category(tag.tag_set, tag.name, tag.kind, tuple(names))
                for tag, names in found.values()
            ),
        )

    def write(self, label: Label) -> str:
        """The one spelling of a label of this policy. Raises `Denied` for names it lacks."""
        if label.classification not in self.spif.classifications:
            raise Denied(Rule.V3, "the policy does not know the classification")
        parts = [f"{self.spif.policy.name} {label.classification}"]
        there: dict[TagKey, Category] = {}
        for category in label.categories:
            tag = self.spif.tag_of(category.tag_set, category.tag)
            if tag is None or not tag.values.keys() >= set(category.values):
                raise Denied(Rule.V6, "the policy does not know a value of the label")
            there[tag.key] = category
        for key, prefix in self.prefix_of.items():
            if key in there:
                parts.append(prefix + ", ".join(there[key].values))
        return "//".join(parts)

    def _values(self, part: str) -> Iterable[tuple[Tag, str]]:
        for prefix in self.prefixes:
            if part.startswith(prefix):
                names = [name.strip() for name in part[len(prefix) :].split(",")]
                known = self.values[prefix]
                if not all(name in known for name in names):
                    raise Denied(Rule.V6, "the policy does not know a value of the label")
                return [known[name] for name in names]
        raise Denied(Rule.V6, "the policy does not know a value of the label")


def read_set(untrusted: str, forms: Sequence[TextForm]) -> list[tuple[TextForm, Label]]:
    """The labels of a set (T4), each with its form: originator first. One alone is a set too.

    Each label must name its policy, one of those whose forms are given, and no two the same.
    """
    if len(untrusted) > CHARACTERS_MAX:
        raise _not_a_label("it is longer than its bound")
    found: list[tuple[TextForm, Label]] = []
    for text in untrusted.split("||"):
        start = " ".join(text.split()).upper()
        form = next((one for one in forms if _names(start, one)), None)
        if form is None:
            raise Denied(Rule.V1, "a label names no policy that is known here")
        if any(form is other for other, _ in found):
            raise _not_a_label("two labels are of one policy")
        found.append((form, form.read(text, policy_named=True)))
    return found


def _names(start: str, form: TextForm) -> bool:
    return start.partition("//")[0].strip() in form.classifications and start.startswith(
        form.spif.policy.name.upper() + " "
    )


def _parts(untrusted: str) -> list[str]:
    if len(untrusted) > CHARACTERS_MAX or not untrusted.isprintable():
        raise _not_a_label("it is too long, or has a character that labels do not have")
    parts = [" ".join(part.split()) for part in untrusted.upper().split("//")]
    if len(parts) > _PARTS_MAX or not all(parts):
        raise _not_a_label("a part is empty, or there are too many")
    return parts


def _prefix(tag: Tag) -> str:
    """The tag's prefix: that of its portion marking, else of the page, else of every place."""
    for place in (MarkingCode.PORTION, MarkingCode.PAGE_TOP, MarkingCode.PAGE_BOTTOM):
        text = " ".join(qualifier(tag.qualifiers, place).prefix.split())
        if text:
            return text + " "
    return ""


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if any(mark in name for mark in _RESERVED) or " ".join(name.split()) != name:
            raise _formless(f"{shown(name)} has in it what stands between names")


def _check_prefixes(prefixes: Sequence[str], values: dict[str, dict[str, tuple[Tag, str]]]) -> None:
    for prefix in filter(None, prefixes):
        if any(mark in prefix for mark in _RESERVED):
            raise _formless("a prefix has in it what stands between names")
        for shorter, names in values.items():
            if len(shorter) < len(prefix) and any(
                f"{shorter}{name}".startswith(prefix) for name in names
            ):
                raise _formless(f"a value begins like the prefix {shown(prefix)}")


def _formless(sentence: str) -> Malformed:
    return Malformed(Reason.SPIF_MALFORMED, f"the policy's labels have no text form: {sentence}")


def _not_a_label(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, f"no label in text form: {sentence}")
