"""One side's site on disk: configuration, signed policy, documents, keys.

Takes a folder that `guard init` made, gives a `Site`; raises `Malformed`, `Forged` or `Broken` with
a sentence that says what to do. Nothing is read twice: what was verified is what is used.

    site.toml     this host's addresses and users
    policy.toml   the flow's policy, policy.sig its signatures; documents/ what it names
    trust/        root, who may sign (docs/spec/trust-root.md); authority.pem and source.pem, the
                  source domain's certificate, source-old.json its earlier ones; ledger.pub; on the
                  high side source-ledger.pub, the low side's
    keys/         this side's secrets, mode 0400 (the ledger's are in sealing/, for `audit` alone)
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from filters.policy_check import asks, check_mandatory, check_policy
from guard.edge.identity import Identity
from guard.edge.old_identities import NEVER_S, OldKey
from guard.edge.scanning import SOCKET
from guard.edge.side_keys import side_keys
from guard.edge.spec import Value
from guard.edge.trust import policy_signers, read_trust
from guard.link.lines import LINKS_MAX
from schemas.errors import Malformed
from schemas.policy import Chain, Closed, Policy, policy_digest, read_policy
from schemas.reasons import Reason
from schemas.trust_root import TrustRoot

DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
SOURCE_LEDGER = "source-ledger.pub"
_PUBLIC_BYTES = 32
_SOURCE_LEDGER = re.compile(r"(?:(0|[1-9][0-9]{0,9}) )?([0-9a-f]{64})")
Address = Annotated[str, Field(pattern=r"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d{1,5}$")]


class SiteFile(Closed):
    """`site.toml`.

    link        where `send` sends to, or where `receive` listens: ADDRESS:PORT
    more_links  the same of further links side by side, in the same order on both sides
    link_mode   over several links: "striped" (each burst by one of them) or "copies" (by all)
    link_from   low: our own address on the link; high: the one address that may send; "": any
    host        what you call this host: sides of several flows with one name share it
    metrics     "unix" (run/metrics.sock) or a loopback or management ADDRESS:PORT
    first_user  as root, roles run as this user id and the next ones; 0: all as one user
    ledger_epoch_s  seconds until the ledger's sealing key is followed by the next and destroyed
    export      collector of the ledger: "" none, "file" export/ledger.log, or unix:PATH (syslog)
    antivirus   clamd's socket, unix:PATH, for the stages that ask it; "" none
    resend_days  low: sealed messages that were sent are let go after so many days; 0: never
    resend_mb   low: the same of the oldest while all are more than so many MB; 0: no bound
    keep_days   what is held or was refused, and replies, are removed after so many days; 0: never
    demo        keys were made by `guard init --demo` in one place: not for real traffic
    software_manifest  a signed list of the software, in this folder: only that software starts
    trust_root  "sha256:" and the digest of trust/root, which came here by another way than the file
    """

    side: Literal["low", "high"]
    trust_root: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    link: Address
    more_links: Annotated[list[Address], Field(max_length=LINKS_MAX - 1, default_factory=list)]
    link_mode: Literal["striped", "copies"] = "striped"
    link_from: Annotated[str, Field(pattern=r"^[0-9a-f.:]{0,45}$")] = ""
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    metrics: Annotated[str, Field(max_length=64)] = "unix"
    first_user: Annotated[int, Field(ge=0, le=2**31)] = 61_000
    ledger_epoch_s: Annotated[int, Field(ge=1, le=31_536_000)] = 3600
    export: Annotated[str, Field(pattern=r"^(|file|unix:/[^\x00]{1,100})$")] = ""
    antivirus: Annotated[str, Field(pattern=rf"^(|{SOCKET})$", max_length=112)] = ""
    resend_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    resend_mb: Annotated[int, Field(ge=0, le=10**9)] = 0
    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    demo: bool = False
    software_manifest: Annotated[str, Field(pattern=r"^[A-Za-z0-9/._-]{0,200}$")] = ""

    @property
    def links(self) -> list[str]:
        """All links, in order."""
        return [self.link, *self.more_links]


@dataclass(frozen=True, slots=True)
class Site:
    """A side that may start: policy and source domain verified, documents read, keys loaded.

    software: a signed manifest's digest, or what is not known of it (`software_check`);
    old_keys: that the source domain sealed with before; link_sessions: the first session of
    keys["link"], and of keys["link-next"] if there is one.
    """

    folder: Path
    file: SiteFile
    policy: Policy
    policy_digest: bytes
    chain: Chain
    documents: dict[str, bytes]
    keys: dict[str, bytes]
    source: Identity
    root: TrustRoot
    signers: tuple[str, ...]
    ledger_public: bytes
    source_ledger: str = ""
    software: str = "unsigned"
    old_keys: tuple[OldKey, ...] = ()
    link_sessions: tuple[int, int] = (0, 0)

    def same_link(self, other: "Site") -> bool:
        """Whether the receiver of the link would be started with the same values."""
        mine, its = self.policy, other.policy
        name = mine.link.dictionary or ""
        return (
            mine.link == its.link
            and mine.payload_bytes_max == its.payload_bytes_max
            and self.keys["link"] == other.keys["link"]
            and self.keys.get("link-next") == other.keys.get("link-next")
            and self.documents.get(name) == other.documents.get(name)
        )

    @property
    def link_documents(self) -> dict[str, bytes]:
        """The one document that the ends of the link read, if the policy names one."""
        name = self.policy.link.dictionary
        return {} if name is None else {name: self.documents[name]}

    @property
    def seal_public(self) -> bytes:
        """The key that seals are checked with: the one that the source domain's certificate has."""
        return self.source.public

    def key_values(self) -> dict[str, Value]:
        """What the roles that check seals, and the ends of the link, are told of keys."""
        return {
            "seal_public": self.source.public.hex(),
            "seal_mldsa": self.source.mldsa.hex(),
            "seal_old": [
                [old.public.hex(), int(old.taken), old.mldsa.hex()] for old in self.old_keys
            ],
            "link_first_session": self.link_sessions[0],
            "link_next_session": self.link_sessions[1],
        }

    @property
    def keys_hold_until_s(self) -> int:
        """When the keys are to be judged anew, seconds since 1970."""
        olds = [old.hold_until_s for old in self.old_keys]
        return min([self.source.hold_until_s, *olds, NEVER_S])

    def ledger_values(self) -> dict[str, int | str]:
        """What the roles that have to do with ledgers are told."""
        return {
            "ledger_public": self.ledger_public.hex(),
            "source_ledger": self.source_ledger,
            "ledger_epoch_s": self.file.ledger_epoch_s,
            "export": self.file.export,
        }


