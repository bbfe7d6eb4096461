"""What decides on a release holds no parser of content at run time either, nor does a keeper."""

import subprocess
import sys

import pytest

PARSERS = (
    "lxml", "pyexpat", "xml", "xmlschema", "jsonschema_rs", "magic", "html", "filters.formats",
    "filters.checks", "filters.normalizers", "filters.transforms", "filters.routes",
    "filters.twins",
)  # fmt: skip


@pytest.mark.parametrize("role", ["release", "deliver", "keeper", "audit", "send"])
def test_a_process_of_this_role_has_loaded_no_parser(role: str) -> None:
    program = f"import guard.process, guard.roles.{role}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert f"guard.roles.{role}" in loaded
    assert not [name for name in PARSERS if name in loaded]
