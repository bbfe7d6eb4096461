"""`guard audit evidence`: the pack for an assessment, and whether a pack is what was signed."""

import hashlib
import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from guard.cli.audit_options import FILE, FOLDER, open_ledgers
from guard.cli.audit_report import FORMATS, controls_file, files_of
from guard.cli.output import EXIT_NO, console, errors, print_json, printable, sentences
from guard.core.evidence import MANIFEST_BYTES_MAX, Member, manifest_text, read_manifest
from guard.core.signed_note import PersonKey, SignedNote
from guard.edge.bill_of_materials import bill_of_materials
from guard.edge.clock import now_ms
from guard.edge.keys import public_of, read_secret
from guard.edge.site import read_public
from guard.report.assessment.gathering import controls_in, gather
from guard.report.index.searching import Index
from schemas.errors import Malformed
from schemas.reasons import Reason

MANIFEST = "manifest.txt"
_OF_A_SIDE = (
    "policy.toml", "policy.sig", "documents/*", "policies/*/policy.*", "policies/*/documents/*",
    "trust/root*", "trust/*.pem", "trust/ledger.pub", "posture/*.note", "site.toml",
)  # fmt: skip
_PART_BYTES = 1024 * 1024
_XML_BYTES_MAX = 64 * 1024 * 1024


@click.group(
    invoke_without_command=True,
    epilog="Example: guard audit evidence --site site --key me.key --out pack",
)
@click.option("--site", "sites", metavar="DIR", multiple=True, type=FOLDER,
              help="As in guard audit report.")  # fmt: skip