def load_site(folder: Path, at_s: int | None = None, policy_folder: Path | None = None) -> Site:
    """Read and verify one side. at_s: seconds since 1970 for the certificates, or now.

    policy_folder: where the policy stands with its signature and documents, if not in the site.
    """
    file = read_site_file(folder)
    place = folder if policy_folder is None else policy_folder
    trust = folder / "trust"
    root = read_trust(trust, file.trust_root, demonstration=file.demo)
    policy_bytes = _read(place / "policy.toml")
    policy = read_policy(policy_bytes)
    check_policy(policy)
    check_mandatory(policy, root)
    chain = chain_of(policy, file.side)
    check_scanner(file, chain)
    documents = {name: _read(place / "documents" / name) for name in chain.documents}
    digest = policy_digest(policy_bytes, documents)
    signers = policy_signers(place, policy, file.side, digest, root)
    keys = side_keys(folder, file.side, policy, at_s, demonstration=file.demo)
    ledger_public = read_public(trust / "ledger.pub")
    source_ledger = "" if file.side == "low" else read_source_ledger(trust / SOURCE_LEDGER)
    return Site(
        folder, file, policy, digest, chain, documents, keys.secrets, keys.source, root, signers,
        ledger_public, source_ledger, old_keys=keys.old_keys, link_sessions=keys.link_sessions,
    )  # fmt: skip


