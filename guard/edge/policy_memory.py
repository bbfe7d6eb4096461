"""What a side's ledger says of the policies, roots and postures that it ran with.

Takes a side's folder, gives the newest of each; raises `Forged(POLICY_ROLLED_BACK)` when a site has
an older one, or another of the same version. Reads only. Follows docs/spec/policy-signing.md §3,
docs/spec/trust-root.md §4 (4).
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from guard.core.ledger import read_entry, split_batch
from guard.edge.segments import walk
from guard.edge.site import Site
from schemas.entry import Entry, Kind
from schemas.errors import Forged, Malformed
from schemas.policy import Policy
from schemas.reasons import Reason
from schemas.trust_root import TrustRoot

# In a canonical entry (ledger §2) no text can hold these bytes: its quotation marks are escaped.
_TELLING = re.compile(rb'"kind":"(?:run|posture|facts)"')


@dataclass(frozen=True, slots=True)
class PolicyMemory:
    """The newest that the ledger has of each; version 0, and no text, for none.

    digest, root_digest   hexadecimal
    posture               the text of the newest posture that was in force
    """

    version: int = 0
    digest: str = ""
    root_version: int = 0
    root_digest: str = ""
    posture: str = ""

    def with_entry(self, entry: Entry) -> "PolicyMemory":
        """After one more entry, in the ledger's order. What an entry lacks it does not tell."""
        if entry["kind"] == Kind.POSTURE:
            return replace(self, posture=str(entry["text"]))
        found = replace(self, posture=str(entry.get("posture", self.posture)))
        version, root_version = entry.get("policy_version"), entry.get("trust_root_version")
        if isinstance(version, int) and version >= self.version:
            found = replace(found, version=version, digest=str(entry["policy_digest"]))
        if isinstance(root_version, int) and root_version >= self.root_version:
            told = str(entry["trust_root"])
            found = replace(found, root_version=root_version, root_digest=told)
        return found

    def fields(self) -> Entry:
        """All of it for a `facts` entry, so that the entries that said it may be let go."""
        return {
            "policy_version": self.version,
            "policy_digest": self.digest,
            "trust_root_version": self.root_version,
            "trust_root": self.root_digest,
            "posture": self.posture,
        }

    def check_root(self, root: TrustRoot) -> None:
        """The same of a trust root."""
        _check("the trust root", root.version, root.digest(), self.root_version, self.root_digest)

    def check_policy(self, policy: Policy, digest: str) -> None:
        """That a policy may follow what the ledger has. Raises `Forged(POLICY_ROLLED_BACK)`."""
        what = f"the policy of flow {policy.flow}"
        _check(what, policy.version, digest, self.version, self.digest)


def policy_memory(folder: Path) -> PolicyMemory:
    """From the whole ledger of a side that starts. Of a damaged one, what comes before the damage:
    that is for the audit role to say, and without it nothing is released."""
    memory = PolicyMemory()
    with contextlib.suppress(Malformed, OSError):
        for entry in _telling(folder):
            memory = memory.with_entry(entry)
    return memory


def whole_memory(folder: Path) -> PolicyMemory:
    """The same, for who decides by it alone. Raises `Malformed`, `OSError` for a ledger that cannot
    be read to its end."""
    memory = PolicyMemory()
    for entry in _telling(folder):
        memory = memory.with_entry(entry)
    return memory


def _telling(folder: Path) -> Iterator[Entry]:
    for found in walk(folder / "ledger"):
        if _TELLING.search(found.payload):
            lines, _ = split_batch(found.payload)
            yield from (read_entry(line) for line in lines if _TELLING.search(line))


def check_memory(site: Site, memory: PolicyMemory) -> None:
    """That nothing in the site is older than what its ledger has."""
    memory.check_policy(site.policy, site.policy_digest.hex())
    memory.check_root(site.root)


def _check(what: str, version: int, digest: str, newest: int, of_newest: str) -> None:
    if version < newest:
        raise Forged(
            Reason.POLICY_ROLLED_BACK,
            f"{what} is version {version}, and this side has run version {newest}: sign what you"
            f" want to run as version {newest + 1} or later",
        )
    if version == newest and digest != of_newest:
        raise Forged(
            Reason.POLICY_ROLLED_BACK,
            f"{what} is version {version}, which this side has run with other content"
            f" ({of_newest[:16]}…): sign it as version {newest + 1} or later",
        )
