"""What a signed policy says of a stage that is a site's own: docs/filters/own.md."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class OwnStage(BaseModel):
    """What a policy says of a site's own stage: as the stage says of itself, and its file.

    No route: whose queues `release` lets through is in the parameters of this project's own.

    sha256  of the one file that it is, in hexadecimal
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["filter", "normalize", "transform"]
    side: Literal["source", "destination", "both"]
    version: Annotated[int, Field(ge=1, le=9999)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
