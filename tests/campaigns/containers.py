"""Coverage-guided attack on what opens containers: python -m tests.campaigns.containers

Takes the samples of tests/filters/hostile as seeds, changes bytes, fields and pieces of them, and
keeps whatever reaches a line that none reached before. Each input must be answered with a model or
`Malformed`, within a second of processor time, twice alike; of the models both sides must think the
same. A failure prints the input and the command that repeats it.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from filters.formats import (
    archive_model,
    gzip_recogniser,
    odf_package,
    office_model,
    ooxml_package,
    tar_recogniser,
    zip_recogniser,
)  # fmt: skip
from filters.formats.container_limits import ContainerLimits, Purse
from filters.formats.odf_rebuild import OdfBuilder
from filters.formats.office_names import read as read_names
from filters.formats.office_rules import Dropped, OfficeRules
from filters.formats.ooxml_rebuild import OoxmlBuilder
from filters.twins.archive_read import ArchiveReadParameters, archive
from filters.twins.office_read import OfficeReadParameters, document
from schemas.cbor import encode
from schemas.errors import Malformed
from tests.filters.hostile import docx, gzip, odf_forge, odt, ooxml_forge, tar, xlsx, zip_forge
from tests.filters.hostile import zip as zip_samples

PACK = Path(__file__).parents[2] / "schemas" / "packs" / "office"
WATCHED = str(PACK.parents[2] / "filters")
INPUT_BYTES_MAX = 64 << 10
ANSWER_S_MAX = 1.0
KINDS: list[Any] = ["docx", "xlsx", "pptx", "odt", "ods", "odp", "odg", "odf"]
LIMITS = ContainerLimits(entry_bytes_max=1 << 20, total_bytes_max=4 << 20)
Look = Callable[[bytes], object]


def _both(source: Look, twin: Look, *, twin_is_stricter: bool = False) -> Look:
    """A look by both sides, which must agree on whether the bytes are a model.

    twin_is_stricter: the destination's reader checks more than shape, and may refuse alone.
    """

    def look(untrusted: bytes) -> object:
        found = []
        for side in (source, twin):
            try:
                found.append(side(untrusted))
            except Malformed:
                found.append(None)
        alone = found[0] is not None and found[1] is None
        if (found[0] is None and found[1] is not None) or (alone and not twin_is_stricter):
            raise AssertionError("one side takes what the other refuses")
        return found[0]

    return look


def targets() -> dict[str, tuple[Look, list[bytes]]]:
    """Name -> what looks at the bytes, and seeds."""
    rules = OfficeRules(kinds=KINDS, pictures="drop", revisions="accept", embedded="drop",
                        external="drop", fields="drop", macros="drop")  # fmt: skip
    ooxml = read_names((PACK / "ooxml-names.txt").read_bytes())
    odf = read_names((PACK / "odf-names.txt").read_bytes())

    def words(untrusted: bytes) -> object:
        package = ooxml_package.read(untrusted, Purse(LIMITS))
        return OoxmlBuilder(package, ooxml, Dropped(rules), lambda *_: None).model()

    def open_document(untrusted: bytes) -> object:
        package = odf_package.read(untrusted, Purse(LIMITS))
        return OdfBuilder(package, odf, Dropped(rules), lambda *_: None).model()

    bounds = ArchiveReadParameters(entries_max=65_535, depth_levels_max=8)
    taken = OfficeReadParameters(kinds=KINDS, hyperlinks="keep")
    stored = [ooxml_forge.package(kind).write(method=0) for kind in ("docx", "xlsx", "pptx")]
    models = [encode(_as_model(words(one))) for one in stored]
    one: dict[str, Any] = {"name": "a.txt", "part": "text", "data": b"x"}
    crossed = encode({"archive": 1, "kind": "zip", "entries": [one, {**one, "name": "b/c.txt"}]})
    return {
        "zip": (lambda raw: zip_recogniser.recognise(raw, Purse(LIMITS)), _seeds(zip_samples)),
        "tar": (lambda raw: tar_recogniser.recognise(raw, Purse(LIMITS)), _seeds(tar)),
        "gzip": (lambda raw: gzip_recogniser.recognise(raw, Purse(LIMITS)), _seeds(gzip)),
        "ooxml": (words, stored + _seeds(docx)[:60] + _seeds(xlsx)[:60]),
        "odf": (open_document, [_stored_odf(kind) for kind in odf_forge.TYPES] + _seeds(odt)),
        "archive model": (_both(archive_model.read, lambda raw: archive(raw, bounds)), [crossed]),
        "office model": (
            _both(office_model.read, lambda raw: document(raw, taken), twin_is_stricter=True),
            models,
        ),
    }


def _as_model(found: object) -> Any:
    return found


def _stored_odf(kind: str) -> bytes:
    entries = odf_forge.package(kind).entries()
    return zip_forge.zip_of(*[zip_forge.Entry(one.name, one.contents) for one in entries])


def _seeds(module: Any) -> list[bytes]:
    """The module's samples that are small."""
    found = [case.payload for case in module.hostile()] + [one.payload for one in module.sound()]
    return [payload for payload in found if len(payload) <= INPUT_BYTES_MAX // 4]


@dataclass
class Guided:
    """The inputs that reached something new, and the lines that were reached."""

    look: Look
    chance: random.Random
    corpus: list[bytes]
    reached: set[tuple[str, int]] = field(default_factory=set)

    def trace(self, untrusted: bytes) -> bool:
        """Look at the bytes once; whether a line was reached that none reached before."""
        before = len(self.reached)
        reached = self.reached

        def lines(frame: FrameType, event: str, _argument: Any) -> Any:
            reached.add((frame.f_code.co_filename, frame.f_lineno))
            return lines

        def calls(frame: FrameType, _event: str, _argument: Any) -> Any:
            return lines if frame.f_code.co_filename.startswith(WATCHED) else None

        sys.settrace(calls)
        try:
            self.answered(untrusted)
        finally:
            sys.settrace(None)
        return len(reached) > before

    def answered(self, untrusted: bytes) -> str:
        """A model, or the reason of `Malformed`; anything else escapes."""
        try:
            self.look(untrusted)
        except Malformed as error:
            return str(error.reason)
        return ""

    def mutated(self) -> bytes:
        """One input of the corpus, changed in one to eight places."""
        chance = self.chance
        data = bytearray(chance.choice(self.corpus))
        for _ in range(1 << chance.randrange(4)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(7):
                case 0:
                    data[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    data[at : at + chance.randrange(16)] = b""
                case 2:
                    data[at:at] = chance.randbytes(chance.randrange(1, 9))
                case 3:
                    other = chance.choice(self.corpus)
                    start = chance.randrange(len(other) + 1)
                    data[at : at + chance.randrange(64)] = other[
                        start : start + chance.randrange(64)
                    ]
                case 4:
                    width = chance.choice((1, 2, 4, 8))
                    value = chance.choice(
                        (0, 1, 7, 0x7F, 0xFF, 2 ** (8 * width - 1), 2 ** (8 * width) - 1)
                    )
                    data[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
                case 5 if data:
                    at %= len(data)
                    data[at] ^= 1 << chance.randrange(8)
                case _:
                    size = chance.randrange(32)
                    data[at:at] = data[at : at + size]
        return bytes(data[:INPUT_BYTES_MAX])


def attack(name: str, look: Look, seeds: list[bytes], seed: int, seconds: float) -> str:
    """Attack one target; one line that says what it came to. An escape is an `AssertionError`."""
    guided = Guided(look, random.Random(f"{name} {seed}"), [])
    for payload in seeds:
        guided.trace(payload)
        guided.corpus.append(payload)
    ends, count, found = time.monotonic() + seconds, 0, 0
    while time.monotonic() < ends:
        payload = guided.mutated()
        count += 1
        began = time.process_time()
        try:
            is_new = guided.trace(payload) if count % 4 == 0 else False
            answer = guided.answered(payload)
            assert guided.answered(payload) == answer, "two answers to the same bytes"
        except Exception as error:
            raise AssertionError(
                f"{type(error).__name__}: {error}\ninput: {payload.hex()}"
            ) from error
        assert time.process_time() - began < 4 * ANSWER_S_MAX, f"too slow\ninput: {payload.hex()}"
        if is_new:
            found += 1
            guided.corpus.append(payload)
    return f"{name}: {count} inputs, {len(guided.reached)} lines reached, {found} inputs kept"


def campaign(seconds: float, seed: int, only: str = "", seeds_max: int = 1000) -> Iterator[str]:
    """Attack every target (or one) for so long each, beginning with so many seeds."""
    for name, (look, seeds) in targets().items():
        if only in ("", name):
            yield attack(name, look, seeds[:seeds_max], seed, seconds)


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.containers")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one target: " + ", ".join(targets()))
    given = parser.parse_args(arguments)
    try:
        for line in campaign(given.seconds, given.seed, given.only):
            print(line, flush=True)
    except AssertionError as error:
        print(error, file=sys.stderr)
        print(f"again: python -m tests.campaigns.containers --seed {given.seed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
