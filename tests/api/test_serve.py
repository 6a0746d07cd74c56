"""`tta serve` as a process: it finds a port, says where it is, survives its clients and ends its turns."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starting import Serve, url_of

from agents.errors import InvalidSetting
from api import serve

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


@contextmanager
def taken() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_client_that_disconnects_in_mid_turn(started: Serve) -> None:
    """The turn is committed once, and the process stops cleanly when it is told to."""
    process = started("--port", "0")
    url = url_of(process)
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        world = client.get("/api/v1/worlds").json()[0]["world"]
        made = client.post("/api/v1/sessions", json={"world": world, "seed": 3})
        assert made.status_code == 201, made.text
        turns = f"{made.headers['location']}/turns"
        with client.stream("POST", turns, json={"action": "look"}, headers={"Accept": "text/event-stream"}) as response:
            assert response.status_code == 201
            lines = response.iter_lines()
            assert any(line == "event: metadata" for line in lines)
        deadline = time.monotonic() + PATIENCE_S
        while not (played := client.get(turns).json()["turns"]) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        assert [turn["turn_id"] for turn in client.get(turns).json()["turns"]] == [played[0]["turn_id"]]
        events = client.get(f"{turns}/{played[0]['turn_id']}/events").text
        assert events.count("event: committed") == 1
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (0, "")
    logged = [json.loads(line) for line in err.splitlines()]
    assert "request" in {line["event"] for line in logged}
    assert played[0]["narration"][:20] not in err


def test_a_session_outlives_the_process(started: Serve) -> None:
    first = started("--port", "0")
    url = url_of(first)
    world = httpx.get(timeout=PATIENCE_S, url=f"{url}/api/v1/worlds").json()[0]["world"]
    made = httpx.post(timeout=PATIENCE_S, url=f"{url}/api/v1/sessions", json={"world": world})
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    turn = httpx.post(timeout=PATIENCE_S, url=f"{url}{path}/turns", json={"action": "look"}).json()
    first.kill()
    first.wait()
    again = url_of(started("--port", "0"))
    assert httpx.get(timeout=PATIENCE_S, url=f"{again}{path}/turns").json()["turns"] == [turn]


def test_a_taken_port(started: Serve) -> None:
    with taken() as port:
        process = started("--port", str(port))
        url = url_of(process)
        assert int(url.rpartition(":")[2]) > port
        assert httpx.get(timeout=PATIENCE_S, url=f"{url}/health/ready").json()["status"] in ("ready", "degraded")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert err.splitlines()[0].startswith(f"tta: port {port} is in use; serving on ")


@pytest.mark.parametrize(
    ("arguments", "variables", "says", "code"),
    [
        (["--host", "0.0.0.0"], {}, "binds only to loopback", 2),
        (["--host", "0.0.0.0"], {"TTA_AUTH": "local"}, "TTA_AUTH_SECRET is not set", 2),
        (["--host", "0.0.0.0"], {"TTA_AUTH": "local", "TTA_AUTH_SECRET": "a" * 32}, "TTA_ALLOWED_HOSTS is empty", 2),
        (["--host", "0.0.0.0"], {"TTA_AUTH": "local", "TTA_AUTH_SECRET": "a" * 31}, "has 31 bytes", 2),
        (
            [],
            {"TTA_AUTH": "local", "TTA_AUTH_SECRET_FILE": "/nowhere/secret"},
            "TTA_AUTH_SECRET_FILE cannot be read",
            2,
        ),
        ([], {"TTA_CORS_ORIGINS": "https://play.example"}, "needs a login", 2),
        ([], {"TTA_AUTH_SECRET": "a" * 32}, "TTA_AUTH_SECRET is set and TTA_AUTH is not", 2),
        ([], {"TTA_AUTH": "jwks"}, "TTA_AUTH_ISSUER is not set", 2),
        (["--host", "192.0.2.1"], {"TTA_SERVE_ANY_HOST": "1"}, "'192.0.2.1' is no address of this machine", 2),
        (["--port", "70000"], {}, "65535", 2),
        ([], {"TTA_REDIS_URL": "redis://127.0.0.1:1", "TTA_NEO4J_URI": "bolt://127.0.0.1:1"}, "TTA_REDIS_URL", 1),
    ],
)
def test_mistakes_end_in_one_line(
    started: Serve, arguments: list[str], variables: dict[str, str], says: str, code: int
) -> None:
    process = started(*arguments, **variables)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, err
    assert len(err.splitlines()) == 1, err
    assert says in err
    assert out == ""


def test_any_host_by_explicit_wish(started: Serve) -> None:
    """It then still answers only under this machine's names."""
    process = started("--host", "0.0.0.0", "--port", "0", TTA_SERVE_ANY_HOST="1")
    port = url_of(process).rpartition(":")[2]
    assert httpx.get(timeout=PATIENCE_S, url=f"http://127.0.0.1:{port}/health/live").status_code == 200
    foreign = httpx.get(timeout=PATIENCE_S, url=f"http://127.0.0.1:{port}/health/live", headers={"Host": "tta.example"})
    assert foreign.status_code == 421


async def test_no_sentence_waits_until_the_one_before_is_received() -> None:
    """Nagle's algorithm and delayed receipts would hold a small write for 40 ms."""
    accepted = asyncio.Event()
    delays: list[int] = []

    def on(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delays.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        accepted.set()

    with serve.opened("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(on, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            await asyncio.wait_for(accepted.wait(), PATIENCE_S)
            writer.close()
    assert delays[0], "TCP_NODELAY is set"


def test_free_ports() -> None:
    with taken() as port:
        assert port < serve.free_port("127.0.0.1", port) <= port + serve.PORTS_TRIED
    assert serve.free_port("127.0.0.1", 0) > 0
    assert serve.free_port("127.0.0.1", port) == port


def test_no_port_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "PORTS_TRIED", 0)
    with taken() as port, pytest.raises(InvalidSetting, match=f"{port} to {port}"):
        serve.free_port("127.0.0.1", port)
