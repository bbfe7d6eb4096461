"""The trust root on a side's disk, and the policy's signature beside the policy.

    trust/root      the root whose digest was entered in site.toml by hand
    trust/root.N    the roots after it, a file a version, each signed by a quorum of the one before
    policy.sig      who signed the policy, for this side

Takes a side's folder, gives what `guard.core.trust` has checked. Reads only. Raises `Malformed` and
`Forged` with a sentence that says what to do.
"""

import re
from pathlib import Path

from guard.core.signed_note import SignedNote
from guard.core.trust import (
    CHAIN_MAX,
    SIGNATURE_BYTES_MAX,
    SignedRoot,
    check_kind,
    check_policy_signature,
    follow,
    read_policy_signature,
)
from schemas.errors import Forged, Malformed
from schemas.policy import Policy
from schemas.reasons import Reason
from schemas.trust_root import ROOT_BYTES_MAX, TrustRoot

ROOT = "root"
SIGNATURE = "policy.sig"
_LATER = re.compile(r"root\.([1-9][0-9]{0,9})")


def read_trust(trust: Path, entered: str, *, demonstration: bool) -> TrustRoot:
    """The root that holds on this side. entered: `trust_root` of site.toml."""
    chain = [read_signed_root(trust / ROOT)]
    later = _later(trust)
    for version in sorted(later):
        if version != chain[-1].root.version + 1 or len(chain) == CHAIN_MAX:
            raise Forged(
                Reason.ROOT_UNTRUSTED,
                f"{later[version]} does not follow version {chain[-1].root.version}:"
                " put the roots between them there too",
            )
        chain.append(read_signed_root(later[version]))
    root = follow(entered, chain)
    check_kind(root, demonstration=demonstration)
    return root


def read_signed_root(path: Path) -> SignedRoot:
    """A root's file, its signatures not checked. Raises `Malformed(ROOT_MALFORMED)`."""
    try:
        with open(path, "rb") as file:
            untrusted = file.read(ROOT_BYTES_MAX + 1)
    except OSError as error:
        raise Malformed(
            Reason.ROOT_MALFORMED,
            f"{path} cannot be read ({error.strerror}): it is the trust root, made offline with"
            " guard policy root",
        ) from error
    return SignedRoot.read(untrusted, str(path))


def read_signature(path: Path) -> SignedNote:
    """`policy.sig`. Raises `Forged(POLICY_UNSIGNED)`."""
    try:
        with open(path, "rb") as file:
            return read_policy_signature(file.read(SIGNATURE_BYTES_MAX + 1), str(path))
    except (OSError, Malformed) as error:
        why = error.strerror if isinstance(error, OSError) else error.sentence
        raise Forged(
            Reason.POLICY_UNSIGNED,
            f"{path.parent / 'policy.toml'} is not signed ({why}): run guard policy sign",
        ) from error


def policy_signers(
    folder: Path, policy: Policy, side: str, digest: bytes, root: TrustRoot
) -> tuple[str, ...]:
    """The names of those who signed the policy in this folder for this side."""
    return check_policy_signature(read_signature(folder / SIGNATURE), policy, side, digest, root)


def _later(trust: Path) -> dict[int, Path]:
    found = {}
    for path in trust.iterdir():
        match = _LATER.fullmatch(path.name)
        if match is not None:
            found[int(match[1])] = path
    return found
