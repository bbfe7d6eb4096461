"""What in a period is unlike the rest of it: for a person's eye, no proof of anything.

Takes what was gathered, gives events. Pure.
"""

from statistics import median

from guard.report.assessment.nouns import Assessment, Event

JUMP_FACTOR = 5
JUMP_MESSAGES_MIN = 50
_QUIET_SHARE = 20  # of the period's buckets may be at its beginning, where all is new
SHOWN_MAX = 100

First = dict[tuple[str, str], int]


def anomalies(found: Assessment, senders: First, reasons: First) -> list[Event]:
    """senders, reasons: when each was first seen in its flow, at any time."""
    events = _jumps(found)
    events += _new(found, senders, "sender")
    events += _new(found, reasons, "reason")
    for count in found.alarms_by_reason:
        events.append(
            Event(found.begin_ms, count.flow, "", 0, f"{count.count} alarms: {count.what}")
        )
    for totals in found.totals:
        if totals.lost:
            events.append(
                Event(found.begin_ms, totals.flow, "", 0, f"{totals.lost} messages lost in silence")
            )
    return sorted(events, key=lambda event: event.time_ms)[:SHOWN_MAX]


def _jumps(found: Assessment) -> list[Event]:
    """A bucket with many times what a bucket has."""
    counts = [each.passed + each.refused + each.held for each in found.traffic]
    usual = median([count for count in counts if count] or [0])
    return [
        Event(bucket.begin_ms, "", "low", 0, f"{count} messages where {usual:.0f} are usual")
        for bucket, count in zip(found.traffic, counts, strict=True)
        if count >= JUMP_MESSAGES_MIN and count > JUMP_FACTOR * usual
    ]


def _new(found: Assessment, first: First, what: str) -> list[Event]:
    """What was first seen in the period, but not at the beginning of its ledger."""
    begins = {
        flow: min(
            (each.first_ms for each in found.ledgers
             if each.flow == flow and each.first_ms is not None), default=0,
        )
        for flow in found.flows
    }  # fmt: skip
    quiet_ms = (found.end_ms - found.begin_ms) // _QUIET_SHARE
    return [
        Event(time_ms, flow, "", 0, f"{what} {value} was never seen before")
        for (flow, value), time_ms in first.items()
        if found.begin_ms <= time_ms < found.end_ms and time_ms > begins.get(flow, 0) + quiet_ms
    ]
