"""The low (source) side's journey: from a file dropped to datagrams sent. Read this first.

Each row names the code that does the step. The chain's row stands for the policy's stages, in
the policy's order, one process each; `fed` and `cleared` are its two ends.
"""

from guard.core.journey import CHAIN, SCANNER, Journey, May, Role, State
from schemas.kinds import Side

LOW = Journey(
    "low",
    Side.SOURCE,
    (
        Role(
            "ingest", "guard.roles.ingest:prepare", State.DROPPED, State.ACCEPTED,
            hears=("settled", "ingest-durable"), tells=("accepted", "fed", "ingest-entries"),
            reads=("posture", "held"), writes=("spool", "accepted", "decisions"),
            may=May.HEAD_KEY,
        ),
        Role(
            CHAIN, "guard.roles.stage:prepare", State.ACCEPTED, State.CLEARED,
            hears=("fed",), tells=("cleared",), may=May.STAGE_KEY | May.FORK,
        ),
        Role(
            "release", "guard.roles.release:prepare", State.CLEARED, State.COMMITTED,
            hears=("accepted", "cleared", "durable"),
            tells=("release-entries", "settled", "replies"),
            reads=("accepted", "posture"), writes=("sealed", "held"),
            may=May.HEAD_KEY | May.ALL_STAGE_KEYS | May.SEALING_KEY,
        ),
        Role(
            "send", "guard.roles.send:prepare", State.COMMITTED, State.SENT,
            hears=("witness",), tells=("send-entries",), reads=("sealed", "posture"),
            writes=("cursor",),
            may=May.LINK_KEY | May.SEND_UDP,
        ),
        Role(
            "reply", "guard.roles.reply:prepare", State.NONE, State.NONE,
            hears=("replies",), writes=("replies",),
        ),
        Role(
            "audit", "guard.roles.audit:prepare", State.NONE, State.NONE,
            hears=("release-entries", "ingest-entries", "send-entries"),
            tells=("durable", "ingest-durable", "witness"), writes=("ledger", "sealing"),
        ),
        SCANNER,
        Role(
            "metrics", "guard.roles.metrics:prepare", State.NONE, State.NONE,
            may=May.SERVE, domain="watch",
        ),
        Role(
            "export", "guard.roles.export:prepare", State.NONE, State.NONE,
            reads=("ledger",), writes=("export",), may=May.COLLECTOR, domain="export",
        ),
    ),
)  # fmt: skip
