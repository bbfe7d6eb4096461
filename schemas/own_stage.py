"""What a signed policy says of a stage that is a site's own: docs/filters/own.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnStage:
    """A stage that the site brings, as its policy pins it; `schemas.policy` bounds the values.

    kind, side, version  as the stage says of itself
    sha256               of the one file that it is, in hexadecimal
    """

    kind: str
    side: str
    version: int
    sha256: str
