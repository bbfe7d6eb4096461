"""`guard label` on files: a label in STANAG 4774 and back, and what is no label."""

from pathlib import Path

from filters.formats.label_4774 import read_label
from tests.guard.cli.conftest import Guard

TEXT = "ALLIANCE SECRET//BALTIC//REL TO FRA, GBR"


def test_a_label_is_written_as_4774_and_read_again(guard: Guard, tmp_path: Path) -> None:
    file = tmp_path / "label.xml"
    words = ("label", "convert", TEXT, "--policy", "alliance", "--out", "4774", "--file", file)
    assert guard(*words).exit_code == 0
    label = read_label(file.read_bytes())
    assert (label.policy.uri, label.classification) == ("urn:oid:2.999.7.2", "SECRET")
    assert label.created_ms is not None
    again = guard("label", "convert", file, "--policy", "alliance", "--in", "4774")
    assert (again.exit_code, again.stdout) == (0, f"{TEXT}\n")
    shown = guard("label", "show", file, "--policy", "alliance", "--in", "4774")
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, TEXT)


def test_a_file_that_is_no_label_of_the_policy(guard: Guard, tmp_path: Path) -> None:
    file = tmp_path / "label.xml"
    guard("label", "convert", TEXT, "--policy", "alliance", "--out", "4774", "--file", file)
    other = guard("label", "check", file, "--policy", "kestria", "--in", "4774")
    assert other.exit_code == 1
    assert "V1" in other.stdout
    file.write_bytes(b"<label/>")
    for form in ("4774", "ism", "st0102"):
        assert guard("label", "check", file, "--policy", "kestria", "--in", form).exit_code == 1


def test_a_policys_label_is_no_st0102_set(guard: Guard) -> None:
    done = guard("label", "convert", TEXT, "--policy", "alliance", "--out", "st0102")
    assert done.exit_code == 1
    assert "MISB ST 0102" in done.stdout
    assert guard("label", "convert", TEXT, "--policy", "alliance", "--out", "ism").exit_code == 1
