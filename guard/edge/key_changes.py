"""Changing a side's keys: the sealing key and the link key, with an overlap, and their end.

Takes a side's folder, running or stopped, and what the operator brought; changes `keys/` and
`trust/`. A running side takes it up by itself (`guard.edge.key_watch`). Each act is written down
for the ledger before it is done. Raises `Malformed`, `Forged` or `Broken` with a sentence that says
what to do: then nothing was changed. Follows docs/keys.md.
"""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from guard.edge import durable
from guard.edge.clock import now_s
from guard.edge.identity import (
    CERTIFICATE_FILE_BYTES_MAX,
    REVOKED,
    REVOKED_FILE_BYTES_MAX,
    SOURCE,
    Identity,
    read_identity,
    unverified_key,
)
from guard.edge.issuing import request
from guard.edge.key_events import KeyAct, record
from guard.edge.key_watch import fingerprint
from guard.edge.keys import new_secret
from guard.edge.link_memory import landed_memory, ledger_memory
from guard.edge.old_identities import OldCertificate, read_old, write_old
from guard.edge.seal_key import (
    KEY_FILE_MODE,
    SEAL,
    SEAL_NEXT,
    erase_secret,
    new_seal_key,
    read_seal_key,
    replace_secret,
)
from guard.edge.session_counter import counter_state
from guard.edge.site import SiteFile, flow_number, read_policy_name, read_site_file
from guard.edge.site_link_keys import (
    LINK,
    LinkKey,
    read_link_key,
    read_link_keys,
    succeed,
    write_next,
)
from guard.link.keys import key_id
from guard.link.params import SESSION_MAX
from schemas.errors import Broken, Forged, Malformed
from schemas.reasons import Reason

SESSION_MARGIN = 1_000_000  # starts of the sender that may come before the next link key is in use
_READABLE = 0o644


