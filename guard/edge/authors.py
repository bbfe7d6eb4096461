"""The people of a demonstration: two who sign policies, two who release, and the root naming them.

Only `guard init --demo` and `guard demo` come here. The root says that it is a demonstration's: a
side believes it only with `demo = true` in its site.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from guard.core.signed_note import PersonKey, SignedNote
from guard.core.trust import SignedRoot, policy_text
from guard.edge.keys import new_secret, public_of, write_secret
from schemas.policy import Policy
from schemas.reasons import Reason
from schemas.trust_root import ANY, Direction, Domain, Requirement, TrustRoot

AUTHORS = ("author-1", "author-2")
REVIEWERS = ("reviewer-1", "reviewer-2")
CLASSIFICATIONS = ("UNCLASSIFIED", "RESTRICTED")
HIGHER = "HIGH"
CHECKS = ("bounds", "label", "recognise", "schema", "words")


@dataclass(frozen=True, slots=True)
class Authors:
    """A signed root and, in a demonstration, the seeds of its keys: name -> 32 bytes."""

    signed: SignedRoot
    seeds: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def demonstration(cls, policy: Policy) -> Self:
        """New keys, and a root for the flow of this policy."""
        seeds = {name: new_secret() for name in (*AUTHORS, *REVIEWERS)}
        root = demonstration_root(policy, {name: public_of(seed) for name, seed in seeds.items()})
        note = SignedNote(root.text(), what="the trust root")
        for name in AUTHORS:
            key = PersonKey(name, root.policy_keys[name])
            note = note.signed_by(key, seeds[name], Reason.ROOT_UNTRUSTED)
        return cls(SignedRoot(note, root), seeds)

    def sign(self, policy: Policy, side: str, digest: bytes) -> bytes:
        """`policy.sig` for a side, by both authors."""
        note = SignedNote(policy_text(policy, side, digest), what="the policy")
        for name in AUTHORS:
            key = PersonKey(name, self.signed.root.policy_keys[name])
            note = note.signed_by(key, self.seeds[name], Reason.POLICY_UNSIGNED)
        return note.write()

    def write_keys(self, folder: Path) -> None:
        """NAME.key of each, mode 0400."""
        for name, seed in self.seeds.items():
            write_secret(folder / f"{name}.key", seed)


def demonstration_root(policy: Policy, publics: Mapping[str, bytes]) -> TrustRoot:
    """A root that says it is a demonstration's; publics: of all of `AUTHORS` and `REVIEWERS`.

    The flow goes up, unless its source is the domain `HIGHER`: then it is listed as a release.
    """
    low, high = CLASSIFICATIONS
    ends = (policy.source_domain, policy.destination_domain)
    is_release = policy.source_domain == HIGHER
    one, other = reversed(ends) if is_release else ends
    return TrustRoot(
        version=1,
        policy_keys={name: publics[name] for name in AUTHORS},
        policy_quorum=len(AUTHORS),
        domains={one: Domain(one, low, 0), other: Domain(other, high, 1)},
        classifications=CLASSIFICATIONS,
        releases={policy.flow: ends} if is_release else {},
        reviewer_keys={name: publics[name] for name in REVIEWERS},
        reviewer_quorum=len(REVIEWERS),
        requirements=[
            Requirement(Direction.DOWN if is_release else Direction.UP, ANY, ANY, side, check)
            for side, checks in (("source", CHECKS), ("destination", ("label", "schema", "words")))
            for check in checks
        ],
        demo=True,
    )
