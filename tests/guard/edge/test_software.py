"""The software itself: who may write it, the signed list of it, and a start that refuses."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.edge.keys import new_secret, public_of, write_secret
from guard.edge.ledger_files import LedgerReader
from guard.edge.software import (
    Installed,
    Users,
    differences,
    manifest_of,
    read_manifest,
    writable_by,
)
from guard.edge.software_check import EDITABLE, sign_manifest, verify_software
from schemas.entry import Entry, Kind
from schemas.errors import Forged, Malformed

ROOT = Path(__file__).parents[3]
VECTOR = ROOT / "tests" / "vectors" / "software" / "manifest-v1.txt"
RUNS = 61_001
USERS = Users(frozenset({RUNS}), frozenset({RUNS}))
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
START_WITHIN_S = 300


@pytest.fixture
def tree() -> Iterator[Installed]:
    """A small installation: two packages, bytecode, a link, a native library beside it."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        packages, library = top / "site-packages", top / "libisal.so.2"
        (packages / "guard" / "__pycache__").mkdir(parents=True)
        (packages / "guard" / "a.py").write_bytes(b"foo")
        (packages / "guard" / "__pycache__" / "a.pyc").write_bytes(b"bytecode")
        (packages / "b.so").symlink_to("b.so.1")
        (packages / "b.so.1").write_bytes(b"native")
        library.write_bytes(b"bar")
        yield Installed((packages,), (library,))


def signed(tree: Installed, folder: Path) -> tuple[Path, Path]:
    manifest, key, public = folder / "software.manifest", folder / "s.key", folder / "software.pub"
    seed = new_secret()
    write_secret(key, seed)
    public.write_text(public_of(seed).hex() + "\n")
    manifest.write_bytes(manifest_of(tree))
    sign_manifest(manifest, key)
    return manifest, public


def test_the_manifest_is_the_text_of_the_specification(tree: Installed) -> None:
    top = tree.folders[0].parent
    text = manifest_of(tree).decode().replace(f"native{top}/", "native/usr/lib/")
    assert text == VECTOR.read_text()
    assert read_manifest(VECTOR.read_bytes())["site/b.so"] == "-> b.so.1"


def test_the_installation_that_was_signed_is_the_one_that_verifies(
    tree: Installed, tmp_path: Path
) -> None:
    manifest, public = signed(tree, tmp_path)
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert verify_software(manifest, public, tree) == digest


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda top: (top / "guard" / "a.py").write_bytes(b"fop"), "guard/a.py is changed"),
        (lambda top: (top / "guard" / "a.py").unlink(), "guard/a.py is missing"),
        (lambda top: (top / "evil.pth").write_text("import os"), "evil.pth is not in the manifest"),
        (lambda top: (top / "sitecustomize.py").write_text(""), "sitecustomize.py is not in the"),
        (
            lambda top: (top / "guard" / "__pycache__" / "a.pyc").write_bytes(b"other"),
            "a.pyc is changed",
        ),
        (
            lambda top: ((top / "b.so").unlink(), (top / "b.so").symlink_to("/tmp/x.so")),
            "b.so is changed",
        ),
        (lambda top: (top.parent / "libisal.so.2").write_bytes(b"!"), "libisal.so.2 is changed"),
    ],
)
def test_whatever_python_could_load_instead_is_a_difference(
    tree: Installed, tmp_path: Path, change: object, told: str
) -> None:
    manifest, public = signed(tree, tmp_path)
    assert callable(change)
    change(tree.folders[0])
    with pytest.raises(Forged, match=told):
        verify_software(manifest, public, tree)


def test_a_manifest_of_another_key_or_without_a_signature_is_refused(
    tree: Installed, tmp_path: Path
) -> None:
    manifest, public = signed(tree, tmp_path)
    manifest.write_bytes(manifest.read_bytes().replace(b"guard", b"guarb"))
    with pytest.raises(Forged, match="is not what the key"):
        verify_software(manifest, public, tree)
    (tmp_path / "software.manifest.sig").unlink()
    with pytest.raises(Malformed, match="cannot be read"):
        verify_software(manifest, public, tree)


