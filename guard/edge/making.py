"""Making a site: folders and keys for both sides of one flow, and for a demonstration all else.

`guard init --demo` makes a trust root, policy keys, a signed policy and certificates too, in one
place, which is right for trying: `demo = true` stands in both site files, in root, manifests, the
ledgers' first entries and reports. With a root of its own people a site gets none of these.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from filters.policy_check import check_mandatory, check_policy
from guard.core.epochs import FIRST_EPOCH
from guard.core.trust import SignedRoot
from guard.edge import durable
from guard.edge.acting import who_acts
from guard.edge.authors import Authors
from guard.edge.clock import now_s
from guard.edge.identity import AUTHORITY, SOURCE
from guard.edge.issuing import AUTHORITY_KEY, Authority, demonstration_authority, issue
from guard.edge.keys import new_secret, public_of, write_secret
from guard.edge.operators import DEMONSTRATION
from guard.edge.operators import FOLDER as OPERATORS
from guard.edge.seal_key import KEY_FILE_MODE, SEAL, SealKey, new_seal_key
from guard.edge.sealing_keys import SealingKeys
from guard.edge.session_counter import make_counter
from guard.edge.site import SOURCE_LEDGER, chain_of
from guard.edge.spreading import make_staging_folders, spread_folders_of
from guard.edge.token_keys import FIRST_ID, new_token_key, seals_tokens
from guard.edge.trust import ROOT, SIGNATURE
from schemas.errors import Malformed
from schemas.policy import Policy, policy_digest, read_policy
from schemas.reasons import Reason

PACKS = Path(__file__).resolve().parents[2] / "schemas" / "packs"
_BOTH = ("held", "ledger", "sealing", "export", "run", "keys", "trust")
_LOW_FOLDERS = ("accepted", "sealed", "cursor", "decisions", *_BOTH)
_HIGH_FOLDERS = ("landed", "attempt", *_BOTH)
_CERTIFICATE_DAYS = 365
_CLOCK_SKEW_S = 300
_DEMONSTRATION_OPERATORS = 2
_PRIVATE = ("keys", "sealing")
_PRIVATE_MODE = 0o700
_SHARED_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the two sides' folders and the flow's policy."""

    low: Path
    high: Path
    policy: Policy


def pack_names() -> tuple[str, ...]:
    """The packs that come with the software, sorted."""
    return tuple(sorted(path.parent.name for path in PACKS.glob("*/policy.toml")))


def pack_folder(name: str) -> Path:
    """A pack's folder. Raises `Malformed(ARGUMENT)` naming the packs there are."""
    folder = PACKS / name
    if not (folder / "policy.toml").is_file():
        raise Malformed(
            Reason.ARGUMENT, f"there is no pack named {name}: try {', '.join(pack_names())}"
        )
    return folder


