"""Write checkvalve.json, the Grafana dashboard:  python deploy/grafana/make.py

The panels are a table here, so that a change of one is a line; tests/deploy holds the file to it.
"""

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("checkvalve.json")
_WIDTH, _HEIGHT = 24, 8
RATE = "[$__rate_interval]"


def of(metric: str, **labels: str) -> str:
    """A metric of the chosen flows; a label's value that begins with ~ is a regular expression."""
    chosen = [f'{name}{"=" if value[0] != "~" else "=~"}"{value.lstrip("~")}"'
              for name, value in labels.items()]  # fmt: skip
    return f"checkvalve_{metric}{{" + ",".join(['flow=~"$flow"', *chosen]) + "}"


def decisions(kind: str) -> str:
    """Ledger entries of this kind."""
    return of("decisions_total", kind=kind)


def events(role: str, event: str) -> str:
    """What processes of this role counted."""
    return of("events_total", role=role, event=event)


def quantile(share: str) -> str:
    """Of the time to decide."""
    buckets = f"rate({of('latency_seconds_bucket')}{RATE})"
    return f"histogram_quantile({share}, sum by (flow, side, le) ({buckets}))"


def hour(by: str, metric: str) -> str:
    """How many in the last hour, also if there was none before."""
    return f"sum by ({by}) (increase({metric}[1h]))"


def rate(by: str, metric: str) -> str:
    """A second."""
    return f"sum by ({by}) (rate({metric}{RATE}))"


LOSS = "~blocks_rebuilt|blocks_given_up|sequences_missing|kernel_drops"

# title, what it is, unit, width of 24, [(legend, query)]
PANELS: list[tuple[str, str, str, int, list[tuple[str, str]]]] = [
    ("Sides that run", "stat", "none", 6,
     [("{{flow}} {{side}}", f"min by (flow, side) ({events('supervisor', 'runs')})")]),
    ("Alarms, last hour", "stat", "none", 6, [("{{reason}}", hour("reason", decisions("alarm")))]),
    ("Held, last hour", "stat", "none", 6, [("{{side}}", hour("side", decisions("held")))]),
    ("Lost on the link, last hour", "stat", "none", 6,
     [("{{flow}}", hour("flow", decisions("gap")))]),
    ("Messages passed and delivered", "timeseries", "ops", 12,
     [("{{flow}} passed", rate("flow", decisions("committed"))),
      ("{{flow}} delivered", rate("flow", decisions("delivered")))]),
    ("Refused and held, by reason", "timeseries", "ops", 12,
     [("{{stage}} {{reason}}", rate("stage, reason", decisions("~refused|spool-refused|held")))]),
    ("Time to decide", "timeseries", "s", 12,
     [("{{flow}} {{side}} half", quantile("0.5")), ("{{flow}} {{side}} 99 %", quantile("0.99"))]),
    ("What waits", "timeseries", "none", 12,
     [("{{flow}} {{side}} {{queue}}", of("queue_depth"))]),
    ("On the wire", "timeseries", "Bps", 12,
     [("{{flow}} sent", rate("flow", events("send", "wire_bytes"))),
      ("{{flow}} received", rate("flow", events("receive", "bytes")))]),
    ("Loss and repair", "timeseries", "ops", 12,
     [("{{event}}", rate("event", events("receive", LOSS)))]),
    ("Where the time goes", "timeseries", "percentunit", 12,
     [("{{side}} {{role}}", rate("side, role", events("~stage:.*", "busy_ns")) + " / 1e9")]),
    ("Ledgers", "timeseries", "none", 12,
     [("{{flow}} {{side}}", of("ledger_entries")),
      ("{{flow}} witnessed", events("verify", "source_ledger_size"))]),
]  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The whole of it, as Grafana imports it."""
    panels, x, y = [], 0, 0
    for number, (title, kind, unit, width, queries) in enumerate(PANELS, 1):
        if x + width > _WIDTH:
            x, y = 0, y + _HEIGHT
        panels.append({
            "id": number,
            "title": title,
            "type": kind,
            "datasource": {"type": "prometheus", "uid": "${source}"},
            "gridPos": {"x": x, "y": y, "w": width, "h": _HEIGHT},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "options": {},
            "targets": [
                {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend}
                for at, (legend, query) in enumerate(queries)
            ],
        })  # fmt: skip
        x += width
    return {
        "title": "Checkvalve",
        "uid": "checkvalve",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "tags": ["checkvalve"],
        "templating": {"list": [
            {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
            {"name": "flow", "type": "query", "label": "Flow", "multi": True, "includeAll": True,
             "datasource": {"type": "prometheus", "uid": "${source}"},
             "query": "label_values(checkvalve_ledger_entries, flow)", "refresh": 2},
        ]},
        "annotations": {"list": []},
        "panels": panels,
    }  # fmt: skip


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
    sys.exit(0)