def check_scanner(file: SiteFile, chain: Chain) -> None:
    """Raises `Malformed(SITE_MALFORMED)` where the chain asks a scanner that the side has not."""
    asking = [line.name for line in chain.stage if asks(line)]
    if asking and not file.antivirus:
        raise Malformed(
            Reason.SITE_MALFORMED, f"the policy's stage {asking[0]} asks a virus scanner, and this"
            ' side has none: add antivirus = "unix:/run/clamav/clamd.ctl" to site.toml, and start'
            " the side with it",
        )  # fmt: skip


def with_keys_of_now(site: Site, at_s: int | None = None) -> Site:
    """The site with its keys and certificates read and judged anew, and all else as it was.

    Raises as `load_site` does: then there is no key that this side may go on with.
    """
    keys = side_keys(site.folder, site.file.side, site.policy, at_s, demonstration=site.file.demo)
    return replace(
        site, keys=keys.secrets, source=keys.source, old_keys=keys.old_keys,
        link_sessions=keys.link_sessions,
    )  # fmt: skip


def read_site_file(folder: Path) -> SiteFile:
    """`site.toml` alone. Raises `Malformed(SITE_MALFORMED)`."""
    try:
        return SiteFile.model_validate(tomllib.loads(_read(folder / "site.toml").decode()))
    except (ValidationError, ValueError, RecursionError) as error:
        raise Malformed(Reason.SITE_MALFORMED, f"{folder / 'site.toml'}: {error}") from error


def read_policy_name(folder: Path) -> Policy:
    """The policy as it stands, not verified: for the names of its flow and domains alone."""
    return read_policy(_read(folder / "policy.toml"))


def read_documents(folder: Path, policy: Policy) -> dict[str, bytes]:
    """The documents of all of a policy's chains, from `folder/documents` or beside the policy."""
    chains = [chain for chain in (policy.source, policy.destination) if chain is not None]
    names = sorted({name for chain in chains for name in chain.documents})
    there = folder / "documents"
    top = there if there.is_dir() else folder
    return {name: _read(top / name) for name in names}


def chain_of(policy: Policy, side: str) -> Chain:
    """The policy's chain for a side. Raises `Malformed` when it has none."""
    chain = policy.source if side == "low" else policy.destination
    if chain is None:
        raise Malformed(Reason.POLICY_MALFORMED, f"the policy has no chain for the {side} side")
    return chain


def read_public(path: Path) -> bytes:
    """A public key's 32 bytes from its hexadecimal file. Raises `Malformed(KEY_MISSING)`."""
    try:
        public = bytes.fromhex(_read(path).decode("ascii").strip())
    except ValueError as error:
        raise Malformed(Reason.KEY_MISSING, f"{path} is not a public key") from error
    if len(public) != _PUBLIC_BYTES:
        raise Malformed(Reason.KEY_MISSING, f"{path} is not a public key of {_PUBLIC_BYTES} bytes")
    return public


def read_source_ledger(path: Path) -> str:
    """What the high side knows of the low side's ledger: "EPOCH KEY", the key in hexadecimal.

    The file has a key alone, of epoch 0, or both: docs/recovery.md. Raises `Malformed`.
    """
    text = _read(path).decode("ascii", "replace").strip()
    found = _SOURCE_LEDGER.fullmatch(text)
    if found is None:
        raise Malformed(Reason.KEY_MISSING, f"{path} is not a public key, nor an epoch and one")
    return f"{found[1] or 0} {found[2]}"


def flow_number(flow: str) -> int:
    """The flow's number on the link: the first four bytes of the SHA-256 of its name."""
    return int.from_bytes(hashlib.sha256(flow.encode()).digest()[:4], "big")


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Malformed(
            Reason.SITE_MALFORMED, f"{path} cannot be read ({error.strerror}): is this a site?"
        ) from error
    if len(content) > DOCUMENT_BYTES_MAX:
        raise Malformed(Reason.SITE_MALFORMED, f"{path} is larger than 16 MiB")
    return content
