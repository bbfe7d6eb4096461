"""The house rules that no linter knows: size, emptiness, words, paths, links, purity, reasons."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.reasons import Reason

ROOT = Path(__file__).parent.parent
PACKAGES = ("guard", "filters", "schemas", "diode_sim")
PURE = ("schemas", "filters", "guard/core", "guard/link")
LINES_MAX = 400
TEXT = {".py", ".md", ".toml", ".ini", ".sh", ".service", ".conf", ".nft", ".xsd", ".json", ""}
NOT_TEXT = {"vectors", "samples"}  # bytes on purpose, hostile ones among them

# Spelled apart, so that this file does not break its own rule.
FORBIDDEN_WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|Not" r"ImplementedError)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.~}])/(?:work|home|root|Users)/[A-Za-z0-9]")
EXEMPTION = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?:\[[^\]]*\]|:\s*[A-Z0-9, ]+)?(?P<reason>.*)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.*)$", re.MULTILINE)
CHARACTER_CLASS = re.compile(r"\[(?:\\.|[^\]\\])+\]")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

# Calls that reach the world without an import that the contracts could forbid.
WORLDLY_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint"}
WORLDLY_METHODS = {
    "now", "utcnow", "today",  # the clock
    "read_bytes", "read_text", "write_bytes", "write_text", "unlink", "mkdir", "iterdir",
    "urlopen", "default_rng",
}  # fmt: skip


def tracked() -> list[Path]:
    """The project's own files: what git knows or would add, else all that is not made here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        made = {".venv", ".tox", ".git", "__pycache__", "build", "dist"}
        names = [p for p in ROOT.rglob("*") if not made & set(p.relative_to(ROOT).parts)]
    return sorted(path for path in names if path.is_file())


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path.suffix in TEXT and path.name != "LICENSE" and not NOT_TEXT & set(path.parts):
            yield path.relative_to(ROOT), path.read_text("utf-8")


def sources(*folders: str) -> list[tuple[Path, str]]:
    return [
        (path, text) for path, text in texts()
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)
    ]  # fmt: skip


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_source_file_is_longer_than_a_head() -> None:
    long = {
        str(path): lines
        for path, text in texts()
        if path.suffix == ".py" and (lines := len(text.splitlines())) > LINES_MAX
    }
    assert long == {}


def test_package_files_are_empty() -> None:
    assert [str(p) for p, text in sources(*PACKAGES) if p.name == "__init__.py" and text] == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path, _ in sources(*PACKAGES)}
    assert [str(f) for f in folders if not (ROOT / f / "__init__.py").exists()] == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path) for path, text in sources(*PACKAGES)
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(text))
    ]  # fmt: skip
    assert silent == []


def test_nothing_is_left_for_later() -> None:
    assert places(FORBIDDEN_WORDS) == []


def test_no_path_of_one_machine() -> None:
    assert places(MACHINE_PATHS) == []


def test_an_exemption_carries_its_reason() -> None:
    bare = [
        f"{path}:{number}: {line.strip()}"
        for path, text in sources(*PACKAGES, "tests", "bench")
        for number, line in enumerate(text.splitlines(), 1)
        if (found := EXEMPTION.search(line)) and len(found["reason"].strip(" #-")) < len("reason")
    ]
    assert [line for line in bare if not line.startswith("tests/test_rules.py")] == []


def test_tests_use_no_mocks() -> None:
    mocks = re.compile(r"unittest\.mock|MagicMock|monkeypatch\.setattr|\bmocker\b")
    found = [
        str(path) for path, text in sources("tests")
        if mocks.search(text) and path != Path("tests/test_rules.py")
    ]  # fmt: skip
    assert found == []


