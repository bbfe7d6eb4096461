"""A site's own stage in its real, confined process: installed into an environment of its own."""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from guard.edge.making import pack_folder
from tests.filters.own_stage import SOURCE, install

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has this project and a distribution of the site's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    used = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "this.pth").write_text("\n".join([*used, str(ROOT)]) + "\n")
    install(packages)
    return folder / "bin" / "python"


def guard(python: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-c", "from guard.cli.main import main; main()", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=python.parent
    )


def policy(folder: Path, own: str) -> Path:
    pack = pack_folder("text")
    text = (pack / "policy.toml").read_text("utf-8")
    words = '[[source.stage]]\nname = "words"'
    line = f'[[source.stage]]\nname = "shouting"\nparameters = {{words_max = 1}}\nown = {own}\n\n'
    for path in pack.glob("*.*"):
        shutil.copy(path, folder)
    (folder / "policy.toml").write_text(text.replace(words, line + words, 1))
    return folder / "policy.toml"


def test_it_is_listed_with_its_pin_and_decides_when_that_is_in_the_policy(
    python: Path, tmp_path: Path
) -> None:
    listed = guard(python, "filters", "own", "--json")
    assert listed.returncode == 0, listed.stderr
    (told,) = json.loads(listed.stdout)
    assert (told["name"], told["kind"], told["version"]) == ("shouting", "filter", 3)
    file = policy(tmp_path, told["own"])
    (tmp_path / "quiet.txt").write_text("an ABBREVIATION is fine\n")
    (tmp_path / "loud.txt").write_text("READ THIS NOW\n")
    done = guard(python, "try", "--policy", file, "--json", tmp_path / "quiet.txt",
                 tmp_path / "loud.txt")  # fmt: skip
    quiet, loud = map(json.loads, done.stdout.splitlines())
    assert quiet["verdict"] == "pass", done
    assert (loud["verdict"], loud["stage"], loud["reason"]) == ("refuse", "shouting", "rule-broken")


def test_a_file_that_was_changed_since_starts_no_chain(python: Path, tmp_path: Path) -> None:
    (told,) = json.loads(guard(python, "filters", "own", "--json").stdout)
    file = policy(tmp_path, told["own"])
    (tmp_path / "quiet.txt").write_text("quiet\n")
    module = next(python.parents[1].glob("lib/*/site-packages/site_shouting.py"))
    module.write_text(SOURCE + "# another\n")
    try:
        done = guard(python, "try", "--policy", file, tmp_path / "quiet.txt")
    finally:
        module.write_text(SOURCE)
    assert done.returncode not in (0, 1)
    assert "is not the one that the policy pins" in done.stderr.replace("\n", " ")


def test_one_that_no_policy_could_name_is_told_and_the_others_are_listed(python: Path) -> None:
    packages = next(python.parents[1].glob("lib/*/site-packages"))
    install(packages, name="words", distribution="site-words")
    try:
        done = guard(python, "filters", "own")
    finally:
        shutil.rmtree(packages / "site_words-1.0.dist-info")
    assert done.returncode == 1
    assert "own = {" in done.stdout
    assert "takes no name of this project's" in done.stderr.replace("\n", " ")
