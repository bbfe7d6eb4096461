"""The policies that a side has run, by the digest that its ledger has of each.

Takes a side's folder, or a copy; gives policy, chain and documents. A digest covers all of them, so
whatever is found under one is what was in force then, whoever keeps it. Reads only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.edge.policy_install import KEPT
from guard.edge.site import DOCUMENT_BYTES_MAX, chain_of
from schemas.errors import Malformed
from schemas.policy import POLICY_BYTES_MAX, Chain, Policy, policy_digest, read_policy
from schemas.reasons import Reason

SIDE = "low"


@dataclass(frozen=True, slots=True)
class RanPolicy:
    """A policy with the source side's chain and its documents."""

    policy: Policy
    chain: Chain
    documents: dict[str, bytes]


class KeptPolicies:
    """The one in force and those before it."""

    def __init__(self, folder: Path) -> None:
        self._found = dict(_policies(folder))

    def under(self, digest: str) -> RanPolicy | None:
        """digest: hexadecimal, as an entry has it. None: it is not kept here."""
        return self._found.get(digest)


def _policies(folder: Path) -> Iterator[tuple[str, RanPolicy]]:
    for place in (folder, *sorted((folder / KEPT).glob("*"))):
        try:
            content = _bounded(place / "policy.toml", POLICY_BYTES_MAX)
            policy = read_policy(content)
            chain = chain_of(policy, SIDE)
            own = {
                name: _bounded(place / "documents" / name, DOCUMENT_BYTES_MAX)
                for name in chain.documents
            }
        except (Malformed, OSError):
            continue
        yield policy_digest(content, own).hex(), RanPolicy(policy, chain, own)


def _bounded(path: Path, bytes_max: int) -> bytes:
    if path.stat().st_size > bytes_max:
        raise Malformed(Reason.POLICY_MALFORMED, f"{path} is too large")
    return path.read_bytes()