@click.option("--index", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Must be new.")
@click.option("--key", metavar="FILE", type=FILE,
              help="The Ed25519 key that signs it, as guard policy new-key makes one.")  # fmt: skip
@click.option("--name", default="auditor", show_default=True, help="Whose key it is.")
@click.option("--junit", "results", metavar="FILE", multiple=True, type=FILE,
              help="Results of the tests, as pytest --junitxml writes them.")  # fmt: skip
@click.option("--sandbox", metavar="FILE", type=FILE,
              help="What guard doctor --sandbox --json printed on this host.")  # fmt: skip
@click.pass_context
def evidence(
    ctx: click.Context, sites: tuple[Path, ...], index: Path | None, out: Path | None,
    key: Path | None, name: str, results: tuple[Path, ...], sandbox: Path | None,
) -> None:  # fmt: skip
    """Make the pack for an assessment: reports, policies, ledger heads, what shows the controls.

    In it: the report in every form; policies with their signatures and documents, trust roots and
    certificates; the newest signed checkpoint of each ledger; a bill of materials (CycloneDX); test
    results by control; and a manifest with the SHA-256 of each, which is signed.
    """
    if ctx.invoked_subcommand is not None:
        return
    if not sites or out is None or key is None:
        raise click.UsageError("--site, --out and --key are needed")
    with sentences():
        known = open_ledgers(sites, index, quiet=False)
        try:
            out.mkdir(parents=True)
        except FileExistsError as error:
            raise Malformed(Reason.ARGUMENT, f"{out} is there already: a pack is new") from error
        members = {}
        for path, content in _content(known, results, sandbox):
            members[path] = _write(out / path, content)
        seed = read_secret(key)
        note = SignedNote(manifest_text(members, _now()), what="the manifest")
        person = PersonKey(name, public_of(seed))
        signed = note.signed_by(person, seed, Reason.LEDGER_SIGNATURE).write()
        (out / MANIFEST).write_bytes(signed)
    console.print(
        f"{len(members):,} files in {out}, signed by {name}", markup=False, soft_wrap=True
    )
    console.print(f"public key {public_of(seed).hex()}", soft_wrap=True)


@evidence.command(epilog="Example: guard audit evidence verify pack --public me.pub")
@click.argument("pack", type=FOLDER)
@click.option("--public", required=True, metavar="FILE", type=FILE,
              help="The public key of who made it, in hexadecimal.")  # fmt: skip
@click.option("--name", default="auditor", show_default=True, help="Whose key it is.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: ok, files, wrong.")
def verify(pack: Path, public: Path, name: str, as_json: bool) -> None:
    """Hold every file of PACK against its signed manifest. Exit code 1 if anything differs."""
    with sentences():
        with (pack / MANIFEST).open("rb") as file:
            content = file.read(MANIFEST_BYTES_MAX + 1)
        members, made = read_manifest(content, PersonKey(name, read_public(public)))
        wrong = list(_differences(pack, members))
    if as_json:
        print_json({"ok": not wrong, "files": len(members), "made": made, "wrong": wrong})
    else:
        for each in wrong:
            errors.print(f"guard: {printable(each)}", markup=False, soft_wrap=True)
        state = "are not as signed" if wrong else "are as signed"
        console.print(f"{len(members):,} files {state}, made {made}", markup=False)
    sys.exit(EXIT_NO if wrong else 0)


def _content(
    known: Index, results: tuple[Path, ...], sandbox: Path | None
) -> Iterator[tuple[str, bytes]]:
    """Path in the pack -> content."""
    found = gather(known, None, None, "", now_ms())
    found.controls = controls_in(controls_file())
    for name, content in files_of(found, FORMATS):
        yield f"report/{name}", content
    for each in known.ledgers:
        top = f"sites/{each.flow}/{each.side}"
        yield f"{top}/head.txt", str(each.verification["checkpoint"]).encode()
        side = each.directory.parent
        for pattern in _OF_A_SIDE:
            for path in sorted(side.glob(pattern)):
                if path.is_file():
                    yield f"{top}/{path.relative_to(side).as_posix()}", path.read_bytes()
    yield "sbom.cdx.json", _json(bill_of_materials())
    if sandbox is not None:
        yield "sandbox.json", _json(json.loads(sandbox.read_bytes()))
    outcomes: dict[str, str] = {}
    for path in results:
        outcomes |= _outcomes(path)
    yield "controls.json", _json([_shown(each, outcomes) for each in controls_file()["control"]])


def _shown(control: dict[str, Any], outcomes: dict[str, str]) -> dict[str, Any]:
    """A control with what became of each test that shows it."""
    tests = {test: outcomes.get(test, "not run here") for test in control.get("tests", ())}
    names = ("id", "title", "state", "by", "lacks")
    return {name: control.get(name, "") for name in names} | {"tests": tests}


def _outcomes(path: Path) -> dict[str, str]:
    """Test (file::name, no parameters) -> passed, failed or skipped, the worst of its cases."""
    content = path.read_bytes()
    if len(content) > _XML_BYTES_MAX or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Malformed(Reason.ARGUMENT, f"{path} is no file of test results")
    worst = {"passed": 0, "skipped": 1, "failed": 2}
    found: dict[str, str] = {}
    try:
        cases = ElementTree.fromstring(content).iter("testcase")  # noqa: S314 - no DTD, bounded
        for case in cases:
            file = case.get("classname", "").replace(".", "/") + ".py"
            test = f"{file}::{case.get('name', '').partition('[')[0]}"
            tags = {child.tag for child in case}
            outcome = "failed" if tags & {"failure", "error"} else "passed"
            outcome = "skipped" if "skipped" in tags else outcome
            if worst[outcome] >= worst[found.get(test, "passed")]:
                found[test] = outcome
    except ElementTree.ParseError as error:
        raise Malformed(Reason.ARGUMENT, f"{path} is no file of test results: {error}") from error
    return found


def _differences(pack: Path, members: dict[str, Member]) -> Iterator[str]:
    there = {
        path.relative_to(pack).as_posix()
        for path in pack.rglob("*")
        if path.is_symlink() or not path.is_dir()
    } - {MANIFEST}
    for name in sorted(there - members.keys()):
        yield f"{name} is not in the manifest"
    for name, member in members.items():
        path = pack / name
        if name not in there or path.is_symlink() or not path.is_file():
            yield f"{name} is missing"
        elif _member(path) != member:
            yield f"{name} is not what was signed"


def _member(path: Path) -> Member:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            digest.update(part)
            size += len(part)
    return Member(digest.hexdigest(), size)


def _write(path: Path, content: bytes) -> Member:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
        os.fsync(file.fileno())
    return Member(hashlib.sha256(content).hexdigest(), len(content))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _now() -> str:
    return datetime.fromtimestamp(now_ms() // 1000, UTC).isoformat().replace("+00:00", "Z")
