"""System calls by name, for those that Python has no function for.

Takes a call's name and integer or address arguments, gives its result; raises `OSError` with the
kernel's error number. Knows the numbers of x86_64 and aarch64 (Linux `unistd.h`; a call that an
architecture lacks is absent from its table, its newer form is present on both).
"""

import ctypes
import errno
import os
import platform

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

# name: (x86_64, aarch64), None where the architecture does not have the call
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "ioctl": (16, 29),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "select": (23, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "socket": (41, 198),
    "connect": (42, 203),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "shutdown": (48, 210),
    "bind": (49, 200),
    "listen": (50, 201),
    "getsockname": (51, 204),
    "socketpair": (53, 199),
    "setsockopt": (54, 208),
    "getsockopt": (55, 209),
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "exit": (60, 93),
    "wait4": (61, 260),
    "kill": (62, 129),
    "fcntl": (72, 25),
    "flock": (73, 32),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "ftruncate": (77, 46),
    "rename": (82, None),
    "mkdir": (83, None),
    "rmdir": (84, None),
    "unlink": (87, None),
    "readlink": (89, None),
    "fchmod": (91, 52),
    "fchown": (93, 55),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "ptrace": (101, 117),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "setuid": (105, 146),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "getppid": (110, 173),
    "capset": (126, 91),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132),
    "personality": (135, 92),
    "prctl": (157, 167),
    "chroot": (161, 51),
    "mount": (165, 40),
    "gettid": (186, 178),
    "fsetxattr": (190, 7),
    "futex": (202, 98),
    "getdents64": (217, 61),
    "restart_syscall": (219, 128),
    "clock_settime": (227, 112),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "epoll_wait": (232, None),
    "epoll_ctl": (233, 21),
    "tgkill": (234, 131),
    "keyctl": (250, 219),
    "inotify_add_watch": (254, 27),
    "inotify_rm_watch": (255, 28),
    "openat": (257, 56),
    "mkdirat": (258, 34),
    "newfstatat": (262, 79),
    "unlinkat": (263, 35),
    "renameat": (264, 38),
    "linkat": (265, 37),
    "symlinkat": (266, 36),
    "readlinkat": (267, 78),
    "fchmodat": (268, 53),
    "pselect6": (270, 72),
    "ppoll": (271, 73),
    "unshare": (272, 97),
    "sync_file_range": (277, 84),
    "utimensat": (280, 88),
    "epoll_pwait": (281, 22),
    "fallocate": (285, 47),
    "accept4": (288, 242),
    "epoll_create1": (291, 20),
    "dup3": (292, 24),
    "pipe2": (293, 59),
    "inotify_init1": (294, 26),
    "preadv": (295, 69),
    "pwritev": (296, 70),
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "recvmmsg": (299, 243),
    "prlimit64": (302, 261),
    "syncfs": (306, 267),
    "sendmmsg": (307, 269),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "renameat2": (316, 276),
    "seccomp": (317, 277),
    "getrandom": (318, 278),
    "memfd_create": (319, 279),
    "bpf": (321, 280),
    "execveat": (322, 281),
    "pkey_mprotect": (329, 288),
    "statx": (332, 291),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "pidfd_open": (434, 434),
    "clone3": (435, 435),
    "close_range": (436, 436),
    "openat2": (437, 437),
    "pidfd_getfd": (438, 438),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}

MACHINE = platform.machine()
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(MACHINE)

NUMBERS: dict[str, int] = {
    name: number
    for name, row in _NUMBERS.items()
    if _COLUMN is not None and (number := row[_COLUMN]) is not None
}
"""The calls of the machine we run on; empty on a machine this project does not know."""


def call(name: str, *arguments: int) -> int:
    """Make a system call. Raises `OSError`; an unknown name or machine is `ENOSYS`.

    An address is passed as the integer `ctypes.addressof` gives; its object must outlive the call.
    """
    number = NUMBERS.get(name)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name)
    result: int = _LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), name)
    return result
