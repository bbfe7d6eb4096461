"""What is made of the times that messages took."""

import math

from guard.measurement.latency import spread


def test_a_message_that_was_lost_took_for_ever() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"p50": 2.0, "p99": 3.0, "max": 3.0, "arrived": 3}
    lossy = spread([1.0] * 90 + [math.inf] * 10)
    assert lossy == {"p50": 1.0, "p99": None, "max": None, "arrived": 90}
    assert spread([]) == {"p50": None, "p99": None, "max": None, "arrived": 0}
