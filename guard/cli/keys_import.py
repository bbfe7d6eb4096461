"""`guard keys import`: a person's key out of a PKCS #12 file, on the person's own machine."""

from pathlib import Path

import click

from guard.cli.output import console, sentences
from guard.edge.clock import now_s
from guard.edge.keys import write_secret
from guard.edge.person_keys import PKCS12_BYTES_MAX, read_pkcs12

_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command("import", epilog="Example: guard keys import alice.p12 --authority people.pem"
               " --out alice.key")  # fmt: skip
@click.argument("file", metavar="PKCS12", type=_PATH)
@click.option("--authority", required=True, metavar="PEM", type=_PATH,
              help="Who certifies persons.")  # fmt: skip
@click.option("--out", required=True, metavar="FILE", type=_PATH, help="A new key file.")
@click.option("--password-file", metavar="FILE", type=_PATH,
              help="Its first line is the password; else it is asked for.")  # fmt: skip
def import_key(file: Path, authority: Path, out: Path, password_file: Path | None) -> None:
    """Take the Ed25519 key out of a PKCS #12 file, if its certificate holds, and print its public
    half. With it this person signs policies, roots, postures and approvals."""
    with sentences():
        if password_file is not None:
            password = password_file.read_text("utf-8").split("\n", 1)[0]
        else:
            password = click.prompt("Password of the file", hide_input=True, err=True)
        with file.open("rb") as opened:
            untrusted = opened.read(PKCS12_BYTES_MAX + 1)
        found = read_pkcs12(untrusted, password, authority.read_bytes(), now_s())
        write_secret(out, found.seed)
    console.print(
        f"{out}: the key of {found.subject} (certificate sha256:{found.fingerprint})\n"
        f"public key: {found.public.hex()}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