@pytest.mark.parametrize(
    "untrusted",
    [
        b"", b"\xff", b"checkvalve software manifest v2\n", b"checkvalve software manifest v1",
        b"checkvalve software manifest v1\nname without mark\n",
        b"checkvalve software manifest v1\nb\tx\na\tx\n",
        b"checkvalve software manifest v1\na\tx\na\tx\n",
        b"checkvalve software manifest v1\n\tx\n",
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_malformed(untrusted: bytes) -> None:
    with pytest.raises(Malformed, match="no software manifest"):
        read_manifest(untrusted)


def test_only_some_of_many_differences_are_told() -> None:
    told = differences({f"site/{n}": "x" for n in range(100)}, {})
    assert len(told) == 21
    assert told[-1] == "and 80 more"


def test_code_that_only_its_owner_may_write_is_well(tree: Installed) -> None:
    assert writable_by(tree, USERS) == []


@AS_ROOT
@pytest.mark.parametrize("name", [".", "guard", "guard/a.py", "guard/__pycache__/a.pyc"])
@pytest.mark.parametrize("way", ["owner", "group", "everybody"])
def test_a_place_that_a_run_time_user_may_write_is_found(
    tree: Installed, name: str, way: str
) -> None:
    path = tree.folders[0] / name
    mode = stat.S_IMODE(path.stat().st_mode)
    if way == "owner":
        os.chown(path, RUNS, -1)
        path.chmod(mode & ~0o222)  # an owner can give himself the right
    elif way == "group":
        os.chown(path, -1, RUNS)
        path.chmod(mode | 0o020)
    else:
        path.chmod(mode | 0o002)
    assert [each.path for each in writable_by(tree, USERS)] == [path.resolve()]


@AS_ROOT
def test_a_folder_above_and_the_end_of_a_link_count_too(tree: Installed, tmp_path: Path) -> None:
    above, elsewhere = tree.folders[0].parent, tmp_path / "lib.so"
    elsewhere.write_bytes(b"")
    elsewhere.chmod(0o666)
    (tree.folders[0] / "c.so").symlink_to(elsewhere)
    os.chown(above, RUNS, RUNS)
    found = {each.path for each in writable_by(tree, USERS)}
    assert found == {above.resolve(), elsewhere.resolve()}


def command(python: str, *words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, "-I", "-m", "guard", *map(str, words)],
        capture_output=True, text=True, timeout=START_WITHIN_S, cwd="/",
    )  # fmt: skip


def test_a_source_tree_is_not_signed_and_says_so() -> None:
    told = command(sys.executable, "integrity", "manifest", "/dev/shm/never-made")
    if told.returncode == 0:
        pytest.skip("this runs from an installed package")
    assert told.returncode == 3
    assert "is a source tree, installed to be edited" in told.stderr
    assert EDITABLE.startswith("unsigned")


@pytest.fixture(scope="module")
def installed_python() -> Iterator[str]:
    """The package itself in an environment of its own; its dependencies are the ones here."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", top / "venv"], check=True)
        python = top / "venv" / "bin" / "python"
        where = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
             "--no-build-isolation", "--target", where, ROOT],
            check=True, timeout=START_WITHIN_S,
        )  # fmt: skip
        import lxml

        Path(where, "others.pth").write_text(f"{Path(lxml.__file__).parents[1]}\n")
        yield str(python)


def run_entry(ledger: Path) -> Entry:
    reader = LedgerReader(ledger)
    try:
        return next(entry for entry in reader.take() if entry["kind"] == Kind.RUN)
    finally:
        reader.close()


def start_low(python: str, low: Path) -> tuple[str, str]:
    """Start the low side and stop it when it runs; (its first event or "", standard error)."""
    with subprocess.Popen(
        [python, "-I", "-m", "guard", "run", "low", "--site", low, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
    ) as side:  # fmt: skip
        assert side.stdout is not None
        assert side.stderr is not None
        line = side.stdout.readline()
        side.terminate()
        return (json.loads(line)["event"] if line else ""), side.stderr.read()


def test_a_site_that_asks_for_it_starts_only_what_was_signed(
    installed_python: str,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        assert command(installed_python, "init", "--demo", top / "s").returncode == 0
        low, key = top / "s" / "low", top / "software.key"
        public = command(installed_python, "policy", "new-key", key).stdout.strip()
        manifest = low / "trust" / "software.manifest"
        (low / "trust" / "software.pub").write_text(public + "\n")
        told = command(installed_python, "integrity", "manifest", manifest)
        assert told.returncode == 0, told.stderr
        with (low / "site.toml").open("a") as settings:
            settings.write('software_manifest = "trust/software.manifest"\n')

        event, error = start_low(installed_python, low)
        assert event == ""
        assert "its signature cannot be read" in error

        assert (
            command(installed_python, "integrity", "sign", manifest, "--key", key).returncode == 0
        )
        event, error = start_low(installed_python, low)
        assert event == "running", error
        digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
        assert run_entry(low / "ledger")["software_digest"] == digest

        packages = Path(installed_python).parents[1] / "lib"
        changed = next(packages.glob("python3*/site-packages/filters/checks/words.py"))
        original = changed.read_bytes()
        changed.write_bytes(original + b"\n")
        event, error = start_low(installed_python, low)
        changed.write_bytes(original)
        assert event == ""
        assert "site/filters/checks/words.py is changed" in error
