"""Mutated pictures, PDFs and their models, guided by which lines of our code they reach.

`python -m tests.campaigns.visual_fuzz [FORMAT ...] [--seconds N] [--seed S]` mutates the samples
of tests/filters/hostile and holds what reads a format to its contract: an answer or `Malformed`,
nothing else, within a second of processor time. A picture that a walker lets through is decoded
too. A mutant that reaches a new line joins the samples. On a failure the mutant is written to a
file and the command that repeats it is printed.
"""

import argparse
import hashlib
import os
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from filters.checks.pdf_recognise import PdfParameters
from filters.checks.pdf_recognise import make as pdf_recognise
from filters.formats import pdf_model, picture_model
from filters.formats.pdf_structure import PdfLimits
from filters.formats.picture_formats import WALKERS
from filters.formats.picture_pixels import decode
from filters.formats.picture_structure import PictureLimits
from filters.normalizers.pdf_rebuild import PdfRebuildParameters
from filters.normalizers.pdf_rebuild import make as pdf_rebuild
from filters.normalizers.pdf_rebuild import make_bounded as pdf_rebuild_within
from filters.twins import pdf_read, picture_read
from guard.edge.left_behind import bounder
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.verdict import Changed
from tests.campaigns.filters import bounded
from tests.filters.hostile.cases import Format, formats
from tests.filters.hostile.painting_forge import CONTENTS, rich

Target = Callable[[bytes], object]

DEFAULT_SECONDS = 60.0
SAMPLE_BYTES_MAX = 16_384
CPU_S_MAX = 1.0
LIMITS = PictureLimits(200_000, 400_000, 4_096, 16)
META = Meta(id="f" * 32, flow="fuzz", sender="alpha", name="x", accepted_s=1_780_000_000)
FOLDER = str(Path(__file__).parents[2] / "filters")
NUMBERS = (0, 1, 2, 3, 4, 8, 16, 32, 64, 127, 128, 255)
LETTERS = b"<>[]()/ \n0123456789.-%RobjSTREAM"


def picture_target(form: str) -> Target:
    """The walker of a format, and the decoder for what it lets through."""
    walker = WALKERS[form]

    def target(payload: bytes) -> None:
        picture, frames = decode(walker(payload, LIMITS))
        picture_model.write_frames(picture, frames)

    return target


def pdf_target() -> Target:
    """The recogniser of PDF, and the rebuild for what it lets through."""
    bounds: dict[str, Any] = {
        "objects_max": 2_000,
        "inflated_bytes_max": 5_000_000,
        "all_pixels_max": 400_000,
    }
    recognise = pdf_recognise(PdfParameters(**bounds), {})
    rebuild = pdf_rebuild(PdfRebuildParameters(**bounds), {})

    def target(payload: bytes) -> None:
        message = Message.make(META, payload)
        recognise(message)
        rebuild(message)

    return target


def painting_target() -> Target:
    """A page of any content as a picture, in a child: PDFium may end that, and nothing else may."""
    rebuild = pdf_rebuild_within(PdfRebuildParameters(way="raster", dpi=36), {}, bounder())

    def paint(payload: bytes) -> None:
        started_s = time.process_time()
        with suppress(Malformed):
            rebuild(Message.make(META, payload))
        os._exit(int(time.process_time() - started_s > CPU_S_MAX))

    def target(content: bytes) -> None:
        if not (child := os.fork()):
            try:
                paint(rich(content))
            finally:
                os._exit(2)
        _, status = os.waitpid(child, 0)
        assert status == 0, f"the child ended with {os.waitstatus_to_exitcode(status)}"

    return target


def model_target() -> Target:
    """What reads the models on both sides; both have to say the same of a picture."""
    read = pdf_read.make(pdf_read.PdfReadParameters(ways=["clean", "raster"]), {})
    bounds: dict[str, Any] = {"pixels_max": 200_000, "all_pixels_max": 400_000, "frames_max": 16}
    pictures = picture_read.make(picture_read.PictureReadParameters(**bounds), {})

    def target(payload: bytes) -> None:
        message = Message.make(META, payload)
        for reader in (
            lambda: read(message), lambda: pictures(message),
            lambda: picture_model.read(payload, LIMITS),
            lambda: pdf_model.read(payload, PdfLimits()),
        ):  # fmt: skip
            try:
                reader()
            except Malformed:
                continue

    return target


