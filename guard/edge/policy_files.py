"""A policy on disk with the documents it names, wherever it stands: in a pack, a site, a folder.

Takes the policy's path, gives a `PolicyFile` and what is wrong with it; signs it for a side.
Documents are in `documents/` beside the policy, or beside it. Beside a `site.toml` only that
side's documents are asked for: the other side's are on the other host.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filters.policy_check import chains_of, mandatory_faults, policy_faults, stage_faults
from guard.core.signed_note import PersonKey, SignedNote
from guard.core.trust import policy_keys, policy_text
from guard.edge import durable
from guard.edge.keys import public_of, read_secret
from guard.edge.link_parameters import coder_of, link_params
from guard.edge.site import DOCUMENT_BYTES_MAX, chain_of, read_site_file
from guard.edge.spec import Spec, Value
from guard.edge.trust import SIGNATURE, read_signature, read_signed_root, read_trust
from schemas.errors import Forged, Malformed
from schemas.policy import POLICY_BYTES_MAX, Policy, policy_digest, read_policy
from schemas.reasons import Reason
from schemas.stage import Side
from schemas.trust_root import TrustRoot

SIDES = {"low": Side.SOURCE, "high": Side.DESTINATION}


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy and its surroundings.

    side       "low" or "high" when it stands in that side's site, else ""
    own        the policy with the chains whose documents must be here
    documents  those that are here, by name
    missing    names of those that are not
    """

    path: Path
    side: str
    content: bytes
    policy: Policy
    own: Policy
    documents: dict[str, bytes]
    missing: tuple[str, ...]

    def digest(self, side: str) -> bytes:
        """What a signature for this side covers. Raises `Malformed` when a document is missing."""
        chain = chain_of(self.policy, side)
        for name in chain.documents:
            if name not in self.documents:
                raise Malformed(Reason.POLICY_MALFORMED, _missing(name, self.path))
        own = {name: self.documents[name] for name in chain.documents}
        return policy_digest(self.content, own)

    def for_side(self, side: str) -> "PolicyFile":
        """The same as it concerns one side alone: the other's documents are on the other host."""
        own = self.policy.model_copy(update={"destination" if side == "low" else "source": None})
        names = {name for _, chain in chains_of(own) for name in chain.documents}
        missing = tuple(name for name in self.missing if name in names)
        return replace(self, side=side, own=own, missing=missing)

    def digests(self) -> dict[str, str]:
        """Of every chain whose documents are all here: "source", "destination" -> hex."""
        names = {side: name for name, side in SIDES.items()}
        return {
            side.value: self.digest(names[side]).hex()
            for side, chain in chains_of(self.own)
            if not set(chain.documents) & set(self.missing)
        }

    def document_digests(self) -> dict[str, str]:
        """SHA-256 in hex of the documents that are here."""
        return {name: hashlib.sha256(it).hexdigest() for name, it in self.documents.items()}


def read_policy_file(path: Path) -> PolicyFile:
    """Read it and the documents that are there. Raises `Malformed(POLICY_MALFORMED)`."""
    content = _read(path, POLICY_BYTES_MAX)
    policy = own = read_policy(content)
    side = ""
    if (path.parent / "site.toml").exists():
        side = read_site_file(path.parent).side
        other = "destination" if side == "low" else "source"
        own = policy.model_copy(update={other: None})
    there = path.parent / "documents"
    top = there if there.is_dir() else path.parent
    names = sorted({name for _, chain in chains_of(own) for name in chain.documents})
    found = [name for name in names if (top / name).is_file()]
    documents = {name: _read(top / name, DOCUMENT_BYTES_MAX) for name in found}
    missing = tuple(name for name in names if name not in found)
    return PolicyFile(path, side, content, policy, own, documents, missing)


def faults_of(
    file: PolicyFile, root: TrustRoot | None = None, *, own_stages: bool = True
) -> list[str]:
    """Everything that is wrong with a policy, a sentence each: stages, order, documents, link.

    root: also what this trust root requires of the flow. own_stages: also whether the site's own
    are installed as pinned.
    """
    faults = policy_faults(file.policy)
    if root is not None:
        faults += mandatory_faults(file.policy, root)
    faults += [_missing(name, file.path) for name in file.missing]
    if not file.missing:
        faults += stage_faults(file.own, file.documents, own_stages=own_stages)
    try:
        link_params(_link_spec(file.policy))
        if file.policy.link.dictionary not in file.missing:
            coder_of(file.policy.link, file.documents)
    except Malformed as error:
        faults.append(error.sentence)
    return faults


def root_of(file: PolicyFile, named: Path | None) -> TrustRoot | None:
    """The trust root for a policy: the one that was named, or that of the site it stands in.

    None without either. Raises `Malformed`, `Forged` for one that does not hold.
    """
    if named is not None:
        return read_signed_root(named).check()
    if not file.side:
        return None
    site = read_site_file(file.path.parent)
    trust = file.path.parent / "trust"
    return read_trust(trust, site.trust_root, demonstration=site.demo)


def sign_policy(file: PolicyFile, side: str, keys: Sequence[Path], root: TrustRoot) -> SignedNote:
    """Add the signatures of these Ed25519 keys to `policy.sig` beside the policy, for this side.

    Signatures that are there already stay if they are of this very policy. Raises
    `Forged(POLICY_UNSIGNED)` for a key that is none of the root's policy keys.
    """
    text = policy_text(file.policy, side, file.digest(side))
    target = file.path.parent / SIGNATURE
    note = SignedNote(text, what=str(target))
    with contextlib.suppress(Forged):
        there = read_signature(target)
        note = there if there.text == text else note
    names = {public: name for name, public in root.policy_keys.items()}
    for path in keys:
        seed = read_secret(path)
        public = public_of(seed)
        if public not in names:
            raise Forged(
                Reason.POLICY_UNSIGNED,
                f"{path} is no policy key of the trust root:"
                f" these are {', '.join(root.policy_keys)}",
            )
        note = note.signed_by(PersonKey(names[public], public), seed, Reason.POLICY_UNSIGNED)
    note.signers(policy_keys(root), Reason.POLICY_UNSIGNED)
    durable.replace(target, note.write())
    target.chmod(0o644)
    return note


def _link_spec(policy: Policy) -> Spec:
    values: dict[str, Value] = {
        "link": policy.link.model_dump(),
        "link_address": "127.0.0.1:1",
        "payload_bytes_max": policy.payload_bytes_max,
    }
    return Spec("policy", "", "", {}, values)


def _missing(name: str, path: Path) -> str:
    return f"document {name} is neither in {path.parent / 'documents'} nor beside the policy"


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise Malformed(
            Reason.POLICY_MALFORMED, f"{path} cannot be read: {error.strerror}"
        ) from error
    if len(content) > bytes_max:
        raise Malformed(Reason.POLICY_MALFORMED, f"{path} is larger than {bytes_max:,} bytes")
    return content
