"""`guard doctor`: what it finds on this host and in a site, and the command that mends it."""

import json
import os
from typing import Any

import pytest

from guard.edge.making import Made
from tests.guard.cli.conftest import Guard

ROOT = os.geteuid() == 0
CHECKS = {
    "python", "kernel", "root", "landlock", "seccomp", "sandbox", "memfd seals", "libmagic",
    "erasure code", "clock", "UDP_SEGMENT, UDP_GRO", "net.core.rmem_max", "net.core.wmem_max",
    "MTU", "offloads", "nftables", "neighbour", "file system", "sync", "free space",
}  # fmt: skip
SITE_CHECKS = {
    "site", "policy", "keys", "link sessions", "policy versions", "opposite flows",
    "folders above", "users",
    "demo keys",
}  # fmt: skip


def findings(guard: Guard, *words: object) -> tuple[int, dict[str, dict[str, Any]]]:
    result = guard("doctor", "--json", *words)
    told = json.loads(result.stdout)
    checks = {check["name"]: check for check in told["checks"]}
    assert len(checks) == len(told["checks"]) == sum(told["counts"].values())
    assert told["ok"] == (result.exit_code == 0) == (told["counts"]["fail"] == 0)
    return result.exit_code, checks


def test_every_check_of_the_host_is_there_and_what_is_not_ok_has_a_mend(guard: Guard) -> None:
    _, checks = findings(guard)
    assert checks.keys() >= CHECKS
    assert not checks.keys() & SITE_CHECKS
    for check in checks.values():
        assert check["grade"] in ("ok", "warn", "fail")
        assert bool(check["mend"]) == (check["grade"] != "ok"), check


def test_a_new_site_is_well(site: Made, guard: Guard) -> None:
    _, checks = findings(guard, "--site", site.low)
    assert checks.keys() >= CHECKS | SITE_CHECKS
    assert {checks[name]["grade"] for name in SITE_CHECKS - {"demo keys"}} == {"ok"}
    assert checks["demo keys"]["grade"] == "warn"
    shown = guard("doctor", "--site", site.high).stdout
    assert "Python 3." in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_changed_policy_an_open_key_and_a_strange_link_are_failures(
    site: Made, guard: Guard
) -> None:
    (site.low / "documents" / "words.txt").write_text("another\n")
    (site.low / "keys" / "seal.key").chmod(0o644)
    settings = site.low / "site.toml"
    settings.write_text(settings.read_text().replace("127.0.0.1:9", "240.0.0.1:9"))
    code, checks = findings(guard, "--site", site.low)
    assert code == 1
    assert (
        checks["site"]["grade"] == checks["keys"]["grade"] == checks["neighbour"]["grade"] == "fail"
    )
    assert "not what the policy keys signed" in checks["site"]["found"]
    assert checks["keys"]["mend"].startswith("chmod go= ")
    assert checks["nftables"]["grade"] == "warn"


def test_a_lost_session_counter_is_a_failure_and_says_where_to_look(
    site: Made, guard: Guard
) -> None:
    (site.low / "cursor" / "session").unlink()
    code, checks = findings(guard, "--site", site.low)
    assert code == 1
    assert "is missing: nothing is sent" in checks["link sessions"]["found"]
    assert checks["link sessions"]["mend"] == f"guard link session show --site {site.low}"


@pytest.mark.skipif(not ROOT, reason="without root all processes have one user")
def test_a_folder_that_the_processes_users_cannot_pass_is_a_failure(
    site: Made, guard: Guard
) -> None:
    above = site.low.parent
    above.chmod(0o700)
    _, checks = findings(guard, "--site", site.low)
    assert checks["folders above"]["grade"] == "fail"
    assert checks["folders above"]["mend"] == f"chmod o+x {above}"


def test_a_folder_that_is_no_side_is_one_sentence(site: Made, guard: Guard) -> None:
    result = guard("doctor", "--site", site.low.parent)
    assert result.exit_code == 3
    assert "is this a site?" in result.stderr
