"""A policy on disk with the documents it names, wherever it stands: in a pack, a site, a folder.

Takes the policy's path, gives a `PolicyFile` and what is wrong with it; signs it for a side.
Documents are in `documents/` beside the policy, or beside it. Beside a `site.toml` only that
side's documents are asked for: the other side's are on the other host.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from filters.policy_check import chains_of, policy_faults, stage_faults
from guard.edge import durable
from guard.edge.keys import public_of, read_secret, signer
from guard.edge.link_parameters import coder_of, link_params
from guard.edge.site import DOCUMENT_BYTES_MAX, chain_of, read_public, read_site_file, signed_bytes
from guard.edge.spec import Spec, Value
from schemas.errors import Malformed
from schemas.policy import POLICY_BYTES_MAX, Policy, policy_digest, read_policy
from schemas.reasons import Reason
from schemas.stage import Side

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


def faults_of(file: PolicyFile) -> list[str]:
    """Everything that is wrong with a policy, a sentence each: stages, order, documents, link."""
    faults = policy_faults(file.policy)
    faults += [_missing(name, file.path) for name in file.missing]
    if not file.missing:
        faults += stage_faults(file.own, file.documents)
    try:
        link_params(_link_spec(file.policy))
        if file.policy.link.dictionary not in file.missing:
            coder_of(file.policy.link, file.documents)
    except Malformed as error:
        faults.append(error.sentence)
    return faults


def sign_policy(file: PolicyFile, side: str, key: Path) -> tuple[bytes, bool]:
    """Write `policy.sig` beside the policy, for this side, with the Ed25519 key in this file.

    Gives the digest that was signed, and whether the site beside it trusts the key.
    """
    digest = file.digest(side)
    seed = read_secret(key)
    signature = signer(seed)(signed_bytes(digest)).hex() + "\n"
    target = file.path.parent / "policy.sig"
    durable.replace(target, signature.encode())
    target.chmod(0o644)
    try:
        trusted = read_public(file.path.parent / "trust" / "policy.pub")
    except Malformed:
        trusted = b""
    return digest, trusted == public_of(seed)


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
        with open(path, "rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise Malformed(
            Reason.POLICY_MALFORMED, f"{path} cannot be read: {error.strerror}"
        ) from error
    if len(content) > bytes_max:
        raise Malformed(Reason.POLICY_MALFORMED, f"{path} is larger than {bytes_max:,} bytes")
    return content
