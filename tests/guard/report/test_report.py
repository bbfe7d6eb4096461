"""A report of two ledgers: its figures, its forms, and what it does with hostile names."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from guard.cli.audit_report import controls_file
from guard.report.assessment.gathering import controls_in, gather
from guard.report.assessment.nouns import Assessment, Count
from guard.report.assessment.oscal import control_id, dangling, documents
from guard.report.assessment.page import as_html, as_pdf
from guard.report.assessment.plain import as_csv, as_json, as_text
from guard.report.assessment.words import verdict
from guard.report.index.building import bring_up_to_date
from guard.report.index.places import ledgers_under
from guard.report.index.searching import Index, Question
from guard.report.index.tables import open_index
from schemas.entry import Entry
from tests.guard.sites import NOW_MS, high_entries, low_entries, write

OSCAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "oscal"
HOSTILE = '<script src="https://evil.example/x.js">=1+1\n\x1b[2J$x_1$'


def run(side: str, **more: int | str) -> Entry:
    return {"kind": "run", "time_ms": 1000, "side": side, "policy_version": 1,
            "policy_digest": "aa", "trust_root_version": 1, "trust_root": "bb", "demo": 0,
            "software": "0.1.0", "software_digest": "cc", "confinement": "users", "insecure": 0,
            "cause": "", **more}  # fmt: skip


def ledgers() -> dict[str, list[Entry]]:
    low = [run("low"), *low_entries(400)[1:]]
    high = [run("high"), *high_entries(low)[1:]]
    low.append({"kind": "posture", "time_ms": 5_100, "text": "x", "signers": "alice"})
    low.append(run("low", time_ms=5_200, policy_version=2, policy_digest="dd", insecure=1))
    low.append(
        {"kind": "refused", "id": "f" * 32, "time_ms": 5_300, "number": 999, "accepted_s": 5,
         "sender": HOSTILE, "name": HOSTILE, "stage": "words", "reason": "dirty-word"}
    )  # fmt: skip
    high.append({"kind": "alarm", "time_ms": 5_200, "reason": "link-silent", "sentence": "x"})
    return {"low": low, "high": high}


def assessed(site: Path, flow: str = "", begin_ms: int | None = None) -> Assessment:
    connection = open_index(site / "index")
    bring_up_to_date(connection, ledgers_under((site,)), NOW_MS)
    found = gather(Index(connection), begin_ms, None, flow, NOW_MS)
    found.controls = controls_in(controls_file())
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    site = tmp_path_factory.mktemp("site")
    for side, entries in ledgers().items():
        write(site, side, entries)
    return assessed(site)


def test_the_figures_are_those_of_the_ledgers(found: Assessment) -> None:
    (totals,) = found.totals
    assert (totals.committed, totals.refused, totals.delivered) == (360, 41, 360)
    assert (totals.sent, totals.lost, totals.unmatched, totals.alarms) == (360, 0, 0, 1)
    assert sum(bucket.passed for bucket in found.traffic) == 360
    assert sum(bucket.refused for bucket in found.traffic) == 41
    assert [(each.what, each.count) for each in found.refused_by_reason] == [("dirty-word", 41)]
    assert {each.what for each in found.labels} == {"UNCLASSIFIED", "RESTRICTED"}
    assert (found.latency[0].p50, found.latency[0].count) == (3.0, 360)
    assert [(each.what, each.who) for each in found.decisions] == [("posture", "alice")]
    assert "policy 2 dd after 1" in [each.what for each in found.changes]
    assert [run.entry for run in found.insecure_runs] == [found.runs[-1].entry]
    assert any("never seen before" in each.what for each in found.anomalies)
    assert "every message that was sent is accounted for" in verdict(found)
    assert found.ok


def _fate(number: int, kind: str, **more: int | str) -> Entry:
    return {"kind": kind, "id": f"{number:032x}", "time_ms": 6_000 + 10 * number, "number": number,
            "accepted_s": 6, "sender": "alpha", "name": "a.cot", **more}  # fmt: skip


def reviewed() -> dict[str, list[Entry]]:
    """Four are held; of them reviewers release one and refuse one, and on one they disagree."""
    told = ledgers()
    by = {"reviewers": "bob,carol", "review": "x"}
    held = {"stage": "caveats", "reason": "dirty-word", "holds": "caveats dirty-word"}
    low = [_fate(number, "held", **held) for number in range(1, 5)]
    low.append(_fate(1, "committed", time_ms=6_100, sequence=361, sealed=360, hold=1,
                     decision="release", decisions="bob release, carol release", **by))  # fmt: skip
    low.append({"kind": "sent", "time_ms": 6_101, "count": 1, "last": 361})
    low.append(_fate(2, "refused", time_ms=6_110, stage="review", reason="review-refused", hold=2,
                     decision="refuse", decisions="bob refuse, carol refuse", **by))  # fmt: skip
    low.append(_fate(3, "held", time_ms=6_120, hold=3, decision="disagreed",
                     decisions="bob release, carol refuse", **by, **held))  # fmt: skip
    low.append({"kind": "resend", "time_ms": 6_130, "resend": 1, "who": "dave,erin",
                "numbers": "7", "count": 1, "notice": "", "notice_s": 0})  # fmt: skip
    low.append({"kind": "key", "time_ms": 6_140, "event": "ab" * 8, "act": "taken-up",
                "key": "link", "fingerprint": "12", "who": "frank as root",
                "detail": ""})  # fmt: skip
    told["low"] += low
    told["high"].append({"kind": "delivering", "time_ms": 6_103, "id": f"{1:032x}",
                         "sequence": 361})  # fmt: skip
    return told


def test_what_reviewers_decided_is_counted_once_and_who_decided_is_named(tmp_path: Path) -> None:
    for side, entries in reviewed().items():
        write(tmp_path, side, entries)
    found = assessed(tmp_path)
    (totals,) = found.totals
    assert (totals.committed, totals.released) == (361, 1)
    assert (totals.refused, totals.review_refused) == (42, 1)
    assert totals.held == 2  # one that nobody decided, and the one that they disagreed on
    assert (totals.sent, totals.lost, totals.unmatched) == (361, 0, 0)
    told = {each.what: each.who for each in found.decisions}
    assert told[f"release {1:032x}: committed"] == "bob release, carol release"
    assert told[f"refuse {2:032x}: refused"] == "bob refuse, carol refuse"
    assert told[f"disagreed {3:032x}: held again"] == "bob release, carol refuse"
    assert told["resend 7"] == "dave, erin"
    assert told["key taken-up link"] == "frank as root"


def test_a_message_that_was_released_after_the_period_was_held_in_it(tmp_path: Path) -> None:
    for side, entries in reviewed().items():
        write(tmp_path, side, entries)
    connection = open_index(tmp_path / "index")
    bring_up_to_date(connection, ledgers_under((tmp_path,)), NOW_MS)
    found = gather(Index(connection), None, 6_105, "", NOW_MS)
    assert (found.totals[0].held, found.totals[0].released) == (3, 1)


@pytest.mark.parametrize(
    ("person", "kinds"),
    [
        ("carol", {"committed", "refused", "held"}),
        ("erin", {"resend"}),
        ("frank", {"key"}),
        ("root", {"key"}),
        ("alice", {"posture"}),
        ("nobody", set()),
    ],
)
def test_a_search_finds_whoever_decided_asked_or_changed_a_key(
    tmp_path: Path, person: str, kinds: set[str]
) -> None:
    for side, entries in reviewed().items():
        write(tmp_path, side, entries)
    connection = open_index(tmp_path / "index")
    bring_up_to_date(connection, ledgers_under((tmp_path,)), NOW_MS)
    page, _ = Index(connection).ask(Question(person=person), 50)
    assert {each.entry["kind"] for each in page} == kinds
    released, _ = Index(connection).ask(Question(verdict="released"), 50)
    assert [each.entry["id"] for each in released] == [f"{1:032x}"]


def test_a_period_counts_what_is_in_it(found: Assessment, tmp_path: Path) -> None:
    for side, entries in ledgers().items():
        write(tmp_path, side, entries)
    late = assessed(tmp_path, begin_ms=5_000)
    assert (late.totals[0].committed, late.totals[0].refused) == (0, 2)
    assert late.totals[0].sent == 360
    assert assessed(tmp_path, flow="other").totals == []


def test_a_message_that_the_other_side_never_tells_of_is_said_first(tmp_path: Path) -> None:
    told = ledgers()
    told["high"] = [entry for entry in told["high"] if entry.get("sequence") != 7]
    for side, entries in told.items():
        write(tmp_path, side, entries)
    found = assessed(tmp_path)
    assert not found.ok
    assert "1 messages were lost" in verdict(found)
    assert verdict(found) in as_text(found)


def test_a_ledger_that_does_not_verify_is_said_first(tmp_path: Path) -> None:
    for side, entries in ledgers().items():
        write(tmp_path, side, entries)
    path = min((tmp_path / "high" / "ledger").glob("*.journal"))
    path.write_bytes(path.read_bytes().replace(b'"sequence":7,', b'"sequence":8,'))
    found = assessed(tmp_path)
    assert not found.ok
    assert "checkvalve/c2/high does not verify" in verdict(found)


class Page(HTMLParser):
    """What an assistive program or a browser sees of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_has_no_script_and_nothing_that_it_would_fetch(found: Assessment) -> None:
    page = as_html(found)
    seen = Page(page)
    assert {tag for tag, _ in seen.tags}.isdisjoint(
        {"script", "iframe", "object", "embed", "link", "form", "base"}
    )
    for tag, given in seen.tags:
        assert not any(name.startswith("on") or name == "style" for name in given), tag
        for name in ("src", "href"):
            value = given.get(name) or "#"
            assert value.startswith(("#", "data:image/svg+xml;base64,")), value
    assert "default-src 'none'" in page
    assert "unsafe" not in page
    assert len(page) < 2 * 2**20


