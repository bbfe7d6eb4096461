"""Whom a side believes: the trust root's chain, and who signed a policy for which side.

Takes the bytes of roots and signatures and the digest that was entered on this side; gives the
root that holds, and names. Raises `Malformed(ROOT_MALFORMED)`, `Forged(ROOT_UNTRUSTED)` and
`Forged(POLICY_UNSIGNED)` with a sentence that says what to do. Pure. Follows
docs/spec/trust-root.md §4 and docs/spec/policy-signing.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guard.core.signed_note import PersonKey, SignedNote, check_quorum
from schemas.errors import Forged
from schemas.policy import Policy
from schemas.reasons import Reason
from schemas.trust_root import ROOT_BYTES_MAX, VERSION_MAX, TrustRoot, read_root

CHAIN_MAX = 64
SIGNATURE_BYTES_MAX = 16 * 1024
POLICY_LINE = "checkvalve policy signature 1"


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A root and the note it came in; the signatures are not checked."""

    note: SignedNote
    root: TrustRoot

    @classmethod
    def read(cls, untrusted: bytes, what: str) -> "SignedRoot":
        """Raises `Malformed(ROOT_MALFORMED)`."""
        note = SignedNote.read(untrusted, ROOT_BYTES_MAX, what, Reason.ROOT_MALFORMED)
        return cls(note, read_root(note.text))

    def check(self, before: "TrustRoot | None" = None) -> TrustRoot:
        """The root, if a quorum of its own keys signed it, and of those of the root before it.

        before: None for the one whose digest a side was given. Raises `Forged(ROOT_UNTRUSTED)`.
        """
        root, what = self.root, self.note.what
        own = policy_keys(root)
        keys = own if before is None else {*own, *policy_keys(before)}
        signers = self.note.signers(keys, Reason.ROOT_UNTRUSTED)
        if before is not None:
            if (root.version, root.previous) != (before.version + 1, before.digest()):
                raise _untrusted(f"{what} does not follow version {before.version}: it must be the"
                                 " next version and name the digest of the one before")  # fmt: skip
            if root.demo != before.demo:
                raise _untrusted(f"{what} is for demonstration, or for real, and the one before is"
                                 " not: make a root of its own")  # fmt: skip
            old = f"{what} with keys of version {before.version}"
            check_quorum(signers, policy_keys(before), before.policy_quorum, old,
                         Reason.ROOT_UNTRUSTED)  # fmt: skip
        check_quorum(signers, own, root.policy_quorum, what, Reason.ROOT_UNTRUSTED)
        return root


def follow(entered: str, chain: Sequence[SignedRoot]) -> TrustRoot:
    """The newest of a chain of roots, the first of which has the digest that was entered.

    entered: "sha256:" and 64 hexadecimal digits. Raises `Forged(ROOT_UNTRUSTED)`.
    """
    if not 1 <= len(chain) <= CHAIN_MAX:
        raise _untrusted(f"there are {len(chain)} trust roots, not 1 to {CHAIN_MAX}:"
                         " enter the digest of the newest and keep that one")  # fmt: skip
    first = chain[0]
    if entered != f"sha256:{first.root.digest()}":
        raise _untrusted(
            f"{first.note.what} has the digest sha256:{first.root.digest()} and site.toml says"
            f" trust_root = {entered!r}: put the right root there, or enter the digest that you"
            " were given by another way"
        )
    root = first.check()
    for later in chain[1:]:
        root = later.check(root)
    return root


def check_kind(root: TrustRoot, *, demonstration: bool) -> None:
    """A demonstration's root at a demonstration only. Raises `Forged(ROOT_UNTRUSTED)`."""
    if root.demo and not demonstration:
        raise _untrusted("the trust root is for demonstration, and site.toml does not say"
                         " demo = true: put the root of your own organisation there")  # fmt: skip
    if demonstration and not root.demo:
        raise _untrusted("site.toml says demo = true, and the trust root is a real one:"
                         " a real site has no keys of guard init --demo")  # fmt: skip


def policy_keys(root: TrustRoot) -> set[PersonKey]:
    """Who may sign policies."""
    return {PersonKey(name, public) for name, public in root.policy_keys.items()}


# -- policies ----------------------------------------------------------------------------------


def policy_text(policy: Policy, side: str, digest: bytes) -> str:
    """What policy keys sign: flow, side ("low", "high"), version, digest (policy-signing §2)."""
    return (
        f"{POLICY_LINE}\nflow {policy.flow}\nside {side}\nversion {policy.version}\n"
        f"digest {digest.hex()}\n"
    )


def read_policy_signature(untrusted: bytes, what: str) -> SignedNote:
    """`policy.sig` as it stands. Raises `Malformed(POLICY_UNSIGNED)`."""
    return SignedNote.read(untrusted, SIGNATURE_BYTES_MAX, what, Reason.POLICY_UNSIGNED)


def check_policy_signature(
    note: SignedNote, policy: Policy, side: str, digest: bytes, root: TrustRoot
) -> tuple[str, ...]:
    """Who signed this policy for this side, if they are a quorum. Raises `Forged`."""
    if note.text != policy_text(policy, side, digest):
        raise Forged(
            Reason.POLICY_UNSIGNED,
            f"{note.what} is of another policy, side or version: the policy or a document it names"
            " is not what the policy keys signed; sign it with guard policy sign",
        )
    keys = policy_keys(root)
    signers = note.signers(keys, Reason.POLICY_UNSIGNED)
    return check_quorum(signers, keys, root.policy_quorum, f"the policy ({note.what})",
                        Reason.POLICY_UNSIGNED)  # fmt: skip


def _untrusted(sentence: str) -> Forged:
    return Forged(Reason.ROOT_UNTRUSTED, sentence)


assert VERSION_MAX >= CHAIN_MAX
