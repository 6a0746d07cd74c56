"""`compose.yml` and the Dockerfile, read and held against what they must keep to. No engine is needed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from graphs.settings import FOLDER, MODEL_KEYS, Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("api", "worker")
EACH = pytest.mark.parametrize("name", SERVICES)

# The options of a command that have a variable of their own (`api/cli/serving.py`).
OPTIONS = {"TTA_SERVE_ANY_HOST", "TTA_METRICS_PORT"}
# Of compose.yml itself: which image, which port, how many.
OF_COMPOSE = {"TTA_NEO4J_IMAGE", "TTA_NEO4J_HEAP", "TTA_NEO4J_PAGECACHE", "TTA_NEO4J_MEMORY", "TTA_PORT", "TTA_APIS", "TTA_WORKERS",
              "TTA_SUBNET", "TTA_PROMETHEUS_PORT", "TTA_GRAFANA_PORT", "TTA_GRAFANA_PASSWORD", "TTA_NEO4J_AUTH_FILE",
              "TTA_METRICS_KEY_FILE"}  # fmt: skip


@EACH
def test_nobody_is_root(name: str) -> None:
    if name in OURS:
        assert re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["10001"]
        assert "user" not in SERVICES[name]
    else:
        assert int(SERVICES[name]["user"].partition(":")[0]) > 0
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode", "devices"} & set(SERVICES[name])


@EACH
def test_nobody_writes_but_to_a_volume(name: str) -> None:
    assert SERVICES[name]["read_only"] is (name != "neo4j"), "Neo4j's entrypoint writes beside its program"
    for volume in SERVICES[name].get("volumes", []):
        assert volume.partition(":")[0] in COMPOSE["volumes"], "no folder of the machine"


@EACH
def test_each_has_limits_health_and_comes_back(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert limits["memory"]
    assert limits["pids"] > 0
    assert {"test", "interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])
    assert SERVICES[name]["restart"] == "unless-stopped"


@EACH
def test_only_this_machine_reaches_it_and_no_store(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert bool(ports) == (name in ("balancer", "prometheus", "grafana"))


@EACH
def test_images_are_named_by_version(name: str) -> None:
    image = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", SERVICES[name]["image"])
    assert "build" in SERVICES[name] or re.search(r":v?\d", image), image


def test_there_are_replicas_and_a_balancer() -> None:
    assert SERVICES["api"]["deploy"]["replicas"] == "${TTA_APIS:-2}"
    assert SERVICES["api"]["environment"]["TTA_QUEUE"] == "workers"
    assert SERVICES["worker"]["entrypoint"] == ["tta", "worker"]
    port = SERVICES["worker"]["command"][-1]
    assert f":{port}/health/ready" in SERVICES["worker"]["healthcheck"]["test"][-1]
    balancer = COMPOSE["configs"]["balancer"]["content"]
    assert "uri /health/ready" in balancer
    assert "default_backend any" in balancer, "who is at risk is answered though nothing is ready"
    assert SERVICES["balancer"]["configs"][0]["source"] == "balancer"


def test_told_to_stop_each_has_time_to_end_its_turns() -> None:
    settings = Settings.model_fields
    for name in OURS:
        grace = int(SERVICES[name]["stop_grace_period"].rstrip("s"))
        assert grace >= settings["model_timeout_s"].default + float(SERVICES["api"]["environment"]["TTA_DRAIN_S"])


def test_each_variable_is_a_setting() -> None:
    """Those that a container gets, and those that are asked of whoever starts it."""
    known = {f"TTA_{name.upper()}" for name in Settings.model_fields} | OPTIONS | {FOLDER}
    for name in OURS:
        got = {variable for variable in SERVICES[name]["environment"] if variable.startswith("TTA_")}
        assert got <= known, got - known
    secrets = {f"{name.upper()}_FILE" for name in COMPOSE["secrets"]}
    asked = set(re.findall(r"\$\{(TTA_\w+)", (ROOT / "compose.yml").read_text()))
    assert asked <= known | OF_COMPOSE | secrets, asked - known - OF_COMPOSE - secrets


def test_each_secret_of_ours_is_a_setting_or_a_models_key() -> None:
    known = {f"tta_{name}" for name in Settings.model_fields} | {key.lower() for key in MODEL_KEYS}
    for name in OURS:
        assert set(SERVICES[name]["secrets"]) <= known
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert {f"tta_{name}" for name in secret - {"safety_webhook_url", "token"}} <= set(SERVICES["api"]["secrets"])


def test_who_watches_has_our_alerts_and_our_dashboard() -> None:
    for source, where in (("alerts", "alerts.yaml"), ("dashboard", "dashboard.json")):
        assert (ROOT / COMPOSE["configs"][source]["file"]) == ROOT / "api" / "observability" / where
    asked = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])
    assert asked["rule_files"] == ["alerts.yaml"]
    assert {config["target"] for config in SERVICES["prometheus"]["configs"]} == {
        "/etc/prometheus/prometheus.yml", "/etc/prometheus/alerts.yaml",
    }  # fmt: skip
    source = yaml.safe_load(COMPOSE["configs"]["grafana-source"]["content"])["datasources"][0]
    assert source["type"] == "prometheus"
    folder = yaml.safe_load(COMPOSE["configs"]["grafana-dashboards"]["content"])["providers"][0]["options"]["path"]
    assert f"{folder}/tta.json" in [config["target"] for config in SERVICES["grafana"]["configs"]]
    assert {SERVICES[name]["profiles"][0] for name in ("prometheus", "grafana")} == {"watch"}
    assert json.loads((ROOT / COMPOSE["configs"]["dashboard"]["file"]).read_text())["uid"]


@pytest.mark.skipif(not shutil.which("haproxy"), reason="no haproxy on this machine")
def test_the_balancer_takes_its_configuration(tmp_path: Path) -> None:
    written = tmp_path / "haproxy.cfg"
    written.write_text(COMPOSE["configs"]["balancer"]["content"].replace("$$", "$"))
    done = subprocess.run(["haproxy", "-c", "-f", written], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