def test_the_page_is_for_a_screen_reader_too(found: Assessment) -> None:
    seen = Page(as_html(found))
    assert ("html", {"lang": "en"}) in seen.tags
    assert all(given.get("alt") for tag, given in seen.tags if tag == "img")
    assert all(given.get("scope") in ("col", "row") for tag, given in seen.tags if tag == "th")
    assert [tag for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)][:2] == ["h1", "h2"]
    ids = [given["id"] for _, given in seen.tags if "id" in given]
    assert len(ids) == len(set(ids))
    targets = {str(given["href"])[1:] for tag, given in seen.tags if tag == "a"}
    assert targets <= set(ids)


def test_a_hostile_name_is_only_a_text(found: Assessment) -> None:
    page = as_html(found)
    assert "<script" not in page
    assert "evil.example" in "".join(Page(page).words)
    assert "\x1b" not in page + as_text(found)
    for content in as_csv(found).values():
        for row in csv.reader(io.StringIO(content)):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    told = json.loads(as_json(found))
    assert HOSTILE in [each["what"] for each in told["refused_by_sender"]]


def test_a_number_is_one_in_csv_and_a_text_that_looks_like_one_stays(found: Assessment) -> None:
    counted = replace(found, labels=[Count("c2", "1,000", 1_234_567)])
    assert as_csv(counted)["labels.csv"].splitlines()[1:] == ['c2,"1,000",1234567']
    assert '<td class="number">1,234,567</td>' in as_html(counted)
    assert "1,234,567" in as_text(counted)


