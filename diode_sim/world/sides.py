"""The two sides of a simulated flow: sites made from a pack, keys from the seed's beginning.

Gives what `guard.edge.site.load_site` gives, without reading a real disk, and makes the folders
that `guard init` makes. The keys are the same in every run: a trace must not hang on them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import schemas
from diode_sim.world.disk import Disk
from diode_sim.world.inodes import Inode
from schemas.policy import Policy, policy_digest, read_policy

_PACKS = Path(schemas.__file__ or "").parent / "packs"

LOW, HIGH = "/low", "/high"
_WORDS = '[[source.stage]]\nname = "words"\n'
_LOW_FOLDERS = (
    "accepted", "sealed", "cursor", "decisions", "held", "ledger", "sealing", "export", "run",
    "posture", "trust", "spool", "spool/drop", "spool/claimed", "spool/refused", "replies",
)  # fmt: skip
_HIGH_FOLDERS = (
    "landed", "attempt", "held", "ledger", "sealing", "export", "run",
    "posture", "trust", "queue", "queue/tmp", "queue/tmp/00", "queue/tmp/01", "queue/new",
    "queue/gaps",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SideParts:
    """What a `guard.edge.site.Site` is made of; `file` are the fields of its `site.toml`."""

    side: str
    folder: str
    file: dict[str, Any]
    policy: Policy
    policy_digest: bytes
    chain: Any
    documents: dict[str, bytes]
    keys: dict[str, bytes]

    def made(self, load: Callable[[str], Any]) -> Any:
        """The site, of the simulated world's class. load: gives modules of that world."""
        module = load("guard.edge.site")
        authors = load("guard.edge.authors")
        people = {name: public(name) for name in (*authors.AUTHORS, *authors.REVIEWERS)}
        root = authors.demonstration_root(self.policy, people)
        trust_root = f"sha256:{root.digest()}"
        source_ledger = f"0 {public('low ledger').hex()}" if self.side == "high" else ""
        return module.Site(
            folder=load("pathlib").Path(self.folder),
            file=module.SiteFile(**self.file, trust_root=trust_root),
            policy=self.policy, policy_digest=self.policy_digest, chain=self.chain,
            documents=self.documents, keys=self.keys,
            source=SimpleNamespace(public=public("seal"), mldsa=b"", hold_until_s=2**40),
            root=root, signers=authors.AUTHORS,
            ledger_public=public(f"{self.side} ledger"), source_ledger=source_ledger,
        )  # fmt: skip


def secret(name: str) -> bytes:
    """32 bytes that are as good as any."""
    return hashlib.sha256(b"simulated " + name.encode()).digest()


def public(name: str) -> bytes:
    """The Ed25519 public key of that secret."""
    return Ed25519PrivateKey.from_private_bytes(secret(name)).public_key().public_bytes_raw()


@cache
def sites(
    pack: str, link_lines: str, resend_days: int = 0, *, review: bool = False
) -> tuple[SideParts, SideParts]:
    """(low, high) of a pack's flow. link_lines: the policy's `[link]` table; review: the low side
    holds dirty words for people."""
    folder = _PACKS / pack
    text = (folder / "policy.toml").read_text("utf-8") + "\n[link]\n" + link_lines
    if review:
        text = text.replace(_WORDS, f'{_WORDS}parameters = {{ found = "hold" }}\n', 1)
    policy = read_policy(text.encode())
    low = _site(folder, policy, text, "low", policy.source, LOW)
    low.file["resend_days"] = resend_days
    head, table, tail = text.partition("[destination]\n")
    accepting = f'{head}{table}accepts = ["{policy.version}:{low.policy_digest.hex()}"]\n{tail}'
    policy = read_policy(accepting.encode())
    return low, _site(folder, policy, accepting, "high", policy.destination, HIGH)


def _site(folder: Any, policy: Policy, text: str, side: str, chain: Any, top: str) -> SideParts:
    documents = {name: (folder / name).read_bytes() for name in chain.documents}
    names = ("seal", "link") if side == "low" else ("link",)
    file = {
        "side": side, "link": "127.0.0.1:9", "first_user": 0, "demo": True, "ledger_epoch_s": 2,
        "export": "file",
    }  # fmt: skip
    digest = policy_digest(text.encode(), documents)
    keys = {name: secret(name) for name in names}
    return SideParts(side, top, file, policy, digest, chain, documents, keys)


def make_folders(disk: Disk, site: SideParts) -> None:
    """What `guard init` makes on a side's disk, durable."""
    top = disk.create(disk.root, site.folder.strip("/").encode(), folder=True)
    for name in _LOW_FOLDERS if site.side == "low" else _HIGH_FOLDERS:
        _make(disk, top, name)
    if site.side == "low":
        for sender in site.policy.senders:
            for folder in ("spool/drop", "spool/claimed", "spool/refused", "replies"):
                _make(disk, top, f"{folder}/{sender}")
    disk.sync_all()


def _make(disk: Disk, top: Inode, name: str) -> None:
    directory, last = disk.place(name.encode(), top)
    disk.create(directory, last, folder=True)
