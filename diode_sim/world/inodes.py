"""Files and directories of a simulated disk: what processes see of each, and what the device has.

Pure: what is written, what of it a power cut leaves by chance, and copies of what is stable.
"""

import os
import stat
from dataclasses import dataclass, field

from diode_sim.chance import Chance

SECTOR_BYTES = 512
NAME_BYTES_MAX = 255
DEVICE = 0xD15C
FILE_MODE = stat.S_IFREG | 0o640
DIRECTORY_MODE = stat.S_IFDIR | 0o750


def failure(number: int, path: object = None) -> OSError:
    """The error a system call gives."""
    return OSError(number, os.strerror(number), path)


@dataclass(slots=True, eq=False)
class Inode:
    """A file or a directory.

    content   a file's bytes as processes see them; stable: as the device has them
    unsynced  what was done to them since: (offset, bytes), or (size, None) for a truncation
    entries   a directory's names; stable_entries: as the device has them
    place     (directory, name) of what has a name
    opened    how many open descriptions there are: bytes without a name are there as long
    """

    number: int
    mode: int
    links: int = 0
    changed_ns: int = 0
    modified_ns: int = 0
    content: bytearray = field(default_factory=bytearray)
    stable: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)
    entries: "dict[bytes, Inode]" = field(default_factory=dict)
    stable_entries: "dict[bytes, Inode]" = field(default_factory=dict)
    place: "tuple[Inode, bytes] | None" = None
    opened: int = 0

    @property
    def is_directory(self) -> bool:
        """Whether it is one."""
        return stat.S_ISDIR(self.mode)


Step = tuple[Inode, bytes, Inode | None]
"""(directory, name, what the name is from now on; None: nothing)"""


def copied(inode: Inode, copies: dict[int, Inode]) -> Inode:
    """All that is stable from here on, as inodes of its own. copies: those made already."""
    made = copies.get(inode.number)
    if made is None:
        made = Inode(inode.number, inode.mode, changed_ns=inode.changed_ns)
        copies[inode.number] = made
        made.modified_ns, made.stable = inode.modified_ns, inode.stable[:]
        for name, child in inode.stable_entries.items():
            entry = copied(child, copies)
            entry.links += 1
            entry.place = (made, name)
            made.stable_entries[name] = made.entries[name] = entry
    return made


def survivor(inode: Inode, chance: Chance, style: str) -> bytearray:
    """A file's bytes after the power came back."""
    content = inode.stable[:]
    if style == "nothing":
        return content
    if style == "everything":
        return inode.content[:]
    for offset, written in inode.unsynced:
        if written is None:
            if chance.below(2):
                resize(content, offset)
            continue
        at = 0
        while at < len(written):
            step = min(SECTOR_BYTES - (offset + at) % SECTOR_BYTES, len(written) - at)
            if chance.below(3):
                put(content, offset + at, written[at : at + step])
            at += step
    if chance.below(3) == 0 and len(content) < len(inode.content):
        resize(content, len(inode.content))  # its size was written, its last bytes were not
    return content


def put(content: bytearray, offset: int, written: bytes) -> None:
    """Bytes in their place; a hole before them is zeros."""
    if len(content) < offset + len(written):
        resize(content, offset + len(written))
    content[offset : offset + len(written)] = written


def resize(content: bytearray, size: int) -> None:
    """Cut, or make longer with zeros."""
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
