"""What a stage may do, and where: for the processes that load no stage.

Apart from `schemas.stage`, whose parameter models take half the time of a process's start.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What a stage may do to a message (see docs/architecture.md)."""

    FILTER = "filter"  # looks, never changes
    NORMALIZE = "normalize"  # rebuilds from a parsed model
    TRANSFORM = "transform"  # changes by policy
    ROUTE = "route"  # chooses destinations: may set the metadata's `queues`, nothing else


class Side(StrEnum):
    """The side whose chain may name the stage."""

    SOURCE = "source"
    DESTINATION = "destination"
    BOTH = "both"
