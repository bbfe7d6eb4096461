"""`guard policy sign` and `verify`: who stands for a policy, on which side, by which trust root."""

from pathlib import Path

import click

from guard.cli.output import (
    EXIT_NO,
    EXIT_USAGE,
    console,
    errors,
    fail,
    print_json,
    printable,
    sentences,
)
from guard.core.signed_note import check_quorum
from guard.core.trust import policy_keys
from guard.edge.keys import new_secret, public_of, write_secret
from guard.edge.policy_files import PolicyFile, faults_of, read_policy_file, root_of, sign_policy
from guard.edge.trust import policy_signers
from schemas.errors import CheckvalveError
from schemas.reasons import Reason
from schemas.trust_root import TrustRoot

FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
ROOT = click.option(
    "--root", metavar="ROOT", type=click.Path(path_type=Path, dir_okay=False),
    help="The trust root; not needed in a side's folder.",
)  # fmt: skip
SIDE = click.option(
    "--side", type=click.Choice(["low", "high"]),
    help="For which side; not needed beside its site.toml.",
)  # fmt: skip


@click.command(epilog="Example: guard policy sign low/policy.toml --key alice.key --key bob.key")
@FILE
@click.option(
    "--key", "keys", required=True, multiple=True, metavar="KEY",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your own Ed25519 key, which the trust root names. May be given again, where the keys of"
    " several persons are at hand: in a demonstration.",
)  # fmt: skip
@SIDE
@ROOT
def sign(file: Path, keys: tuple[Path, ...], side: str | None, root: Path | None) -> None:
    """Sign the policy FILE and the documents it names, for one side; adds to policy.sig beside it.

    Refuses to sign a policy that guard policy check refuses, or that leaves out what the trust root
    requires. A side takes the policy once a quorum of the root's policy keys has signed.
    """
    with sentences():
        found, chosen, trusted = _given(file, side, root)
        faults = faults_of(found, trusted, own_stages=False)  # nothing unsigned runs beside a key
        if faults:
            fail(f"{faults[0]}: not signed", EXIT_NO)
        note = sign_policy(found, chosen, keys, trusted)
        lacks = ""
        try:
            keys_of_root = policy_keys(trusted)
            signers = note.signers(keys_of_root, Reason.POLICY_UNSIGNED)
            check_quorum(signers, keys_of_root, trusted.policy_quorum, "the policy",
                         Reason.POLICY_UNSIGNED)  # fmt: skip
        except CheckvalveError as error:
            lacks = error.sentence
    digest = found.digest(chosen).hex()
    names = " and ".join(each.name for each in note.signatures)
    _say(f"Signed for the {chosen} side by {names}. Digest: {digest}")
    if chosen == "low":
        _say("The high side takes its messages once [destination] accepts has"
             f' "{found.policy.version}:{digest}".')  # fmt: skip
    if lacks:
        errors.print(printable(lacks), markup=False, soft_wrap=True)


@click.command(epilog="Example: guard policy verify /srv/checkvalve/low")
@FILE
@SIDE
@ROOT
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def verify(file: Path, side: str | None, root: Path | None, as_json: bool) -> None:
    """Say who signed the policy FILE, and whether they are enough for the trust root.

    Exits 1 if they are not, or the policy has faults.
    """
    with sentences({} if as_json else None):
        found, chosen, trusted = _given(file, side, root)
        digest, names, why = found.digest(chosen).hex(), (), ""  # type: str, tuple[str, ...], str
        try:
            names = policy_signers(
                found.path.parent, found.policy, chosen, bytes.fromhex(digest), trusted
            )
            why = next(iter(faults_of(found, trusted)), "")
        except CheckvalveError as error:
            why = error.sentence
    told = {
        "flow": found.policy.flow, "side": chosen, "version": found.policy.version,
        "digest": digest, "signers": list(names), "quorum": trusted.policy_quorum,
        "root": f"sha256:{trusted.digest()}", "demo": trusted.demo, "ok": not why, "why": why,
    }  # fmt: skip
    if as_json:
        print_json(told)
    else:
        _say(f"Flow {found.policy.flow}, version {found.policy.version}, {chosen} side."
             f" Digest: {digest}")  # fmt: skip
        told_names = ", ".join(names) or "nobody whose signature counts"
        _say(f"Signed by {told_names}; the trust root asks for {trusted.policy_quorum}"
             f" of {len(trusted.policy_keys)}.")  # fmt: skip
        if trusted.demo:
            _say("The trust root is for demonstration.")
    if why:
        errors.print(printable(why), markup=False, soft_wrap=True)
        raise SystemExit(EXIT_NO)


@click.command("new-key", epilog="Example: guard policy new-key alice.key")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
def new_key(file: Path) -> None:
    """Make a new key for one person in FILE (mode 0400), and print its public key.

    The public key goes into the trust root; FILE stays with its person and off both hosts.
    """
    with sentences():
        seed = new_secret()
        write_secret(file, seed)
    console.print(public_of(seed).hex(), soft_wrap=True)


def _given(file: Path, side: str | None, root: Path | None) -> tuple[PolicyFile, str, TrustRoot]:
    """The policy, the side and the root that a command was called with."""
    path = file.absolute() / "policy.toml" if file.is_dir() else file.absolute()
    found = read_policy_file(path)
    chosen = found.side or side
    if chosen is None or (side and side != chosen):
        fail("say for which side: --side low, or --side high", EXIT_USAGE)
    trusted = root_of(found, root)
    if trusted is None:
        fail("name the trust root: --root FILE", EXIT_USAGE)
    return found, chosen, trusted


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
