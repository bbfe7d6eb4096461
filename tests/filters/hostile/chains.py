"""A format's samples through a pack's chains, in a process of its own under a memory bound.

Run as `python -m tests.filters.hostile.chains FORMAT PACK [SHARED]`: prints one JSON object, what
became of each sample. Each is in a child of its own: so what it took can be told from the kernel's
count, and a stage can leave work behind that only the end of the process ends. A child may map as
much as a stage of the packs; what it took is told. Used by the tests and by docs/filters/coverage.py.
"""

import ctypes
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.effort import Within
from schemas.message import Message, Meta
from tests.filters.conftest import WITHIN, Chain, Outcome
from tests.filters.hostile.cases import Format, formats

STAGE_BYTES_MAX = 2**30  # of the packs for pictures and PDF; others have half of it
META = Meta(id="7" * 32, flow="try", sender="alpha", name="sample", accepted_s=1_780_000_000)


@dataclass(frozen=True)
class Sample:
    """One sample on its way: `kind` is hostile, sound or real."""

    kind: str
    name: str
    payload: bytes
    type: str
    label: str


class Pack:
    """Both chains of a pack. within: who holds foreign code to bounds."""

    def __init__(self, pack: str, within: Within = WITHIN) -> None:
        self.source = Chain(pack, "source", within)
        self.destination = Chain(pack, "destination", within)
        here = {name for name, _, _ in self.source.stages}
        self.next: Pack = self  # what takes what this one delivers
        self.later = {name for name, _, _ in self.destination.stages} - here

    def __call__(self, payload: bytes, media_type: str = "", label: str = "") -> Outcome:
        """What the destination delivers of a dropped file, or where and why it stopped."""
        left = self.source(Message.make(replace(META, type=media_type, label=label), payload))
        if left.stage:
            return left
        meta = left.message.meta
        crossed = replace(META, name="", sender="", type=meta.type, label=meta.label)
        return self.destination(Message.make(crossed, left.message.payload))


def samples(given: Format, shared: Path | None) -> Iterator[Sample]:
    """Every sample of the format; the real ones only if their folder is named."""
    for case in given.hostile():
        yield Sample("hostile", case.name, case.payload, case.type, case.label)
    for sound in given.sound():
        yield Sample("sound", sound.name, sound.payload, sound.type, "")
    for path in given.real(shared) if shared is not None else []:
        yield Sample("real", path.name, path.read_bytes(), "", "")


def run(pack: Pack, sample: Sample) -> dict[str, str | float]:
    """What became of one sample: stage and reason ("" if delivered), CPU seconds, megabytes by
    which the process grew, digests."""
    started_s, before_mb = time.process_time(), _most_mb()
    first = pack(sample.payload, sample.type, sample.label)
    spent_s, grown_mb = time.process_time() - started_s, _most_mb() - before_mb
    digests = ["", ""]
    if not first.stage:
        again = pack(first.message.payload)
        digests = [
            hashlib.sha256(one.message.payload).hexdigest() if not one.stage else one.sentence
            for one in (first, again)
        ]
    return {
        "kind": sample.kind, "name": sample.name, "stage": first.stage,
        "reason": str(first.reason), "sentence": first.sentence, "cpu_s": round(spent_s, 3),
        "grown_mb": round(grown_mb, 1),
        "delivered": digests[0], "again": digests[1],
    }  # fmt: skip


def run_alone(pack: Pack, sample: Sample) -> dict[str, str | float]:
    """`run` in a child."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        with os.fdopen(writing, "w") as pipe:
            json.dump(run(pack, sample), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"{sample.name} ended its process ({status})")
    became: dict[str, str | float] = json.loads(said)
    return became


def _most_mb() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _mapped_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main(name: str, pack_name: str, shared: Path | None) -> None:
    """Run every sample and print the result."""
    given = next(found for found in formats() if found.name == name)
    pack = Pack(pack_name)
    ready = list(samples(given, shared))
    ctypes.CDLL(None).malloc_trim(0)  # what is free counts as grown when it is used again
    bound = _mapped_bytes() + STAGE_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    print(json.dumps([run_alone(pack, sample) for sample in ready]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else None)