def make_site(
    folder: Path, pack: Path, link_to: str, listen: str, root: SignedRoot | None = None
) -> Made:
    """Both sides of a pack's flow under `folder`. Raises `Malformed(ARGUMENT)` if it is in use.

    link_to: where the low side sends; listen: where the high side listens; both ADDRESS:PORT.
    root: the trust root, with enough signatures; the policy is then left for its people to sign.
    None: a demonstration, with policy keys of its own.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Malformed(Reason.ARGUMENT, f"{folder} is not empty: name a new folder")
    policy_text = (pack / "policy.toml").read_text("utf-8")
    policy = read_policy(policy_text.encode())
    check_policy(policy)
    authors = Authors.demonstration(policy) if root is None else Authors(root, {})
    check_mandatory(policy, authors.signed.check())
    documents = {
        name: (pack / name).read_bytes()
        for side in ("low", "high")
        for name in chain_of(policy, side).documents
    }
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_SHARED_MODE)
    low, high = folder / "low", folder / "high"
    seal, link = new_seal_key(), new_secret()
    low_digest = _make_side(low, "low", _LOW_FOLDERS, policy_text, documents, authors, link_to)
    accepting = _accepting(policy_text, policy, low_digest) if authors.seeds else policy_text
    _make_side(high, "high", _HIGH_FOLDERS, accepting, documents, authors, listen)
    durable.create(low / "keys" / SEAL, seal.write(), KEY_FILE_MODE)
    for side in (low, high):
        write_secret(side / "keys" / "link.key", link)
        ledger = public_of(SealingKeys(side / "sealing").make(FIRST_EPOCH)).hex() + "\n"
        (side / "trust" / "ledger.pub").write_text(ledger)
        if side == low:
            (high / "trust" / SOURCE_LEDGER).write_text(ledger)
    make_counter(low / "cursor")
    if seals_tokens(policy, "low"):
        new_token_key(low, FIRST_ID, who_acts())
    _make_folder(low / "trust" / OPERATORS, _SHARED_MODE)
    if authors.seeds:
        authority = _certify((low, high), policy.source_domain, seal)
        durable.create(folder / AUTHORITY_KEY, authority.key_pem, KEY_FILE_MODE)
        _make_operators(folder, low / "trust" / OPERATORS)
        authors.write_keys(folder)
    for name in ("spool", "replies"):
        _make_folder(low / name, _SHARED_MODE)
        spread_folders_of(low / name)
    for name in policy.senders:
        for top in ("spool/drop", "spool/claimed", "spool/refused", "replies"):
            _make_folder(low / top / name, _SHARED_MODE)
    for name in ("tmp", "new", "gaps"):
        _make_folder(high / "queue" / name, _SHARED_MODE)
    make_staging_folders(high / "queue" / "tmp", _SHARED_MODE)
    return Made(low, high, policy)


def _make_side(side: Path, name: str, folders: tuple[str, ...], policy_text: str,
               documents: dict[str, bytes], authors: Authors, address: str) -> bytes:  # fmt: skip
    """A side's files; gives the digest of its policy."""
    _make_folder(side, _SHARED_MODE)
    spread_folders_of(side)
    for folder in folders:
        _make_folder(side / folder, _PRIVATE_MODE if folder in _PRIVATE else _SHARED_MODE)
    (side / "site.toml").write_text(
        f'side = "{name}"\nlink = "{address}"\n'
        f'trust_root = "sha256:{authors.signed.root.digest()}"\n'
        + ("demo = true\n" if authors.seeds else "")
    )
    (side / "policy.toml").write_text(policy_text)
    _make_folder(side / "documents", _SHARED_MODE)
    policy = read_policy(policy_text.encode())
    own = {document: documents[document] for document in chain_of(policy, name).documents}
    for document, content in own.items():
        (side / "documents" / document).write_bytes(content)
    digest = policy_digest(policy_text.encode(), own)
    (side / "trust" / ROOT).write_bytes(authors.signed.note.write())
    if authors.seeds:
        (side / SIGNATURE).write_bytes(authors.sign(policy, name, digest))
    return digest


def _make_operators(keys: Path, trust: Path) -> None:
    """Two persons for trying what takes two, by names that only a site with `demo = true` takes."""
    for number in range(1, _DEMONSTRATION_OPERATORS + 1):
        name, key = f"{DEMONSTRATION}{number}", new_secret()
        write_secret(keys / f"{name}.key", key)
        (trust / f"{name}.pub").write_text(public_of(key).hex() + "\n")


def _certify(sides: tuple[Path, ...], domain: str, seal: SealKey) -> Authority:
    """The source domain's identity, for both sides; gives the authority that vouches for it."""
    from_s = now_s() - _CLOCK_SKEW_S
    authority = demonstration_authority(from_s, _CERTIFICATE_DAYS)
    certificate = issue(
        authority, domain, seal.public, from_s, _CERTIFICATE_DAYS, seal.mldsa_public
    )
    for side in sides:
        (side / "trust" / AUTHORITY).write_bytes(authority.pem)
        (side / "trust" / SOURCE).write_bytes(certificate)
    return authority


def _accepting(policy_text: str, policy: Policy, low_digest: bytes) -> str:
    """The destination side's policy: the same file, accepting messages of this source policy."""
    line = f'accepts = ["{policy.version}:{low_digest.hex()}"]\n'
    head, table, tail = policy_text.partition("[destination]\n")
    if not table:
        raise Malformed(Reason.POLICY_MALFORMED, "the policy has no [destination] table")
    return head + table + line + tail


def _make_folder(path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def remove_site(folder: Path) -> None:
    """Remove a site that this program made and nobody keeps."""
    shutil.rmtree(folder, ignore_errors=True)