class Changing:
    """One side whose keys somebody changes; who: as the operating system says."""

    def __init__(self, folder: Path, who: str) -> None:
        self._folder = folder
        self._file: SiteFile = read_site_file(folder)
        self._names = read_policy_name(folder)
        self._who = who

    @property
    def side(self) -> str:
        """low or high."""
        return self._file.side

    # -- the sealing key -----------------------------------------------------------------------

    def request_envelope(self) -> bytes:
        """Low side: the next sealing key, made if there is none yet; gives the request in PEM.

        Where there is no certificate yet, it is for the key that `guard init` made.
        """
        self._only("low")
        first = not (self._folder / "trust" / SOURCE).exists()
        path = self._folder / "keys" / (SEAL if first else SEAL_NEXT)
        if not path.exists():
            made = new_seal_key()
            self._record("made", "envelope", fingerprint(made.public))
            durable.create(path, made.write(), KEY_FILE_MODE)
        return request(self._names.source_domain, read_seal_key(path))

    def rotate_envelope(self, pem: bytes, overlap_s: int) -> Identity:
        """The certificate takes the place of `trust/source.pem`; gives whose it is.

        High side: what the key before signed is taken for so many seconds more. Low side: the next
        key, which the certificate must be of, is used from now on, and the one before is destroyed.
        """
        trust, keys = self._folder / "trust", self._folder / "keys"
        found = self._identity(pem)
        olds = read_old(trust)
        before = _bounded(trust / SOURCE, CERTIFICATE_FILE_BYTES_MAX)
        if unverified_key(before) == found.public:
            if self.side == "low":
                self._finish_envelope(found)
                return found
            raise _refused("the certificate is of the key that is in use already")
        if found.public in {unverified_key(old.certificate.encode()) for old in olds}:
            raise _refused("the certificate is of a key that was replaced: have a new one made")
        if self.side == "low" and not self._waits(found.public):
            raise _refused(f"the certificate is not of {keys / SEAL_NEXT}: make the request with"
                           " guard keys request, and have that certified")  # fmt: skip
        detail = f"overlap of {overlap_s} s" if self.side == "high" else "the key before destroyed"
        self._record("taken-up", "envelope", fingerprint(found.public), detail)
        old = OldCertificate(certificate=before.decode(), until_s=now_s() + overlap_s)
        write_old(trust, [old, *olds])
        _put(trust / SOURCE, pem)  # from here on it is the other key
        if self.side == "low":
            self._finish_envelope(found)
        return found

    def _finish_envelope(self, found: Identity) -> None:
        """Low side: the key in use goes, the next one takes its name; also after a crash."""
        keys = self._folder / "keys"
        if read_seal_key(keys / SEAL).public != found.public:
            replace_secret(keys / SEAL, read_seal_key(keys / SEAL_NEXT).write())
        if (keys / SEAL_NEXT).exists() and self._waits(found.public):
            erase_secret(keys / SEAL_NEXT)

    def _waits(self, public: bytes) -> bool:
        path = self._folder / "keys" / SEAL_NEXT
        return path.exists() and read_seal_key(path).public == public

    def end_overlap(self) -> int:
        """High side: what earlier keys signed is not taken any more; gives how many were."""
        self._only("high")
        trust, time_s = self._folder / "trust", now_s()
        olds = read_old(trust)
        over = [old for old in olds if old.until_s > time_s]
        for old in over:
            name = fingerprint(unverified_key(old.certificate.encode()))
            self._record("overlap-ended", "envelope", name, "by hand")
        ended = [OldCertificate(certificate=old.certificate, until_s=min(old.until_s, time_s))
                 for old in olds]  # fmt: skip
        if over:
            write_old(trust, ended)
        return len(over)

    # -- the link key --------------------------------------------------------------------------

    def new_link(self) -> LinkKey:
        """Low side: a link key that may follow the one in use, to be carried to both sides."""
        self._only("low")
        counter = self._counter()
        now = read_link_key(self._folder / "keys" / LINK).first_session
        made = LinkKey(new_secret(), max(counter, now) + SESSION_MARGIN)
        if made.first_session > SESSION_MAX:
            raise _refused("the link's sessions are used up: the flow needs a new site"
                           " (docs/recovery.md)")  # fmt: skip
        self._record("made", "link", self._link_name(made))
        return made

    def rotate_link(self, key: LinkKey) -> None:
        """High side: sessions from `key.first_session` on are taken under it. Low side: the link
        goes on under it, and the key before is destroyed."""
        now = read_link_keys(self._folder, self.side)
        if key.first_session <= now.now.first_session:
            raise _refused("the file does not say from which later session on it is the key:"
                           " make one with guard keys generate link")  # fmt: skip
        if self.side == "low":
            if self._counter() >= key.first_session:
                raise _refused("the sender has come to the session that this key begins with:"
                               " make another one")  # fmt: skip
            self._record("taken-up", "link", self._link_name(key), "the key before destroyed")
            succeed(self._folder, key)
            return
        if now.following is not None:
            self._promote(now.following)
        self._record("taken-up", "link", self._link_name(key), "the key before still taken")
        write_next(self._folder, key)

    def destroy_old_link(self) -> None:
        """High side: the key before the one that the sender has begun to use."""
        self._only("high")
        following = read_link_keys(self._folder, self.side).following
        if following is None:
            raise _refused("there is no older link key: it was destroyed already")
        self._promote(following)

    def _promote(self, following: LinkKey) -> None:
        newest = max(landed_memory(self._folder).newest, ledger_memory(self._folder).newest)
        if newest < following.first_session:
            first = following.first_session
            raise _refused(f"the sender has not begun to use the next link key: its newest session"
                           f" is {newest}, and the key begins with {first}")  # fmt: skip
        before = read_link_key(self._folder / "keys" / LINK)
        self._record("destroyed", "link", self._link_name(before))
        succeed(self._folder, following)

    def _counter(self) -> int:
        state = counter_state(self._folder / "cursor")
        if not state.isdecimal():
            raise Broken(Reason.SESSION_COUNTER, f"the link's session counter is {state}:"
                         " see guard link session show")  # fmt: skip
        return int(state)

    def _link_name(self, key: LinkKey) -> str:
        return key_id(key.key, flow_number(self._names.flow))

    # -- revocation ----------------------------------------------------------------------------

    def take_revocations(self, path: Path) -> None:
        """The list becomes `trust/revoked.pem`, if an authority of this side signed it and it is of
        now; a certificate on it holds no longer from then on. One that is older is refused."""
        trust = self._folder / "trust"
        untrusted = _bounded(path, REVOKED_FILE_BYTES_MAX)
        try:
            read_identity(trust, self._names.source_domain, now_s(),
                          demonstration=self._file.demo, revoked=path)  # fmt: skip
        except Forged as error:
            if error.reason is not Reason.CERTIFICATE_REVOKED:
                raise
        if (trust / REVOKED).exists():
            _check_newer(_numbers(untrusted), _numbers((trust / REVOKED).read_bytes()))
        numbers = ", ".join(str(number) for number in _numbers(untrusted).values())
        self._record("revocations", "authority", "", f"list number {numbers}")
        _put(trust / REVOKED, untrusted)

    # -- the end -------------------------------------------------------------------------------

    def destroy_waiting(self) -> None:
        """Low side: the next sealing key, which was never in use."""
        self._only("low")
        path = self._folder / "keys" / SEAL_NEXT
        if not path.exists():
            raise _refused("there is no sealing key that waits")
        self._record("destroyed", "envelope", fingerprint(read_seal_key(path).public), "unused")
        erase_secret(path)

    def destroy_all(self) -> list[str]:
        """Every secret of a side that will never run again; gives what was destroyed. Its ledger
        cannot say so: the key that would sign it is among them."""
        gone = []
        for name in ("keys", "sealing"):
            for path in sorted((self._folder / name).glob("*.key")):
                erase_secret(path)
                gone.append(f"{name}/{path.name}")
        return gone

    # -- what they share -----------------------------------------------------------------------

    def _identity(self, pem: bytes) -> Identity:
        return read_identity(
            self._folder / "trust", self._names.source_domain, now_s(),
            demonstration=self._file.demo, pem=pem,
        )  # fmt: skip

    def _record(self, act: str, key: str, name: str, detail: str = "") -> None:
        record(self._folder, KeyAct(act, key, name, self._who, detail))

    def _only(self, side: str) -> None:
        if self.side != side:
            raise _refused(f"{self._folder} is the {self.side} side's folder, and this is done on"
                           f" the {side} side")  # fmt: skip


def _numbers(untrusted: bytes) -> dict[str, int]:
    """Issuer -> number of each list (RFC 5280 section 5.2.3); 0 of one without."""
    found = {}
    for block in untrusted.split(b"-----END X509 CRL-----")[:-1]:
        try:
            each = x509.load_pem_x509_crl(block + b"-----END X509 CRL-----\n")
            number = each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except x509.ExtensionNotFound:
            number = 0
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(Reason.CERTIFICATE_MALFORMED, "the list is no X.509 list") from error
        found[each.issuer.rfc4514_string()] = number
    return found


def _check_newer(new: dict[str, int], old: dict[str, int]) -> None:
    for issuer, number in old.items():
        if new.get(issuer, -1) < number:
            raise Forged(
                Reason.CERTIFICATE_REVOKED,
                f"the list of {issuer} that this side has is newer (number {number}): what was"
                " revoked stays revoked",
            )


def _put(path: Path, content: bytes) -> None:
    durable.replace(path, content)
    path.chmod(_READABLE)


def _bounded(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Malformed(Reason.CERTIFICATE_MALFORMED, f"{path} has more than {bytes_max:,} bytes")
    return content


def _refused(sentence: str) -> Malformed:
    return Malformed(Reason.ARGUMENT, sentence)
