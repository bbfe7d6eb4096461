"""Whether a posture may take the place of the one before: who signed it, and is it tighter.

Takes notes, the text of the posture in force, the policy and the trust root; gives the posture and
who signed. Raises `Malformed`, `Forged(POSTURE_UNSIGNED)` and `Forged(POSTURE_LOOSER)`. Pure.
Follows docs/spec/posture.md §3.
"""

from dataclasses import dataclass

from guard.core.signed_note import SignedNote, check_quorum
from guard.core.trust import policy_keys
from schemas.errors import Forged
from schemas.posture import TEXT_BYTES_MAX, Posture, posture_digest, read_posture
from schemas.reasons import Reason
from schemas.trust_root import TrustRoot

NOTE_BYTES_MAX = TEXT_BYTES_MAX + 8192
VERSIONS_AT_ONCE_MAX = 1000


@dataclass(frozen=True, slots=True)
class InForce:
    """A posture that holds: its text, what it says, who signed it."""

    text: str
    posture: Posture
    signers: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return posture_digest(self.text)


def read_posture_note(untrusted: bytes, what: str) -> SignedNote:
    """A signed posture, not checked. Raises `Malformed(POSTURE_MALFORMED)`."""
    return SignedNote.read(untrusted, NOTE_BYTES_MAX, what, Reason.POSTURE_MALFORMED)


def succeed(note: SignedNote, before: str, root: TrustRoot) -> InForce:
    """The posture of this note, if it may follow the text `before` ("": none was in force).

    One policy key may tighten; what is looser in any way needs the root's quorum. So does a version
    far above the one before: else one person could use up all that are left.
    """
    posture = read_posture(note.text)
    keys = policy_keys(root)
    signers = note.signers(keys, Reason.POSTURE_UNSIGNED)
    names = check_quorum(signers, keys, 1, note.what, Reason.POSTURE_UNSIGNED)
    found = InForce(note.text, posture, names)
    if note.text == before:
        return found
    old = read_posture(before) if before else None
    if posture.version > (old.version if old else 0) + VERSIONS_AT_ONCE_MAX:
        what = f"{note.what}, which leaves out more than {VERSIONS_AT_ONCE_MAX:,} versions,"
        check_quorum(signers, keys, root.policy_quorum, what, Reason.POSTURE_LOOSER)
    if old is None:
        return found
    if posture.version <= old.version:
        raise Forged(
            Reason.POSTURE_LOOSER,
            f"{note.what} is version {posture.version}, and version {old.version} was in force:"
            f" sign it as version {old.version + 1} or later",
        )
    if not posture.as_tight_as(old):
        what = f"{note.what}, which is looser than the posture in force,"
        check_quorum(signers, keys, root.policy_quorum, what, Reason.POSTURE_LOOSER)
    return found
