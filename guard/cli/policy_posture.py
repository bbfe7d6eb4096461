"""`guard policy posture`: tighten a policy at once, with one signature; loosen it with the quorum.

Format and rules: docs/spec/posture.md; when to use it: docs/policy.md.
"""

from pathlib import Path
from typing import Any

import click

from guard.cli.output import EXIT_NO, console, fail, print_json, printable, sentences
from guard.core.posture import InForce, read_posture_note
from guard.core.signed_note import PersonKey, SignedNote
from guard.edge import durable
from guard.edge.keys import public_of, read_secret
from guard.edge.policy_memory import whole_memory
from guard.edge.posture_files import apply_posture, posture_in_force
from guard.edge.running import await_status, tell_to_look
from guard.edge.site import load_site
from guard.edge.trust import read_signed_root
from schemas.errors import CheckvalveError, Forged
from schemas.posture import FIRST_LINE, read_posture
from schemas.reasons import Reason

IN_FORCE_WITHIN_S = 15
_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
_SITE = click.option(
    "--site", "folder", required=True, metavar="SITE",
    type=click.Path(path_type=Path, file_okay=False), help="The side's folder.",
)  # fmt: skip


@click.group(epilog="Example: guard policy posture apply stop.toml --site /srv/checkvalve/low")
def posture() -> None:
    """Stop, hold or slow what the policy lets through, at once and on one person's signature.

    A posture can only tighten. Taking it back needs as many signatures as a policy.
    """


@posture.command("sign", epilog="Example: guard policy posture sign stop.toml --key alice.key"
                 " --root root")  # fmt: skip
@_FILE
@click.option("--key", required=True, metavar="FILE",
              type=click.Path(path_type=Path, dir_okay=False), help="Your own key.")  # fmt: skip
@click.option("--root", required=True, metavar="ROOT",
              type=click.Path(path_type=Path, dir_okay=False), help="The trust root.")  # fmt: skip
def sign_command(file: Path, key: Path, root: Path) -> None:
    """Sign a posture, a draft in TOML or one with signatures already; FILE gets yours too."""
    with sentences():
        trusted = read_signed_root(root).root
        note = _note_of(file)
        read = read_posture(note.text)
        seed = read_secret(key)
        names = {public: name for name, public in trusted.policy_keys.items()}
        public = public_of(seed)
        if public not in names:
            raise Forged(Reason.POSTURE_UNSIGNED, f"{key} is no policy key of the trust root:"
                         f" these are {', '.join(trusted.policy_keys)}")  # fmt: skip
        note = note.signed_by(PersonKey(names[public], public), seed, Reason.POSTURE_UNSIGNED)
        durable.replace(file, note.write())
        file.chmod(0o644)
    _say(f"Signed as {names[public]}: posture version {read.version} of flow {read.flow}.")


def _note_of(file: Path) -> SignedNote:
    """The note in a file, or a new one around a draft."""
    content = file.read_bytes()
    try:
        return read_posture_note(content, str(file))
    except CheckvalveError:
        text = content.decode("utf-8", "replace").rstrip("\n") + "\n"
        if not text.startswith(f"{FIRST_LINE}\n"):
            text = f"{FIRST_LINE}\n{text}"
        read_posture(text)
        return SignedNote(text, what=str(file))


@posture.command("apply", epilog="Example: guard policy posture apply stop.toml"
                 " --site /srv/checkvalve/low")  # fmt: skip
@_FILE
@_SITE
def apply_command(file: Path, folder: Path) -> None:
    """Put a signed posture in force on a side, running or stopped.

    One signature is enough for what is at least as tight as the posture in force; anything else
    needs the quorum of the trust root.
    """
    with sentences():
        site = load_site(folder.absolute())
        of_ledger = whole_memory(site.folder).posture
        found = apply_posture(site, file.read_bytes(), str(file), of_ledger)
        version = found.posture.version
        if not tell_to_look(site.folder):
            _say(f"Posture version {version} holds from the side's next start.")
        elif await_status(site.folder, "posture_version", version, IN_FORCE_WITHIN_S):
            _say(f"Posture version {version} is in force.")
        else:
            fail("the side has not taken it up: look at what guard run says", EXIT_NO)


@posture.command("show", epilog="Example: guard policy posture show --site /srv/checkvalve/low")
@_SITE
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def show_command(folder: Path, as_json: bool) -> None:
    """Show the posture in force on a side, and who signed it."""
    with sentences({} if as_json else None):
        site = load_site(folder.absolute())
        found = posture_in_force(site, whole_memory(site.folder).posture)
    if as_json:
        print_json(_as_json(found))
    elif found is None:
        _say("No posture: the policy alone.")
    else:
        _say(found.text.rstrip("\n"))
        _say(f"\nSigned by: {', '.join(found.signers)}")


def _as_json(found: InForce | None) -> dict[str, Any]:
    if found is None:
        return {"version": 0, "digest": "", "signers": []}
    told = found.posture.model_dump()
    return told | {"digest": found.digest, "signers": list(found.signers)}


def _say(text: str) -> None:
    console.print("\n".join(map(printable, text.split("\n"))), markup=False, soft_wrap=True)
