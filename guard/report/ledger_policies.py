"""Whether the policies that a side ran under were signed by those whom its trust root names.

Takes what a ledger says of its runs and the folder of its side, gives findings and notes. May read
files. A part of the ledger's verifier: shares no code with what signs or checks policies on a side.
Follows docs/spec/trust-root.md §2 and §3, docs/spec/policy-signing.md §2.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from guard.report.ledger_findings import Finding, Severity
from guard.report.ledger_notes import NoteError, read_signatures
from schemas.reasons import Reason

NOTE_BYTES_MAX = 65_536
KEPT_POLICIES = "policies"


@dataclass(slots=True)
class Ran:
    """What a ledger's runs say: version -> digest, hexadecimal, of each policy and trust root, and
    whether any was a demonstration's."""

    policies: dict[int, str] = field(default_factory=dict)
    roots: dict[int, str] = field(default_factory=dict)
    demo: bool = False

    def see(self, entry: Mapping[str, int | str]) -> None:
        """An entry of kind `run`."""
        policy, root = entry.get("policy_version"), entry.get("trust_root_version")
        self.demo = self.demo or bool(entry.get("demo"))
        if isinstance(policy, int):
            self.policies[policy] = str(entry.get("policy_digest"))
        if isinstance(root, int):
            self.roots[root] = str(entry.get("trust_root"))


@dataclass(frozen=True, slots=True)
class _Root:
    keys: dict[str, bytes]
    quorum: int


def policy_findings(side: Path, ran: Ran) -> tuple[list[Finding], list[str]]:
    """side: the folder that holds `trust/`, `policy.sig` and the earlier policies."""
    if not ran.policies:
        return [], []
    try:
        roots = _roots(side, ran)
    except (NoteError, ValueError) as error:
        return [Finding(Reason.ROOT_UNTRUSTED, "trust root", str(error))], []
    if roots is None:
        return [], ["no trust root stands beside it: who signed its policies was not looked at"]
    findings, signed = [], set()
    for path in sorted({side / "policy.sig", *side.glob(f"{KEPT_POLICIES}/*/policy.sig")}):
        if not path.is_file():
            continue
        try:
            version, digest = _signed_policy(path, roots)
        except (NoteError, ValueError, KeyError) as error:
            place = str(path.relative_to(side))
            findings.append(Finding(Reason.POLICY_UNSIGNED, place, str(error)))
            continue
        if ran.policies.get(version) == digest:
            signed.add(version)
        elif version in ran.policies:
            findings.append(_other(path.relative_to(side), version))
    missing = sorted(ran.policies.keys() - signed)
    if findings or not missing:
        return findings, []
    listed = ", ".join(map(str, missing))
    return [], [f"policy version {listed}, which it ran with, is not here: its signatures were not"
                " checked"]  # fmt: skip


def _other(path: Path, version: int) -> Finding:
    return Finding(
        Reason.POLICY_UNSIGNED, str(path),
        f"it is another policy {version} than the one that the ledger says ran", Severity.FINDING,
    )  # fmt: skip


def _roots(side: Path, ran: Ran) -> list[_Root] | None:
    """The roots that are here and that the ledger says it ran with; None if there is no file."""
    paths = sorted((side / "trust").glob("root*"))
    found = []
    for path in paths:
        text, _ = _note(path)
        if hashlib.sha256(text).hexdigest() not in ran.roots.values():
            continue
        fields = [line.split(" ") for line in text.decode().splitlines()]
        keys = {row[1]: bytes.fromhex(row[2]) for row in fields if row[0] == "policy-key"}
        (quorum,) = (int(row[1]) for row in fields if row[0] == "policy-quorum")
        found.append(_Root(keys, quorum))
    if paths and not found:
        raise NoteError("the one that is here is not the one that the ledger says it ran with")
    return found or None


def _signed_policy(path: Path, roots: Iterable[_Root]) -> tuple[int, str]:
    """(version, digest) of a policy that enough people of one root signed. Raises `NoteError`."""
    text, signatures = _note(path)
    fields = dict(line.split(" ", 1) for line in text.decode().splitlines()[1:])
    enough = max((_valid(root, text, signatures) - root.quorum for root in roots), default=-1)
    if enough < 0:
        raise NoteError("it is not signed by as many people as the trust root asks for")
    return int(fields["version"]), fields["digest"]


def _valid(root: _Root, text: bytes, signatures: tuple[tuple[str, bytes, bytes], ...]) -> int:
    """How many of the root's people signed."""
    people = set()
    for name, key_hash, signature in signatures:
        key = root.keys.get(name)
        if (
            key is None
            or hashlib.sha256(f"{name}\n".encode() + b"\x01" + key).digest()[:4] != key_hash
        ):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
        except InvalidSignature as error:
            raise NoteError(f"the signature of {name} is wrong") from error
        people.add(key)
    return len(people)


def _note(path: Path) -> tuple[bytes, tuple[tuple[str, bytes, bytes], ...]]:
    """The text of a signed note, and its signatures: (name, key hash, signature)."""
    with path.open("rb") as file:
        content = file.read(NOTE_BYTES_MAX + 1)
    text, separator, lines = content.rpartition(b"\n\n")
    if len(content) > NOTE_BYTES_MAX or not separator:
        raise NoteError(f"{path.name} is no signed note")
    return text + b"\n", read_signatures(lines.decode())
