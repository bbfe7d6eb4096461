"""`guard label map` and `convert`: a label in another policy, and in another written form."""

import sys
from pathlib import Path

import click

from guard.cli.label_inputs import FORMATS, label_argument, label_of, policy_of, when_ms
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from schemas.errors import Malformed
from schemas.label.clauses import Denied
from schemas.label.equivalence import Equivalence
from schemas.label.text import BETWEEN
from schemas.label.validity import validate
from schemas.reasons import Reason


@click.command("map", epilog="Example: guard label map 'SECRET//ORCHID' --policy kestria"
               " --to alliance")  # fmt: skip
@label_argument
@click.option("--to", required=True, metavar="POLICY", help="The policy it is to be a label of.")
def map_label(label: str, policy: str, form_name: str, at: str, as_json: bool, to: str) -> None:
    """Say what LABEL is in another policy, by the equivalences of its own.

    Exits 1 if it is nothing there, and says by which rule.
    """
    with sentences():
        form, other, at_ms = policy_of(policy), policy_of(to), when_ms(at)
        mapped, error = "", None
        try:
            valid = validate(label_of(label, form_name, form), form.spif, at_ms)
            translated = Equivalence.between(form.spif, other.spif).translate(valid, at_ms)
            mapped = other.write(translated.valid.label)
            label = form.write(valid.label)
        except Malformed as denied:
            error = denied
    if as_json:
        rule = error.rule.value.code if isinstance(error, Denied) else ""
        print_json({
            "label": printable(label), "mapped": mapped,
            "set": label + BETWEEN + mapped if mapped else "",
            "rule": rule, "sentence": error.sentence if error else "",
        })  # fmt: skip
    else:
        text = f"{label}: {error.sentence}" if error else mapped
        console.print(printable(text), markup=False, soft_wrap=True)
    if error is not None:
        raise SystemExit(EXIT_NO)


@click.command(epilog="Example: guard label convert 'Secret // rel to gbr, fra' --policy kestria"
               " --out text")  # fmt: skip
@label_argument
@click.option("--out", "out_form", default="text", type=click.Choice(list(FORMATS)),
              help="The form to write.")  # fmt: skip
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False),
              help="Write it into this new file, not to standard output.")  # fmt: skip
def convert(label: str, policy: str, form_name: str, at: str, as_json: bool, out_form: str,
            file: Path | None) -> None:  # fmt: skip
    """Write LABEL in another form: same policy, same meaning.

    Only a valid label is written; exits 1 if it is not, or has no such form.
    """
    with sentences():
        form, at_ms = policy_of(policy), when_ms(at)
        content, error = b"", None
        try:
            valid = validate(label_of(label, form_name, form), form.spif, at_ms)
            write = FORMATS[out_form].write
            if write is None:
                raise Malformed(Reason.ARGUMENT, f"labels in form {out_form} are not written")
            content = write(valid.label, form)
        except Malformed as denied:
            error = denied
        if error is None and file is not None:
            with file.open("xb") as out:
                out.write(content)
    if as_json:
        print_json({
            "label": printable(label), "form": out_form,
            "content": content.decode("utf-8", "backslashreplace"),
            "sentence": error.sentence if error else "",
        })  # fmt: skip
    elif error is not None:
        console.print(printable(f"{label}: {error.sentence}"), markup=False, soft_wrap=True)
    elif file is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    if error is not None:
        raise SystemExit(EXIT_NO)
