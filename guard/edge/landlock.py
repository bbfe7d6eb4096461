"""Landlock: the kernel's own refusal of files, TCP, signals and abstract sockets.

Takes the directories a process may read and write, gives the ABI version in force; may do nothing
but restrict the calling thread. Follows the kernel's `landlock(7)` and `linux/landlock.h`, ABI 1
to 7: everything the running kernel's ABI can handle is handled, so what no rule grants is denied.
Not covered by Landlock, and therefore left to seccomp: chmod, chown, utime, xattr, stat, UDP.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from guard.edge.system_calls import call

ABI_RENAME_BETWEEN_DIRECTORIES = 2
ABI_NEWEST = 7
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ_RIGHTS = _READ_FILE | _READ_DIR
# Writing includes MAKE_* of every kind: a hostile FIFO is moved out of the drop directory, and
# that is a MAKE_FIFO where it goes. Making one anew takes mknodat or bind, which seccomp denies.
_NEVER = _EXECUTE | _IOCTL_DEV

# the file system rights that each ABI version brought: bits 0 to n - 1 are known
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 7: 16}
_NET_BIND_AND_CONNECT_TCP = 0b11  # ABI 4
_SCOPE_ABSTRACT_UNIX_AND_SIGNAL = 0b11  # ABI 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """The running kernel's Landlock ABI version, 0 where it has none or it is switched off."""
    try:
        return call("landlock_create_ruleset", 0, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict(read: Iterable[Path], write: Iterable[Path]) -> int:
    """Deny this thread, for ever, all but reading under `read` and all but reading and writing
    under `write`; give the ABI in force.

    Needs `no_new_privs`. Raises `OSError` when the kernel lacks Landlock or a path is not there.
    """
    found = min(abi(), ABI_NEWEST)
    if found < 1:
        raise OSError(errno.EOPNOTSUPP, "this kernel has no Landlock")
    handled = (1 << _FS_BITS[found]) - 1
    ruleset = _Ruleset(
        handled,
        _NET_BIND_AND_CONNECT_TCP if found >= 4 else 0,
        _SCOPE_ABSTRACT_UNIX_AND_SIGNAL if found >= 6 else 0,
    )
    size = 24 if found >= 6 else 16 if found >= 4 else 8  # older kernels know a shorter structure
    descriptor = call("landlock_create_ruleset", ctypes.addressof(ruleset), size, 0)
    try:
        for path in read:
            _allow(descriptor, path, _READ_RIGHTS & handled)
        for path in write:
            _allow(descriptor, path, handled & ~_NEVER)
        call("landlock_restrict_self", descriptor, 0)
    finally:
        os.close(descriptor)
    return found


def _allow(ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        rule = _PathBeneath(rights, descriptor)
        call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(descriptor)
