"""What a host must have for a pair, and the sentence that says what it lacks."""

import os
import re
import shutil
from typing import Final

from diode_sim.netns.side import TOOLS_PATH
from schemas.errors import Malformed
from schemas.reasons import Reason

PROGRAMS: Final = {"ip": "iproute2", "nft": "nftables"}
EGRESS_KERNEL_MIN = (5, 16)


def check_host() -> None:
    """Raises `Malformed(SANDBOX_MISSING)` naming the first thing that is missing.

    Whether namespaces may be made shows when they are.
    """
    for program, package in PROGRAMS.items():
        if shutil.which(program, path=TOOLS_PATH) is None:
            raise Malformed(
                Reason.SANDBOX_MISSING,
                f"there is no {program} on this host: apt-get install {package}",
            )
    release = os.uname().release
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < EGRESS_KERNEL_MIN:
        raise Malformed(
            Reason.SANDBOX_MISSING,
            f"Linux {release} has no egress hook for nftables: use Linux 5.16 or newer",
        )