def models(given: Iterable[Format]) -> list[bytes]:
    """The models of small sound samples."""
    found = []
    rebuild = pdf_rebuild(PdfRebuildParameters(), {})
    for one in given:
        for sound in one.sound()[:6]:
            if one.name in WALKERS:
                picture, frames = decode(WALKERS[one.name](sound.payload, PictureLimits()))
                found.append(picture_model.write_frames(picture, frames))
            elif one.name == "pdf":
                answer = rebuild(Message.make(META, sound.payload))
                assert isinstance(answer, Changed)
                found.append(answer.message.payload)
    return found


class Fuzz:
    """One format: its samples, the lines that they have reached, chance by a seed."""

    def __init__(self, name: str, target: Target, samples: list[bytes], seed: int) -> None:
        self.name, self.target, self.seed = name, target, seed
        self.samples = [sample for sample in samples if len(sample) <= SAMPLE_BYTES_MAX]
        self.chance = random.Random(f"{seed} {name}")
        self.reached: set[tuple[str, int]] = set()
        self.runs = 0

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "call" and not frame.f_code.co_filename.startswith(FOLDER):
            return None
        if event == "line":
            self._now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._trace

    def mutant(self) -> bytes:
        """A sample with a few changes; of a PNG with its checksums made right again."""
        chance = self.chance
        data = bytearray(chance.choice(self.samples))
        for _ in range(chance.choice((1, 1, 2, 4, 8))):
            at = chance.randrange(len(data) + 1)
            kind = chance.randrange(6)
            if kind == 0 and at < len(data):
                data[at] = chance.choice(NUMBERS)
            elif kind == 1 and at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                del data[at : at + chance.choice((1, 2, 4, 12, 64))]
            elif kind == 3:
                data[at:at] = data[at : at + chance.choice((1, 4, 12, 64))]
            elif kind == 4:
                other = chance.choice(self.samples)
                start = chance.randrange(len(other) + 1)
                data[at : at + chance.choice((0, 8, 32))] = other[start : start + 32]
            else:
                data[at : at + 1] = bytes([chance.choice(LETTERS)])
        return checked(bytes(data)) if self.name == "png" and chance.random() < 0.8 else bytes(data)

    def run(self, payload: bytes) -> None:
        """One mutant. Raises `AssertionError` for anything but an answer or `Malformed` in time."""
        self._now: set[tuple[str, int]] = set()
        started_s = time.process_time()
        sys.settrace(self._trace)
        try:
            self.target(payload)
        except Malformed:
            pass
        finally:
            sys.settrace(None)
        assert time.process_time() - started_s < 5 * CPU_S_MAX, "too slow, even for being traced"
        if not self._now <= self.reached:
            self.reached |= self._now
            self.samples.append(payload)
        self.runs += 1

    def for_seconds(self, seconds: float) -> str:
        """Run so long; gives a line for people."""
        for sample in list(self.samples):
            self.run(sample)
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            payload = self.mutant()
            try:
                self.run(payload)
            except BaseException:
                path = Path(f"fuzz-{self.name}-{hashlib.sha256(payload).hexdigest()[:12]}")
                path.write_bytes(payload)
                print(f"again: python -m tests.campaigns.visual_fuzz {self.name} --file {path}",
                      file=sys.stderr)  # fmt: skip
                raise
        lines, samples = len(self.reached), len(self.samples)
        return f"{self.name}: {self.runs:,} runs, {lines:,} lines, {samples:,} samples"


def checked(data: bytes) -> bytes:
    """A PNG with right checksums, as far as its chunks can be followed."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        if len(body) < 4 + length:
            break
        out += data[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return out + data[at:]


def fuzzers(names: list[str], seed: int) -> list[Fuzz]:
    """A fuzzer for each name, of all if none is named."""
    known = {one.name: one for one in formats() if one.name in {*WALKERS, "pdf"}}
    found = []
    for name in names or [*known, "painting", "models"]:
        if name == "painting":
            found.append(Fuzz(name, painting_target(), list(CONTENTS), seed))
            continue
        if name == "models":
            found.append(Fuzz(name, model_target(), models(known.values()), seed))
            continue
        given = known[name]
        samples = [case.payload for case in given.hostile() if not bounded(given, case)]
        samples += [sound.payload for sound in known[name].sound()]
        target = pdf_target() if name == "pdf" else picture_target(name)
        found.append(Fuzz(name, target, samples, seed))
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", nargs="*")
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", type=Path, help="run this one file instead")
    given = parser.parse_args(arguments)
    for fuzz in fuzzers(given.format, given.seed):
        if given.file:
            fuzz.run(given.file.read_bytes())
        else:
            print(fuzz.for_seconds(given.seconds), flush=True)


if __name__ == "__main__":
    main()
