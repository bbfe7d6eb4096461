"""`guard label`: what a label says, whether it is valid; its other commands are beside this."""

from typing import Any, NoReturn

import click

from guard.cli.label_inputs import label_argument, label_of, policy_of, when_ms
from guard.cli.lazy import Lazy
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from schemas.errors import Malformed
from schemas.label.clauses import Denied
from schemas.label.marking import marking
from schemas.label.model import CategoryKind, Label
from schemas.label.spif import MarkingCode, Spif
from schemas.label.text import TextForm
from schemas.label.validity import Valid, know, standing, validate

_MEANS = {
    CategoryKind.RESTRICTIVE: "a reader must hold all of them",
    CategoryKind.PERMISSIVE: "a reader must hold at least one of them",
    CategoryKind.INFORMATIVE: "no effect on who may read",
}
_SHOWN_PLACES = (MarkingCode.PORTION, MarkingCode.PAGE_TOP, MarkingCode.PAGE_BOTTOM)


@click.group(
    cls=Lazy,
    table={
        "show": "guard.cli.label:show",
        "check": "guard.cli.label:check",
        "convert": "guard.cli.label_map:convert",
        "decide": "guard.cli.label_decide:decide",
        "map": "guard.cli.label_map:map_label",
        "lint-spif": "guard.cli.label_lint:lint_spif",
    },
    epilog='Example: guard label show "SECRET//REL TO FRA, GBR" --policy kestria',
)
def label() -> None:
    """Say what confidentiality labels mean, who may see them, and what they are elsewhere."""


@click.command(epilog='Example: guard label show "SECRET//REL TO FRA, GBR" --policy kestria')
@label_argument
def show(label: str, policy: str, form_name: str, at: str, as_json: bool) -> None:
    """Say in words what LABEL says, how it is marked on paper, and whether it is valid.

    Exits 1 if it is no label of the policy at all.
    """
    with sentences():
        form, at_ms = policy_of(policy), when_ms(at)
        read = _read(label, form_name, form, as_json)
        told = as_told(read, form, at_ms)
    if as_json:
        print_json(told)
    else:
        _show(told, read, form.spif)


@click.command(epilog='Example: guard label check "RED//FOR MEMBERS" --policy beacon')
@label_argument
def check(label: str, policy: str, form_name: str, at: str, as_json: bool) -> None:
    """Say whether LABEL is valid under its policy at a time, and if not by which rule.

    Exits 1 if it is not.
    """
    with sentences():
        form, at_ms = policy_of(policy), when_ms(at)
        told = as_told(_read(label, form_name, form, as_json), form, at_ms)
    if as_json:
        print_json({key: told[key] for key in ("label", "valid", "rule", "sentence")})
    else:
        _say(f"{told['label']}: {'valid' if told['valid'] else told['sentence']}")
    if not told["valid"]:
        raise SystemExit(EXIT_NO)


def as_told(label: Label, form: TextForm, at_ms: int) -> dict[str, Any]:
    """A label for machines."""
    known = know(standing(label, at_ms), form.spif)
    rule, sentence = "", ""
    try:
        validate(label, form.spif, at_ms)
    except Denied as error:
        rule, sentence = error.rule.value.code, error.sentence
    shown = Valid(known.label, form.spif, known.classification, known.tagged)
    return {
        "label": form.write(known.label),
        "policy": {"name": form.spif.policy.name, "id": form.spif.policy.uri},
        "classification": known.classification.name,
        "hierarchy": known.classification.hierarchy,
        "categories": [
            {"tag_set": tag.tag_set, "tag": tag.name, "kind": str(tag.kind),
             "values": [value.name for value in values]}
            for tag, values in known.tagged
        ],
        "markings": {
            str(place): {language: marking(shown, place, language)
                         for language in _languages(form.spif)}
            for place in _SHOWN_PLACES
        },
        "valid": not rule,
        "rule": rule,
        "sentence": sentence,
    }  # fmt: skip


def _read(given: str, form_name: str, form: TextForm, as_json: bool) -> Label:
    """The label. Ends with 1, and a sentence or an object, if it is none of the policy."""
    try:
        label = label_of(given, form_name, form)
        know(label, form.spif)
    except Malformed as error:
        end_unread(given, error, as_json)
    return label


def end_unread(given: str, error: Malformed, as_json: bool) -> NoReturn:
    """End with 1: what was given is no label of the policy."""
    if as_json:
        rule = error.rule.value.code if isinstance(error, Denied) else ""
        print_json(
            {"label": printable(given), "valid": False, "rule": rule, "sentence": error.sentence}
        )
    else:
        _say(f"{given}: {error.sentence}")
    raise SystemExit(EXIT_NO)


def _languages(spif: Spif) -> list[str]:
    holders = [spif.markings, *(one.markings for one in spif.classifications.values())]
    return sorted({"", *(one.language for markings in holders for one in markings)})


def _show(told: dict[str, Any], label: Label, spif: Spif) -> None:
    _say(told["label"])
    _say(f"  policy          {spif.policy.name} ({spif.policy.uri})")
    _say(f"  classification  {told['classification']}, rank {told['hierarchy']}")
    for category in told["categories"]:
        kind = CategoryKind(category["kind"])
        _say(f"  {category['tag']}: {', '.join(category['values'])}")
        _say(f"                  {kind}: {_MEANS[kind]}")
    for place, texts in told["markings"].items():
        for language, text in texts.items():
            _say(f"  marked          {text}  ({place}{', ' + language if language else ''})")
    if label.originator is not None:
        _say(f"  made by         {label.originator.value} ({label.originator.id_type})")
    _say(f"  valid           {'yes' if told['valid'] else 'no: ' + told['sentence']}")


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
