"""`guard submit`: what is dropped, under which name, and what is said of it."""

import json
import os
from pathlib import Path

import pytest

from guard.edge.dropping import DropDirectory
from guard.edge.making import PACKS, Made
from tests.guard.cli.conftest import Guard

SAMPLES = PACKS / "c2" / "samples"
GOOD, BAD = SAMPLES / "position.cot", SAMPLES / "hostile" / "cut-short.cot"


def drops(site: Made) -> dict[str, bytes]:
    folder = site.low / "spool" / "drop" / "alpha"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_is_dropped_whole_and_nothing_else_is_left(site: Made, guard: Guard) -> None:
    result = guard("submit", "--site", site.low, GOOD)
    assert result.exit_code == 0
    assert "position.cot  dropped" in result.stdout
    assert drops(site) == {"position.cot": GOOD.read_bytes()}


def test_options_become_the_sidecar(site: Made, guard: Guard) -> None:
    guard("submit", "--site", site.low, "--label", "RESTRICTED", "--precedence", "flash_override",
          "--type", "text/xml", "--destination", "HIGH", GOOD)  # fmt: skip
    assert json.loads(drops(site)["position.cot.meta.json"]) == {
        "label": "RESTRICTED",
        "precedence": "FLASH OVERRIDE",
        "type": "text/xml",
        "destination": "HIGH",
    }


def test_a_name_that_is_taken_replaces_nothing(site: Made, guard: Guard, tmp_path: Path) -> None:
    other = tmp_path / "position.cot"
    other.write_bytes(b"other")
    guard("submit", "--site", site.low, "--label", "SECRET", GOOD)
    result = guard("submit", "--site", site.low, "--json", other, other)
    names = [each["name"] for each in json.loads(result.stdout)]
    assert names == ["position-2.cot", "position-3.cot"]
    assert drops(site)["position.cot"] == GOOD.read_bytes()
    assert "position-2.cot.meta.json" not in drops(site)


def test_a_name_is_not_given_the_sidecar_of_another(site: Made, guard: Guard) -> None:
    folder = site.low / "spool" / "drop" / "alpha"
    (folder / "position.cot.meta.json").write_text('{"label": "SECRET"}')
    result = guard("submit", "--site", site.low, "--json", GOOD)
    assert json.loads(result.stdout)[0]["name"] == "position-2.cot"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (".hidden", b"x", "begin with a dot"),
        ("event.part", b"x", "end in .part"),
        ("event.meta.json", b"x", "end in .part"),
        ("two\nlines", b"x", "control"),
        (os.fsdecode(b"\xff"), b"x", "UTF-8"),
        ("n" * 255, b"x", "File name too long"),
        ("empty.xml", b"", "is empty"),
        ("large.xml", bytes(1024 * 1024 + 1), "larger than this flow takes"),
    ],
)
def test_what_cannot_be_a_drop_is_said_and_the_rest_is_dropped(
    site: Made, guard: Guard, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = guard("submit", "--site", site.low, "--json", tmp_path / name, GOOD)
    bad, good = json.loads(result.stdout)
    assert result.exit_code == 1
    assert bad["outcome"] == "not dropped"
    assert said in bad["sentence"]
    assert good["outcome"] == "dropped"
    assert list(drops(site)) == ["position.cot"]


def test_a_fifo_or_a_folder_is_not_waited_for(site: Made, guard: Guard, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    result = guard("submit", "--site", site.low, tmp_path / "fifo", tmp_path, tmp_path / "none")
    assert result.exit_code == 1
    assert result.stdout.count("not dropped") == 3


def test_the_wrong_side_sender_or_option_is_said(site: Made, guard: Guard) -> None:
    result = guard("submit", "--site", site.high, GOOD)
    assert (result.exit_code, "high side's folder" in result.stderr) == (3, True)
    result = guard("submit", "--site", site.low, "--sender", "../..", GOOD)
    assert (result.exit_code, "it knows alpha" in result.stderr) == (2, True)
    result = guard("submit", "--site", site.low, "--label", "A\nB", GOOD)
    assert (result.exit_code, "printable" in result.stderr) == (2, True)


def test_no_answer_in_time_is_an_answer(site: Made, guard: Guard) -> None:
    result = guard("submit", "--site", site.low, "--wait", "--timeout", "0.2", GOOD)
    assert result.exit_code == 1
    assert "no answer" in result.stdout


def test_wait_tells_what_became_of_each(running_low: Path, guard: Guard, tmp_path: Path) -> None:
    bad = tmp_path / GOOD.name  # the same name as the good one
    bad.write_bytes(BAD.read_bytes())
    result = guard("submit", "--site", running_low, "--wait", "--json", GOOD, bad, GOOD)
    told = json.loads(result.stdout)
    assert [each["outcome"] for each in told] == ["released", "refused", "released"]
    assert len({each["id"] for each in told}) == 3
    assert result.exit_code == 1
    assert guard("submit", "--site", running_low, "--wait", GOOD).exit_code == 0


def test_a_claim_that_fits_no_policy_is_refused(running_low: Path, guard: Guard) -> None:
    result = guard("submit", "--site", running_low, "--wait", "--type", "application/json", GOOD)
    assert result.exit_code == 1
    assert "refused" in result.stdout


def test_what_was_moved_away_as_no_message_is_found_by_its_inode(site: Made) -> None:
    directory = DropDirectory(site.low, "alpha")
    dropped = directory.drop("event.xml", b"<event/>", {})
    assert not directory.was_no_message(dropped)
    spool = site.low / "spool"
    (spool / "drop" / "alpha" / "event.xml").rename(spool / "refused" / "alpha" / "0123")
    assert directory.was_no_message(dropped)
