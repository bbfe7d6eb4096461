"""What no stage may change of a message's metadata, and what it may."""

from dataclasses import replace
from typing import Any

import pytest

from guard.core.release import Cleared, Stopped
from schemas.errors import Forged
from schemas.message import Message
from schemas.reasons import Reason
from schemas.verdict import Answer, Changed, Hold, Pass
from tests.guard.core.lane import META, fed, make_lane


@pytest.mark.parametrize(
    "change",
    [
        {"accepted_s": 2**40 - 1}, {"accepted_s": META.accepted_s + 1}, {"sender": "bravo"},
        {"name": "b.xml"}, {"flow": "events"}, {"precedence": 4}, {"destination": "maps"},
        {"signature": "AAAA"}, {"binding": "AAAA"},
    ],
    ids=str,
)  # fmt: skip
def test_a_stage_that_changes_what_no_stage_may(change: dict[str, Any]) -> None:
    def changing(message: Message) -> Answer:
        return Changed(Message.make(replace(message.meta, **change), message.payload))

    lane = make_lane(upper=changing)
    with pytest.raises(Forged) as caught:
        lane.judged(lane.run())
    assert caught.value.reason == Reason.RECEIPT_CHANGED_BY_FILTER
    holding = make_lane(upper=changing, look=lambda _: Hold(Reason.LABEL_MISSING, "look"))
    frame = holding.run()
    judgement = holding.judged(frame)
    assert isinstance(judgement, Stopped)
    with pytest.raises(Forged):
        holding.judge.if_released(frame, fed(), judgement)


def test_a_stage_may_change_type_label_and_queues() -> None:
    def changing(message: Message) -> Answer:
        meta = replace(message.meta, type="text/plain", label="NATO|UNCLASSIFIED", queues="x")
        return Changed(Message.make(meta, message.payload))

    lane = make_lane(upper=changing, route=lambda _: Pass())
    assert isinstance(lane.judged(lane.run()), Cleared)
