"""The API does what its OpenAPI description says, for whatever is sent to it, to strangers and to whom it knows.

Schemathesis makes it up from the description: examples, limits, what is wrong on purpose, and walks from answer to request.
    uv run --group walk pytest tests/api/test_described.py --walks 100
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

HERE = Path(__file__).parent
PASSWORD = "a-long-enough-password"  # pragma: allowlist secret
SECRET = "0123456789abcdef0123456789abcdef"  # pragma: allowlist secret

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None and "TTA_REQUIRE_WALK" not in os.environ,
    reason="needs the group `walk`",
)


@contextmanager
def serving(data_dir: Path, **settings: str) -> Generator[str]:
    """`tta serve` on a story of its own; its URL."""
    limits = {
        f"TTA_LIMIT_{what}": "off" for what in ("REQUESTS", "TURNS", "KEY_TURNS", "SESSIONS", "STREAMS", "TOKENS")
    }
    environ = {**os.environ, **limits, "TTA_DATA_DIR": str(data_dir), **settings}
    command = [sys.executable, "-m", "api.cli", "serve", "--port", "0"]
    server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout
        said = re.search(r"http://\S+", server.stdout.readline())
        assert said, "it serves"
        yield said[0]
    finally:
        server.terminate()
        server.communicate(timeout=60)


def walk(url: str, walks: int, cwd: Path, *options: str) -> None:
    """Fails with what Schemathesis says of the first things that it has found."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{url}/openapi.json", "--max-examples", str(walks), "--seed", "7", "--warnings", "off"]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "described", "PYTHONPATH": str(HERE), "NO_COLOR": "1"}
    done = subprocess.run([*command, *options], check=False, env=environ, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout, done.stdout[-2000:]


@pytest.mark.timeout(3600)
def test_without_a_login(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with serving(tmp_path) as url:
        walk(url, request.config.getoption("--walks"), tmp_path)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", ["player", "operator"])
def test_of_whom_it_knows(tmp_path: Path, role: str, request: pytest.FixtureRequest) -> None:
    if role == "operator" and request.config.getoption("--walks") < 10:
        pytest.skip("minutes: with --walks 10 and more")
    settings: dict[str, Any] = {"TTA_AUTH": "local", "TTA_AUTH_SECRET": SECRET, "TTA_DATA_DIR": str(tmp_path)}
    create = [sys.executable, "-m", "api.cli", "accounts", "create", "wren", "--role", role, "--password-file", "-"]
    subprocess.run(create, env={**os.environ, **settings}, input=PASSWORD, text=True, check=True)
    with serving(tmp_path, **settings) as url:
        form = {"grant_type": "password", "username": "wren", "password": PASSWORD}
        token = httpx.post(f"{url}/api/v1/auth/token", data=form).raise_for_status().json()["access_token"]
        walk(url, request.config.getoption("--walks"), tmp_path, "--header", f"Authorization: Bearer {token}")
