"""The host's part of the check-up: Python, kernel, sandbox, libraries, clock.

Takes nothing of a site, gives findings. Starts one short process that confines itself.
"""

import ctypes
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from guard.edge.confinement import State
from guard.edge.findings import Finding, fail, ok, warn
from guard.edge.isal import choose_codec
from guard.edge.sockets import sealed_memfd

PYTHON_MIN = (3, 11)
KERNEL_MIN = (5, 13)  # Landlock
KERNEL_MEMFD = (6, 3)  # MFD_NOEXEC_SEAL and F_SEAL_EXEC
_PROBE_WITHIN_S = 30
_TIME_ERROR = 5  # adjtimex(2): not synchronised
_TIMEX_BYTES = 512
_MENDS = {
    "landlock": "boot with landlock in the kernel's lsm= list (see /sys/kernel/security/lsm)",
    "seccomp": "use a kernel with CONFIG_SECCOMP_FILTER, or a container that allows seccomp(2)",
    "network namespace": "use a container or unit that allows unshare(2) of the network",
    "empty root": "use a container or unit that allows chroot(2)",
}


def host_findings(*, separate_users: bool) -> Iterator[Finding]:
    """separate_users: whether the site asks for a user a process."""
    yield _python()
    yield _kernel()
    yield _root(separate_users)
    yield from _sandbox()
    yield _memfd()
    yield _libmagic()
    yield _isal()
    yield from _clock()


def _python() -> Finding:
    found = f"Python {platform.python_version()}"
    if sys.version_info[:2] < PYTHON_MIN:
        return fail("python", f"{found}: 3.11 is needed", "apt-get install python3.11")
    return ok("python", found)


def _kernel() -> Finding:
    release = os.uname().release
    numbers = re.match(r"(\d+)\.(\d+)", release)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if os.uname().sysname != "Linux" or version < KERNEL_MIN:
        mend = "use a distribution with Linux 6.3 or newer"
        return fail("kernel", f"{os.uname().sysname} {release}: 5.13 is needed", mend)
    if version < KERNEL_MEMFD:
        return warn("kernel", f"Linux {release}: large payloads need 6.3", "apt-get full-upgrade")
    return ok("kernel", f"Linux {release}")


def _root(separate_users: bool) -> Finding:
    if os.geteuid() != 0:
        return warn(
            "root",
            "not root: all processes share one user, and have no network namespace or empty root"
            " of their own",
            "start it by systemd or with sudo",
        )
    if not separate_users:
        return warn(
            "root", "root, but first_user = 0 keeps all processes under one user",
            "set first_user in site.toml",
        )  # fmt: skip
    return ok("root", "root: a user for each process, network namespaces, empty roots")


def _sandbox() -> Iterator[Finding]:
    """Confine a process for real and let it try to break out."""
    try:
        # its own interpreter and module: nothing of it comes from outside
        done = subprocess.run(
            [sys.executable, "-I", "-m", "guard.edge.checkup_sandbox"],
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_PROBE_WITHIN_S,
            cwd="/", env={"LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        report = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        mend = "run python -I -m guard.edge.checkup_sandbox to see why"
        told = f"a confined process could not be tried: {error}"
        yield fail("sandbox", told, mend)
        return
    for name, state, sentence in report["layers"]:
        if state == State.MISSING:
            yield fail(name, sentence, _MENDS.get(name, "see docs/THREAT_MODEL.md"))
        elif state == State.NOT_ROOT:
            yield warn(name, sentence, "start as root")
        else:
            yield ok(name, sentence)
    if report["broken"]:
        yield fail("sandbox", report["broken"], "report it: see SECURITY.md")
    else:
        yield ok("sandbox", "a confined process could do nothing that is forbidden")


def _memfd() -> Finding:
    try:
        os.close(sealed_memfd(b"sealed"))
    except OSError as error:
        mend = "use Linux 6.3 or newer, with vm.memfd_noexec below 2"
        return fail("memfd seals", f"payloads cannot be sealed ({error.strerror})", mend)
    return ok("memfd seals", "all seals, F_SEAL_EXEC among them")


def _libmagic() -> Finding:
    try:
        import pylibmagic  # noqa: F401  # gives python-magic its libmagic
        from magic import Magic

        found = Magic(mime=True).from_buffer(b"%PDF-1.7\n")
    except Exception as error:  # whatever a shared library's loader may raise
        told = " ".join(str(error).split())[:120]
        return fail("libmagic", f"libmagic does not load: {told}", "apt-get install libmagic1")
    if found != "application/pdf":
        return fail("libmagic", f"libmagic takes a PDF for {found}", "apt-get install libmagic1")
    return ok("libmagic", "libmagic tells a PDF")


def _isal() -> Finding:
    codec, sentence = choose_codec()
    if codec.name == "isa-l":
        return ok("erasure code", sentence.removeprefix("erasure code: "))
    return warn(
        "erasure code", sentence.removeprefix("erasure code: ").partition(";")[0],
        "apt-get install libisal2",
    )  # fmt: skip


def _clock() -> Iterator[Finding]:
    """Not before this software was installed, and kept by somebody."""
    installed_s = Path(__file__).stat().st_mtime
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < installed_s - 86_400:
        yield fail("clock", f"{now} is before this software was installed", "timedatectl set-ntp 1")
        return
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        state = _TIME_ERROR
    if state in (_TIME_ERROR, -1):
        yield warn("clock", f"{now}, and nothing keeps it right", "timedatectl set-ntp 1")
    else:
        yield ok("clock", f"{now}, kept by NTP or the like")
