"""The bounds of a container as stages take them: `ContainerLimits`, from a policy.

Takes TOML values, gives `ContainerLimits`. Shared by `archive_recognise`'s and
`office_recognise`'s native stages and by their rebuilds, which need the same numbers.
"""

from pydantic import Field

from filters.formats.container_limits import ContainerLimits
from schemas.stage import Parameters


class ContainerParameters(Parameters):
    """Bounds of one message with all that is inside it.

    entries_max        entries of all levels together, folders included
    entry_bytes_max    one entry, opened
    total_bytes_max    all entries of all levels together, opened
    ratio_max          opened bytes for each byte that they take in their container
    name_bytes_max     an entry's name with its folders, in UTF-8
    name_levels_max    folders in a name, and the file itself
    comment_bytes_max  a comment of an archive or an entry, which the rebuild drops
    depth_levels_max   archives in archives: 1 is an archive without another
    """

    entries_max: int = Field(default=1024, ge=1, le=65_535)
    entry_bytes_max: int = Field(default=8 << 20, ge=1, le=1 << 26)
    total_bytes_max: int = Field(default=15 << 20, ge=1, le=1 << 26)
    ratio_max: int = Field(default=200, ge=1, le=1100)
    name_bytes_max: int = Field(default=255, ge=1, le=1024)
    name_levels_max: int = Field(default=16, ge=1, le=64)
    comment_bytes_max: int = Field(default=4096, ge=0, le=65_535)
    depth_levels_max: int = Field(default=3, ge=1, le=8)

    def limits(self) -> ContainerLimits:
        """The same as the recognisers take it."""
        names = ContainerLimits.__dataclass_fields__
        return ContainerLimits(**{name: getattr(self, name) for name in names})
