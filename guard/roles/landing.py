"""What `receive` writes into the landed journal, and how it finds its way back from it.

An envelope is a record of its own; a gap, a statement of the source side's ledger or an alarm is an
event between them, all but the statement in the form of its ledger entry. A session, and from time
to time the whole state, are written too, so that old segments may go.
"""

import json
from base64 import b64encode
from pathlib import Path

from guard.edge.clock import now_ms
from guard.edge.segments import walk
from guard.link.arrivals import ReceiverState
from guard.link.events import (
    Alarm,
    Checkpoint,
    Event,
    Gap,
    LinkBack,
    LinkDead,
    SessionOpened,
)
from guard.link.events import Landed as LandedEnvelope
from schemas.entry import Entry, Kind, alarm
from schemas.reasons import Reason
from schemas.sealed import Landed, read_landed, write_landed, write_landed_event
from schemas.sequences import RangeSet

STATEMENT = "statement"
"""The kind of the event that carries a statement of the source side's ledger, in base64."""


def landing_parts(event: Event) -> tuple[bytes, ...]:
    """The parts of the record for an event of the link."""
    if isinstance(event, LandedEnvelope):
        return write_landed(event.sequence, event.precedence, event.envelope)
    if isinstance(event, Gap):
        return write_landed_event(
            {
                "kind": Kind.GAP,
                "time_ms": now_ms(),
                "reason": Reason.GAP,
                "first": event.first,
                "last": event.last,
            }
        )
    if isinstance(event, SessionOpened):
        return write_landed_event(
            {"kind": Kind.SESSION, "time_ms": now_ms(), "session": event.session}
        )
    if isinstance(event, Checkpoint):
        text = b64encode(event.checkpoint).decode()
        return write_landed_event({"kind": STATEMENT, "time_ms": now_ms(), "statement": text})
    return write_landed_event(_alarm(event))


def _alarm(event: Event) -> Entry:
    """What an operator should look at."""
    if isinstance(event, Alarm):
        return alarm(now_ms(), event.reason, event.sentence)
    if isinstance(event, LinkDead):
        sentence = f"link {event.link + 1} is dead: nothing comes by it while another is heard"
        return alarm(now_ms(), Reason.LINK_DEAD, sentence)
    if isinstance(event, LinkBack):
        return alarm(now_ms(), Reason.LINK_DEAD, f"link {event.link + 1} is heard again")
    return alarm(now_ms(), Reason.LINK_SILENT, "the link has been silent: no heartbeat came")


def state_event(state: ReceiverState) -> Entry:
    """The whole state as an event, so that what is before it may be dropped."""
    return {
        "kind": Kind.LINK_STATE,
        "time_ms": now_ms(),
        "session": state.session,
        "landed": json.dumps(state.landed),
        "gaps": json.dumps(state.gaps),
    }


def recover_state(folder: Path) -> ReceiverState:
    """The state that the journal proves: sessions, landed sequences, gaps that were told."""
    session = 0
    landed, gaps = RangeSet(), RangeSet()
    for found in walk(folder):
        kind, sequence, content = read_landed(found.payload)
        if kind is Landed.ENVELOPE:
            landed.add(sequence, sequence)
            gaps.remove(sequence, sequence)
            continue
        event = json.loads(content)
        if event["kind"] == Kind.SESSION:
            session = max(session, int(event["session"]))
        elif event["kind"] == Kind.GAP:
            gaps.add(int(event["first"]), int(event["last"]))
        elif event["kind"] == Kind.LINK_STATE:
            session = max(session, int(event["session"]))
            landed = RangeSet([(first, last) for first, last in json.loads(event["landed"])])
            gaps = RangeSet([(first, last) for first, last in json.loads(event["gaps"])])
    return ReceiverState(session, landed.ranges(), gaps.ranges())
