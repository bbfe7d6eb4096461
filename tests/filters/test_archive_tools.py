"""Archives of the common programs pass, and hold the same files afterwards.

Each needs a program: `apt-get install zip 7zip libarchive-tools default-jre-headless`. What is
not there is skipped, and named.
"""

import gzip
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.filters.hostile.chains import Pack

FILES = {
    "notes.txt": b"all is well\n" * 2000,
    "folder/Über uns.txt": "Grüße\n".encode(),
    "folder/deep/er/small.txt": b"x\n",
    "folder/table.csv": b"a,b\n1,2\n",
}
PYTHON = sys.executable
SEVEN = next((name for name in ("7z", "7zz") if shutil.which(name)), "7z")  # 7-Zip, or its package
WHAT = ("notes.txt", "folder")
MAKERS = {
    "zip": ("zip", "a.zip", ["zip", "-qr", "a.zip", "."]),
    "zip of a stream": ("zip", "a.zip", ["sh", "-c", "zip -qr - notes.txt folder | cat > a.zip"]),
    "zip stored": ("zip", "a.zip", ["zip", "-qr0", "a.zip", "."]),
    "7-Zip": (SEVEN, "a.zip", [SEVEN, "a", "-bso0", "-tzip", "a.zip", "."]),
    "bsdtar zip": ("bsdtar", "a.zip", ["bsdtar", "-acf", "a.zip", *WHAT]),
    "jar": ("jar", "a.zip", ["jar", "cfM", "a.zip", *WHAT]),
    "Python zip": (PYTHON, "a.zip", [PYTHON, "-m", "zipfile", "-c", "a.zip", *WHAT]),
    "GNU tar": ("tar", "a.tar", ["tar", "-cf", "a.tar", *WHAT]),
    "GNU tar of a folder": ("tar", "a.tar", ["tar", "-cf", "a.tar", "--exclude=a.tar", "."]),
    "GNU tar pax": ("tar", "a.tar", ["tar", "--format=pax", "-cf", "a.tar", *WHAT]),
    "GNU tar ustar": ("tar", "a.tar", ["tar", "--format=ustar", "-cf", "a.tar", *WHAT]),
    "bsdtar": ("bsdtar", "a.tar", ["bsdtar", "-cf", "a.tar", *WHAT]),
    "Python tar": (PYTHON, "a.tar", [PYTHON, "-m", "tarfile", "-c", "a.tar", *WHAT]),
    "tar.gz": ("tar", "a.tar.gz", ["tar", "-czf", "a.tar.gz", *WHAT]),
    "bsdtar tgz": ("bsdtar", "a.tgz", ["bsdtar", "-czf", "a.tgz", *WHAT]),
}  # fmt: skip


@pytest.fixture(scope="module")
def archive_pack() -> Pack:
    return Pack("archive")


def held(archive: bytes) -> dict[str, bytes]:
    """The files in an archive, by Python's own readers."""
    if archive.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return {name: opened.read(name) for name in opened.namelist()}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [member for member in tar if member.isreg()]
        return {one.name: data.read() for one in members if (data := tar.extractfile(one))}


@pytest.mark.parametrize("name", MAKERS)
def test_an_archive_of_a_common_program_passes(
    name: str, tmp_path: Path, archive_pack: Pack
) -> None:
    program, made, command = MAKERS[name]
    if shutil.which(program) is None:
        pytest.skip(f"this host has no {program}")
    for path, contents in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(contents)
    (tmp_path / "folder" / "empty").mkdir()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    delivered = archive_pack((tmp_path / made).read_bytes())
    assert delivered.stage == "", delivered.sentence
    assert held(delivered.message.payload) == FILES
    again = archive_pack(delivered.message.payload)
    assert again.message.payload == delivered.message.payload


@pytest.mark.parametrize("program", ["unzip", SEVEN, "bsdtar"])
def test_another_program_opens_what_is_delivered(
    program: str, tmp_path: Path, archive_pack: Pack
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"this host has no {program}")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for path, contents in FILES.items():
            made.writestr(path, contents)
    delivered = archive_pack(stream.getvalue())
    (tmp_path / "a.zip").write_bytes(delivered.message.payload)
    command = {
        "unzip": ["unzip", "-qq", "a.zip"],
        SEVEN: [SEVEN, "x", "-bso0", "a.zip"],
        "bsdtar": ["bsdtar", "-xf", "a.zip"],
    }[program]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES


def test_texts_and_names_that_begin_with_the_letters_of_an_archive_pass(archive_pack: Pack) -> None:
    ustar = b"words " * 42 + b"12345ustar  words\n"
    files = {"keys.csv": b"PKID,name\n1,a\n", "notes.txt": b"PKI handbook\n", "PK.txt": ustar}
    for payload in (zip_of(files), tar_of({f"PKI/{name}": raw for name, raw in files.items()})):
        done = archive_pack(payload)
        assert not done.stage, (done.stage, done.sentence)
        assert sorted(held(done.message.payload).values()) == sorted(files.values())
    inside = zip_of({"a.txt.gz": gzip.compress(b"PK numbers\n"), "b.zip": zip_of(files)})
    assert not archive_pack(inside).stage


def zip_of(files: dict[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return kept.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return kept.getvalue()
