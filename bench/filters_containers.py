"""What opening containers costs: `python -m bench.filters_containers [--runs N]`.

Each line is one function on one core, in this process, without the guard around it: megabytes of
the container's opened contents a second of processor time, the median of several runs, beside the
bare library on the same bytes.
"""

import argparse
import gzip
import io
import statistics
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from filters import catalog
from filters.formats import gzip_recogniser, tar_recogniser, zip_recogniser
from filters.formats.container_limits import ContainerLimits, Purse
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Changed

PACKS = Path(__file__).resolve().parent.parent / "schemas" / "packs"
META = Meta(id="7" * 32, flow="b", sender="s", name="", accepted_s=1, label="UNCLASSIFIED")
FILES = 100
LINE = b"2026-03-14T08:00:00Z all is well at post %d, nothing to report but the rain\n"
LIMITS = ContainerLimits()
ROWS = 4000


def main() -> int:
    """Measure, print, give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    files = [
        (f"log/{n:03}.txt", b"".join(LINE % (n * m) for m in range(500))) for n in range(FILES)
    ]
    size = sum(len(contents) for _, contents in files)
    zipped, tarred = _zip(files), _tar(files)
    gzipped = gzip.compress(tarred)
    print(f"{FILES} texts, {size / 1e6:.1f} MB; ZIP {len(zipped) / 1e6:.2f} MB")
    _line("zip: zipfile reads all", runs, size, lambda: _read_zip(zipped))
    _line("zip: our recogniser, every checksum", runs, size,
          lambda: zip_recogniser.recognise(zipped, Purse(LIMITS)))  # fmt: skip
    _line("tar: tarfile reads all", runs, size, lambda: _read_tar(tarred))
    _line(
        "tar: our recogniser", runs, size, lambda: tar_recogniser.recognise(tarred, Purse(LIMITS))
    )
    _line("gzip: gzip.decompress", runs, len(tarred), lambda: gzip.decompress(gzipped))
    _line("gzip: our recogniser", runs, len(tarred),
          lambda: gzip_recogniser.recognise(gzipped, Purse(LIMITS)))  # fmt: skip
    _chain("archive", zipped, size, runs)
    book = _workbook()
    opened = sum(len(contents) for _, contents in _read_zip(book))
    print(f"a workbook of {ROWS} rows, {opened / 1e6:.1f} MB of XML")
    _line("xlsx: zipfile and lxml read all", runs, opened, lambda: _parse(book))
    _chain("office", book, opened, runs)
    return 0


def _line(what: str, runs: int, size: int, work: Callable[[], object]) -> None:
    spent = []
    for _ in range(runs):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    middle = statistics.median(spent)
    print(f"{what:44} {size / middle / 1e6:8.1f} MB/s {middle * 1e3:9.2f} ms")


def _chain(pack: str, payload: bytes, size: int, runs: int) -> None:
    """Each stage of both chains of a pack, on what the stage before gave."""
    table = tomllib.loads((PACKS / pack / "policy.toml").read_text("utf-8"))
    message = Message.make(META, payload)
    for side in ("source", "destination"):
        documents = {one: (PACKS / pack / one).read_bytes() for one in table[side]["documents"]}
        for row in table[side]["stage"]:
            stage = catalog.load(row.get("use", row["name"]))
            run = stage.make(stage.parameters.model_validate(row.get("parameters", {})), documents)
            _line(f"{pack}, {side}: {row['name']}", runs, size, lambda m=message, r=run: _ask(r, m))
            message = _ask(run, message)


def _ask(run: Run, message: Message) -> Message:
    try:
        answer = run(message)
    except Malformed as error:
        sys.exit(f"the sample is refused: {error}")
    return answer.message if isinstance(answer, Changed) else message


def _zip(files: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, contents in files:
            made.writestr(name, contents)
    return stream.getvalue()


def _tar(files: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for name, contents in files:
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            made.addfile(member, io.BytesIO(contents))
    return stream.getvalue()


def _read_zip(archive: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return [(name, opened.read(name)) for name in opened.namelist()]


def _read_tar(archive: bytes) -> list[bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [data.read() for member in opened if (data := opened.extractfile(member))]


def _workbook() -> bytes:
    """The smallest workbook that Excel opens, with many rows of numbers and texts."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    ns = "http://schemas.openxmlformats.org/"
    links = f"{ns}package/2006/relationships"
    office = f"{ns}officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><f>A{n}*2</f><v>{2 * n}</v></c>'
        f'<c r="C{n}" t="inlineStr"><is><t>row number {n}</t></is></c></row>'
        for n in range(1, ROWS + 1)
    )
    files = {
        "[Content_Types].xml": f'{head}<Types xmlns="{ns}package/2006/content-types"><Default '
        'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}sheet.main+xml"/><Override '
        f'PartName="/xl/sheet.xml" ContentType="{kind}worksheet+xml"/></Types>',
        "_rels/.rels": f'{head}<Relationships xmlns="{links}"><Relationship '
        f'Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'{head}<Relationships xmlns="{links}">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="sheet.xml"/></Relationships>',
        "xl/workbook.xml": f'{head}<workbook xmlns="{ns}spreadsheetml/2006/main" xmlns:r="{office}"'
        '><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/sheet.xml": f'{head}<worksheet xmlns="{ns}spreadsheetml/2006/main"><sheetData>{rows}'
        "</sheetData></worksheet>",
    }  # fmt: skip
    return _zip([(name, contents.encode()) for name, contents in files.items()])


def _parse(document: bytes) -> list[object]:
    return [etree.fromstring(contents) for _, contents in _read_zip(document)]


if __name__ == "__main__":
    sys.exit(main())
