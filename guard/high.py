"""The high (destination) side's journey: from datagrams received to a file in the output queue.

The mirror image of `guard/low.py`. `receive` is a failure domain of its own: what it has landed
is in a journal, so a chain that breaks costs the link nothing.
"""

from guard.core.journey import CHAIN, SCANNER, Journey, May, Role, State
from schemas.kinds import Side

HIGH = Journey(
    "high",
    Side.DESTINATION,
    (
        Role(
            "receive", "guard.roles.receive:prepare", State.SENT, State.LANDED,
            reads=("attempt",), writes=("landed",),
            may=May.LINK_KEY | May.RECEIVE_UDP, domain="link",
        ),
        Role(
            "verify", "guard.roles.verify:prepare", State.LANDED, State.VERIFIED,
            hears=("settled",), tells=("accepted", "fed"),
            reads=("landed", "posture"), writes=("attempt",), may=May.HEAD_KEY,
        ),
        Role(
            CHAIN, "guard.roles.stage:prepare", State.VERIFIED, State.CLEARED,
            hears=("fed",), tells=("cleared",), may=May.STAGE_KEY | May.FORK,
        ),
        Role(
            "deliver", "guard.roles.deliver:prepare", State.CLEARED, State.DELIVERED,
            hears=("accepted", "cleared", "durable"), tells=("deliver-entries", "settled"),
            reads=("landed", "posture"), writes=("queue", "held"),
            may=May.HEAD_KEY | May.ALL_STAGE_KEYS,
        ),
        Role(
            "audit", "guard.roles.audit:prepare", State.NONE, State.NONE,
            hears=("deliver-entries",), tells=("durable",), writes=("ledger", "sealing"),
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
