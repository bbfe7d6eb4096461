"""Each format's samples through each pack that takes it: refused by the right reason, or rebuilt.

Samples are made by tests/filters/hostile/FORMAT.py. A format is under this suite as
soon as its module is there.
"""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from schemas.reasons import Reason
from tests.filters.hostile.cases import Format, formats
from tests.filters.hostile.chains import Pack

ROOT = Path(__file__).parents[3]
HOSTILE_SAMPLES_MIN = 60
CPU_S_MAX = 1.0
GROWN_MB_MAX = 300.0
RUNS = [(given, pack) for given in formats() for pack in given.packs]
IDS = [f"{given.name}-{pack}" for given, pack in RUNS]


def hostile(given: Format) -> list[tuple[str, tuple[str, ...], bytes]]:
    """Name, reasons and digest of each sample, made now."""
    made = given.hostile()
    return [(case.name, case.reasons, hashlib.sha256(case.payload).digest()) for case in made]


made_before = cache(hostile)


def outcomes(given: Format, pack: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.filters.hostile.chains", given.name, pack],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("given", "pack"), RUNS, ids=IDS)
def test_hostile_samples_are_refused_by_the_right_reason_and_sound_ones_rebuilt(
    given: Format, pack: str
) -> None:
    wanted = {name: reasons for name, reasons, _ in made_before(given)}
    assert {Reason(reason) for reasons in wanted.values() for reason in reasons}
    wrong: list[tuple[object, ...]] = []
    for found in outcomes(given, pack):
        if found["kind"] == "hostile":
            right = found["stage"] and found["reason"] in wanted[found["name"]]
        else:
            right = not found["stage"] and found["again"] == found["delivered"]
        if not right or found["cpu_s"] > CPU_S_MAX or found["grown_mb"] > GROWN_MB_MAX:
            wrong.append(tuple(found.values()))
    assert wrong == []


@pytest.mark.parametrize("given", list(formats()), ids=[given.name for given in formats()])
def test_there_are_enough_hostile_samples_each_with_a_name_of_its_own(given: Format) -> None:
    names = [name for name, _, _ in made_before(given)]
    assert len(names) == len(set(names)) >= HOSTILE_SAMPLES_MIN
    assert hostile(given) == made_before(given)


def unpacked(payload: bytes) -> bytes:
    """The bytes, and those that they hold deflated: parts of a ZIP file, what gzip holds."""
    held = [payload]
    if payload.startswith(b"PK"):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(payload)) as opened:
            held += map(opened.read, opened.namelist())
    if payload.startswith(b"\x1f\x8b"):
        held.append(zlib.decompressobj(31).decompress(payload))
    return b"\n".join(held)


@pytest.mark.parametrize(("given", "pack"), RUNS, ids=IDS)
def test_what_is_outside_the_model_does_not_survive(given: Format, pack: str) -> None:
    chains = Pack(pack)
    survived = []
    for sound in given.sound():
        delivered = chains(sound.payload, sound.type)
        assert not delivered.stage, (sound.name, delivered.sentence)
        assert all(trace in unpacked(sound.payload) for trace in sound.gone), sound.name
        after = unpacked(delivered.message.payload)
        survived += [(sound.name, trace) for trace in sound.gone if trace in after]
    assert survived == []
