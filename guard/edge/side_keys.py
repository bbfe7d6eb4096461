"""All keys of a side, read and judged together: at its start, and whenever they may have changed.

Takes a side's folder, the policy it runs and the time; gives `SideKeys`. Raises `Malformed`,
`Forged` or `Broken` with a sentence that says what to do: then there is no key that the side may
go on with. docs/keys.md says which key is which.
"""

from dataclasses import dataclass
from pathlib import Path

from guard.edge.clock import now_s
from guard.edge.identity import SOURCE, Identity, check_hybrid, check_own_key, read_identity
from guard.edge.old_identities import OldKey, old_keys
from guard.edge.seal_key import certified_key
from guard.edge.site_link_keys import read_link_keys
from guard.edge.token_keys import token_secrets
from schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class SideKeys:
    """secrets: by the name under which a role is handed one; the rest as in `Site`."""

    secrets: dict[str, bytes]
    source: Identity
    old_keys: tuple[OldKey, ...]
    link_sessions: tuple[int, int]


def side_keys(
    folder: Path, side: str, policy: Policy, at_s: int | None = None, *, demonstration: bool
) -> SideKeys:
    """at_s: seconds since 1970 for the certificates, or now."""
    domain, hybrid = policy.source_domain, policy.link.signatures == "hybrid"
    time_s, trust = now_s() if at_s is None else at_s, folder / "trust"
    links = read_link_keys(folder, side)
    secrets = links.secrets()
    source = read_identity(trust, domain, time_s, demonstration=demonstration)
    if hybrid:
        check_hybrid(source, trust / SOURCE)
    if side == "low":
        seal = certified_key(folder / "keys", source.public)
        check_own_key(source, seal.public, trust / SOURCE, seal.mldsa_public)
        secrets["seal"] = seal.ed25519
        if hybrid:
            secrets["seal-mldsa"] = seal.mldsa
    secrets |= token_secrets(folder, policy, side)
    olds = tuple(old_keys(trust, domain, time_s, demonstration=demonstration))
    following = links.following
    sessions = links.now.first_session, following.first_session if following else 0
    return SideKeys(secrets, source, olds, sessions)
