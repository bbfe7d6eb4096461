"""Extensions of delivered files, by type."""

import pytest

from filters.twins.picture_build import MEDIA_TYPES
from schemas.errors import Malformed
from schemas.media_types import UNKNOWN, extension_of
from schemas.policy import read_policy

POLICY = """
format = 1
version = 1
flow = "image"
source_domain = "LOW"
destination_domain = "HIGH"
senders = ["alpha"]
[destination]
extension = "%s"
[[destination.stage]]
name = "bounds"
"""


def test_each_type_that_is_written_has_an_extension_of_its_own() -> None:
    found = [extension_of(media_type) for media_type in MEDIA_TYPES.values()]
    assert len(set(found)) == len(found)
    assert UNKNOWN not in found
    assert extension_of("application/x-other") == UNKNOWN


def test_a_policy_may_leave_the_extension_to_the_type() -> None:
    destination = read_policy((POLICY % "").encode()).destination
    assert destination is not None
    assert destination.extension == ""
    with pytest.raises(Malformed):
        read_policy((POLICY % "../x").encode())
