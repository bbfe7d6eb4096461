"""The whole path: real processes, real sockets, real disk. What a user of a flow would notice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "samples"


def demo(*options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "guard", "demo", "--json", *options],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def whole(result: dict[str, Any]) -> bool:
    nothing = ("gaps", "lost", "duplicates", "unaccounted", "held", "held_high")
    ledgers = (result["low_ledger"], result["high_ledger"])
    return not any(result[name] for name in nothing) and ledgers == ("verified", "verified")


@pytest.mark.parametrize("pack", ["c2", "events"])
def test_samples_good_and_hostile_are_each_delivered_or_refused(pack: str) -> None:
    code, result = demo("--pack", pack)
    assert code == 0
    assert whole(result)
    assert result["delivered"] >= 10
    assert result["refused"] >= 20
    assert result["delivered"] + result["refused"] == result["dropped"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not here")
@pytest.mark.long
@pytest.mark.parametrize("loss", ["0", "0.03"])
def test_every_real_tak_event_crosses(loss: str) -> None:
    folder = SHARED / "cot" / "examples"
    code, result = demo("--from", str(folder), "--count", "500", "--loss", loss)
    assert code == 0
    assert whole(result)
    assert (result["dropped"], result["delivered"]) == (500, 500)


def test_what_is_kept_is_schema_valid_and_has_its_sidecar(open_folder: Path) -> None:
    import xmlschema

    code, result = demo("--keep", str(open_folder / "kept"))
    assert code == 0
    schema = xmlschema.XMLSchema(str(open_folder / "kept/site/high/documents/cot-event.xsd"))
    files = sorted((open_folder / "kept/site/high/queue").glob("**/*.cot"))
    assert len(files) == result["delivered"]
    for file in files:
        schema.validate(str(file))
        sidecar = json.loads(file.with_suffix(".meta.json").read_text())
        assert sidecar["id"] == file.stem
        assert sidecar["bytes"] == file.stat().st_size
