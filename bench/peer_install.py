"""Where the other tools come from, and where they are.

Everything goes below `.bench/` of this tree, which `make clean` removes. Debian's packages are
fetched by apt, which checks their signatures, and unpacked there instead of installed: installing
`uftp` starts a daemon that listens on the network. What the system already has is used before
that. pydiode gets an environment of its own, by version and hash (peer_pydiode.lock).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.peer_run import Missing, say

CACHE = Path(__file__).parent.parent / ".bench"
DEBIAN = CACHE / "debian"
PYDIODE = CACHE / "pydiode"
LOCK = Path(__file__).parent / "peer_pydiode.lock"
INSTALL_S = 300
ASK_S = 20
PROGRAMS = {"udpcast": ("udp-sender", "udp-receiver"), "uftp": ("uftp", "uftpd")}
_HOW = "`make bench-peers` fetches it"


def install() -> None:
    """Fetch what is not there. What cannot be had is said in a line, and left out."""
    for package, programs in PROGRAMS.items():
        if not all(shutil.which(program) for program in programs):
            _unpack(package)
    if not _pydiode_ready():
        _make_environment()


def _unpack(package: str) -> None:
    if (DEBIAN / package).is_dir():
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        say(f"bench: install {package} yourself: this system has no apt-get and dpkg-deb")
        return
    fetched = CACHE / "fetched" / package
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir(parents=True)
    say(f"bench: fetching {package} into {DEBIAN.relative_to(CACHE.parent)}")
    if not _done(["apt-get", "--quiet", "download", package], fetched):
        if os.geteuid() != 0:
            say("bench: apt has no fresh lists; as root they are made with: apt-get update")
            return
        _done(["apt-get", "--quiet", "update"], fetched)
        _done(["apt-get", "--quiet", "download", package], fetched)
    for archive in fetched.glob("*.deb"):
        target = DEBIAN / f"{package}.part"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if _done(["dpkg-deb", "--extract", str(archive), str(target)], fetched):
            version = _asked(["dpkg-deb", "--field", str(archive), "Version"])
            (target / "version").write_text(version, "utf-8")
            target.rename(DEBIAN / package)


def _make_environment() -> None:
    say(f"bench: installing pydiode into {PYDIODE.relative_to(CACHE.parent)}")
    python = str(PYDIODE / "bin" / "python")
    pip = [
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
        "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK),
    ]  # fmt: skip
    CACHE.mkdir(exist_ok=True)
    if not _done([sys.executable, "-m", "venv", "--clear", str(PYDIODE)], CACHE) or not _done(
        pip, CACHE
    ):
        shutil.rmtree(PYDIODE, ignore_errors=True)
        return
    shutil.copy(LOCK, PYDIODE / LOCK.name)


def _pydiode_ready() -> bool:
    """Whether the environment is there, whole, and made from the lock as it is now."""
    made_from = PYDIODE / LOCK.name
    return made_from.exists() and made_from.read_bytes() == LOCK.read_bytes()


def _done(argv: list[str], folder: Path) -> bool:
    """Whether a command succeeded; if not, its last words are said."""
    try:
        ran = subprocess.run(
            argv, cwd=folder, capture_output=True, check=False, timeout=INSTALL_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"bench: {argv[0]}: {error}")
        return False
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        say(f"bench: {' '.join(argv[:3])} failed: {said}")
    return ran.returncode == 0


def _asked(argv: list[str]) -> str:
    ran = subprocess.run(
        argv, capture_output=True, check=False, timeout=ASK_S, stdin=subprocess.DEVNULL
    )
    return ran.stdout.decode("utf-8", "replace").strip()


def debian_program(package: str, program: str) -> str:
    """The path of a program of a Debian package. Raises `Missing`."""
    if found := shutil.which(program):
        return found
    unpacked = DEBIAN / package / "usr" / "bin" / program
    if not unpacked.exists():
        raise Missing(f"{program} is not installed; {_HOW}, or: sudo apt-get install {package}")
    return str(unpacked)


def debian_version(package: str) -> str:
    """The version of the package that `debian_program` finds its programs in."""
    if shutil.which(PROGRAMS[package][0]):
        asked = _asked(["dpkg-query", "--show", "--showformat=${Version}", package])
        return asked or "not Debian's"
    return (DEBIAN / package / "version").read_text("utf-8")


def pydiode_python() -> str:
    """The interpreter that has pydiode. Raises `Missing`."""
    python = PYDIODE / "bin" / "python"
    if not _pydiode_ready():
        raise Missing(f"pydiode is not installed; {_HOW}")
    return str(python)


def pydiode_version() -> str:
    """Its version and that of the interpreter that runs it."""
    words = "import importlib.metadata as m, platform as p; "
    words += "print(m.version('pydiode'), 'on Python', p.python_version())"
    return _asked([pydiode_python(), "-c", words])
