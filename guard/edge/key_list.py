"""What keys a side has, each as it is worth now: for `guard keys list`.

Takes a side's folder; gives `KeyLine`s. Reads only, and goes on where a key is damaged: its line
then says what is wrong. Gives no secret away: of one only a name that is derived from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from guard.edge.clock import now_s
from guard.edge.identity import SOURCE, read_identity, unverified_key
from guard.edge.key_watch import fingerprint
from guard.edge.keys import read_secret
from guard.edge.old_identities import read_old
from guard.edge.operators import FOLDER as OPERATORS
from guard.edge.operators import read_operators
from guard.edge.seal_key import SEAL_NEXT, read_seal_key
from guard.edge.site import SiteFile, flow_number, read_policy_name, read_site_file
from guard.edge.site_link_keys import LINK, NEXT, LinkKey, read_link_key
from guard.edge.token_keys import id_of, token_key_files
from guard.edge.trust import read_trust
from guard.link.keys import key_id
from schemas.errors import CheckvalveError
from schemas.policy import Policy
from schemas.token_names import SEALING_STAGE

Lines = Iterator["KeyLine"]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """key: which; kind: of what algorithm; used_by: the one process, or who, that uses it;
    fingerprint: names it; valid_from_s, valid_until_s: seconds since 1970, 0 where it has no end;
    state: in-use, waiting, overlap, over, revoked or wrong; why: of the last three, for people;
    private: whether the secret is on this host.
    """

    key: str
    kind: str
    used_by: str
    fingerprint: str = ""
    valid_from_s: int = 0
    valid_until_s: int = 0
    state: str = "in-use"
    why: str = ""
    private: bool = False

    def as_json(self) -> dict[str, Any]:
        """For machines; times as seconds."""
        return asdict(self)


def keys_of(folder: Path) -> list[KeyLine]:
    """Raises `Malformed` when it is no site."""
    listing = _Listing(folder, read_site_file(folder), read_policy_name(folder))
    parts: list[Callable[[], Lines]] = [
        listing.envelope, listing.old_envelopes, listing.waiting, listing.link, listing.next_link,
        listing.ledger, listing.tokens, listing.people, listing.operators,
    ]  # fmt: skip
    return [line for part in parts for line in part()]


@dataclass(frozen=True, slots=True)
class _Listing:
    folder: Path
    file: SiteFile
    policy: Policy

    def envelope(self) -> Lines:
        low = self.file.side == "low"
        line = KeyLine("envelope", "Ed25519, X.509", "release" if low else "verify", private=low)
        yield from self._certified(line, None)

    def old_envelopes(self) -> Lines:
        try:
            olds = read_old(self.folder / "trust")
        except CheckvalveError as error:
            yield KeyLine("envelope-old", "Ed25519, X.509", "", state="wrong", why=error.sentence)
            return
        used_by = "send" if self.file.side == "low" else "verify"
        for old in olds:
            pem = old.certificate.encode()
            name = fingerprint(unverified_key(pem))
            if self.file.side == "low":
                yield KeyLine("envelope-old", "Ed25519, X.509", used_by, name, state="overlap",
                              why="what it signed may still leave")  # fmt: skip
            elif now_s() >= old.until_s:
                yield KeyLine("envelope-old", "Ed25519, X.509", used_by, name, 0, old.until_s,
                              "over", "what it signs is not taken any more")  # fmt: skip
            else:
                line = KeyLine("envelope-old", "Ed25519, X.509", used_by, state="overlap")
                yield from self._certified(line, pem, old.until_s)

    def waiting(self) -> Lines:
        path = self.folder / "keys" / SEAL_NEXT
        if path.exists():
            name = fingerprint(read_seal_key(path).public)
            yield KeyLine("envelope-next", "Ed25519", "nobody yet", name, state="waiting",
                          private=True)  # fmt: skip

    def link(self) -> Lines:
        yield from self._link("link", LINK, "in-use")

    def next_link(self) -> Lines:
        if (self.folder / "keys" / NEXT).exists():
            yield from self._link("link-next", NEXT, "overlap")

    def ledger(self) -> Lines:
        names = {"ledger": ("ledger.pub", "audit")}
        if self.file.side == "high":
            names["source-ledger"] = ("source-ledger.pub", "verify")
        for key, (name, used_by) in names.items():
            told = "Ed25519, first epoch"
            try:
                text = (self.folder / "trust" / name).read_text("ascii").split()[-1:]
                found = fingerprint(bytes.fromhex("".join(text)))
            except (OSError, ValueError):
                yield KeyLine(key, told, used_by, state="wrong", why=f"trust/{name} is no key")
                continue
            yield KeyLine(key, told, used_by, found, private=key == "ledger")

    def tokens(self) -> Lines:
        files = token_key_files(self.folder)
        for path in files:
            key, kind = f"token {id_of(path)}", "AES-256-GCM, AES-256-SIV"
            try:
                read_secret(path)
            except CheckvalveError as error:
                yield KeyLine(key, kind, SEALING_STAGE, state="wrong", why=error.sentence)
                continue
            state = "in-use" if path == files[-1] else "over"
            why = "" if path == files[-1] else "opens its tokens, and seals none"
            yield KeyLine(key, kind, SEALING_STAGE, state=state, why=why, private=True)

    def people(self) -> Lines:
        try:
            root = read_trust(
                self.folder / "trust", self.file.trust_root, demonstration=self.file.demo
            )
        except CheckvalveError as error:
            yield KeyLine("trust-root", "Ed25519", "persons", state="wrong", why=error.sentence)
            return
        for key, publics in (("policy", root.policy_keys), ("reviewer", root.reviewer_keys)):
            for name, public in sorted(publics.items()):
                yield KeyLine(f"{key} {name}", "Ed25519", name, fingerprint(public))

    def operators(self) -> Lines:
        if not (self.folder / "trust" / OPERATORS).is_dir():
            return
        try:
            found = read_operators(self.folder, demonstration=self.file.demo)
        except CheckvalveError as error:
            yield KeyLine("operator", "Ed25519", "persons", state="wrong", why=error.sentence)
            return
        for name, public in found.items():
            yield KeyLine(f"operator {name}", "Ed25519", name, fingerprint(public))

    def _certified(self, line: KeyLine, pem: bytes | None, until_s: int = 2**40) -> Lines:
        trust = self.folder / "trust"
        try:
            shown = unverified_key((trust / SOURCE).read_bytes() if pem is None else pem)
            line = _with(line, fingerprint=fingerprint(shown))
            found = read_identity(
                trust, self.policy.source_domain, now_s(), demonstration=self.file.demo, pem=pem
            )
        except OSError as error:
            yield _with(line, state="wrong", why=str(error.strerror))
        except CheckvalveError as error:
            revoked = error.reason == "certificate-revoked"
            yield _with(line, state="revoked" if revoked else "wrong", why=error.sentence)
        else:
            until_s = min(found.valid_until_s, until_s)
            kind = "Ed25519 + ML-DSA-65, X.509" if found.mldsa else line.kind
            yield _with(line, kind=kind, valid_from_s=found.valid_from_s, valid_until_s=until_s)

    def _link(self, key: str, name: str, state: str) -> Lines:
        line = KeyLine(key, "HKDF secret", "send" if self.file.side == "low" else "receive",
                       state=state, private=True)  # fmt: skip
        try:
            found: LinkKey = read_link_key(self.folder / "keys" / name)
        except CheckvalveError as error:
            yield _with(line, state="wrong", why=error.sentence)
            return
        told = f"from session {found.first_session} on" if found.first_session else ""
        yield _with(line, fingerprint=key_id(found.key, flow_number(self.policy.flow)), why=told)


def _with(line: KeyLine, **changes: Any) -> KeyLine:
    return KeyLine(**{**asdict(line), **changes})
