"""Mutated samples through the packs' chains, guided by the lines of our own that they reach.

`python -m tests.campaigns.filters [--minutes M] [--pack NAME] [--seed S]` takes the samples of
every format that a pack takes, changes them (bytes, pieces of others, repeats), and keeps what
reaches a line of `filters/` that none had reached. Held for each: no exception but `Malformed`, an
end within CPU_S_MAX, the same answer twice, nothing that the source lets cross and the destination
refuses; and of what is delivered: it comes out the same again, or is refused by its first bytes. Of
XML also: the quick way through recogniser and rebuild says what the careful one does. What breaks
that is written to a file, with the command that repeats it.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from schemas.effort import unbounded
from tests.filters.formats.xml_ways import compare
from tests.filters.hostile.cases import Case, Format, formats
from tests.filters.hostile.chains import Pack

OURS = f"{Path(__file__).resolve().parents[2] / 'filters'}/"
CPU_S_MAX = 1.0
SAMPLE_BYTES_MAX = 16_384
CORPUS_MAX = 4_000
LOOKS = (
    "identify",
    "text_identify",
    "visual_identify",
)  # libmagic may see more in what a rebuild has bared
INTERESTING = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"&#0;", b"&#x10FFFF;", b"]]>",
    b"<![CDATA[", b"<!--", b"-->", b"<?x?>", b'"', b"''", b"\\u0000", b"\\ud800", b"1e999", b"-0",
    b"[[", b"{}", b"<a>", b"</a>", b"xmlns=''", b"\r\n", b"\xe2\x80\xae", b"=1+1", b"\xe2\x80\x8d",
    b"\xcc\x81", b"9" * 30, b"\x7f" * 4, b"\xff" * 10 + b"\x01",
)  # fmt: skip


class Lines:
    """The lines of our own that a call reaches: (file, line) of functions below filters/."""

    def __init__(self) -> None:
        self.all: set[tuple[CodeType, int]] = set()
        self.new = 0

    def __call__(self, work: Callable[[], Any]) -> Any:
        """Run; afterwards `new` says how many lines had not been reached before."""
        before = len(self.all)
        sys.settrace(self._call)
        try:
            return work()
        finally:
            sys.settrace(None)
            self.new = len(self.all) - before

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(OURS) else None

    def _line(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        self.all.add((frame.f_code, frame.f_lineno))
        return self._line


def bounded(given: Format, case: Case) -> bool:
    """Whether only a bound on what it takes answers it, and here nothing is held to one."""
    return given.name.startswith("pdf") and case.name.startswith("bomb")


def seeds(pack: str) -> list[bytes]:
    """The samples of every format that the pack takes, none larger than the bound."""
    found: dict[bytes, None] = {}
    for given in formats():
        if pack in given.packs:
            payloads = [case.payload for case in given.hostile() if not bounded(given, case)]
            payloads += [sound.payload for sound in given.sound()]
            extra = getattr(given.module, "samples", None)
            payloads += [payload for _, payload in (extra() if extra else ())]
            found.update(dict.fromkeys(payloads))
    return [payload for payload in found if len(payload) <= SAMPLE_BYTES_MAX]


def mutated(chance: random.Random, corpus: list[bytes]) -> bytes:
    """A sample with one to four changes."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                data[at:at] = chance.choice(INTERESTING)
            case 2:
                del data[at : at + chance.randrange(1, 24)]
            case 3:
                other = chance.choice(corpus)
                start = chance.randrange(len(other) + 1)
                data[at : at + chance.randrange(16)] = other[start : start + chance.randrange(64)]
            case 4:
                data[at:at] = data[at : at + chance.randrange(1, 32)] * chance.randrange(2, 40)
            case _:
                data[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(data[:SAMPLE_BYTES_MAX])


def wrong(pack: Pack, payload: bytes, lines: Lines, *, is_xml: bool) -> str:
    """What is wrong with the pack's answer, in words, or nothing."""
    started_s = time.process_time()
    try:
        first = pack(payload)
        spent_s = time.process_time() - started_s
        again = lines(lambda: (compare(payload) if is_xml else None, pack(payload))[1])
        if first != again:
            return "another answer the second time"
        if spent_s > CPU_S_MAX:
            return f"it took {spent_s:.1f} s"
        if first.stage in pack.later:
            return f"the destination refused what the source let cross: {first.sentence}"
        if not first.stage:
            delivered = pack.next(first.message.payload)
            unlike = delivered.message.payload != first.message.payload
            if delivered.stage not in ("", *LOOKS) or (unlike and not delivered.stage):
                return f"what is delivered does not come out again: {delivered.sentence}"
    except Exception as error:  # whatever it is, it is what the campaign looks for
        return f"{type(error).__name__}: {error}"
    return ""


def campaign(name: str, seed: int, until: Callable[[int], bool]) -> Iterator[str]:
    """Run one pack until told; gives a line for people, or raises AssertionError with the file."""
    chance = random.Random(f"{seed} {name}")
    pack, lines, corpus = (
        Pack(name, unbounded),
        Lines(),
        seeds(name),
    )  # in our sight
    if name == "tak":
        pack.next = Pack("cot", unbounded)  # what a message becomes
    for payload in corpus:
        lines(lambda: pack(payload))  # noqa: B023  # it is run at once
    first, count, kept = len(lines.all), 0, 0
    while not until(count):
        payload = mutated(chance, corpus)
        count += 1
        found = wrong(pack, payload, lines, is_xml=name == "xml")
        if found:
            file = Path(f"filters-{name}-{seed}-{count}.bin")
            file.write_bytes(payload)
            raise AssertionError(f"{name}: {found}; the sample is in {file}")
        if lines.new and len(corpus) < CORPUS_MAX:
            corpus.append(payload)
            kept += 1
    reached = f"{first} lines by the seeds, {len(lines.all)} now, {kept} kept"
    yield f"{name}: {count:,} samples, {reached}"


def _is_over(end_s: float, _count: int) -> bool:
    return time.monotonic() > end_s


def main(arguments: list[str] | None = None) -> None:
    """Run the packs asked for, the same time each."""
    names = sorted({pack for given in formats() for pack in given.packs})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each pack")
    parser.add_argument("--pack", choices=names)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    for name in [given.pack] if given.pack else names:
        end_s = time.monotonic() + 60 * given.minutes
        try:
            for line in campaign(name, given.seed, partial(_is_over, end_s)):
                print(line, flush=True)
        except AssertionError as error:
            again = f"--pack {name} --seed {given.seed} --minutes {given.minutes}"
            print(f"{error}\nagain: python -m tests.campaigns.filters {again}", file=sys.stderr)
            raise SystemExit(1) from error


if __name__ == "__main__":
    main()
