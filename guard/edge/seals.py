"""Checking seals: under the domain's key of now, or one before it that is still taken.

Takes what a role is told of the keys (`Site.key_values`); gives the function that checks. Raises
`Forged(MANIFEST_SIGNATURE)`, and `Forged(MANIFEST_KEY)` for a signature of a key that is not taken
any more. Follows docs/spec/manifest.md §4 (2) and §6 (3).
"""

from collections.abc import Callable
from contextlib import suppress

from guard.edge.keys import verifier
from guard.edge.mldsa import mldsa_verifier
from guard.edge.spec import Spec
from schemas.errors import Forged
from schemas.reasons import Reason


class _Pair:
    """The two keys of one certificate; mldsa is "" where it has one only. In hexadecimal."""

    def __init__(self, public: str, mldsa: str) -> None:
        self._ed25519 = verifier(bytes.fromhex(public))
        self._mldsa = mldsa_verifier(bytes.fromhex(mldsa)) if mldsa else None

    def verify(self, signature: bytes, signed: bytes, *second: bytes) -> None:
        """second: signature and signed bytes of ML-DSA-65, if it was signed twice."""
        self._ed25519(signature, signed)
        if second and self._mldsa is None:
            raise Forged(Reason.MANIFEST_SIGNATURE, "the certificate has no ML-DSA-65 key")
        if second and self._mldsa is not None:
            self._mldsa(*second)


def seal_verifier(spec: Spec, *, every: bool = False) -> Callable[..., None]:
    """(signature, signed), and of what was signed twice those of ML-DSA-65 too.

    every: all earlier keys are taken, for `send`: what was sealed before a change may leave after.
    """
    told = spec.values.get("seal_old")
    olds = told if isinstance(told, list) else []
    now = _Pair(spec.text("seal_public"), str(spec.values.get("seal_mldsa", "")))
    taken = [now, *(_Pair(public, mldsa) for public, ok, mldsa in olds if ok or every)]
    over = [_Pair(public, mldsa) for public, ok, mldsa in olds if not (ok or every)]

    def verify(*signatures: bytes) -> None:
        if _any(taken, signatures):
            return
        if _any(over, signatures):
            raise Forged(
                Reason.MANIFEST_KEY, "it is signed with a key that is no longer taken: its overlap"
                " is over, or its certificate is revoked or has ended")  # fmt: skip
        raise Forged(Reason.MANIFEST_SIGNATURE, "the signature does not verify")

    return verify


def _any(pairs: list[_Pair], signatures: tuple[bytes, ...]) -> bool:
    for pair in pairs:
        with suppress(Forged):
            pair.verify(*signatures)
            return True
    return False
