"""The dashboard and the alert rules that come with the package: they parse, and what they name is what `/metrics` tells."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.observability import opening

HOME = Path(opening.__file__).parent
DASHBOARD: dict[str, Any] = json.loads((HOME / "dashboard.json").read_text())
ALERTS: list[dict[str, Any]] = yaml.safe_load((HOME / "alerts.yaml").read_text())["groups"][0]["rules"]
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]] + [
    a["expr"] for a in ALERTS
]

_NAME = re.compile(r"\b(?:tta|process)_[a-z_]+")
_PROSE = re.compile(r'"[^"]*"')
_BY = re.compile(r"\bby \(([^)]*)\)")
_MATCH = re.compile(r"([a-z_]+)\s*(?:=~|!=|!~|=)\s*$")


def named(expression: str) -> set[str]:
    return set(_NAME.findall(_PROSE.sub('""', expression)))


async def told(client: httpx.AsyncClient) -> dict[str, set[str]]:
    """Names of series, and the labels that each has; those of a metric without a series yet are none."""
    text = (await client.get("/metrics")).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        for end in ends:
            found[family.name + end] = set()
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_every_metric_that_they_name_is_told(client: httpx.AsyncClient) -> None:
    assert set().union(*map(named, EXPRESSIONS)) - set(await told(client)) == set()


async def test_they_divide_by_labels_that_there_are(client: httpx.AsyncClient, begin: Any) -> None:
    await client.post(await begin(), json={"action": "look"})
    await client.get("/health/ready")
    series = await told(client)
    for expression in EXPRESSIONS:
        labels = set().union(*(series[name] for name in named(expression)))
        if not labels:  # of a metric that nothing has happened to yet
            continue
        asked = {one.strip() for by in _BY.findall(expression) for one in by.split(",")}
        assert asked <= labels | {"job", "instance", "le", "outcome", "error", "category"}, expression


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_closed(expression: str) -> None:
    bare = _PROSE.sub('""', expression)
    for opened, shut in ("()", "{}", "[]"):
        assert bare.count(opened) == bare.count(shut)
    assert named(expression)
    for name in named(expression):
        if name.endswith(("_total", "_bucket")):  # only ever grows: a rate of it says something
            assert re.search(rf"(?:rate|increase)\({name}", bare), expression


def test_the_dashboard_has_what_grafana_needs() -> None:
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= set(DASHBOARD)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = set()
    for panel in DASHBOARD["panels"]:
        assert panel["type"] in ("timeseries", "stat")
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"]
        places.add((place["x"], place["y"]))
        assert [target["refId"] for target in panel["targets"]] == list("ABC"[: len(panel["targets"])])
        assert all("$job" in target["expr"] for target in panel["targets"])
    assert len(places) == len(DASHBOARD["panels"])
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"datasource", "job"}


def test_an_alert_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for rule in ALERTS:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "cure"}


def test_the_wheel_has_them() -> None:
    """The packages go into it whole: nothing that is left out lies beside them."""
    built = tomllib.loads((HOME.parents[1] / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert "api" in built["packages"]
    assert not [left for left in built["exclude"] if left.startswith("api")]
