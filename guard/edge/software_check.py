"""What a side does about its software at start: refuse it, or say in the ledger what it is.

Takes a side's folder and settings, gives the text for the `run` entry: the signed manifest's
digest, or what is not known. Raises `Forged` or `Broken` with what to do. What checks is itself
part of what it checks: who can change all of it can change this too; `guard integrity verify` of
another, trusted copy is the answer to that.
"""

import hashlib
import os
from pathlib import Path

from guard.edge.keys import read_secret, signer, verifier
from guard.edge.site import SiteFile, read_public
from guard.edge.software import (
    Installed,
    Users,
    differences,
    first,
    installed,
    manifest_of,
    read_manifest,
    signed_bytes,
    writable_by,
)
from schemas.errors import Broken, Forged, Malformed
from schemas.reasons import Reason

UNSIGNED = "unsigned"
EDITABLE = "unsigned, editable"
WRITABLE = "unsigned, writable by its user"
PUBLIC_KEY = Path("trust", "software.pub")
_USERS_MAX = 256


def software_of(folder: Path, file: SiteFile, *, insecure: bool = False) -> str:
    """What the ledger's first entry of a run says of the software; see the module's docstring."""
    where, users = installed(), run_time_users(file.first_user)
    found = writable_by(where, users)
    if found and (separate(users) or file.software_manifest) and not insecure:
        sentence = f"the software can be changed by those who run it: {first(found)}"
        raise Broken(Reason.SOFTWARE_WRITABLE, sentence)
    if file.software_manifest:
        return verify_software(folder / file.software_manifest, folder / PUBLIC_KEY, where)
    if where.editable:
        return EDITABLE
    return WRITABLE if found else UNSIGNED


def run_time_users(first_user: int) -> Users:
    """As root the ids from `first_user` on; else, and with 0, those of this process."""
    if os.geteuid() == 0 and first_user:
        ids = frozenset(range(first_user, first_user + _USERS_MAX))
        return Users(ids, ids)
    return Users(frozenset({os.geteuid()}), frozenset({os.getegid(), *os.getgroups()}))


def separate(users: Users) -> bool:
    """Whether the processes run as other users than who starts them."""
    return os.geteuid() not in users.uids


def make_manifest() -> bytes:
    """Of this installation. Raises `Broken(SOFTWARE_CHANGED)` for one in a source tree."""
    where = installed()
    if where.editable:
        sentence = f"{where.editable[0].parent} is a source tree, installed to be edited: install" \
                   " the package itself (pip install .)"  # fmt: skip
        raise Broken(Reason.SOFTWARE_CHANGED, sentence)
    return manifest_of(where)


def sign_manifest(path: Path, key: Path) -> str:
    """Write PATH.sig; gives the manifest's digest in hexadecimal."""
    manifest = path.read_bytes()
    read_manifest(manifest)
    signature_of(path).write_text(signer(read_secret(key))(signed_bytes(manifest)).hex() + "\n")
    return hashlib.sha256(manifest).hexdigest()


def verify_software(path: Path, public: Path, where: Installed | None = None) -> str:
    """The digest of a manifest that is signed and that this installation is.

    Raises `Forged(SOFTWARE_CHANGED)` otherwise, with the first differences.
    """
    manifest = _signed(path, public)
    listed = read_manifest(manifest)
    now = read_manifest(manifest_of(where if where is not None else installed()))
    if told := differences(listed, now):
        sentence = f"the software is not what {path} says: {'; '.join(told)}"
        raise Forged(Reason.SOFTWARE_CHANGED, sentence)
    return hashlib.sha256(manifest).hexdigest()


def signature_of(path: Path) -> Path:
    """Where the signature of a manifest lies."""
    return path.with_name(path.name + ".sig")


def _signed(path: Path, public: Path) -> bytes:
    try:
        manifest = path.read_bytes()
        signature = bytes.fromhex(signature_of(path).read_text("ascii").strip())
    except (OSError, ValueError) as error:
        sentence = f"{path} or its signature cannot be read: see guard integrity"
        raise Malformed(Reason.SOFTWARE_CHANGED, sentence) from error
    try:
        verifier(read_public(public))(signature, signed_bytes(manifest))
    except Forged as error:
        sentence = f"{path} is not what the key {public} signed"
        raise Forged(Reason.SOFTWARE_CHANGED, sentence) from error
    return manifest
