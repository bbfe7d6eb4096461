"""IC-ISM markings as people see them: portion marks `(S//REL TO USA, FRA)` and banner lines.

Takes a label of the policy IC-ISM and gives its mark; takes a mark and gives the label, or raises
`Malformed`. After the CAPCO register's order of the parts: classification, non-US controls, SCI,
special access, atomic energy, foreign government information, dissemination, non-intelligence.
Source side. A part that is in no table here is not understood and never skipped.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from filters.formats.label_ism import attributes_of, label_from
from schemas.errors import Malformed
from schemas.label.model import Label
from schemas.reasons import Reason

MARK_CHARACTERS_MAX = 1024
PARTS_MAX = 16

_PORTION = {"U": "U", "R": "R", "C": "C", "S": "S", "TS": "TS"}
_BANNER = {
    "U": "UNCLASSIFIED", "R": "RESTRICTED", "C": "CONFIDENTIAL", "S": "SECRET",
    "TS": "TOP SECRET",
}  # fmt: skip
_NATO_PORTION = {"U": "NU", "R": "NR", "C": "NC", "S": "NS", "TS": "CTS"}
_NATO_BANNER = {
    "U": "NATO UNCLASSIFIED", "R": "NATO RESTRICTED", "C": "NATO CONFIDENTIAL",
    "S": "NATO SECRET", "TS": "COSMIC TOP SECRET",
}  # fmt: skip
# Token -> how it stands in a banner, in the register's order; in a portion it stands as it is.
_CONTROLS = {
    "RS": "RSEN", "FOUO": "FOUO", "OC": "ORCON", "IMC": "IMCON", "NF": "NOFORN", "PR": "PROPIN",
    "REL": "REL TO", "RELIDO": "RELIDO", "EYES": "EYES ONLY", "DSEN": "DEA SENSITIVE",
    "FISA": "FISA", "DISPLAYONLY": "DISPLAY ONLY",
}  # fmt: skip
_ATOMIC = {"UCNI": "DOE UCNI", "DCNI": "DOD UCNI", "TFNI": "TFNI"}
_ATOMIC_ORDER = ("RD", "FRD", "TFNI", "DCNI", "UCNI")
_OTHER = {
    "DS": "LIMDIS", "XD": "EXDIS", "ND": "NODIS", "SBU": "SBU", "SBU-NF": "SBU NOFORN",
    "LES": "LES", "LES-NF": "LES NOFORN", "SSI": "SSI", "NNPI": "NNPI",
}  # fmt: skip
_NON_US = frozenset({"ATOMAL", "BOHEMIA", "BALK"})
_COMPARTMENTS = frozenset({"EL", "HCS", "KDK", "RSV", "SI", "TK"})


@dataclass(frozen=True, slots=True)
class _Form:
    """The spellings of one of the two forms."""

    classes: dict[str, str]
    nato: dict[str, str]
    controls: dict[str, str]
    atomic: dict[str, str]
    other: dict[str, str]
    sigma: str


_PORTIONS = _Form(
    _PORTION, _NATO_PORTION,
    {name: name for name in _CONTROLS} | {"REL": "REL TO", "DISPLAYONLY": "DISPLAY ONLY"},
    {name: name for name in _ATOMIC}, {name: name for name in _OTHER}, "SG",
)  # fmt: skip
_BANNERS = _Form(_BANNER, _NATO_BANNER, _CONTROLS, _ATOMIC, _OTHER, "SIGMA")


# -- writing ------------------------------------------------------------------------------------


def portion_mark(label: Label) -> str:
    """The mark of a portion, in its parentheses."""
    return f"({_mark(attributes_of(label), _PORTIONS)})"


def banner_mark(label: Label) -> str:
    """The line at the head and the foot of a page."""
    return _mark(attributes_of(label), _BANNERS)


def _mark(given: dict[str, str], form: _Form) -> str:
    lists = {name: value.split(" ") for name, value in given.items()}
    parts = [_classification(given["classification"], lists["ownerProducer"], form)]
    parts.append("/".join(lists.get("nonUSControls", ())))
    parts.append("/".join(_trees(lists.get("SCIcontrols", ()))))
    special = "/".join(_trees(lists.get("SARIdentifier", ()))).replace("_", " ")
    parts.append(f"SAR-{special}" if special else "")
    parts.append("/".join(_atomic(lists.get("atomicEnergyMarkings", ()), form)))
    foreign = lists.get("FGIsourceOpen", [])
    if "FGIsourceProtected" in lists:
        foreign = []
        parts.append("FGI")
    parts.append(f"FGI {' '.join(foreign)}" if foreign else "")
    parts.append("/".join(_dissemination(lists, form)))
    parts.append("/".join(_others(lists.get("nonICmarkings", ()), form)))
    return "//".join([parts[0], *(part for part in parts[1:] if part)])


def _classification(level: str, owners: list[str], form: _Form) -> str:
    if owners == ["USA"]:
        return form.classes[level]
    if owners == ["NATO"]:
        return f"//{form.nato[level]}"
    if len(owners) == 1:
        return f"//{owners[0]} {form.classes[level]}"
    return f"//JOINT {form.classes[level]} {' '.join(owners)}"


def _trees(tokens: Iterable[str]) -> list[str]:
    """`SI SI-G SI-G-ABCD TK` as `SI-G ABCD` and `TK`: "-" before each compartment, then blanks."""
    tops: dict[str, dict[str, list[str]]] = {}
    for token in tokens:
        top, _, rest = token.partition("-")
        middle, _, low = rest.partition("-")
        branches = tops.setdefault(top, {})
        if middle:
            leaves = branches.setdefault(middle, [])
            if low:
                leaves.append(low)
    return [
        top + "".join("-" + " ".join([middle, *leaves]) for middle, leaves in branches.items())
        for top, branches in tops.items()
    ]


def _atomic(tokens: Iterable[str], form: _Form) -> list[str]:
    trees: dict[str, list[str]] = {}
    sigmas: dict[str, list[str]] = {}
    for token in tokens:
        top, _, rest = token.partition("-")
        branches = trees.setdefault(top, [])
        if rest.startswith("SG-"):
            sigmas.setdefault(top, []).append(rest[3:])
        elif rest:
            branches.append(rest)
    order = [top for top in _ATOMIC_ORDER if top in trees]
    if len(order) != len(trees):
        raise _malformed("an atomic energy marking that has no mark here")
    return [
        form.atomic.get(top, top)
        + "".join(f"-{branch}" for branch in trees[top])
        + (f"-{form.sigma} {' '.join(sigmas[top])}" if top in sigmas else "")
        for top in order
    ]


def _dissemination(lists: dict[str, list[str]], form: _Form) -> list[str]:
    controls = lists.get("disseminationControls", [])
    for control in controls:
        if control not in form.controls:
            raise _malformed("a dissemination control that has no mark here")
    said = []
    for control in (each for each in _CONTROLS if each in controls):
        if control == "REL":
            said.append(f"REL TO {_nations(lists['releasableTo'])}")
        elif control == "DISPLAYONLY":
            said.append(f"DISPLAY ONLY {_nations(lists['displayOnlyTo'])}")
        elif control == "EYES":
            said.append(f"{'/'.join(lists['releasableTo'])} EYES ONLY")
        else:
            said.append(form.controls[control])
    return said


def _nations(names: list[str]) -> str:
    """The United States first, then nations and groups, each by the alphabet."""
    return ", ".join(sorted(names, key=lambda name: (name != "USA", len(name), name)))


def _others(tokens: Iterable[str], form: _Form) -> list[str]:
    said = []
    for token in tokens:
        if token.startswith("ACCM-"):
            said.append(token[5:].replace("_", " "))
        elif token in form.other:
            said.append(form.other[token])
        else:
            raise _malformed("a non-intelligence marking that has no mark here")
    return said


_Reader = Callable[[str, _Form], dict[str, str]]


# -- reading ------------------------------------------------------------------------------------


def read_portion(untrusted: str) -> Label:
    """The label of a portion mark, given without its parentheses."""
    return _read(untrusted, _PORTIONS)


def read_banner(untrusted: str) -> Label:
    """The label of a banner line."""
    return _read(untrusted, _BANNERS)


def _read(untrusted: str, form: _Form) -> Label:
    if len(untrusted) > MARK_CHARACTERS_MAX or not (
        untrusted.isascii() and untrusted.isprintable()
    ):
        raise _malformed("a mark is longer than its bound, or has a character marks do not have")
    foreign = untrusted.startswith("//")
    first, *rest = untrusted[2:].split("//") if foreign else untrusted.split("//")
    if len(rest) > PARTS_MAX:
        raise _malformed("a mark has more parts than its bound")
    given = _read_foreign(first, form) if foreign else _read_class(first, form)
    last = -1
    for part in rest:
        rank, read = _reader_of(part, form)
        if rank <= last:
            raise _malformed("the parts of a mark stand twice or not in the register's order")
        last = rank
        given |= read(part, form)
    return label_from(given)


def _read_class(first: str, form: _Form) -> dict[str, str]:
    for level, spelled in form.classes.items():
        if first == spelled and level != "R":
            return {"classification": level, "ownerProducer": "USA"}
    raise _malformed("the classification of a mark is not known")


def _read_foreign(first: str, form: _Form) -> dict[str, str]:
    for level, spelled in form.nato.items():
        if first == spelled:
            return {"classification": level, "ownerProducer": "NATO"}
    for level, spelled in form.classes.items():
        if first.startswith(f"JOINT {spelled} "):
            owners = first.removeprefix(f"JOINT {spelled} ").split(" ")
            if len(owners) > 1:
                return {"classification": level, "ownerProducer": " ".join(owners)}
        owner, _, rest = first.partition(" ")
        if rest == spelled and owner not in ("USA", "NATO", "JOINT"):
            return {"classification": level, "ownerProducer": owner}
    raise _malformed("the classification of a foreign mark is not known")


def _reader_of(part: str, form: _Form) -> tuple[int, _Reader]:
    """Which part of the register this is: its place, and what reads it."""
    first = part.split("/")[0].split("-")[0].split(" ")[0]
    if set(part.split("/")) <= _NON_US:
        return 0, _read_non_us
    if first in _COMPARTMENTS:
        return 1, _read_compartments
    if part.startswith("SAR-"):
        return 2, _read_special
    if first in ("RD", "FRD", "TFNI") or part.split("/")[0] in form.atomic.values():
        return 3, _read_atomic
    if first == "FGI":
        return 4, _read_source
    if set(part.split("/")) <= set(form.other.values()):
        return 6, _read_other
    return 5, _read_dissemination


def _read_non_us(part: str, form: _Form) -> dict[str, str]:
    return {"nonUSControls": part.replace("/", " ")}


def _read_compartments(part: str, form: _Form) -> dict[str, str]:
    return {"SCIcontrols": _untree(part)}


def _untree(part: str) -> str:
    tokens: list[str] = []
    for tree in part.split("/"):
        top, *branches = tree.split("-")
        tokens.append(top)
        for branch in branches:
            middle, *leaves = branch.split(" ")
            tokens.append(f"{top}-{middle}")
            tokens += [f"{top}-{middle}-{leaf}" for leaf in leaves]
    return " ".join(tokens)


def _read_special(part: str, form: _Form) -> dict[str, str]:
    """Special access: a program of two words cannot be told from one with a part, so one word."""
    names = part.removeprefix("SAR-")
    if " " in names:
        raise _malformed("a special access mark with a blank can be read in two ways")
    return {"SARIdentifier": _untree(names)}


def _read_atomic(part: str, form: _Form) -> dict[str, str]:
    spelled = {mark: token for token, mark in form.atomic.items()}
    tokens: list[str] = []
    for tree in part.split("/"):
        if tree in spelled:
            tokens.append(spelled[tree])
            continue
        top, *branches = tree.split("-")
        if top not in ("RD", "FRD"):
            raise _malformed("an atomic energy mark that is not known")
        tokens.append(top)
        for branch in branches:
            if branch.startswith(f"{form.sigma} "):
                tokens += [f"{top}-SG-{number}" for number in branch.split(" ")[1:]]
            elif branch == "CNWDI":
                tokens.append(f"{top}-CNWDI")
            else:
                raise _malformed("an atomic energy mark that is not known")
    return {"atomicEnergyMarkings": " ".join(tokens)}


def _read_source(part: str, form: _Form) -> dict[str, str]:
    if part == "FGI":
        return {"FGIsourceProtected": "FGI"}
    return {"FGIsourceOpen": part.removeprefix("FGI ")}


def _read_other(part: str, form: _Form) -> dict[str, str]:
    spelled = {mark: token for token, mark in form.other.items()}
    return {"nonICmarkings": " ".join(spelled[mark] for mark in part.split("/"))}


def _read_dissemination(part: str, form: _Form) -> dict[str, str]:
    spelled = {mark: token for token, mark in form.controls.items()}
    given: dict[str, str] = {}
    controls: list[str] = []
    if part.endswith(" EYES ONLY"):
        nations = part.removesuffix(" EYES ONLY").replace("/", " ")
        return {"disseminationControls": "EYES", "releasableTo": nations}
    for control in part.split("/"):
        if control.startswith("REL TO "):
            controls.append("REL")
            given["releasableTo"] = control.removeprefix("REL TO ").replace(", ", " ")
        elif control.startswith("DISPLAY ONLY "):
            controls.append("DISPLAYONLY")
            given["displayOnlyTo"] = control.removeprefix("DISPLAY ONLY ").replace(", ", " ")
        elif spelled.get(control) not in (None, "REL", "EYES", "DISPLAYONLY"):
            controls.append(spelled[control])
        else:
            raise _malformed("a part of a mark is not known")
    given["disseminationControls"] = " ".join(controls)
    return given


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, sentence)
