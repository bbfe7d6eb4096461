"""Keeping a busy folder's files away from others on disk.

ext4 will not use an inode again for minutes after its file was removed, and looks for a free one in
its folder's own block group: where thousands of drops a minute come and go, making a file anywhere
near costs twenty times as much (measured: 620 us instead of 20). A folder with the "top directory"
flag has its sub-folders put into block groups of their own. What is delivered is taken away and
removed by others, so its files begin in one of many such folders: the time to find an inode goes
with how many were just freed in one group. Best effort: other file systems need no such thing.
System calls: openat, mkdir, chmod, ioctl(FS_IOC_GETFLAGS, FS_IOC_SETFLAGS), close.
"""

import array
import contextlib
import fcntl
import os
from pathlib import Path

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # linux/fs.h
_TOP_DIRECTORY = 0x00020000  # FS_TOPDIR_FL, chattr +T


STAGING_FOLDERS = 64


def make_staging_folders(tmp: Path, mode: int) -> None:
    """Folders `00`, `01`, ... in this one, far from one another."""
    spread_folders_of(tmp)
    for number in range(STAGING_FOLDERS):
        folder = tmp / f"{number:02x}"
        folder.mkdir()
        folder.chmod(mode)


def spread_folders_of(folder: Path) -> None:
    """Have the folders made in this one from now on put far from one another."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            flags = array.array("l", [0])
            fcntl.ioctl(descriptor, _GET_FLAGS, flags)
            flags[0] |= _TOP_DIRECTORY
            fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    finally:
        os.close(descriptor)