def test_the_same_figures_make_the_same_bytes(found: Assessment) -> None:
    assert as_html(found) == as_html(found)
    assert documents(found, "1", {"a.json": "00"}) == documents(found, "1", {"a.json": "00"})


def test_the_pdf_has_pages(found: Assessment) -> None:
    try:
        pdf = as_pdf(as_html(found))
    except OSError as error:
        pytest.skip(f"this host has no Pango: {error}")
    assert pdf.startswith(b"%PDF-")
    assert b"evil.example/x.js" not in pdf.split(b"/URI")[-1] or b"/URI" not in pdf


@pytest.mark.parametrize(
    ("name", "schema"),
    [("component-definition", "component"), ("assessment-plan", "assessment-plan"),
     ("assessment-results", "assessment-results")],
)  # fmt: skip
def test_oscal_is_valid_against_the_official_schema(
    found: Assessment, name: str, schema: str
) -> None:
    if not OSCAL.is_dir():
        pytest.skip("no official schemas beside this clone")
    rules: dict[str, Any] = json.loads((OSCAL / f"oscal-1.2.3_{schema}_schema.json").read_text())
    made = documents(found, "0.1.0", {"report.html": "ab" * 32})
    jsonschema_rs.validator_for(rules).validate(made[f"{name}.json"])


def test_every_reference_of_oscal_leads_somewhere(found: Assessment) -> None:
    made = documents(found, "0.1.0", {"report.html": "ab" * 32})
    plan = made["assessment-plan.json"]
    assert dangling(made["component-definition.json"]) == []
    assert dangling(plan) == []
    results = made["assessment-results.json"]
    assert dangling(results, plan) == []
    for resource in results["assessment-results"]["back-matter"]["resources"]:
        resource["uuid"] = resource["uuid"][::-1]
    assert len(dangling(results, plan)) == 2


@pytest.mark.parametrize(("name", "wanted"), [("AC-4", "ac-4"), ("AC-4(9)", "ac-4.9"),
                                              ("SC-3(1)", "sc-3.1")])  # fmt: skip
def test_a_controls_name_as_the_catalogue_has_it(name: str, wanted: str) -> None:
    assert control_id(name) == wanted
