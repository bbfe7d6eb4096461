"""What a card's offloads mean for the sender; a cable's are asked in test_doctor_link.py."""

import pytest

from guard.edge.checkup_link import sending_finding
from guard.edge.interfaces import Feature


@pytest.mark.parametrize(
    ("is_on", "can_change", "grade"),
    [(True, True, "ok"), (True, False, "ok"), (False, True, "warn"), (False, False, "ok")],
)
def test_only_a_segmentation_offload_that_can_be_turned_on_is_asked_for(
    is_on: bool, can_change: bool, grade: str
) -> None:
    """What cards say of themselves differs, so it is an argument here."""
    card = {
        "tx-checksum-ipv6": Feature(is_on=True, can_change=False),
        "tx-udp-segmentation": Feature(is_on, can_change),
    }
    found = sending_finding("eth9", card, ip_version=6)
    assert found.grade == grade
    assert found.mend == ("ethtool -K eth9 tx-udp-segmentation on" if grade == "warn" else "")
