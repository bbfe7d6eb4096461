"""The software itself: which files are code, who may write them, and what a signed list says.

Takes folders and user ids, gives a manifest, its digest, or the differences; may read and list
files. Follows docs/spec/software.md. Not looked at: access control lists beyond the mode bits.
"""

import hashlib
import json
import os
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import Malformed
from schemas.reasons import Reason

FIRST_LINE = "checkvalve software manifest v1"
SIGNED_CONTEXT = b"checkvalve software signature v1\n"
MANIFEST_BYTES_MAX = 32 * 1024 * 1024
FILES_MAX = 200_000
OWN_PACKAGES = ("guard", "filters", "schemas", "diode_sim")
_NATIVE = ("libisal.so.2",)
_LIBRARY_FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib")
_ASK = (
    "import json, site, sys, sysconfig, importlib.util as u; at = sysconfig.get_path;"
    " print(json.dumps({'path': sys.path, 'own': u.find_spec('guard').origin,"
    " 'packages': [at('purelib'), at('platlib'), *site.getsitepackages()],"
    " 'standard': [at('stdlib'), at('platstdlib')]}))"
)
_ASK_WITHIN_S = 60
_OTHERS_PACKAGES = ("site-packages", "dist-packages")  # below Python's own
_BETWEEN = "\t"
_HASHERS = 4
_DIFFERENCES_MAX = 20


@dataclass(frozen=True, slots=True)
class Installed:
    """Where this program's code lies.

    folders   of packages, in the order of the import path, ours first
    native    libraries by absolute path
    python    folders and files of Python itself; editable: our packages lie in a source tree
    """

    folders: tuple[Path, ...]
    native: tuple[Path, ...] = ()
    python: tuple[Path, ...] = ()
    editable: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Users:
    """The ids that processes run under."""

    uids: frozenset[int]
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Writable:
    """A place of the code that a run-time user may write, and why."""

    path: Path
    why: str


@dataclass(slots=True)
class _Walk:
    users: Users
    found: dict[str, str] = field(default_factory=dict)


def installed() -> Installed:
    """Of this interpreter, as its isolated processes (`python -I`) see it: one of them is asked."""
    asked = subprocess.run(  # noqa: S603  # this interpreter and a constant
        [sys.executable, "-I", "-c", _ASK], check=True, capture_output=True, cwd="/", env={},
        stdin=subprocess.DEVNULL, timeout=_ASK_WITHIN_S,
    )  # fmt: skip
    told = json.loads(asked.stdout)
    standard = {Path(path).resolve() for path in told["standard"]}
    packages = {Path(path).resolve() for path in told["packages"]}
    own = Path(told["own"]).resolve().parents[1]
    folders = [
        path for name in dict.fromkeys(told["path"])
        if (path := Path(name).resolve()).is_dir() and path != own
        if path in packages or not any(path.is_relative_to(top) for top in standard)
    ]  # fmt: skip
    if own in packages:
        folders.insert(0, own)
    python = (*sorted(standard), Path(sys.executable), Path(sys.executable).resolve())
    editable = () if own in packages else tuple(own / name for name in OWN_PACKAGES)
    return Installed(tuple(dict.fromkeys(folders)), tuple(_native()), python, editable)


def _native() -> Iterator[Path]:
    multiarch = str(sysconfig.get_config_var("MULTIARCH") or "")
    for folder in _LIBRARY_FOLDERS:
        for name in _NATIVE:
            for path in (Path(folder, name), Path(folder, multiarch, name)):
                if path.exists():
                    yield path


# -- who may write it ------------------------------------------------------------------------


def writable_by(where: Installed, users: Users) -> list[Writable]:
    """Every place of the code, and every folder above it, that one of the users may write."""
    walk = _Walk(users)
    tops = (*where.folders, *where.editable, *where.native, *where.python)
    for above in {parent for top in tops for parent in (*top.parents, *top.resolve().parents)}:
        _look(walk, str(above), os.stat(above))
    for real in {top.resolve() for top in tops}:
        _look(walk, str(real), os.stat(real))
        if real.is_dir():
            _look_below(walk, str(real), others=real in where.python)
    return [Writable(Path(path), walk.found[path]) for path in sorted(walk.found)]


