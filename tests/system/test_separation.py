"""Who reads the audit can change nothing, and who writes the policy cannot take audit away.

The commands are run as users of their own, on a site whose folders are as a running side has them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from guard.edge.making import make_site, pack_folder
from guard.edge.ownership import User, hand_over
from guard.low import LOW
from schemas.errors import Malformed
from schemas.policy import read_policy
from tests.guard.sites import high_entries, low_entries, write

pytestmark = pytest.mark.long

PROJECT = Path(__file__).resolve().parents[2]
AUDITOR, AUTHOR = 64_001, 64_002
AUDIT_USER = User(61_018, 61_000)


# Everything is imported and read first: that user may not be able to read this host's Python, nor
# the folder that this project stands in.
AS = """
import os, sys
from guard.cli.main import main
def load(command):
    for name in getattr(command, "list_commands", lambda _: ())(None):
        load(command.get_command(None, name))
load(main)
import click._textwrap, encodings.ascii, rich._emoji_codes
import guard.cli.audit_report as reports, guard.report.assessment.plain
controls = reports.controls_file()
reports.controls_file = lambda: controls
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
main(sys.argv[2:], prog_name="guard")
"""


def as_user(uid: int, *words: object) -> subprocess.CompletedProcess[str]:
    """A command of the guard, by this user, who is in no group of ours."""
    return subprocess.run(
        [sys.executable, "-c", AS, str(uid), *map(str, words)], cwd=PROJECT, timeout=60,
        capture_output=True, text=True, env=os.environ | {"HOME": "/nonexistent"},
    )  # fmt: skip


def run_as(uid: int, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


@pytest.fixture
def site(open_folder: Path) -> Path:
    """A site as it stands on a host, and beside it the copy that an accreditor gets."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it runs commands as other users")
    site = open_folder / "site"
    make_site(site, pack_folder("c2"), "127.0.0.1:47000", "127.0.0.1:47000")
    low = low_entries(60)
    for side, entries in (("low", low), ("high", high_entries(low))):
        write(site, side, entries)
        shutil.copytree(site / side / "ledger", open_folder / "copy" / side / "ledger")
        (open_folder / "copy" / side / "trust").mkdir()
        shutil.copy(site / side / "trust" / "ledger.pub", open_folder / "copy" / side / "trust")
    for path in (open_folder / "copy").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
    (audit,) = [role for role in LOW.roles if role.name == "audit"]
    for side in ("low", "high"):
        hand_over(site / side, audit, AUDIT_USER)
    return site


def state_of(site: Path) -> dict[str, str]:
    return {
        str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }


def test_reading_needs_no_right_on_the_site_and_no_right_to_change_the_copy(site: Path) -> None:
    copy = site.parent / "copy"
    index = site.parent / "index"
    index.mkdir()
    os.chown(index, AUDITOR, AUDITOR)
    given = ("--site", copy, "--index", index / "index")
    before = state_of(copy)
    for words in (
        ("verify", copy / "low" / "ledger", "--witness", copy / "high" / "ledger"),
        ("reconcile", copy / "low" / "ledger", copy / "high" / "ledger"),
        ("search", "--verdict", "refused", *given),
        ("show", "7", *given),
        ("report", "--format", "json", *given),
    ):
        done = as_user(AUDITOR, "audit", *words)
        assert done.returncode == 0, done.stderr
    assert state_of(copy) == before


def test_an_auditors_account_cannot_run_sign_release_or_change(site: Path) -> None:
    low, before = site / "low", state_of(site)
    mine = site.parent / "mine"
    mine.mkdir()
    os.chown(mine, AUDITOR, AUDITOR)
    assert as_user(AUDITOR, "policy", "new-key", mine / "me.key").returncode == 0
    for words in (
        ("run", "low", "--site", low),
        ("policy", "install", low, "--site", low),
        ("policy", "sign", low / "policy.toml", "--side", "low", "--key", site / "author-1.key",
         "--root", low / "trust" / "root"),
        ("held", "release", "ab" * 16, "--site", low, "--key", site / "reviewer-1.key", "--yes"),
        ("held", "release", "ab" * 16, "--site", low, "--key", mine / "me.key", "--yes"),
        ("keys", "rotate", "link", mine / "me.key", "--site", low, "--receiver-ready"),
        ("keys", "destroy", "link-old", "--site", low),
        ("audit", "prune", low, "--older-than", "1"),
        ("audit", "verify", low / "ledger"),  # not even that, on the host: he is given a copy
    ):  # fmt: skip
        done = as_user(AUDITOR, *words)
        assert done.returncode in (1, 2, 3), (words, done.stdout, done.stderr)
    for path in (low / "ledger" / "mark", low / "keys" / "seal.key", site / "author-1.key"):
        assert run_as(AUDITOR, ["cat", str(path)]).returncode
    assert run_as(AUDITOR, ["touch", str(low / "spool" / "drop" / "alpha" / "x")]).returncode
    assert state_of(site) == before


def test_a_policy_author_cannot_delete_audit_and_no_policy_switches_it_off(site: Path) -> None:
    low, before = site / "low", state_of(site)
    os.chown(site / "author-1.key", AUTHOR, AUTHOR)
    assert run_as(AUTHOR, ["cat", str(site / "author-1.key")]).returncode == 0
    (ledger_file, *_) = (low / "ledger").glob("*.journal")
    for command in (
        ["rm", "-f", str(ledger_file)], ["mv", str(low / "ledger"), str(low / "gone")],
        ["truncate", "-s", "0", str(ledger_file)], ["ls", str(low / "ledger")],
    ):  # fmt: skip
        assert run_as(AUTHOR, command).returncode
    assert as_user(AUTHOR, "audit", "prune", low, "--older-than", "1").returncode != 0
    assert state_of(site) == before

    text = (low / "policy.toml").read_text("utf-8")
    for line in ("audit = false\n", "ledger = false\n"):
        with pytest.raises(Malformed):
            read_policy((line + text).encode())
    with pytest.raises(Malformed):
        read_policy((text + "\n[audit]\nenabled = false\n").encode())
