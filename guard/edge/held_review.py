"""What a reviewer's own command does: look at what is held, and sign a decision on it.

Takes a side's folder, or a copy of it without its secrets; gives what is held, compared with the
ledger where that may be read, and signed decisions. Reads only, but for `decisions/`. Raises
`Malformed`, `Forged` with a sentence that says what to do. Follows docs/spec/held.md.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.core.ledger import read_entry, split_batch
from guard.core.review import Decision, Review, Reviewers, SignedReview
from guard.core.signed_note import PersonKey
from guard.edge.decisions import DecisionFolder, lay_decision
from guard.edge.held import INPUT, OUTPUT, Record, read_output, read_part, read_record, review_of
from guard.edge.keys import public_of, read_secret
from guard.edge.orders import OrdersFile
from guard.edge.role_values import reviewer_values
from guard.edge.segments import walk
from guard.edge.site import SiteFile, chain_of, read_documents, read_site_file
from guard.edge.trust import policy_signers, read_trust
from schemas.entry import Entry, Kind
from schemas.errors import Forged, Malformed
from schemas.message import ID_HEX_DIGITS
from schemas.policy import PAYLOAD_BYTES_MAX, POLICY_BYTES_MAX, Policy, policy_digest, read_policy
from schemas.reasons import Reason
from schemas.receipt import message_digest
from schemas.trust_root import TrustRoot

ENVELOPE_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024
_ID = re.compile(rf"[0-9a-f]{{{ID_HEX_DIGITS}}}")
_FATES = (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)
_COMPARED = ("number", "accepted", "output", "holds", "sender", "stage", "reason")


@dataclass(frozen=True, slots=True)
class ReviewSite:
    """What a reviewer needs of a side: its policy and who signed it, its root, no secret."""

    folder: Path
    file: SiteFile
    policy: Policy
    digest: str
    authors: tuple[str, ...]
    root: TrustRoot

    @property
    def reviewers(self) -> Reviewers:
        """Who may decide here."""
        return Reviewers.read(reviewer_values(self.root, self.authors, self.policy))


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """One of `held/`: what its record says; fault: why it has none that can be read.

    output: None where nothing would be released.
    """

    ident: str
    folder: Path
    record: Record
    fault: str = ""

    @property
    def refused(self) -> bool:
        """Whether it was refused and is only kept (`keep_refused` of the policy)."""
        return self.record.get("verdict") == "refuse"

    def input(self) -> bytes:
        """What was accepted; on the high side the envelope. Raises `Malformed`."""
        return read_part(self.folder / INPUT, ENVELOPE_BYTES_MAX)

    def output(self) -> bytes | None:
        """What would be released. Raises `Malformed`."""
        if self.record.get("output", "") or (self.folder / OUTPUT).exists():
            return read_output(self.folder, ENVELOPE_BYTES_MAX)
        return None


def read_review_site(folder: Path) -> ReviewSite:
    """Read and verify what decisions hang on; opens no key."""
    file = read_site_file(folder)
    root = read_trust(folder / "trust", file.trust_root, demonstration=file.demo)
    path = folder / "policy.toml"
    policy_bytes = read_part(path, POLICY_BYTES_MAX)
    policy = read_policy(policy_bytes)
    chain = chain_of(policy, file.side)
    documents = read_documents(folder, policy)
    digest = policy_digest(policy_bytes, {name: documents[name] for name in chain.documents})
    authors = policy_signers(folder, policy, file.side, digest, root)
    return ReviewSite(folder, file, policy, digest.hex(), authors, root)


def held_messages(side: Path) -> list[HeldMessage]:
    """All that is held, the oldest first. Raises `Malformed(SITE_MALFORMED)`, `OSError`."""
    folder = side / "held"
    if not folder.is_dir():
        raise Malformed(Reason.SITE_MALFORMED, f"{folder} is not there: is this a side's folder?")
    found = [_held(path) for path in folder.iterdir() if _ID.fullmatch(path.name)]
    return sorted(found, key=lambda it: (it.record.get("time_ms", 0), it.ident))


def held_message(side: Path, which: str) -> HeldMessage:
    """The one whose id is this, or begins so. Raises `Malformed(ARGUMENT)`."""
    whole = side / "held" / which
    if _ID.fullmatch(which) and whole.is_dir():
        return _held(whole)
    matching = [it for it in held_messages(side) if it.ident.startswith(which)]
    if len(matching) != 1:
        told = f"{len(matching)} messages begin so" if matching else "nothing is held under it"
        raise Malformed(Reason.ARGUMENT, f"{which}: {told}; see guard held list")
    return matching[0]


def decisions_waiting(side: Path) -> Counter[str] | None:
    """Id -> how many decisions wait on it; None where this user may not look."""
    found: Counter[str] = Counter()
    try:
        waiting = DecisionFolder(side).waiting()
    except PermissionError:
        return None
    for each in waiting:
        if each.untrusted is None:
            return None
        try:
            found[SignedReview.read(each.untrusted).review.id] += 1
        except Malformed:
            continue  # ingest tells the ledger, and removes it
    return found


def ledger_says(side: Path, held: HeldMessage) -> str:
    """ "" if the ledger's newest entry on this message is this hold; else why that is not known.

    Raises `Forged(REVIEW_STALE)` when the ledger says otherwise, `Malformed` for a damaged one.
    """
    if not (side / "ledger").is_dir():
        return "there is no ledger here: compare on the side itself"
    try:
        newest = list(_fates(side, held.ident))[-1:]
    except PermissionError:
        return "this user may not read the ledger"
    if not newest:
        return "the ledger has it no more, or not yet"
    wrong = [name for name in _COMPARED if newest[0].get(name) != held.record.get(name)]
    if newest[0]["kind"] != Kind.HELD or wrong:
        raise Forged(
            Reason.REVIEW_STALE,
            f"{held.folder} is not what the ledger says of {held.ident}"
            f" ({', '.join(wrong) or newest[0]['kind']}): it was changed, or decided meanwhile",
        )
    return ""


def check_files(held: HeldMessage) -> None:
    """That input and output are what the record says. Raises `Malformed`, `Forged`."""
    given = {"accepted": (held.input(), "meta"), "output": (held.output(), "output_meta")}
    for name, (payload, meta) in given.items():
        said = str(held.record.get(name, ""))
        meta_bytes = str(held.record.get(meta, "")).encode("ascii", "replace")
        found = "" if payload is None else message_digest(meta_bytes, payload).hex()
        if found != said:
            what = INPUT if name == "accepted" else OUTPUT
            raise Forged(
                Reason.REVIEW_STALE,
                f"{held.folder / what} was changed since it was held: nobody may decide on it",
            )


def review_for(site: ReviewSite, held: HeldMessage, decision: Decision) -> Review:
    """What is signed for this decision, now. Raises `Malformed`, `Forged`, `Broken`."""
    if site.file.side != "low":
        raise Malformed(
            Reason.ARGUMENT, "what the high side holds cannot be decided there: see docs/held.md"
        )
    if held.fault or held.refused:
        why = held.fault or "it was refused, and is kept for people to look at"
        raise Malformed(Reason.ARGUMENT, f"{held.ident} cannot be decided: {why}")
    check_files(held)
    posture = OrdersFile(site.folder).now().version
    policy = (site.policy.version, site.digest)
    review = review_of(held.record, site.policy.flow, policy, posture, decision)
    if review.id != held.ident:
        raise Forged(Reason.REVIEW_STALE, f"the record in {held.folder} is another message's")
    return review


def reviewer_of(site: ReviewSite, key: Path, sender: str) -> tuple[PersonKey, bytes]:
    """Whose key this is, and its seed. Raises `Forged` for one who may not decide."""
    seed = read_secret(key)
    public = public_of(seed)
    names = {its: name for name, its in site.root.reviewer_keys.items()}
    if public not in names:
        raise Forged(
            Reason.REVIEW_SIGNATURES,
            f"{key} is no reviewer's key of the trust root: these are"
            f" {', '.join(sorted(names.values())) or 'none'}",
        )
    person = PersonKey(names[public], public)
    site.reviewers.check_person(person.name, sender)
    return person, seed


def lay(site: ReviewSite, content: bytes, what: str) -> tuple[str, str]:
    """Put a decision, made elsewhere perhaps, where ingest finds it; gives (id, whose).

    Raises `Malformed`, `Forged` for one that does not count whatever is held.
    """
    signed = SignedReview.read(content, what)
    persons = site.reviewers.signers(signed)
    lay_decision(site.folder, content)
    return signed.review.id, ", ".join(sorted(person.name for person in persons))


def payload_facts(payload: bytes) -> dict[str, int | str]:
    """Size and digest, for people."""
    return {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}


def _held(path: Path) -> HeldMessage:
    try:
        return HeldMessage(path.name, path, read_record(path))
    except Malformed as error:
        return HeldMessage(path.name, path, {}, error.sentence)


def _fates(side: Path, ident: str) -> Iterator[Entry]:
    """What the ledger has of a message, the oldest first; its signatures are not checked here."""
    wanted = f'"id":"{ident}"'.encode()
    for found in walk(side / "ledger"):
        if wanted in found.payload:
            lines, _ = split_batch(found.payload)
            entries = (read_entry(line) for line in lines if wanted in line)
            yield from (entry for entry in entries if entry["kind"] in _FATES)