def _look_below(walk: _Walk, folder: str, *, others: bool = False) -> None:
    """others: packages right below, which are not on our path, are not looked at."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                _look_through(walk, entry.path)
                continue
            _look(walk, entry.path, entry.stat(follow_symlinks=False))
            if entry.is_dir(follow_symlinks=False) and not (
                others and entry.name in _OTHERS_PACKAGES
            ):
                _look_below(walk, entry.path)


def _look_through(walk: _Walk, link: str) -> None:
    """What a link leads to, and the folder that lies in; a link to nowhere is nobody's code."""
    target = os.path.realpath(link)
    if os.path.exists(target):
        for path in (target, os.path.dirname(target)):
            _look(walk, path, os.stat(path))


def _look(walk: _Walk, path: str, status: os.stat_result) -> None:
    mode, why = status.st_mode, ""
    sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX  # others' files are safe in it
    if status.st_uid in walk.users.uids and (mode & stat.S_IWUSR or status.st_uid != 0):
        why = f"it belongs to user {status.st_uid}"
    elif status.st_gid in walk.users.gids and mode & stat.S_IWGRP and not sticky:
        why = f"group {status.st_gid} may write it"
    elif mode & stat.S_IWOTH and not sticky:
        why = "everybody may write it"
    if why:
        walk.found[path] = why


# -- the list ---------------------------------------------------------------------------------


def manifest_of(where: Installed) -> bytes:
    """The list of all files: software §2, §3. Raises `Malformed(SOFTWARE_CHANGED)` on a name that
    cannot stand in it, or too many files."""
    names = dict(_named(where))
    if len(names) > FILES_MAX:
        raise Malformed(Reason.SOFTWARE_CHANGED, f"more than {FILES_MAX:,} files are installed")
    ordered = sorted(names, key=str.encode)
    with ThreadPoolExecutor(_HASHERS) as hashers:  # hashing lets other threads run
        marks = hashers.map(lambda name: _mark(names[name]), ordered)
        lines = [f"{name}{_BETWEEN}{mark}" for mark, name in zip(marks, ordered, strict=True)]
    return "".join(line + "\n" for line in [FIRST_LINE, *lines]).encode()


def _named(where: Installed) -> Iterator[tuple[str, str]]:
    for number, top in enumerate(where.folders, start=1):
        prefix = "site" if number == 1 else f"site{number}"
        for path in _files_below(str(top)):
            yield _name(f"{prefix}/{path[len(str(top)) + 1 :]}"), path
    for library in where.native:
        yield _name(f"native{library}"), str(library.resolve())


def _name(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        name = "\n"
    if "\n" in name or _BETWEEN in name:
        raise Malformed(Reason.SOFTWARE_CHANGED, "a file's name is not UTF-8 or has control codes")
    return name


def _files_below(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path)
            else:
                yield entry.path


def _mark(path: str) -> str:
    if os.path.islink(path):
        return _name(f"-> {os.readlink(path)}")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signed_bytes(manifest: bytes) -> bytes:
    """What a key signs: software §4 (1)."""
    return SIGNED_CONTEXT + hashlib.sha256(manifest).hexdigest().encode()


def read_manifest(untrusted_manifest: bytes) -> dict[str, str]:
    """Name to hash or link. Raises `Malformed(SOFTWARE_CHANGED)`: software §2."""
    wrong = Malformed(Reason.SOFTWARE_CHANGED, "this is no software manifest of version 1")
    try:
        head, *lines = untrusted_manifest.decode().split("\n")
    except UnicodeDecodeError:
        raise wrong from None
    if head != FIRST_LINE or lines[-1:] != [""] or len(lines) > FILES_MAX + 1:
        raise wrong
    listed: dict[str, str] = {}
    for line in lines[:-1]:
        name, separator, mark = line.partition(_BETWEEN)
        if not separator or not name:
            raise wrong
        listed[name] = mark
    names = list(listed)
    if len(names) != len(lines) - 1 or names != sorted(names, key=str.encode):
        raise wrong
    return listed


def differences(listed: dict[str, str], found: dict[str, str]) -> list[str]:
    """A sentence a file, at most some: software §5 (2)."""
    told = [f"{name} is missing" for name in listed.keys() - found.keys()]
    told += [f"{name} is not in the manifest" for name in found.keys() - listed.keys()]
    told += [
        f"{name} is changed"
        for name in listed.keys() & found.keys() if listed[name] != found[name]
    ]  # fmt: skip
    told.sort()
    more = len(told) - _DIFFERENCES_MAX
    return told if more <= 0 else [*told[:_DIFFERENCES_MAX], f"and {more} more"]


def first(found: Iterable[Writable]) -> str:
    """A sentence about the first of them, and how many there are."""
    places = list(found)
    more = f" (and {len(places) - 1} more places)" if len(places) > 1 else ""
    return f"{places[0].path}: {places[0].why}{more}"