def anchor(heading: str) -> str:
    """The fragment that a heading is reached by, as code hosts make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


def broken_links(page: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        there = (ROOT / page).parent / name if name else ROOT / page
        if not there.exists():
            yield f"{page}: {target} does not exist"
        elif fragment and there.suffix == ".md":
            headings = HEADING.findall(FENCE.sub("", there.read_text("utf-8")))
            if fragment not in {anchor(heading) for heading in headings}:
                yield f"{page}: {target} has no such heading"


def test_links_in_the_docs_lead_somewhere() -> None:
    pages = [(path, text) for path, text in texts() if path.suffix == ".md"]
    assert [line for page, text in pages for line in broken_links(page, text)] == []


# What of sys is a fact of the machine or of Python, and not a way out of the process.
PURE_SYS = {"byteorder", "maxsize", "maxunicode", "stdlib_module_names", "modules"}


def worldly(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in WORLDLY_CALLS:
                yield f"{node.lineno}: {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in WORLDLY_METHODS:
                yield f"{node.lineno}: .{name}()"
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name not in PURE_SYS:
                yield f"{node.lineno}: sys.{name}"
            case ast.ImportFrom(module="sys"):
                yield f"{node.lineno}: from sys import ..."


@pytest.mark.parametrize("folder", PURE)
def test_rungs_0_and_1_do_not_touch_the_world(folder: str) -> None:
    found = [
        f"{path}:{place}" for path, text in sources(folder) for place in worldly(ast.parse(text))
    ]
    assert found == []


def test_only_a_modules_top_asserts() -> None:
    """An assert is a statement about our own bounds; what comes from outside raises."""
    deep = [
        f"{path}:{node.lineno}"
        for path, text in sources(*PACKAGES)
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Assert)
    ]
    assert deep == []


def test_no_group_is_repeated_possessively() -> None:
    """`(...)*+` is wrong in CPython 3.11.0 to 3.11.4 (Debian 12 has 3.11.2).

    There `(?:\\.[0-9]++)?+` matches "." alone. A single character class may be possessive.
    """
    found = [
        f"{path}:{node.lineno}"
        for path, text in sources(*PACKAGES)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        if re.search(r"(?<!\\)\)(?:[*+?]|\{[\d,]+\})\+", CHARACTER_CLASS.sub("x", str(node.value)))
    ]
    assert found == []


def test_every_part_of_the_guard_stands_on_a_rung() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rungs = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {name.strip(" ()") for rung in rungs for name in rung.split("|")}
    there = {
        "guard." + path.relative_to("guard").parts[0].removesuffix(".py")
        for path, _ in sources("guard")
    } - {"guard.__init__"}
    assert there - placed == set()


def test_every_reason_is_used_or_documented() -> None:
    declared = Path("schemas/reasons.py")
    elsewhere = "\n".join(
        text for path, text in texts()
        if path.suffix in {".py", ".md"} and path != declared and path.parts[0] != "tests"
    )  # fmt: skip
    unknown = [
        reason.name for reason in Reason
        if f"Reason.{reason.name}" not in elsewhere and f"`{reason.value}`" not in elsewhere
    ]  # fmt: skip
    assert unknown == []


def test_the_locks_name_no_registry_and_every_file_by_hash() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"):
        text = lock.read_text("utf-8")
        assert "://" not in text
        assert "--index" not in text
        requirements = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert requirements
        for requirement in requirements:
            assert "==" in requirement
            assert "--hash=sha256:" in requirement


def test_the_lock_covers_and_the_docs_explain_every_dependency() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = settings["dependency-groups"]
    runtime = {re.split(r"[<>=~!\[; ]", d)[0] for d in settings["project"]["dependencies"]}
    build = {re.split(r"[<>=~!\[; ]", d)[0] for d in groups["build"]}
    tools = {re.split(r"[<>=~!\[; ]", d)[0] for d in groups["tools"]}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    tooled = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "tests/requirements.lock").read_text(), re.M)
    )
    assert runtime | build <= locked
    assert tools <= tooled
    explained = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    assert [name for name in sorted(runtime | build | tools) if f"`{name}`" not in explained] == []
