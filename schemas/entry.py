"""The kinds of ledger entries and their fields: what an auditor will find.

Follows docs/spec/ledger.md §2. An entry is a flat map of texts and integers. `time_ms` (UTC) is
the clock of the role that reports. The functions make entries, so that a field has one spelling.
"""

from enum import StrEnum

Entry = dict[str, int | str]


class Kind(StrEnum):
    """What an entry tells."""

    RUN = "run"  # a side started: policy digest, nonce, confinement, software version
    STOP = "stop"  # a side was stopped in good order
    COMMITTED = "committed"  # source: released, sealed, may be sent
    REFUSED = "refused"  # source: stopped by a stage or by ingest's own rules
    HELD = "held"  # either side: kept for people
    REVIEW = "review"  # source: a reviewer's decision that does not count
    SPOOL_REFUSED = "spool-refused"  # source: a drop that never became a message
    SENT = "sent"  # source: handed to the link, up to a sequence number
    RESEND = "resend"  # source: about to send these numbers again, asked for by whom
    RESENT = "resent"  # source: they were handed to the link again, but for those refused
    DELIVERING = "delivering"  # destination: about to be renamed into the output queue
    DELIVERED = "delivered"  # destination: the renames of the batch before are done
    DUPLICATE = "duplicate"  # destination: came again, was dropped
    GAP = "gap"  # destination: sequence numbers lost on the link
    WITNESS = "witness"  # destination: a checkpoint of the source side's ledger
    SESSION = "session"  # either side: a new session of the link began
    SESSION_RESET = "session-reset"  # source: two persons set the session counter
    REMOVED = "removed"  # either side: about to be let go after its time, as the site says
    LINK_STATE = "link-state"  # destination: the link's receiver wrote down all it has
    FACTS = "facts"  # either side: what entries said that may be let go now
    EPOCH = "epoch"  # either side: the ledger's next key, certified by the one before
    POSTURE = "posture"  # either side: another posture is in force from here on
    KEY = "key"  # either side: something was done to a key of the side
    ALARM = "alarm"  # either side: something that should never happen


def alarm(time_ms: int, reason: str, sentence: str) -> Entry:
    """An alarm: receipts that do not add up, a forged manifest, two senders at once."""
    return {"kind": Kind.ALARM, "time_ms": time_ms, "reason": reason, "sentence": sentence}
