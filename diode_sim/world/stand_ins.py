"""Modules with the names of the standard library's, for code that runs in the simulated kernel.

`os`, `socket`, `select`, `time`, `signal`, `secrets`, `fcntl` and `pathlib`, as far as the guard's
code uses them: what they take and give is what the real ones do, what they act on is the kernel's.
Constants and pure functions are the real ones. Anything else is absent, so that code that asks for
it fails loudly and never touches the real machine.
"""

import fcntl as real_fcntl
import os as real_os
import posixpath
import select as real_select
import signal as real_signal
import socket as real_socket
import sys as real_sys
from collections.abc import Callable, Iterable
from enum import Enum
from types import ModuleType
from typing import Any

from diode_sim.world.calls import Calls
from diode_sim.world.sim_path import path_class
from diode_sim.world.sim_socket import socket_class

_OS_PURE = ("fsencode", "fsdecode", "fspath", "strerror", "PathLike", "stat_result")
_SOCKET_PURE = ("CMSG_SPACE", "CMSG_LEN", "AddressFamily", "SocketKind")
_SIGNAL_PURE = ("Signals", "Handlers")


def stand_ins(calls: Calls) -> dict[str, ModuleType]:
    """Name -> module, all acting on these calls."""
    path = path_class(calls)
    sim_socket = socket_class(calls)
    return {
        "os": _os(calls),
        "socket": _module(
            "socket", real_socket, _SOCKET_PURE, socket=sim_socket,
            socketpair=lambda *kind: tuple(
                sim_socket(fileno=number) for number in calls.socketpair(*kind)
            ),
            create_server=lambda *_: sim_socket(),
        ),
        "select": _select(calls),
        "time": _module(
            "time", None, (), time_ns=calls.wall_ns, time=lambda: calls.wall_ns() / 1e9,
            monotonic_ns=calls.monotonic_ns, monotonic=lambda: calls.monotonic_ns() / 1e9,
            perf_counter_ns=calls.monotonic_ns, sleep=calls.sleep,
            thread_time_ns=calls.monotonic_ns, process_time_ns=calls.monotonic_ns,
        ),
        "signal": _module("signal", real_signal, _SIGNAL_PURE, signal=calls.signal),
        "secrets": _module(
            "secrets", None, (), token_bytes=calls.urandom,
            token_hex=lambda count: calls.urandom(count).hex(),
        ),
        "fcntl": _module(
            "fcntl", real_fcntl, (), fcntl=calls.fcntl, flock=calls.flock,
        ),
        "sys": _module("sys", real_sys, (), stderr=_Said(calls), argv=[]),
        "pathlib": _module("pathlib", None, (), Path=path, PurePath=path),
    }  # fmt: skip


class _Said:
    """Standard error: what is written there stands in the trace."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def write(self, text: str) -> int:
        """A line, or the end of one."""
        process = self._calls.kernel.current
        if text.strip() and process is not None:
            self._calls.kernel.say(f"{process.host.name}/{process.name}", f"says: {text.strip()}")
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def _module(name: str, real: ModuleType | None, pure: Iterable[str], **given: Any) -> ModuleType:
    """A module with the real one's constants, its pure functions named here, and what is given."""
    made = ModuleType(name)
    for constant, value in vars(real).items() if real is not None else ():
        if isinstance(value, (int, str, Enum)) and not constant.startswith("__"):
            setattr(made, constant, value)
    for function in pure:
        setattr(made, function, getattr(real, function))
    for function, value in given.items():
        setattr(made, function, value)
    return made


def _os(calls: Calls) -> ModuleType:
    files = calls.files
    path = ModuleType("posixpath")
    for name in ("join", "basename", "dirname", "split", "splitext", "isabs", "normpath", "sep"):
        setattr(path, name, getattr(posixpath, name))
    vars(path)["lexists"] = vars(path)["exists"] = calls.exists
    vars(path)["isdir"] = calls.is_directory
    names = (
        "close", "dup", "open", "memfd_create", "pread", "pwrite", "ftruncate",
        "posix_fallocate", "fsync", "fdatasync", "rename", "unlink", "mkdir", "listdir",
        "scandir", "stat", "fstat", "chmod", "chown", "lseek", "rmdir",
    )  # fmt: skip
    given: dict[str, Callable[..., Any]] = {name: getattr(files, name) for name in names}
    given |= {
        "replace": files.rename, "remove": files.unlink, "fchmod": files.chmod,
        "fchown": files.chown, "read": calls.read, "write": calls.write, "pipe": calls.pipe,
        "pipe2": calls.pipe2, "urandom": calls.urandom, "getpid": calls.getpid,
        "geteuid": lambda: 1000, "getuid": lambda: 1000, "getegid": lambda: 1000,
        "getgid": lambda: 1000, "kill": calls.kill,
    }  # fmt: skip
    made = _module("os", real_os, _OS_PURE, **given)
    vars(made)["path"] = path
    vars(made)["environ"] = {}
    return made


def _select(calls: Calls) -> ModuleType:
    class Poll:
        """select.poll's object."""

        def __init__(self) -> None:
            self._wanted: dict[int, int] = {}

        def register(self, what: Any, events: int = real_select.POLLIN) -> None:
            """Watch a descriptor, or something that has one."""
            self._wanted[_number(what)] = events

        def unregister(self, what: Any) -> None:
            """Watch it no more."""
            del self._wanted[_number(what)]

        def poll(self, timeout_ms: float | None = None) -> list[tuple[int, int]]:
            """poll(2)."""
            return calls.poll(self._wanted, timeout_ms)

    def select(
        reading: Iterable[Any], writing: Iterable[Any], _: Iterable[Any],
        timeout_s: float | None = None,
    ) -> tuple[list[Any], list[Any], list[Any]]:  # fmt: skip
        asked = [(each, real_select.POLLIN) for each in reading]
        asked += [(each, real_select.POLLOUT) for each in writing]
        wanted: dict[int, int] = {}
        for each, events in asked:
            wanted[_number(each)] = wanted.get(_number(each), 0) | events
        timeout_ms = None if timeout_s is None else timeout_s * 1000
        ready = dict(calls.poll(wanted, timeout_ms))
        hung = real_select.POLLIN | real_select.POLLHUP | real_select.POLLERR
        free = real_select.POLLOUT | real_select.POLLERR
        readable = [e for e, m in asked if m == 1 and ready.get(_number(e), 0) & hung]
        writable = [e for e, m in asked if m == 4 and ready.get(_number(e), 0) & free]
        return readable, writable, []

    return _module("select", real_select, (), poll=Poll, select=select)


def _number(what: Any) -> int:
    return what if isinstance(what, int) else int(what.fileno())
