"""`guard audit report`: what crossed in a period, for people and for machines."""

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from guard.cli.audit_options import Moment, open_ledgers, site_options
from guard.cli.output import EXIT_NO, EXIT_SITE, console, fail, sentences
from guard.edge.clock import now_ms
from guard.report.assessment.gathering import controls_in, gather
from guard.report.assessment.nouns import Assessment
from guard.report.assessment.plain import as_csv, as_json, as_text
from guard.version import VERSION

FORMATS = ("text", "html", "pdf", "json", "csv", "oscal")
_PARTS = ("Install its parts with: pip install 'checkvalve[report]'; PDF needs Pango as well"
          " (apt install libpangoft2-1.0-0 libharfbuzz-subset0)")  # fmt: skip


@click.command(epilog="Example: guard audit report --site site --format html --out report")
@site_options
@click.option("--from", "begin_ms", metavar="TIME", type=Moment(), help="UTC, from this time on.")
@click.option("--to", "end_ms", metavar="TIME", type=Moment(), help="UTC, before this time.")
@click.option("--flow", default="", metavar="NAME", help="One flow.  [default: all]")
@click.option("--format", "formats", multiple=True, default=("html",), show_default=True,
              type=click.Choice([*FORMATS, "all"]), help="Again for more.")  # fmt: skip
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
              help="Where the files are written; text or json alone need none.")  # fmt: skip
def report(
    sites: tuple[Path, ...], index: Path | None, begin_ms: int | None, end_ms: int | None,
    flow: str, formats: tuple[str, ...], out: Path | None,
) -> None:  # fmt: skip
    """Report what passed, what was refused and why, what was lost, who decided and what changed.

    Exit code 1 if a ledger does not verify or a message is unaccounted for: the report says which.
    """
    wanted = FORMATS if "all" in formats else tuple(dict.fromkeys(formats))
    if out is None and (len(wanted) > 1 or wanted[0] not in ("text", "json")):
        raise click.UsageError("--out DIR is needed for what is no text")
    with sentences():
        known = open_ledgers(sites, index, quiet=out is None)
        found = gather(known, begin_ms, end_ms, flow, now_ms())
        found.controls = controls_in(controls_file())
        try:
            files = dict(files_of(found, wanted))
        except (ImportError, OSError) as error:
            if isinstance(error, OSError) and "pango" not in str(error).lower():
                raise
            fail(f"{wanted} cannot be made: {error}. {_PARTS}", EXIT_SITE)
        if out is None:
            (content,) = files.values()
            sys.stdout.write(content.decode())
        else:
            out.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (out / name).write_bytes(content)
                console.print(f"{out / name}  {len(content):,} bytes", markup=False, soft_wrap=True)
    sys.exit(0 if found.ok else EXIT_NO)


def controls_file() -> dict[str, Any]:
    """docs/controls.toml, which an installed package has beside this command."""
    here = Path(__file__).resolve()
    for path in (here.with_name("controls.toml"), here.parents[2] / "docs" / "controls.toml"):
        if path.is_file():
            return tomllib.loads(path.read_text("utf-8"))
    return {"control": []}


def files_of(found: Assessment, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """File name -> content, in these formats. Raises ImportError, `OSError` as `as_pdf` does."""
    made: dict[str, bytes] = {}
    if "text" in wanted:
        made["report.txt"] = as_text(found).encode()
    if "json" in wanted:
        made["report.json"] = as_json(found).encode()
    if "csv" in wanted:
        made |= {name: text.encode() for name, text in as_csv(found).items()}
    if "html" in wanted or "pdf" in wanted:
        made |= _pages(found, wanted)
    yield from made.items()
    if "oscal" in wanted:
        yield from _oscal(found, made)


def _pages(found: Assessment, wanted: tuple[str, ...]) -> dict[str, bytes]:
    from guard.report.assessment.page import as_html, as_pdf  # loads matplotlib

    page = as_html(found)
    made = {"report.html": page.encode()} if "html" in wanted else {}
    return made | ({"report.pdf": as_pdf(page)} if "pdf" in wanted else {})


def _oscal(found: Assessment, made: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    from guard.report.assessment.oscal import documents, with_digest

    evidence = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    before: list[tuple[str, str]] = []
    for name, document in documents(found, VERSION, evidence).items():
        for other, digest in before:
            with_digest(document, other, digest)
        content = (json.dumps(document, indent=1) + "\n").encode()
        before.append((name, hashlib.sha256(content).hexdigest()))
        yield name, content
