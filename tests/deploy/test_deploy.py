"""What is shipped for watching: rules that promtool accepts, a dashboard that is what is made."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
METRICS = (ROOT / "docs" / "metrics.md").read_text("utf-8")
DASHBOARD: dict[str, Any] = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time"],
    "properties": {
        "schemaVersion": {"type": "integer", "minimum": 36},
        "panels": {
            "type": "array",
            "minItems": 8,
            "items": {
                "type": "object",
                "required": ["id", "title", "type", "datasource", "gridPos", "targets"],
                "properties": {
                    "type": {"enum": ["stat", "timeseries", "table"]},
                    "gridPos": {
                        "type": "object",
                        "required": ["x", "y", "w", "h"],
                        "properties": {
                            "x": {"type": "integer", "minimum": 0, "maximum": 23},
                            "w": {"type": "integer", "minimum": 1, "maximum": 24},
                        },
                    },
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["refId", "expr", "legendFormat"],
                            "properties": {"expr": {"type": "string", "minLength": 1}},
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("this host has no promtool (Debian: apt install prometheus)")
    return found


@pytest.mark.parametrize(
    "words", [["check", "rules", "checkvalve.rules.yml"], ["test", "rules", "checkvalve.tests.yml"]]
)
def test_promtool_accepts_the_alerts_and_they_fire_when_they_should(
    promtool: str, words: list[str]
) -> None:
    done = subprocess.run(
        [promtool, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_what_its_script_makes_and_of_its_form() -> None:
    made = runpy.run_path(str(GRAFANA / "make.py"))
    content = (GRAFANA / "checkvalve.json").read_text("utf-8")
    assert content == made["text"](), "again: python deploy/grafana/make.py"
    told = json.loads(content)
    jsonschema_rs.validator_for(DASHBOARD).validate(told)
    ids = [panel["id"] for panel in told["panels"]]
    assert len(ids) == len(set(ids))
    for panel in told["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_every_metric_and_event_that_is_asked_for_is_documented() -> None:
    rules = (PROMETHEUS / "checkvalve.rules.yml").read_text("utf-8")
    asked = rules + (GRAFANA / "checkvalve.json").read_text("utf-8").replace('\\"', '"')
    for metric in set(re.findall(r"checkvalve_[a-z_]+", asked)):
        assert f"`{metric.removesuffix('_bucket')}`" in METRICS, metric
    events = {name for found in re.findall(r'event=~?"([a-z_|-]+)"', asked)
              for name in found.split("|")}  # fmt: skip
    assert len(events) > 8
    for event in events:
        assert f"`{event}`" in METRICS, event


def test_the_page_says_when_each_alert_is_raised() -> None:
    rules = (PROMETHEUS / "checkvalve.rules.yml").read_text("utf-8")
    raised = [found.partition(" or (")[0] for found in re.findall(r"^ +expr: (.+)$", rules, re.M)]
    told = METRICS.partition("\n## Worth an alert\n")[2].replace(r"\|", "|")
    assert [when for when in raised if f"| `{when}` |" not in told] == []
    assert told.count("\n| `") == len(raised) == rules.count("- alert: ")
